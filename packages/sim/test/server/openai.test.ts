/**
 * The `openai` library, unchanged, against a simulated server: what it makes of its answers, and of its failures.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import OpenAI, { APIConnectionError, InternalServerError, NotFoundError, RateLimitError } from "openai"
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
import { failureOf, user } from "./running.ts"
import { tokensOf } from "./said.ts"

const served = bothServed()

describe("openai", () => {
  let client: OpenAI
  beforeAll(() => {
    client = new OpenAI({ baseURL: `${served.answering.url}/v1`, apiKey: "ollama", maxRetries: 0 })
  })
  const usage = { prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 }

  it("chats", async () => {
    const { choices, model: named, usage: used } = await client.chat.completions.create({ model, messages })
    assert.deepStrictEqual([choices[0]?.message.content, choices[0]?.finish_reason, named], [answer, "stop", model])
    assert.deepInclude(used, usage)
  })

  it("chats in a stream, with usage where it was asked for", async () => {
    const options = { model, messages, stream: true, stream_options: { include_usage: true } } as const
    const chunks = await gathered(client.chat.completions.create(options))
    assert.strictEqual(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), answer)
    assert.deepStrictEqual(
      chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []),
      ["stop"]
    )
    assert.deepInclude(chunks.at(-1)?.usage, usage)
    assert.deepStrictEqual(chunks.at(-1)?.choices, [])
    const without = await gathered(client.chat.completions.create({ model, messages, stream: true }))
    assert.isTrue(without.every((chunk) => chunk.usage === undefined))
  })

  it("is gathered by the stream helper", async () => {
    const completion = await client.chat.completions.stream({ model, messages }).finalChatCompletion()
    assert.strictEqual(completion.choices[0]?.message.content, answer)
  })

  it("is told of a call of a tool", async () => {
    const asked = { model, messages: calling, tools: [weather] }
    const { choices } = await client.chat.completions.create(asked)
    const streamed = await client.chat.completions.stream(asked).finalChatCompletion()
    for (const choice of [choices[0], streamed.choices[0]]) {
      assert.strictEqual(choice?.finish_reason, "tool_calls")
      const [call] = choice?.message.tool_calls ?? []
      assert.isTrue(call?.type === "function")
      if (call?.type === "function")
        assert.deepInclude(call.function, { name: "weather", arguments: '{"city":"Oslo"}' })
    }
  })

  it("is answered by a schema", async () => {
    const { choices } = await client.chat.completions.create({
      model,
      messages: [user("hi")],
      response_format: { type: "json_schema", json_schema: { name: "person", schema, strict: true } }
    })
    assert.hasAllKeys(JSON.parse(choices[0]?.message.content ?? ""), ["name", "age"])
  })

  it("embeds, by floats and by base64", async () => {
    const asked = { model: embedder, input: ["one two", "three"] }
    const floats = await client.embeddings.create({ ...asked, encoding_format: "float" })
    // What nobody names is asked for in base64 and decoded by the client.
    const decoded = await client.embeddings.create(asked)
    assert.strictEqual(floats.usage.prompt_tokens, 3)
    for (const [index, { embedding }] of floats.data.entries()) {
      assert.closeTo(Math.hypot(...embedding), 1, 1e-5)
      assert.closeTo(decoded.data[index]?.embedding[5] ?? Number.NaN, embedding[5] ?? Number.NaN, 1e-6)
    }
  })

  it("lists and retrieves models", async () => {
    const { data } = await client.models.list()
    assert.include(
      data.map(({ id }) => id),
      "mini:latest"
    )
    assert.deepInclude(await client.models.retrieve(model), { id: model, object: "model", owned_by: "library" })
    assert.instanceOf(await failureOf(client.models.retrieve("absent")), NotFoundError)
  })

  it("completes, in a stream and not", async () => {
    const whole = await client.completions.create({ model, prompt: content })
    assert.deepStrictEqual([whole.choices[0]?.text, whole.choices[0]?.finish_reason], [answer, "stop"])
    assert.deepInclude(whole.usage, usage)
    const chunks = await gathered(client.completions.create({ model, prompt: content, stream: true }))
    assert.strictEqual(chunks.map(({ choices }) => choices[0]?.text).join(""), answer)
  })

  it("responds, in a stream and not", async () => {
    const whole = await client.responses.create({ model, input: content })
    assert.deepStrictEqual([whole.output_text, whole.status], [answer, "completed"])
    assert.deepInclude(whole.usage, { input_tokens: 3, output_tokens: 6, total_tokens: 9 })
    const events = await gathered(client.responses.create({ model, input: content, stream: true }))
    const deltas = events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : []))
    assert.strictEqual(deltas.join(""), answer)
    assert.deepStrictEqual([events[0]?.type, events.at(-1)?.type], ["response.created", "response.completed"])
  })

  it("fails with its own classes where it was refused", async () => {
    const unknown = await failureOf(client.chat.completions.create({ model: "absent", messages }))
    assert.instanceOf(unknown, NotFoundError)
    assert.include(unknown.message, "model 'absent' not found")
    const own = new OpenAI({ baseURL: `${served.full.url}/v1`, apiKey: "ollama", maxRetries: 0 })
    const refused = await failureOf(own.chat.completions.create({ model, messages, stream: true }))
    assert.instanceOf(refused, InternalServerError)
    assert.deepStrictEqual([refused.status, refused.message], [503, `503 ${busy}`])
    const limited = await during(served.answering, "quota span=90s", () =>
      failureOf(client.chat.completions.create({ model, messages }))
    )
    assert.instanceOf(limited, RateLimitError)
    assert.strictEqual((limited.headers as unknown as Headers | undefined)?.get("retry-after"), "90")
    const lost = await during(served.answering, "reset", () =>
      failureOf(client.chat.completions.create({ model, messages }))
    )
    assert.instanceOf(lost, APIConnectionError)
  })

  it("retries by itself what passes", async () => {
    const own = new OpenAI({ baseURL: `${served.answering.url}/v1`, apiKey: "ollama", maxRetries: 2 })
    const { choices } = await during(served.answering, "busy x1", () =>
      own.chat.completions.create({ model, messages })
    )
    assert.strictEqual(choices[0]?.message.content, answer)
  })

  it("is not told of a runner that died in mid-stream, but for the finish that does not come", async () => {
    const options = { model, messages, stream: true } as const
    const chunks = await during(served.answering, "die at=2", async () =>
      gathered(client.chat.completions.create(options))
    )
    assert.strictEqual(
      chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
      tokensOf(content, 2).join("")
    )
    assert.deepStrictEqual(
      chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []),
      []
    )
    assert.strictEqual(chunks.at(-1)?.model, "")
    const whole = await during(served.answering, "die at=2", () =>
      failureOf(client.chat.completions.create({ model, messages }))
    )
    assert.instanceOf(whole, InternalServerError)
    assert.include(whole.message, died)
  })

  it("fails where the connection is cut in mid-stream", async () => {
    const options = { model, messages, stream: true } as const
    const cut = await during(served.answering, "cut at=2", () =>
      failureOf(client.chat.completions.create(options).then((stream) => gathered(stream)))
    )
    assert.strictEqual(cut.message, "terminated")
  })
})
