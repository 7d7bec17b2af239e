/**
 * The face of api.anthropic.com, event for event.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Anthropic from "../../src/hosted/Anthropic.ts"
import { faults, provider } from "./recorder.ts"

const path = "/v1/messages"
const message = (content: unknown, more: object = {}) => ({
  model: "claude-sim",
  max_tokens: 1_000,
  messages: [{ role: "user", content }],
  ...more
})

const script = "[[sim tokens=2 token_ms=1 prompt_ms=1 text=w]]"

const asked = (body: unknown, options = {}, on = faults()) =>
  Effect.gen(function* () {
    const { ask } = yield* provider(Anthropic.make, options, on)
    const reply = ask(path, body)
    yield* TestClock.adjust("25 seconds")
    return reply
  })

const textOf = (reply: { readonly json: any }): string => reply.json.content[0].text

describe("a message", () => {
  it.effect("in one piece says what was said, why it ended and what it took", () =>
    Effect.gen(function* () {
      const reply = yield* asked(message(script))
      const { id, usage, ...rest } = reply.json
      assert.match(id, /^msg_01\w{22}$/)
      assert.deepStrictEqual(rest, {
        model: "claude-sim",
        type: "message",
        role: "assistant",
        content: [{ type: "text", text: " w0 w1" }],
        stop_reason: "end_turn",
        stop_sequence: null
      })
      assert.deepInclude(usage, { input_tokens: 6, output_tokens: 2, service_tier: "standard" })
      assert.match(reply.headers["request-id"]!, /^req_011C\w{20}$/)
    })
  )

  it.effect("in a stream comes as named events around a block, with a ping", () =>
    Effect.gen(function* () {
      const reply = yield* asked(message(script, { stream: true }))
      assert.deepStrictEqual(
        [...reply.body.matchAll(/^event: (.+)$/gm)].map(([, name]) => name),
        [
          "message_start",
          "content_block_start",
          "ping",
          "content_block_delta",
          "content_block_delta",
          "content_block_stop",
          "message_delta",
          "message_stop"
        ]
      )
      const { events } = reply
      assert.deepStrictEqual(
        events.map(({ type }) => type),
        [...reply.body.matchAll(/^event: (.+)$/gm)].map(([, name]) => name)
      )
      assert.deepInclude(events[0].message, { content: [], stop_reason: null })
      assert.deepInclude(events[0].message.usage, { input_tokens: 6, output_tokens: 1 })
      assert.deepStrictEqual(events[3].delta, { type: "text_delta", text: " w0" })
      assert.deepStrictEqual(events[6].delta, { stop_reason: "end_turn", stop_sequence: null })
      assert.strictEqual(events[6].usage.output_tokens, 2)
      assert.strictEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
    })
  )

  it.effect("is kept warm by pings where its tokens are slow", () =>
    Effect.gen(function* () {
      const reply = yield* asked(message("[[sim tokens=2 token_ms=22000 prompt_ms=0]]", { stream: true }))
      const pings = reply.packets.filter(([, text]) => text === 'event: ping\ndata: {"type": "ping"}\n\n')
      assert.deepStrictEqual(
        pings.map(([at]) => at),
        [10_000, 20_000]
      )
      assert.deepStrictEqual(reply.times, [0, 0, 10_000, 20_000, 22_000, 22_000])
    })
  )

  it.effect("goes on where a prefill stopped, in the very words", () =>
    Effect.gen(function* () {
      const whole = textOf(yield* asked(message("why?")))
      for (const at of [7, 12, 20, whole.length]) {
        const prefill = whole.slice(0, at).trimEnd()
        const messages = [
          ...message("why?").messages,
          { role: "assistant", content: [{ type: "text", text: prefill }] }
        ]
        const { json } = yield* asked(message("", { messages }))
        assert.strictEqual(prefill + (json.content[0]?.text ?? ""), whole)
      }
    })
  )

  it.effect("cannot be prefilled up to a space", () =>
    Effect.gen(function* () {
      const messages = [...message("why?").messages, { role: "assistant", content: "because " }]
      const { json, status } = yield* asked(message("", { messages }))
      assert.deepStrictEqual(
        [status, json.error.message],
        [400, "messages: final assistant content cannot end with trailing whitespace"]
      )
    })
  )

  it.effect("depends on what the system says", () =>
    Effect.gen(function* () {
      const plain = textOf(yield* asked(message("why?")))
      const ruled = textOf(yield* asked(message("why?", { system: "Be brief." })))
      const inParts = textOf(yield* asked(message("why?", { system: [{ type: "text", text: "Be brief." }] })))
      assert.notStrictEqual(plain, ruled)
      assert.strictEqual(ruled, inParts)
    })
  )

  it.effect("tells the reason for which it stopped", () =>
    Effect.gen(function* () {
      const long = yield* asked(message(script, { max_tokens: 1 }))
      assert.deepStrictEqual([long.json.stop_reason, textOf(long)], ["max_tokens", " w0"])
      const stopped = yield* asked(message(script, { stop_sequences: ["w1"] }))
      assert.deepStrictEqual([stopped.json.stop_reason, stopped.json.stop_sequence], ["stop_sequence", "w1"])
    })
  )

  it.effect("calls a tool, in a stream by fragments of its input", () =>
    Effect.gen(function* () {
      const body = message("[[sim tool=search]]", { tools: [{ name: "search", input_schema: { type: "object" } }] })
      const whole = yield* asked(body)
      const [block] = whole.json.content
      assert.deepStrictEqual([whole.json.stop_reason, block.type, block.name], ["tool_use", "tool_use", "search"])
      assert.match(block.id, /^toolu_01\w{22}$/)
      const { events } = yield* asked({ ...body, stream: true })
      const deltas = events.filter(({ type }) => type === "content_block_delta").map(({ delta }) => delta)
      assert.deepStrictEqual(deltas[0], { type: "input_json_delta", partial_json: "" })
      assert.deepStrictEqual(JSON.parse(deltas.map((delta) => delta.partial_json).join("")), block.input)
      assert.deepStrictEqual(events[1].content_block.input, {})
    })
  )

  it.effect("has no block where a fault took its words", () =>
    Effect.gen(function* () {
      const empty = faults({ name: "empty-answer" })
      assert.deepStrictEqual((yield* asked(message(script), {}, empty)).json.content, [])
      const { events } = yield* asked(message(script, { stream: true }), {}, empty)
      assert.deepStrictEqual(
        events.map(({ type }) => type),
        ["message_start", "ping", "message_delta", "message_stop"]
      )
    })
  )

  it.effect("stalls with nothing but pings", () =>
    Effect.gen(function* () {
      const reply = yield* asked(message(script, { stream: true }), {}, faults({ name: "comments-only", at: 1 }))
      assert.deepStrictEqual(
        reply.events.slice(3).map(({ type }) => type),
        ["content_block_delta", "ping", "ping", "ping"]
      )
      assert.isUndefined(reply.ended)
    })
  )
})

describe("a refusal", () => {
  it.effect("names what is wrong with a request", () =>
    Effect.gen(function* () {
      for (const [body, text] of [
        ["{", /not valid JSON/],
        [{}, /^model: Field required/],
        [{ model: "claude-sim" }, /^max_tokens: Field required/],
        [message("", { max_tokens: 0 }), /^max_tokens: Input/],
        [{ model: "claude-sim", max_tokens: 1 }, /^messages: Field required/],
        [message("", { messages: [] }), /^messages: at least one/]
      ] as const) {
        const { json, status } = yield* asked(body)
        assert.deepStrictEqual([status, json.type, json.error.type], [400, "error", "invalid_request_error"])
        assert.match(json.error.message, text)
      }
    })
  )

  it.effect("comes first for the key, then for the version", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make, { key: "right" })
      const missing = ask(path, "{", { headers: {} })
      assert.deepStrictEqual([missing.status, missing.json.error.type], [401, "authentication_error"])
      const wrong = ask(path, "{", { headers: { "x-api-key": "wrong" } })
      assert.deepStrictEqual([wrong.status, wrong.json.error.message], [401, "invalid x-api-key"])
      const old = ask(path, "{", { headers: { "x-api-key": "right" } })
      assert.deepStrictEqual([old.status, old.json.error.message], [400, "anthropic-version: header is required"])
      const headers = { authorization: "Bearer right", "anthropic-version": "2023-06-01" }
      assert.strictEqual(ask("/v1/models", undefined, { headers }).status, 200)
    })
  )

  it.effect("has the status and the type of its fault, and says what another try may mend", () =>
    Effect.gen(function* () {
      for (const [name, status, type, retry] of [
        ["unauthorized", 401, "authentication_error", undefined],
        ["forbidden", 403, "permission_error", undefined],
        ["unknown-model", 404, "not_found_error", undefined],
        ["rate-limited", 429, "rate_limit_error", "true"],
        ["quota", 400, "invalid_request_error", undefined],
        ["internal", 500, "api_error", "true"],
        ["overloaded", 529, "overloaded_error", "true"]
      ] as const) {
        const { headers, json, status: had } = yield* asked(message("hi"), {}, faults({ name }))
        assert.deepStrictEqual([had, json.error.type, headers["x-should-retry"]], [status, type, retry])
        assert.strictEqual(json.request_id, headers["request-id"])
        assert.strictEqual(headers["retry-after"], name === "rate-limited" ? "20" : undefined)
      }
    })
  )

  it.effect("can be the whole body of a 200, or an event", () =>
    Effect.gen(function* () {
      const inside = faults({ name: "error-in-200" })
      const whole = yield* asked(message(script), {}, inside)
      assert.deepStrictEqual([whole.status, whole.json.type], [200, "error"])
      const first = yield* asked(message(script, { stream: true }), {}, inside)
      assert.isTrue(first.body.startsWith('event: error\ndata: {"type":"error","error":{"type":"overloaded_error"'))
      const late = faults({ name: "error-mid-stream", at: 1 })
      const midst = yield* asked(message(script, { stream: true }), {}, late)
      assert.strictEqual(midst.events.at(-1).error.type, "overloaded_error")
      assert.strictEqual(midst.ended, "end")
    })
  )

  it.effect("is 400 for a script that says nothing", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make)
      const { json, status } = ask(path, message("[[sim die_affter=4]]", { stream: true }))
      const said = "sim script: unknown key die_affter, did you mean die_after"
      assert.deepStrictEqual([status, json.error], [400, { type: "invalid_request_error", message: said }])
    })
  )

  it.effect("is 404 for a model that is not there, and for a path", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make)
      const gone = ask(path, message("", { model: "gone" }))
      assert.deepStrictEqual([gone.status, gone.json.error.message], [404, "model: gone"])
      assert.strictEqual(ask("/v1/chat/completions", {}).status, 404)
      assert.strictEqual(ask(path).status, 405)
      assert.strictEqual(ask(path, message("[[sim status=413]]")).json.error.type, "request_too_large")
    })
  )
})

describe("the headers of the limits", () => {
  it.effect("say what is left, and the moment at which it is whole again", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make, { requests: 60, tokens: 600 })
      ask(path, message("[[sim tokens=7]]"))
      const { headers } = ask("/v1/models")
      assert.deepInclude(headers, {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "59",
        "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:01Z",
        "anthropic-ratelimit-tokens-limit": "600",
        "anthropic-ratelimit-tokens-remaining": "590"
      })
    })
  )

  it.effect("never name a moment that is too early", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make, { requests: 7 })
      ask(path, message("one"))
      // It takes 8.6 seconds.
      const { headers } = ask("/v1/models")
      assert.strictEqual(headers["anthropic-ratelimit-requests-reset"], "1970-01-01T00:00:09Z")
    })
  )

  it.effect("are what a refusal names", () =>
    Effect.gen(function* () {
      for (const [options, words] of [
        [{ running: 1 }, /concurrent connections/],
        [{ requests: 1 }, /of 1 requests per minute/],
        [{ tokens: 5 }, /of 5 input tokens per minute/]
      ] as const) {
        const { ask } = yield* provider(Anthropic.make, options)
        ask(path, message("one"))
        assert.match(ask(path, message("two")).json.error.message, words)
      }
    })
  )
})

describe("models", () => {
  it.effect("are listed, and told one by one", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(Anthropic.make)
      const { data, ...page } = ask("/v1/models").json
      assert.deepStrictEqual(page, { has_more: false, first_id: "gpt-sim", last_id: "claude-sim" })
      assert.deepInclude(data[1], { type: "model", id: "claude-sim" })
      assert.strictEqual(ask("/v1/models/claude-sim").json.id, "claude-sim")
      assert.strictEqual(ask("/v1/models/gone").json.error.type, "not_found_error")
    })
  )
})
