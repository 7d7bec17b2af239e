/** An OpenAI-shaped upstream: what it is asked, what its answers tell, and in what servers of that shape differ. */
import { assert, describe, it } from "@effect/vitest"
import { type Part, Question, type Summary } from "@spillway/core"
import { Effect } from "effect"
import { OpenAi } from "@spillway/upstream"
import { head, last, piece, serve } from "./bytes.ts"
import { ask, hosting, hosts, quick, serving } from "./serving.ts"

const { model } = hosts.openai

const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  event({ model: "m", choices: [{ index: 0, delta, finish_reason: finish, ...more }] })

const end =
  chunk({}, "stop") + event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }) + event("[DONE]")

/** A server that answers everything with these bytes, and the wire to it. */
const saying = (body: string, options: OpenAi.Options = {}, type = "text/event-stream") =>
  Effect.gen(function* () {
    const bytes = yield* serve((socket) => socket.write(head(type) + piece(body) + last))
    return { bytes, upstream: yield* OpenAi.make("near", { url: `${bytes.url}/v1`, ...options }) }
  })

describe("an answer", () => {
  it.live("may be vectors, in the order of what was asked", () =>
    Effect.gen(function* () {
      const { upstream } = yield* hosting("openai")
      const question = Question.make("text-embedding-3-small", { kind: "embed", inputs: ["x", "y"] })
      const { parts, summary } = yield* ask(upstream, question)
      assert.deepStrictEqual(
        parts.map((part) => (part._tag === "Embedding" ? [part.index, part.vector.length] : part._tag)),
        [
          [0, 1_536],
          [1, 1_536]
        ]
      )
      assert.isAbove((summary as Summary.Summary).usage!.input, 0)
      const data = [
        { index: 1, embedding: [2] },
        { index: 0, embedding: [1] }
      ]
      const { upstream: turned } = yield* saying(JSON.stringify({ data }), {}, "application/json")
      const vectors = yield* ask(turned, question)
      assert.deepStrictEqual(vectors.parts, [
        { _tag: "Embedding", index: 0, vector: [1] },
        { _tag: "Embedding", index: 1, vector: [2] }
      ])
    })
  )

  it.live("thinks under either of two names, and may decline", () =>
    Effect.gen(function* () {
      for (const field of ["reasoning_content", "reasoning"]) {
        const { upstream } = yield* saying(chunk({ [field]: "Hm." }) + chunk({ content: "So." }) + end)
        assert.deepStrictEqual((yield* ask(upstream)).parts, [
          { _tag: "Thinking", text: "Hm." },
          { _tag: "Text", text: "So." }
        ])
      }
      const { upstream } = yield* saying(chunk({ refusal: "I will not." }) + end)
      const { summary, text } = yield* ask(upstream)
      assert.deepStrictEqual([text, (summary as Summary.Summary).finish], ["I will not.", "refused"])
      const { upstream: filtered } = yield* saying(chunk({}, "content_filter") + event("[DONE]"))
      assert.deepInclude((yield* ask(filtered)).summary, { finish: "refused" })
    })
  )

  it.live("tells how likely its tokens were, or is refused where that was asked for and does not come", () =>
    Effect.gen(function* () {
      const told = { token: "So", logprob: -0.1, bytes: [83, 111], top_logprobs: [{ token: "So", logprob: -0.1 }] }
      const { upstream } = yield* saying(chunk({ content: "So" }, null, { logprobs: { content: [told] } }) + end)
      const question = Question.chat("m", "hello", { logprobs: 1 })
      assert.deepStrictEqual((yield* ask(upstream, question)).parts, [
        {
          _tag: "Text",
          text: "So",
          logprobs: [{ token: "So", logprob: -0.1, bytes: [83, 111], top: [{ token: "So", logprob: -0.1 }] }]
        }
      ])
      const { upstream: silent } = yield* hosting("openai")
      const refused = yield* ask(silent, Question.chat(model, "hello", { logprobs: 1 }))
      assert.deepStrictEqual([refused.end, refused.parts.length], ["Unsupported", 0])
    })
  )

  it.live("may leave likelihoods out later, and give one that is no number", () =>
    Effect.gen(function* () {
      const told = { token: "So", logprob: null }
      const first = chunk({ content: "So" }, null, { logprobs: { content: [told] } })
      const { upstream } = yield* saying(first + chunk({ content: " what" }) + end)
      assert.deepStrictEqual((yield* ask(upstream, Question.chat("m", "hello", { logprobs: 0 }))).parts, [
        { _tag: "Text", text: "So", logprobs: [{ token: "So", logprob: -9_999, top: [] }] },
        { _tag: "Text", text: " what" }
      ])
    })
  )

  it.live("has a call whose id comes late, and ends with it whatever reason is told; what was counted stays", () =>
    Effect.gen(function* () {
      const piece = (more: object) => chunk({ tool_calls: [{ index: 0, ...more }] })
      const counted = event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })
      const body =
        piece({ function: { name: "f", arguments: "" } }) +
        piece({ id: "a", function: { arguments: "{}" } }) +
        piece({ id: "b", function: { name: "g", arguments: "{}" } }) +
        counted
      const { upstream } = yield* saying(
        body + chunk({}, "stop", {}) + event({ choices: [], usage: null }) + event("[DONE]")
      )
      const { parts, summary } = yield* ask(upstream)
      assert.deepStrictEqual(
        parts.map((part) => part._tag === "ToolCall" && part.index),
        [0, 0, 1]
      )
      assert.deepInclude(summary, { finish: "tool-calls", usage: { input: 3, output: 2 } })
    })
  )

  it.live("may say its words in blocks", () =>
    Effect.gen(function* () {
      const content = [
        { type: "thinking", thinking: [{ type: "text", text: "Hm." }] },
        { type: "text", text: "So." }
      ]
      const { upstream } = yield* saying(chunk({ content }) + end)
      assert.deepStrictEqual((yield* ask(upstream)).parts, [
        { _tag: "Thinking", text: "Hm." },
        { _tag: "Text", text: "So." }
      ])
      const { upstream: odd } = yield* saying(chunk({ content: [{ type: "audio" }] }) + end)
      assert.strictEqual((yield* ask(odd)).end, "Malformed")
    })
  )

  it.live("has calls without ids that are told by their names, and one whose fragments are named anew", () =>
    Effect.gen(function* () {
      const call = (more: object, written: string, name?: string) =>
        chunk({ tool_calls: [{ ...more, function: { ...(name && { name }), arguments: written } }] })
      const { upstream } = yield* saying(
        call({ index: 0, id: "" }, '{"a":1}', "f") + call({ index: 0, id: "" }, '{"b":1}', "g") + end
      )
      const indexes = (told: { readonly parts: ReadonlyArray<Part.Part> }) =>
        told.parts.map((part) => (part._tag === "ToolCall" ? [part.index, part.arguments] : part._tag))
      assert.deepStrictEqual(indexes(yield* ask(upstream)), [
        [0, '{"a":1}'],
        [1, '{"b":1}']
      ])
      const { upstream: anew } = yield* saying(
        call({ index: 0, id: "x" }, '{"a"', "f") + call({ index: 0, id: "y" }, ":1}") + end
      )
      assert.deepStrictEqual(indexes(yield* ask(anew)), [
        [0, '{"a"'],
        [0, ":1}"]
      ])
      const { upstream: older } = yield* saying(
        chunk({ function_call: { name: "f", arguments: "{}" } }, "function_call") + event("[DONE]")
      )
      assert.deepInclude((yield* ask(older)).summary, { finish: "tool-calls" })
    })
  )

  it.live("has calls that only their ids tell apart, where a server counts all of them alike", () =>
    Effect.gen(function* () {
      const call = (id: string, name: string) => ({
        tool_calls: [{ index: 0, id, function: { name, arguments: "{}" } }]
      })
      const { upstream } = yield* saying(chunk(call("a", "f")) + chunk(call("b", "g")) + end)
      assert.deepStrictEqual(
        (yield* ask(upstream)).parts.map((part) => part._tag === "ToolCall" && [part.index, part.id, part.name]),
        [
          [0, "a", "f"],
          [1, "b", "g"]
        ]
      )
    })
  )

  it.live("that comes in one piece is understood all the same", () =>
    Effect.gen(function* () {
      const message = {
        role: "assistant",
        content: "Hello",
        tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }]
      }
      const body = {
        model: "m",
        choices: [{ index: 0, message, finish_reason: "tool_calls" }],
        usage: { prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } }
      }
      const { upstream } = yield* saying(JSON.stringify(body, null, 2), {}, "application/json; charset=utf-8")
      const { parts, summary } = yield* ask(upstream)
      assert.deepStrictEqual(parts, [
        { _tag: "Text", text: "Hello" },
        { _tag: "ToolCall", index: 0, id: "a", name: "f", arguments: "{}" }
      ])
      assert.deepInclude(summary, { finish: "tool-calls", usage: { input: 3, output: 2, cached: 1 } })
    })
  )
})

describe("a stream", () => {
  const cases: ReadonlyArray<readonly [title: string, body: string, end: string]> = [
    [
      "with a beginning mark, names, comments and no spaces",
      `\ufeff\n: hi\nevent: a\nid: 1\nretry: 5\ndata\n${chunk({ content: "Hi" }, "stop").replace(": ", ":")}data:[DONE]\n\n`,
      "answered"
    ],
    ["whose lines end as on Windows", (chunk({ content: "Hi" }) + end).replaceAll("\n", "\r\n"), "answered"],
    ["that goes on after its end", `${chunk({ content: "Hi" })}${end}${chunk({ content: "!" })}`, "answered"],
    ["whose end has no line end", `${chunk({ content: "Hi" })}${end}`.trimEnd(), "answered"],
    ["that is done before it has a reason to be", chunk({ content: "Hi" }) + event("[DONE]"), "Cut"],
    ["without an end", chunk({ content: "Hi" }) + chunk({}, "stop"), "Cut"],
    [
      "under a wrong label",
      `data: ${JSON.stringify({ choices: [{ delta: { content: "Hi" } }] })}\n\n${end}`,
      "answered"
    ],
    ["whose end has a space behind it", `${chunk({ content: "Hi" }, "stop")}data: [DONE] \n\n`, "answered"],
    ["with a field that nobody knows", `x-more: 1\n${chunk({ content: "Hi" })}${end}`, "answered"],
    [
      "whose choice is an error",
      chunk({ content: "Hi" }, "error", { error: { code: 502, message: "gone" } }),
      "RunnerDied"
    ],
    [
      "whose reason is that it broke",
      chunk({ content: "Hi" }, "insufficient_system_resource") + event("[DONE]"),
      "RunnerDied"
    ],
    [
      "whose reason is a name that every object has",
      chunk({ content: "Hi" }, "constructor") + event("[DONE]"),
      "answered"
    ],
    ["of nothing", "", "Cut"],
    ["of comments", ": hi\n\n: hi\n\n", "Cut"],
    ["with a line of no kind", `${chunk({ content: "Hi" })}hello\n\n${end}`, "Malformed"],
    ["with an event that is no object", `${event("[1]")}${end}`, "Malformed"],
    ["that is a page", "<html>\n<body>\n</html>\n", "Malformed"],
    ["that ends without a word or a token", chunk({}, "stop") + event("[DONE]"), "Malformed"],
    ["with a bare error in it", `${chunk({ content: "Hi" })}{"error":{"message":"broke"}}\n`, "RunnerDied"],
    ["whose error is an event of vLLM's", event({ object: "error", message: "broke", code: 500 }), "RunnerDied"]
  ]
  for (const [title, body, ends] of cases) {
    it.live(`${title} is ${ends}`, () =>
      Effect.gen(function* () {
        const type = title.startsWith("under a wrong label") ? "application/json" : "text/event-stream"
        const { upstream } = yield* saying(body, {}, type)
        const told = yield* ask(upstream)
        assert.strictEqual(told.end, ends, told.error?.message)
        if (ends === "answered") assert.strictEqual(told.text, "Hi")
        if (ends === "answered") assert.isString((told.summary as Summary.Summary).finish)
      })
    )
  }
})

describe("a question", () => {
  it.live("goes with its key to the path of the address, or to /v1 where it has none", () =>
    Effect.gen(function* () {
      const { bytes } = yield* saying("")
      for (const [url, path] of [
        [bytes.url, "/v1/chat/completions"],
        [`${bytes.url}/api/v1/`, "/api/v1/chat/completions"],
        [`${bytes.url}/v1/chat/completions`, "/v1/chat/completions"]
      ] as const) {
        yield* ask(yield* OpenAi.make("near", { url, key: "sesame" }))
        const asked = bytes.asked.at(-1)!
        assert.include(asked, `POST ${path} HTTP`)
        assert.match(asked, /^authorization: Bearer sesame/im)
      }
    })
  )

  it.live("is bounded by the field that its server knows", () =>
    Effect.gen(function* () {
      const bound = Effect.fnUntraced(function* (options: OpenAi.Options) {
        const { bytes, upstream } = yield* saying("", options)
        yield* ask(upstream, Question.chat("m", "hello", { maxTokens: 7 }))
        return /"max_\w+":\d/.exec(bytes.asked[0]!)?.[0]
      })
      assert.strictEqual(yield* bound({}), '"max_tokens":7')
      assert.strictEqual(yield* bound({ maxTokens: "max_completion_tokens" }), '"max_completion_tokens":7')
    })
  )
})

describe("a look", () => {
  it.live("lists the models, with their contexts where somebody tells them", () =>
    Effect.gen(function* () {
      const { upstream } = yield* hosting("openai")
      assert.deepStrictEqual((yield* upstream.inspect).models[0], { name: model, loaded: true })
      const data = [{ id: "a", max_model_len: 4_096 }, { id: "b", context_length: 8_192 }, { id: "c" }]
      const { upstream: near } = yield* saying(JSON.stringify({ data }), {}, "application/json")
      assert.deepStrictEqual((yield* near.inspect).models, [
        { name: "a", loaded: true, context: 4_096 },
        { name: "b", loaded: true, context: 8_192 },
        { name: "c", loaded: true }
      ])
      const bytes = yield* serve((socket) => {
        socket.write(head("application/json", "503 Busy") + piece('{"data":[]}') + last)
      })
      const busy = yield* OpenAi.make("near", { url: bytes.url })
      assert.strictEqual((yield* Effect.flip(busy.inspect)).reason._tag, "Overloaded")
      for (const body of ['{"data":[{}]}', "{}", "<html>"]) {
        const { upstream: odd } = yield* saying(body, {}, "application/json")
        assert.strictEqual((yield* Effect.flip(odd.inspect)).reason._tag, "Malformed", body)
      }
    })
  )
})

describe("an Ollama behind this wire", () => {
  it.live("thinks, calls tools and makes vectors, but cuts a prompt that is too long without a word", () =>
    Effect.gen(function* () {
      const { server } = yield* serving({
        models: [quick("a", { can: ["tools", "thinking"] }), quick("v", { kind: "embed" })],
        context: 256
      })
      const upstream = yield* OpenAi.make("gpu", { url: server.url })
      const thought = yield* ask(upstream, Question.chat("a", "Why? [[sim tokens=5 thinking=2]]", { think: "low" }))
      assert.deepStrictEqual(
        thought.parts.map(({ _tag }) => _tag),
        ["Thinking", "Thinking", "Text", "Text", "Text"]
      )
      const tools = [{ name: "f", parameters: { type: "object" } }]
      const messages = [{ role: "user" as const, text: 'Why? [[sim tool=f arguments={"a":1}]]' }]
      const called = yield* ask(upstream, Question.make("a", { kind: "chat", messages, tools }, { think: false }))
      assert.containSubset(called.parts, [{ _tag: "ToolCall", index: 0, name: "f", arguments: '{"a":1}' }])
      const long = Array.from({ length: 600 }, (_, each) => `word${each}`).join(" ")
      assert.strictEqual((yield* ask(upstream, Question.chat("v", "x"))).end, "Unsupported")
      const cut = yield* ask(upstream, long)
      assert.strictEqual(cut.end, "answered")
      assert.isAtMost((cut.summary as Summary.Summary).usage!.input, 256)
      const vectors = yield* ask(upstream, Question.make("v", { kind: "embed", inputs: ["x", "y"] }))
      assert.strictEqual(vectors.parts.length, 2)
      assert.strictEqual((yield* ask(upstream, Question.chat("none", "x"))).end, "ModelNotFound")
    })
  )
})
