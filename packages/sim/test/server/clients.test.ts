/**
 * The `ollama` library, unchanged, against a simulated server: what it makes of its answers, and of its failures.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Ollama } from "ollama"
import * as Words from "../../src/Words.ts"
import {
  answer,
  bothServed,
  busy,
  calling,
  content,
  died,
  during,
  embedder,
  gathered,
  messages,
  model,
  schema,
  weather
} from "./asking.ts"
import { type Failure, failureOf, until, user } from "./running.ts"
import { tokensOf } from "./said.ts"

const served = bothServed()

describe("ollama", () => {
  let client: Ollama
  beforeAll(() => {
    client = new Ollama({ host: served.answering.url })
  })

  it("chats", async () => {
    const { done, done_reason, eval_count, message, prompt_eval_count } = await client.chat({ model, messages })
    assert.deepStrictEqual(message, { role: "assistant", content: answer })
    assert.deepStrictEqual([done, done_reason, eval_count, prompt_eval_count], [true, "stop", 6, 3])
  })

  it("chats in a stream, a token a part", async () => {
    const parts = await gathered(client.chat({ model, messages, stream: true }))
    assert.deepStrictEqual(
      parts.map((part) => part.message.content),
      [...tokensOf(content, 6), ""]
    )
    assert.strictEqual(parts.at(-1)?.done_reason, "stop")
    assert.strictEqual(parts.at(-1)?.eval_count, 6)
    assert.isTrue(parts.slice(0, -1).every(({ done }) => !done))
  })

  it("stops at the length that it was told", async () => {
    const { done_reason, message } = await client.chat({ model, messages, options: { num_predict: 2 } })
    assert.deepStrictEqual([message.content, done_reason], [tokensOf(content, 2).join(""), "length"])
  })

  it("generates, in a stream and not", async () => {
    const whole = await client.generate({ model, prompt: content })
    assert.deepStrictEqual([whole.response, whole.done_reason, whole.eval_count], [answer, "stop", 6])
    assert.isAbove(whole.context.length, 6)
    const parts = await gathered(client.generate({ model, prompt: content, stream: true }))
    assert.strictEqual(parts.map(({ response }) => response).join(""), answer)
    const raw = await client.generate({ model, prompt: content, raw: true })
    assert.strictEqual(raw.response, Words.text(Words.keyOf(1, content), 6))
  })

  it("reads what the system says before what the user says", async () => {
    const { response } = await client.generate({ model, system: "Be brief.", prompt: content })
    assert.strictEqual(response, Words.text(Words.keyOf(1, `<system>Be brief.<user>${content}`), 6))
  })

  it("embeds, by the new endpoint and by the old one", async () => {
    const { embeddings, prompt_eval_count } = await client.embed({ model: embedder, input: ["one two", "three"] })
    assert.strictEqual(prompt_eval_count, 3)
    assert.deepStrictEqual(
      embeddings.map((vector) => Math.hypot(...vector).toFixed(4)),
      ["1.0000", "1.0000"]
    )
    const { embedding } = await client.embeddings({ model: embedder, prompt: "one two" })
    assert.strictEqual(embedding.length, embeddings[0]?.length)
    assert.closeTo(embedding[3] ?? Number.NaN, embeddings[0]?.[3] ?? Number.NaN, 1e-6)
  })

  it("lists, shows, copies and deletes models", async () => {
    const names = async (): Promise<ReadonlyArray<string>> => (await client.list()).models.map(({ name }) => name)
    const all = [`${embedder}:latest`, "mini:latest", "thinker:latest"]
    assert.deepStrictEqual((await names()).toSorted(), all.toSorted())
    assert.deepStrictEqual((await client.show({ model })).capabilities, ["completion", "tools"])
    assert.strictEqual((await client.copy({ source: model, destination: "second" })).status, "success")
    assert.include(await names(), "second:latest")
    assert.strictEqual((await client.chat({ model: "second", messages })).message.content, answer)
    assert.strictEqual((await client.delete({ model: "second" })).status, "success")
    assert.notInclude(await names(), "second:latest")
    assert.strictEqual((await client.version()).version, "0.34.0")
  })

  it("loads and unloads by an empty prompt, and sees it", async () => {
    const loaded = async (): Promise<ReadonlyArray<string>> => (await client.ps()).models.map(({ name }) => name)
    const unloaded = await client.generate({ model, prompt: "", keep_alive: 0 })
    assert.deepStrictEqual([unloaded.done, unloaded.done_reason], [true, "unload"])
    assert.notInclude(await loaded(), "mini:latest")
    const { done_reason, response } = await client.generate({ model, prompt: "", keep_alive: "10m" })
    assert.deepStrictEqual([response, done_reason], ["", "load"])
    assert.include(await loaded(), "mini:latest")
  })

  it("is told of a call of a tool in place of words", async () => {
    for (const stream of [false, true]) {
      const parts = stream
        ? await gathered(client.chat({ model, messages: calling, tools: [weather], stream }))
        : [await client.chat({ model, messages: calling, tools: [weather] })]
      const calls = parts.flatMap(({ message }) => message.tool_calls ?? [])
      assert.deepStrictEqual(
        calls.map((call) => [call.function.name, call.function.arguments]),
        [["weather", { city: "Oslo" }]]
      )
      assert.strictEqual(parts.map(({ message }) => message.content).join(""), "")
    }
  })

  it("is answered in JSON, and by a schema", async () => {
    const loose = await client.chat({ model, messages: [user("hi")], format: "json" })
    assert.isObject(JSON.parse(loose.message.content))
    const strict = await client.chat({ model, messages: [user("hi")], format: schema })
    const { age, name, ...more } = JSON.parse(strict.message.content) as Record<string, unknown>
    assert.deepStrictEqual([typeof name, Number.isInteger(age), more], ["string", true, {}])
  })

  it("is told what was thought apart from what is said", async () => {
    const asked = { model: "thinker", messages: [user("hi [[sim tokens=6 thinking=2]]")] }
    const tokens = tokensOf("hi [[sim tokens=6 thinking=2]]", 6)
    const { message } = await client.chat({ ...asked, think: true })
    assert.strictEqual(message.thinking, tokens.slice(0, 2).join(""))
    assert.strictEqual(message.content, tokens.slice(2).join(""))
    const quiet = await client.chat({ ...asked, think: false })
    assert.isUndefined(quiet.message.thinking)
    const refused = await failureOf(client.chat({ model, messages, think: true }))
    assert.deepStrictEqual([refused.status_code, refused.error], [400, '"mini" does not support thinking'])
  })

  it("frees the slot when it is aborted in mid-stream", async () => {
    const own = new Ollama({ host: served.answering.url })
    const stream = await own.chat({ model, messages: [user("hi [[sim tokens=99 token_ms=20]]")], stream: true })
    const running = (): number =>
      [...served.answering.ollama.scheduler.residents.values()].reduce((sum, { runner }) => sum + runner.running, 0)
    const failure = await failureOf(
      (async () => {
        for await (const _ of stream) {
          assert.strictEqual(running(), 1)
          own.abort()
        }
      })()
    )
    assert.strictEqual(failure.name, "AbortError")
    assert.isBelow(await until(() => running() === 0), 100)
  })

  it("fails with its own class where it was refused", async () => {
    const unknown = await failureOf(client.chat({ model: "absent", messages }))
    assert.deepStrictEqual(
      [unknown.name, unknown.status_code, unknown.error],
      ["ResponseError", 404, "model 'absent' not found"]
    )
    const refused = await failureOf(new Ollama({ host: served.full.url }).chat({ model, messages, stream: true }))
    assert.deepStrictEqual([refused.name, refused.status_code, refused.error], ["ResponseError", 503, busy])
    const html = await during(served.answering, "html path=/api/tags", () => failureOf(client.list()))
    assert.deepStrictEqual([html.name, html.status_code], ["ResponseError", 503])
    assert.include(html.message, "<h1>503 Service Temporarily Unavailable</h1>")
  })

  it("is told of a failure in mid-stream by an error without a status", async () => {
    const drained = async (fault: string): Promise<Failure> =>
      during(served.answering, fault, () =>
        failureOf(client.chat({ model, messages, stream: true }).then((stream) => gathered(stream)))
      )
    const dead = await drained("die at=2")
    assert.deepStrictEqual([dead.name, dead.message, dead.status_code], ["Error", died, undefined])
    const ended = await drained("end at=2")
    assert.strictEqual(ended.message, "Did not receive done or success response in stream.")
    const cut = await drained("cut at=2")
    assert.deepStrictEqual([cut.name, cut.message], ["TypeError", "terminated"])
    const whole = await during(served.answering, "die at=2", () => failureOf(client.chat({ model, messages })))
    assert.deepStrictEqual([whole.name, whole.status_code, whole.error], ["ResponseError", 500, died])
  })
})
