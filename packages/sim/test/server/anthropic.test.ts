/**
 * The library `@anthropic-ai/sdk`, unchanged, against a simulated server: what it makes of its answers and failures.
 */
import Anthropic, {
  APIConnectionError,
  AnthropicError,
  BadRequestError,
  InternalServerError,
  NotFoundError
} from "@anthropic-ai/sdk"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { answer, bothServed, calling, during, gathered, messages, model } from "./asking.ts"
import { failureOf } from "./running.ts"

const served = bothServed()

describe("@anthropic-ai/sdk", () => {
  let client: Anthropic
  beforeAll(() => {
    client = new Anthropic({ baseURL: served.answering.url, apiKey: "ollama", maxRetries: 0 })
  })
  const asked = { model, max_tokens: 100, messages }

  /** Input is told without what came from the cache. */
  const inputOf = (used: { input_tokens: number; cache_read_input_tokens: number | null }): number =>
    used.input_tokens + (used.cache_read_input_tokens ?? 0)

  it("creates a message", async () => {
    const { content: blocks, stop_reason, usage } = await client.messages.create(asked)
    assert.deepStrictEqual(blocks, [{ type: "text", text: answer }] as unknown as typeof blocks)
    assert.deepStrictEqual([stop_reason, usage.output_tokens, inputOf(usage)], ["end_turn", 6, 3])
    const short = await client.messages.create({ ...asked, max_tokens: 2 })
    assert.strictEqual(short.stop_reason, "max_tokens")
  })

  it("streams one, event by event", async () => {
    const events = await gathered(client.messages.create({ ...asked, stream: true }))
    const types = events.map(({ type }) => type).filter((type) => type !== "content_block_delta")
    assert.strictEqual(
      types.join(" "),
      "message_start content_block_start content_block_stop message_delta message_stop"
    )
  })

  it("is gathered by the stream helper", async () => {
    const stream = client.messages.stream(asked)
    let text = ""
    stream.on("text", (delta) => {
      text += delta
    })
    const message = await stream.finalMessage()
    assert.strictEqual(text, answer)
    assert.strictEqual(await stream.finalText(), answer)
    assert.deepStrictEqual(
      [message.stop_reason, message.usage.output_tokens, inputOf(message.usage)],
      ["end_turn", 6, 3]
    )
  })

  it("is told of a call of a tool", async () => {
    const tools = [
      { name: "weather", input_schema: { type: "object" as const, properties: { city: { type: "string" } } } }
    ]
    const request = { ...asked, messages: calling, tools }
    const streamed = await client.messages.stream(request).finalMessage()
    for (const message of [await client.messages.create(request), streamed]) {
      const [use] = message.content
      assert.strictEqual(message.stop_reason, "tool_use")
      assert.deepInclude(use, { type: "tool_use", name: "weather", input: { city: "Oslo" } })
    }
  })

  it("fails with its own classes where it was refused", async () => {
    const unknown = await failureOf(client.messages.create({ ...asked, model: "absent" }))
    assert.instanceOf(unknown, NotFoundError)
    assert.include(unknown.message, "model 'absent' not found")
    const own = new Anthropic({ baseURL: served.full.url, apiKey: "ollama", maxRetries: 0 })
    const refused = await failureOf(own.messages.create({ ...asked, stream: true }))
    assert.instanceOf(refused, InternalServerError)
    assert.strictEqual(refused.status, 503)
    assert.include(refused.message, "overloaded_error")
    const bad = await failureOf(client.messages.create({ ...asked, max_tokens: 0 }))
    assert.instanceOf(bad, BadRequestError)
  })

  it("fails at the end where the runner died in mid-stream, which is not told", async () => {
    const dead = await during(served.answering, "die at=2", () =>
      failureOf(client.messages.stream(asked).finalMessage())
    )
    assert.instanceOf(dead, AnthropicError)
    const events = await during(served.answering, "die at=2", async () =>
      gathered(client.messages.create({ ...asked, stream: true }))
    )
    assert.notInclude(
      events.map(({ type }) => type),
      "message_stop"
    )
    const whole = await during(served.answering, "die at=2", () => failureOf(client.messages.create(asked)))
    assert.instanceOf(whole, InternalServerError)
    const lost = await during(served.answering, "refuse", () => failureOf(client.messages.create(asked)))
    assert.instanceOf(lost, APIConnectionError)
  })
})
