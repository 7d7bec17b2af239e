/**
 * The face of api.openai.com, byte for byte where callers look.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as OpenAi from "../../src/hosted/OpenAi.ts"
import { span } from "../../src/hosted/OpenAiRefusal.ts"
import { faults, provider } from "./recorder.ts"

const path = "/v1/chat/completions"
const chat = (content: unknown, more: object = {}) => ({
  model: "gpt-sim",
  messages: [{ role: "user", content }],
  ...more
})

const script = "[[sim tokens=2 token_ms=1 prompt_ms=1 text=w]]"

const asked = (body: unknown, options = {}, on = faults()) =>
  Effect.gen(function* () {
    const { ask } = yield* provider(OpenAi.make, options, on)
    const reply = ask(path, body)
    yield* TestClock.adjust("1 minute")
    return reply
  })

describe("a chat completion", () => {
  it.effect("in one piece says what was said, why it ended and what it took", () =>
    Effect.gen(function* () {
      const reply = yield* asked(chat(script))
      const { id, choices, created, system_fingerprint: fingerprint, usage, ...rest } = reply.json
      assert.match(id, /^chatcmpl-\w{29}$/)
      assert.match(fingerprint, /^fp_[\da-f]{10}$/)
      assert.strictEqual(created, 0)
      assert.deepStrictEqual(rest, { object: "chat.completion", model: "gpt-sim", service_tier: "default" })
      assert.deepStrictEqual(choices, [
        {
          index: 0,
          message: { role: "assistant", content: " w0 w1", refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: "stop"
        }
      ])
      assert.deepInclude(usage, { prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 })
      assert.strictEqual(reply.headers["content-type"], "application/json")
      assert.match(reply.headers["x-request-id"]!, /^req_[\da-f]{32}$/)
      assert.strictEqual(reply.headers["openai-processing-ms"], "7")
      assert.strictEqual(reply.headers["openai-version"], "2020-10-01")
    })
  )

  it.effect("in a stream comes as a role, words, a reason and the marker", () =>
    Effect.gen(function* () {
      const reply = yield* asked(chat(script, { stream: true }))
      assert.deepStrictEqual(
        reply.events.map(({ choices: [choice] }) => [choice.delta, choice.finish_reason]),
        [
          [{ role: "assistant", content: "", refusal: null }, null],
          [{ content: " w0" }, null],
          [{ content: " w1" }, null],
          [{}, "stop"]
        ]
      )
      assert.isTrue(reply.body.endsWith("\n\ndata: [DONE]\n\n"))
      assert.strictEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
      assert.isTrue(reply.events.every((event) => !("usage" in event)))
      assert.lengthOf(new Set(reply.events.map(({ id }) => id)), 1)
    })
  )

  it.effect("counts its tokens in a last chunk of a stream where that is asked for", () =>
    Effect.gen(function* () {
      const reply = yield* asked(chat(script, { stream: true, stream_options: { include_usage: true } }))
      const last = reply.events.at(-1)
      assert.deepStrictEqual(last.choices, [])
      assert.deepInclude(last.usage, { prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 })
      assert.isTrue(reply.events.slice(0, -1).every(({ usage }) => usage === null))
    })
  )

  it.effect("pads its lines so that their lengths tell nothing, unless that is not wanted", () =>
    Effect.gen(function* () {
      const body = chat("[[sim tokens=40]]", { stream: true })
      const padded = yield* asked(body)
      const lines = padded.body.split("\n\n").filter((line) => line.startsWith("data: {"))
      assert.deepStrictEqual(new Set(lines.map((line) => (line.length - "data: ".length) % 16)), new Set([1]))
      const plain = yield* asked({ ...body, stream_options: { include_obfuscation: false } })
      assert.isTrue(plain.events.every((event) => !("obfuscation" in event)))
    })
  )

  it.effect("sends nothing between tokens that are slow", () =>
    Effect.gen(function* () {
      const reply = yield* asked(chat("[[sim tokens=2 token_ms=25000 prompt_ms=0]]", { stream: true }))
      assert.deepStrictEqual(reply.times, [0, 0, 25_000, 25_000])
    })
  )

  it.effect("ends for length at the most tokens, under either of its names", () =>
    Effect.gen(function* () {
      for (const limit of ["max_tokens", "max_completion_tokens"]) {
        const reply = yield* asked(chat(script, { [limit]: 1 }))
        assert.deepInclude(reply.json.choices[0], { finish_reason: "length" })
        assert.strictEqual(reply.json.choices[0].message.content, " w0")
      }
      const stopped = yield* asked(chat(script, { stop: "w1" }))
      assert.deepInclude(stopped.json.choices[0], { finish_reason: "stop" })
      assert.strictEqual(stopped.json.choices[0].message.content, " w0 ")
    })
  )

  it.effect("calls a tool, in a stream by fragments of its arguments", () =>
    Effect.gen(function* () {
      const tools = [{ type: "function", function: { name: "search" } }]
      const body = chat("[[sim tool=search]]", { tools })
      const whole = yield* asked(body)
      const [choice] = whole.json.choices
      const [call] = choice.message.tool_calls
      assert.deepStrictEqual([choice.finish_reason, choice.message.content], ["tool_calls", null])
      assert.deepStrictEqual([call.type, call.function.name], ["function", "search"])
      const { events } = yield* asked({ ...body, stream: true })
      const deltas = events.map(({ choices }) => choices[0].delta.tool_calls?.[0])
      assert.deepStrictEqual(deltas[0].function, { name: "search", arguments: "" })
      assert.match(deltas[0].id, /^call_\w{24}$/)
      const given = deltas.map((delta) => delta?.function.arguments ?? "").join("")
      assert.strictEqual(given, call.function.arguments)
      assert.isAbove(deltas.length, 4)
      assert.strictEqual(events.at(-1).choices[0].finish_reason, "tool_calls")
    })
  )

  it.effect("is answered anew where the conversation ends with the assistant", () =>
    Effect.gen(function* () {
      const first = yield* asked(chat("why?"))
      const words: string = first.json.choices[0].message.content
      const messages = [...chat("why?").messages, { role: "assistant", content: words.slice(0, 20) }]
      const second = yield* asked({ model: "gpt-sim", messages })
      assert.notInclude(words, second.json.choices[0].message.content.slice(0, 20))
    })
  )

  it.effect("is the same for a text and for its parts", () =>
    Effect.gen(function* () {
      const answer = (reply: { readonly json: any }) => reply.json.choices[0].message.content
      const parts = [
        { type: "text", text: "wh" },
        { type: "text", text: "y?" }
      ]
      assert.strictEqual(answer(yield* asked(chat(parts))), answer(yield* asked(chat("why?"))))
      const image = { type: "image_url", image_url: { url: "data:" } }
      assert.notStrictEqual(answer(yield* asked(chat([...parts, image]))), answer(yield* asked(chat("why?"))))
    })
  )

  it.effect("has no words where a fault took them", () =>
    Effect.gen(function* () {
      const empty = faults({ name: "empty-answer" })
      const whole = yield* asked(chat(script), {}, empty)
      assert.strictEqual(whole.json.choices[0].message.content, "")
      assert.strictEqual(whole.json.usage.completion_tokens, 0)
      const stream = yield* asked(chat(script, { stream: true }), {}, empty)
      assert.lengthOf(stream.events, 2)
      assert.include(stream.body, "[DONE]")
    })
  )
})

describe("a refusal", () => {
  it.effect("names what is wrong with a request", () =>
    Effect.gen(function* () {
      for (const [body, message, code, param] of [
        ["{", /could not parse/, null, null],
        ["[]", /could not parse/, null, null],
        [{ messages: [] }, /provide a model/, null, null],
        [{ model: "gpt-sim" }, /'messages'/, "missing_required_parameter", "messages"],
        [{ model: "gpt-sim", messages: [] }, /empty array/, "empty_array", "messages"],
        [chat("", { max_tokens: 0 }), /'max_tokens'/, "integer_below_min_value", "max_tokens"]
      ] as const) {
        const reply = yield* asked(body)
        assert.strictEqual(reply.status, 400)
        assert.match(reply.json.error.message, message)
        assert.deepInclude(reply.json.error, { type: "invalid_request_error", code, param })
      }
    })
  )

  it.effect("tells a missing key from a wrong one, and takes any where none is set", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, { key: "right" })
      const missing = ask(path, "{", { headers: {} })
      assert.deepStrictEqual([missing.status, missing.json.error.code], [401, null])
      const wrong = ask(path, "{", { headers: { authorization: "Bearer wrong" } })
      assert.deepStrictEqual([wrong.status, wrong.json.error.code], [401, "invalid_api_key"])
      assert.strictEqual(ask("/v1/models", undefined, { headers: { authorization: "Bearer right" } }).status, 200)
      const open = yield* provider(OpenAi.make)
      assert.strictEqual(open.ask("/v1/models", undefined, { headers: {} }).status, 200)
    })
  )

  it.effect("is 404 for a model that is not there, and for a path", () =>
    Effect.gen(function* () {
      const model = yield* asked(chat("", { model: "gone" }))
      assert.deepStrictEqual([model.status, model.json.error.code], [404, "model_not_found"])
      const { ask } = yield* provider(OpenAi.make)
      assert.strictEqual(ask("/v1/nothing").json.error.message, "Invalid URL (GET /v1/nothing)")
      assert.strictEqual(ask(path).status, 405)
      assert.strictEqual(ask(path, `"${" ".repeat(2 ** 25)}"`).status, 413)
    })
  )

  it.effect("has the status and the code of its fault", () =>
    Effect.gen(function* () {
      for (const [name, status, type, code] of [
        ["unauthorized", 401, "invalid_request_error", "invalid_api_key"],
        ["forbidden", 403, "invalid_request_error", "model_not_found"],
        ["unknown-model", 404, "invalid_request_error", "model_not_found"],
        ["rate-limited", 429, "requests", "rate_limit_exceeded"],
        ["quota", 429, "insufficient_quota", "insufficient_quota"],
        ["internal", 500, "server_error", null],
        ["overloaded", 503, "server_error", null]
      ] as const) {
        const reply = yield* asked(chat("hi"), {}, faults({ name }))
        assert.deepStrictEqual([reply.status, reply.json.error.type, reply.json.error.code], [status, type, code])
      }
    })
  )

  it.effect("can be the whole body of a 200, the first event of a stream, or one in its midst", () =>
    Effect.gen(function* () {
      const inside = faults({ name: "error-in-200" })
      const whole = yield* asked(chat(script), {}, inside)
      assert.deepStrictEqual([whole.status, whole.json.error.type], [200, "server_error"])
      const first = yield* asked(chat(script, { stream: true }), {}, inside)
      assert.deepStrictEqual([first.status, first.events.length, first.ended], [200, 1, "end"])
      assert.strictEqual(first.events[0].error.type, "server_error")
      const late = faults({ name: "error-mid-stream", at: 1 })
      const midst = yield* asked(chat(script, { stream: true }), {}, late)
      assert.deepStrictEqual(
        midst.events.map((event) => Object.keys(event)[0]),
        ["id", "id", "error"]
      )
    })
  )
})

describe("embeddings", () => {
  const embed = (more: object) =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make)
      const reply = ask("/v1/embeddings", { model: "gpt-sim", ...more })
      yield* TestClock.adjust("1 minute")
      return reply
    })

  it.effect("are vectors of length one, the same for the same text, as numbers or as base64", () =>
    Effect.gen(function* () {
      const { json } = yield* embed({ input: ["one", "two", "one"], dimensions: 8 })
      const [one, two, again] = json.data.map((each: any) => each.embedding)
      assert.deepStrictEqual(one, again)
      assert.notDeepEqual(one, two)
      assert.closeTo(Math.hypot(...one), 1, 1e-6)
      assert.deepStrictEqual(json.usage, { prompt_tokens: 3, total_tokens: 3 })
      const coded = yield* embed({ input: "one", dimensions: 8, encoding_format: "base64" })
      const bytes = Buffer.from(coded.json.data[0].embedding, "base64")
      assert.deepStrictEqual([...new Float32Array(new Uint8Array(bytes).buffer)], one)
    })
  )

  it.effect("have 1536 numbers where nothing is said, also for tokens by number", () =>
    Effect.gen(function* () {
      for (const input of ["one", [1, 2, 3], [[1, 2, 3]]]) {
        const { json } = yield* embed({ input })
        assert.deepStrictEqual([json.data.length, json.data[0].embedding.length], [1, 1_536])
      }
    })
  )

  it.effect("are refused for nothing, and for more numbers than there are", () =>
    Effect.gen(function* () {
      for (const more of [{}, { input: "" }, { input: [] }, { input: "a", dimensions: 9_999 }]) {
        assert.strictEqual((yield* embed(more)).status, 400)
      }
    })
  )
})

describe("models", () => {
  it.effect("are listed, and told one by one", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make)
      const { data, object } = ask("/v1/models").json
      assert.strictEqual(object, "list")
      assert.deepStrictEqual(
        data.map(({ id }: any) => id),
        ["gpt-sim", "claude-sim"]
      )
      assert.deepInclude(ask("/v1/models/gpt-sim").json, { id: "gpt-sim", object: "model" })
      assert.strictEqual(ask("/v1/models/gone").status, 404)
    })
  )
})

describe("a span in a header", () => {
  it("is written as Go writes it", () => {
    const written = [0.2, 120, 1_000, 1_500, 360_000, 86_116_126].map((millis) => span(millis * 1e6))
    assert.deepStrictEqual(written, ["1ms", "120ms", "1s", "1.5s", "6m0s", "23h55m16.126s"])
  })
})
