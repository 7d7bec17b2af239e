/**
 * The official clients of both providers, on a real port: they read what the faces write, and fail as they do against
 * the providers.
 *
 * Time is real here, so the answers are fast and no test waits for more than some milliseconds.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import AnthropicClient, { APIError as AnthropicError, OverloadedError } from "@anthropic-ai/sdk"
import { Effect, Schema } from "effect"
import OpenAiClient, { APIConnectionError, APIError, APIUserAbortError, RateLimitError } from "openai"
import { afterEach, assert, describe, it, vi } from "vitest"
import * as Agenda from "../../src/Agenda.ts"
import type { Headers, Reply } from "../../src/Exchange.ts"
import * as Anthropic from "../../src/hosted/Anthropic.ts"
import { Hosted, Options } from "../../src/hosted/Hosted.ts"
import * as OpenAi from "../../src/hosted/OpenAi.ts"
import { faults, type On } from "./recorder.ts"

/** A reply on a real socket. */
class Socketed implements Reply {
  private readonly response: ServerResponse

  constructor(response: ServerResponse) {
    this.response = response
  }

  get begun(): boolean {
    return this.response.headersSent
  }

  get gone(): boolean {
    return this.response.destroyed
  }

  whole(status: number, headers: Headers, body: string): void {
    this.response.writeHead(status, Object.fromEntries(headers)).end(body)
  }

  begin(status: number, headers: Headers): void {
    this.response.writeHead(status, Object.fromEntries(headers))
  }

  write(text: string): boolean {
    return this.response.write(text)
  }

  end(): void {
    this.response.end()
  }

  cut(how: "close" | "reset" | "silence"): void {
    // What was written is to arrive before the end of it does.
    if (how === "close") setImmediate(() => this.response.destroy())
    if (how === "reset") setImmediate(() => this.response.socket?.resetAndDestroy())
  }

  onRoom(listener: () => void): void {
    this.response.on("drain", listener)
  }

  onGone(listener: () => void): void {
    this.response.once("close", () => {
      if (!this.response.writableFinished) listener()
    })
  }
}

const servers = new Set<Server>()

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  servers.clear()
})

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ""
  for await (const chunk of request.setEncoding("utf8")) body += chunk
  return body
}

const serve = async (face: typeof OpenAi.make, on: ReadonlyArray<On>, options: object) => {
  const agenda = await Effect.runPromise(Agenda.make)
  const read = Schema.decodeUnknownSync(Options)
  const hosted = new Hosted(agenda, faults(...on), read({ models: ["sim"], key: "key", firstToken: "2ms", ...options }))
  const handler = face(hosted)
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request)
    const { pathname: path, searchParams: query } = new URL(request.url!, "http://sim")
    const headers = request.headers as Record<string, string>
    handler({ method: request.method!, path, query, headers, body }, new Socketed(response))
  }
  const server = createServer((request, response) => void answer(request, response))
  servers.add(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hosted }
}

const openAi = async (on: ReadonlyArray<On> = [], options = {}) => {
  const { hosted, url } = await serve(OpenAi.make, on, options)
  return { hosted, client: new OpenAiClient({ apiKey: "key", baseURL: `${url}/v1`, maxRetries: 0, logLevel: "off" }) }
}

const anthropic = async (on: ReadonlyArray<On> = [], options = {}) => {
  const { hosted, url } = await serve(Anthropic.make, on, options)
  return { hosted, client: new AnthropicClient({ apiKey: "key", baseURL: url, maxRetries: 0, logLevel: "off" }) }
}

/** What something failed with. */
const failureOf = async (promise: PromiseLike<unknown>): Promise<any> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error("it was to fail")
}

const drained = async <A>(stream: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const each of stream) all.push(each)
  return all
}

/** Every place was given back: some time after the caller has left, when the server has seen it. */
const idle = (hosted: Hosted): Promise<void> => vi.waitFor(() => assert.strictEqual(hosted.busy, 0), { interval: 5 })

/** What came before a stream went on with nothing for so long that its reader left. */
const beforeStall = async <A>(stream: AsyncIterable<A>, expected: number, controller: AbortController) => {
  const all: Array<A> = []
  for await (const each of stream) {
    all.push(each)
    if (all.length === expected) setTimeout(() => controller.abort(), 30)
  }
  return all
}

const content = "[[sim tokens=4 token_ms=1 text=w]]"
const chat = { model: "sim", messages: [{ role: "user", content }] } satisfies object
const asked = { model: "sim", max_tokens: 64, messages: [{ role: "user" as const, content }] }

describe("the client of OpenAI", () => {
  const create = (client: OpenAiClient, more: object = {}) =>
    client.chat.completions.create({ ...chat, ...more } as OpenAiClient.ChatCompletionCreateParamsNonStreaming)
  const stream = (client: OpenAiClient, more: object = {}) =>
    client.chat.completions.create({
      ...chat,
      stream: true,
      ...more
    } as OpenAiClient.ChatCompletionCreateParamsStreaming)

  it("reads an answer in one piece and in many, and counts its tokens", async () => {
    const { client } = await openAi()
    const whole = await create(client)
    assert.strictEqual(whole.choices[0]!.message.content, " w0 w1 w2 w3")
    assert.match(whole._request_id!, /^req_/)
    const streamed = client.chat.completions.stream({
      ...(chat as OpenAiClient.ChatCompletionCreateParamsStreaming),
      stream_options: { include_usage: true }
    })
    const final = await streamed.finalChatCompletion()
    assert.strictEqual(final.choices[0]!.message.content, " w0 w1 w2 w3")
    assert.deepInclude(final.usage, { completion_tokens: 4 })
  })

  it("puts the fragments of a call of a tool together", async () => {
    const { client } = await openAi()
    const messages = [{ role: "user" as const, content: "[[sim tool=search]]" }]
    const tools = [{ type: "function" as const, function: { name: "search", parameters: { type: "object" } } }]
    const final = await client.chat.completions.stream({ model: "sim", messages, tools }).finalChatCompletion()
    const call = final.choices[0]!.message.tool_calls![0]!
    assert.isTrue(call.type === "function" && call.function.name === "search")
    assert.isTrue(call.type === "function" && "query" in JSON.parse(call.function.arguments))
  })

  it("reads models, and embeddings from the base64 that it asks for", async () => {
    const { client } = await openAi()
    assert.deepStrictEqual(
      (await client.models.list()).data.map(({ id }) => id),
      ["sim"]
    )
    const { data } = await client.embeddings.create({ model: "sim", input: "one", dimensions: 16 })
    assert.lengthOf(data[0]!.embedding, 16)
    assert.closeTo(Math.hypot(...data[0]!.embedding), 1, 1e-6)
  })

  it("fails with the class and the code of each refusal, and finds when to come back", async () => {
    for (const [name, status, code] of [
      ["unauthorized", 401, "invalid_api_key"],
      ["forbidden", 403, "model_not_found"],
      ["unknown-model", 404, "model_not_found"],
      ["rate-limited", 429, "rate_limit_exceeded"],
      ["quota", 429, "insufficient_quota"],
      ["internal", 500, null],
      ["overloaded", 503, null]
    ] as const) {
      const { client } = await openAi([{ name }])
      const error = await failureOf(create(client))
      assert.instanceOf(error, APIError)
      assert.deepStrictEqual([error.status, error.code], [status, code])
      assert.match(error.requestID ?? "", /^req_/)
      assert.strictEqual(error instanceof RateLimitError, status === 429)
      const wait = { "rate-limited": "20", quota: "7200" } as Record<string, string>
      assert.strictEqual(error.headers.get("retry-after"), wait[name] ?? null)
    }
  })

  it("fails at an error in mid-stream, also where it is the first event of a 200", async () => {
    for (const name of ["error-mid-stream", "error-in-200"]) {
      const { client } = await openAi([{ name, at: 2 }])
      const error = await failureOf(stream(client).then(drained))
      assert.instanceOf(error, APIError)
      assert.deepStrictEqual([error.status, error.type], [undefined, "server_error"])
    }
  })

  it("fails at a line that is no JSON, and at a connection that is cut or reset", async () => {
    for (const [name, type] of [
      ["truncated-json", SyntaxError],
      ["cut", Error],
      ["reset", Error]
    ] as const) {
      const { client, hosted } = await openAi([{ name, at: 2 }])
      assert.instanceOf(await failureOf(stream(client).then(drained)), type, name)
      await idle(hosted)
    }
  })

  it("takes for an answer what is none: an error in a 200, a page, no words, a stream without an end", async () => {
    const inside = await create((await openAi([{ name: "error-in-200" }])).client)
    assert.isUndefined(inside.choices)
    const page: unknown = await create((await openAi([{ name: "html-200" }])).client)
    assert.match(String(page), /^<html>/)
    const empty = await create((await openAi([{ name: "empty-answer" }])).client)
    assert.strictEqual(empty.choices[0]!.message.content, "")
    const cut = await drained(await stream((await openAi([{ name: "no-marker", at: 2 }])).client))
    assert.deepStrictEqual(cut.map((chunk) => chunk.choices[0]!.delta.content).join(""), " w0 w1")
    assert.isTrue(cut.every((chunk) => chunk.choices[0]!.finish_reason === null))
  })

  it("waits for ever where nothing comes, or only comments, and gives its place back when it leaves", async () => {
    for (const name of ["hang", "silence", "comments-only"]) {
      const { client, hosted } = await openAi([{ name, at: 1, span: 5_000_000 }])
      const controller = new AbortController()
      const request = client.chat.completions.create(
        { ...(chat as OpenAiClient.ChatCompletionCreateParamsStreaming), stream: true },
        { signal: controller.signal }
      )
      if (name === "hang") {
        setTimeout(() => controller.abort(), 30)
        assert.instanceOf(await failureOf(request), APIUserAbortError)
      } else assert.lengthOf(await beforeStall(await request, 2, controller), 2)
      await idle(hosted)
    }
  })

  it("reads a page of a proxy as a failure of the server", async () => {
    const error = await failureOf(create((await openAi([{ name: "html" }])).client))
    assert.strictEqual(error.status, 502)
    assert.notInstanceOf(error, APIConnectionError)
  })
})

describe("the client of Anthropic", () => {
  it("reads an answer in one piece and in many", async () => {
    const { client } = await anthropic()
    const whole = await client.messages.create(asked)
    assert.deepInclude(whole.content[0], { type: "text", text: " w0 w1 w2 w3" })
    const final = await client.messages.stream(asked).finalMessage()
    assert.deepStrictEqual(final.content, whole.content)
    assert.deepInclude(final, { stop_reason: "end_turn" })
    assert.strictEqual(final.usage.output_tokens, 4)
  })

  it("continues an answer that it has the beginning of", async () => {
    const { client } = await anthropic()
    const messages = [...asked.messages, { role: "assistant" as const, content: " w0 w1" }]
    const final = await client.messages.stream({ ...asked, messages }).finalMessage()
    assert.deepInclude(final.content[0], { type: "text", text: " w2 w3" })
  })

  it("puts the fragments of a call of a tool together", async () => {
    const { client } = await anthropic()
    const messages = [{ role: "user" as const, content: "[[sim tool=search]]" }]
    const tools = [{ name: "search", input_schema: { type: "object" as const } }]
    const final = await client.messages.stream({ ...asked, messages, tools }).finalMessage()
    const [block] = final.content
    assert.isTrue(block?.type === "tool_use" && block.name === "search" && "query" in (block.input as object))
    assert.strictEqual(final.stop_reason, "tool_use")
  })

  it("reads models", async () => {
    const { client } = await anthropic()
    assert.deepStrictEqual(
      (await drained(client.models.list())).map(({ id }) => id),
      ["sim"]
    )
  })

  it("fails with the class and the type of each refusal, and finds when to come back", async () => {
    for (const [name, status, type] of [
      ["unauthorized", 401, "authentication_error"],
      ["forbidden", 403, "permission_error"],
      ["unknown-model", 404, "not_found_error"],
      ["rate-limited", 429, "rate_limit_error"],
      ["quota", 400, "invalid_request_error"],
      ["internal", 500, "api_error"],
      ["overloaded", 529, "overloaded_error"]
    ] as const) {
      const { client } = await anthropic([{ name }])
      const error = await failureOf(client.messages.create(asked))
      assert.instanceOf(error, AnthropicError)
      assert.deepStrictEqual([error.status, error.type], [status, type])
      assert.match(error.requestID ?? "", /^req_/)
      assert.strictEqual(error instanceof OverloadedError, status === 529)
      assert.strictEqual(error.headers.get("retry-after"), name === "rate-limited" ? "20" : null)
    }
  })

  it("fails at an error in mid-stream, also where it is the first event of a 200", async () => {
    for (const name of ["error-mid-stream", "error-in-200"]) {
      const { client } = await anthropic([{ name, at: 2 }])
      const error = await failureOf(client.messages.stream(asked).finalMessage())
      assert.instanceOf(error, AnthropicError)
      assert.deepStrictEqual([error.status, error.type], [undefined, "overloaded_error"])
    }
  })

  it("fails at a broken line, at a connection that is cut, and at a stream without an end", async () => {
    for (const name of ["truncated-json", "cut", "reset", "no-marker"]) {
      const { client, hosted } = await anthropic([{ name, at: 2 }])
      assert.instanceOf(await failureOf(client.messages.stream(asked).finalMessage()), Error, name)
      await idle(hosted)
    }
  })

  it("passes over pings", async () => {
    const { client } = await anthropic([{ name: "comments-only", at: 1, span: 2_000_000 }])
    const controller = new AbortController()
    const events = await client.messages.create({ ...asked, stream: true }, { signal: controller.signal })
    const seen = (await beforeStall(events, 3, controller)).map(({ type }) => type)
    assert.deepStrictEqual(seen, ["message_start", "content_block_start", "content_block_delta"])
  })
})
