/** An OpenAI-shaped upstream: what it is asked, what its answers tell, and in what servers of that shape differ. */
import { assert, describe, it } from "@effect/vitest"
import { type Part, Question, type Summary } from "@spillway/core"
import { Effect } from "effect"
import { OpenAi } from "@spillway/upstream"
import { head, last, piece, serve } from "./bytes.ts"
import { chunk, end, event, saying } from "./openai/saying.ts"
import { ask, hosting, hosts, quick, serving } from "./serving.ts"

const { model } = hosts.openai

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
      const fragment = (more: object) => chunk({ tool_calls: [{ index: 0, ...more }] })
      const counted = event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })
      const body =
        fragment({ function: { name: "f", arguments: "" } }) +
        fragment({ id: "a", function: { arguments: "{}" } }) +
        fragment({ id: "b", function: { name: "g", arguments: "{}" } }) +
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
