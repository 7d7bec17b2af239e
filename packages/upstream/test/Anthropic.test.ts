/** Anthropic as an upstream: what its answers tell, how its streams may end, and what stands in its place. */
import { assert, describe, it } from "@effect/vitest"
import { Question, type Summary } from "@spillway/core"
import { Effect } from "effect"
import { Anthropic } from "@spillway/upstream"
import { head, last, piece, serve } from "./bytes.ts"
import { ask, hosting, hosts, quick, serving } from "./serving.ts"

const { model } = hosts.anthropic

const event = (data: { readonly type: string } & Readonly<Record<string, unknown>>): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

const start = event({
  type: "message_start",
  message: { model: "m", content: [], usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 1 } }
})
const block = (content: object, index = 0) => event({ type: "content_block_start", index, content_block: content })
const delta = (more: object, index = 0) => event({ type: "content_block_delta", index, delta: more })
const words = block({ type: "text", text: "" }) + delta({ type: "text_delta", text: "Hi" })
const stop = (reason: string, usage: object = { output_tokens: 9 }) =>
  event({ type: "message_delta", delta: { stop_reason: reason }, usage })
const done = event({ type: "message_stop" })

/** A server that answers everything with these bytes, and the wire to it. */
const saying = (body: string, options: Anthropic.Options = {}, type = "text/event-stream") =>
  Effect.gen(function* () {
    const bytes = yield* serve((socket) => socket.write(head(type) + piece(body) + last))
    return { bytes, upstream: yield* Anthropic.make("near", { url: bytes.url, ...options }) }
  })

describe("an answer", () => {
  it.live("counts what was cached as read, and what was written by the last word on it", () =>
    Effect.gen(function* () {
      const usage = { input_tokens: 5, cache_creation_input_tokens: 2, cache_read_input_tokens: 4, output_tokens: 9 }
      for (const [told, input] of [
        [usage, 11],
        [{ output_tokens: 9 }, 7]
      ] as const) {
        const { upstream } = yield* saying(start + words + stop("end_turn", told) + done)
        const { summary } = yield* ask(upstream)
        assert.deepStrictEqual((summary as Summary.Summary).usage, { input, output: 9, cached: 4 })
      }
    })
  )

  it.live("says why it ended", () =>
    Effect.gen(function* () {
      for (const [reason, finish] of [
        ["end_turn", "stop"],
        ["stop_sequence", "stop"],
        ["max_tokens", "length"],
        ["model_context_window_exceeded", "length"],
        ["tool_use", "tool-calls"],
        ["refusal", "refused"],
        ["pause_turn", "unknown"]
      ] as const) {
        const later = event({ type: "message_delta", delta: {}, usage: { output_tokens: 9 } })
        const { upstream } = yield* saying(start + words + stop(reason) + later + done)
        assert.strictEqual(((yield* ask(upstream)).summary as Summary.Summary).finish, finish)
      }
    })
  )

  it.live("may call tools, each in fragments of its own", () =>
    Effect.gen(function* () {
      const use = (id: string) => ({ type: "tool_use", id, name: "f", input: {} })
      const json = (text: string, index: number) => delta({ type: "input_json_delta", partial_json: text }, index)
      const both = block(use("a"), 1) + json('{"a":1}', 1) + block(use("b"), 2) + json('{"a":2}', 2)
      const { upstream } = yield* saying(start + words + both + stop("tool_use") + done)
      assert.deepStrictEqual((yield* ask(upstream)).parts.slice(1), [
        { _tag: "ToolCall", index: 0, id: "a", name: "f", arguments: "" },
        { _tag: "ToolCall", index: 0, arguments: '{"a":1}' },
        { _tag: "ToolCall", index: 1, id: "b", name: "f", arguments: "" },
        { _tag: "ToolCall", index: 1, arguments: '{"a":2}' }
      ])
    })
  )

  it.live("keeps the signature of a thought, and what is sealed", () =>
    Effect.gen(function* () {
      const thought =
        block({ type: "thinking", thinking: "", signature: "" }) +
        delta({ type: "thinking_delta", thinking: "Hm." }) +
        delta({ type: "signature_delta", signature: "c2ln" }) +
        block({ type: "redacted_thinking", data: "c2VhbA==" }, 1)
      const { upstream } = yield* saying(start + thought + words + stop("end_turn") + done)
      assert.deepStrictEqual((yield* ask(upstream)).parts, [
        { _tag: "Thinking", text: "Hm." },
        { _tag: "Thinking", text: "", signature: "c2ln" },
        { _tag: "Thinking", text: "", sealed: "c2VhbA==" },
        { _tag: "Text", text: "Hi" }
      ])
    })
  )

  it.live("that comes in one piece is understood all the same", () =>
    Effect.gen(function* () {
      const content = [
        { type: "thinking", thinking: "Hm.", signature: "c2ln" },
        { type: "text", text: "Hi" },
        { type: "tool_use", id: "a", name: "f", input: { b: 1 } }
      ]
      const body = {
        type: "message",
        model: "m",
        content,
        stop_reason: "tool_use",
        usage: { input_tokens: 3, output_tokens: 2 }
      }
      const { upstream } = yield* saying(JSON.stringify(body, null, 2), {}, "application/json")
      const { parts, summary } = yield* ask(upstream)
      assert.deepStrictEqual(parts, [
        { _tag: "Thinking", text: "Hm.", signature: "c2ln" },
        { _tag: "Text", text: "Hi" },
        { _tag: "ToolCall", index: 0, id: "a", name: "f", arguments: '{"b":1}' }
      ])
      assert.deepInclude(summary, { finish: "tool-calls", usage: { input: 3, output: 2 } })
    })
  )
})

describe("a stream", () => {
  const cases: ReadonlyArray<readonly [title: string, body: string, end: string]> = [
    [
      "with kinds of events that nobody knows",
      start + event({ type: "new" }) + words + delta({ type: "new" }) + stop("end_turn") + done,
      "answered"
    ],
    ["with pings", start + event({ type: "ping" }) + words + stop("end_turn") + done, "answered"],
    ["that is over before it has a reason to be", start + words + done, "Cut"],
    ["without an end", start + words + stop("end_turn"), "Cut"],
    ["of pings", event({ type: "ping" }), "Cut"],
    ["that is a page", "<html>\n<body>\n</html>\n", "Malformed"],
    ["whose data are no object", `${start}data: 7\n\n`, "Malformed"],
    ["that ends without a word or a token", start + stop("end_turn", { output_tokens: 0 }) + done, "Malformed"],
    [
      "whose model had nothing to say, and counts it",
      start + stop("end_turn", { output_tokens: 2 }) + done,
      "answered"
    ],
    [
      "with an error",
      start + words + event({ type: "error", error: { type: "api_error", message: "broke" } }),
      "RunnerDied"
    ],
    [
      "with a fragment of a call that has not begun",
      start + delta({ type: "input_json_delta", partial_json: "{" }, 7) + words + stop("end_turn") + done,
      "answered"
    ]
  ]
  for (const [title, body, ends] of cases) {
    it.live(`${title} is ${ends}`, () =>
      Effect.gen(function* () {
        const { upstream } = yield* saying(body)
        const told = yield* ask(upstream)
        assert.strictEqual(told.end, ends, told.error?.message)
        assert.isTrue(told.parts.every((part) => part._tag === "Text"))
      })
    )
  }
})

describe("a question", () => {
  it.live("goes with its key, and with the version of the interface", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* saying("", { key: "sesame" })
      yield* ask(upstream)
      assert.include(bytes.asked[0], "POST /v1/messages HTTP")
      assert.match(bytes.asked[0]!, /^x-api-key: sesame/im)
      assert.match(bytes.asked[0]!, /^anthropic-version: 2023-06-01/im)
      assert.notMatch(bytes.asked[0]!, /^authorization/im)
    })
  )
})

describe("a look", () => {
  it.live("lists the models, with their contexts where somebody tells them", () =>
    Effect.gen(function* () {
      const { upstream } = yield* hosting("anthropic")
      assert.deepStrictEqual((yield* upstream.inspect).models, [{ name: model, loaded: true }])
      const data = [
        { id: "a", max_input_tokens: 200_000 },
        { id: "b", max_input_tokens: null }
      ]
      const { bytes, upstream: near } = yield* saying(JSON.stringify({ data }), {}, "application/json")
      assert.deepStrictEqual((yield* near.inspect).models, [
        { name: "a", loaded: true, context: 200_000 },
        { name: "b", loaded: true }
      ])
      assert.include(bytes.asked[0], "GET /v1/models?limit=1000 HTTP")
    })
  )
})

describe("an Ollama behind this wire", () => {
  it.live("thinks and calls tools", () =>
    Effect.gen(function* () {
      const { server } = yield* serving({ models: [quick("a", { can: ["tools", "thinking"] })] })
      const upstream = yield* Anthropic.make("gpu", { url: server.url })
      const thought = yield* ask(upstream, Question.chat("a", "Why? [[sim tokens=5 thinking=2]]", { think: "low" }))
      assert.deepStrictEqual(
        thought.parts.map(({ _tag }) => _tag),
        ["Thinking", "Thinking", "Text", "Text", "Text"]
      )
      const tools = [{ name: "f", parameters: { type: "object" } }]
      const messages = [{ role: "user" as const, text: 'Why? [[sim tool=f arguments={"a":1}]]' }]
      const called = yield* ask(upstream, Question.make("a", { kind: "chat", messages, tools }, { think: false }))
      assert.strictEqual(
        called.parts.map((part) => (part._tag === "ToolCall" ? part.arguments : "")).join(""),
        '{"a":1}'
      )
      assert.strictEqual((yield* ask(upstream, Question.chat("none", "x"))).end, "ModelNotFound")
    })
  )
})
