/** An upstream of an Ollama: what it says of itself, what an answer tells, and what was cut without a word. */
import { assert, describe, it } from "@effect/vitest"
import { type Attempt, type Call, Question, type SpillwayError, type Summary, type Upstream } from "@spillway/core"
import { Effect, Fiber } from "effect"
import { Ollama } from "@spillway/upstream"
import { done, frame, head, last, piece, serve } from "./bytes.ts"
import { ask, quick, serving, to } from "./serving.ts"

describe("an answer", () => {
  it.live("tells what it took and how long, in the server's own count", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ models: [quick("a")] })
      const { parts, summary, text } = yield* ask(upstream, "Why? [[sim tokens=4]]")
      assert.strictEqual(parts.length, 4)
      assert.strictEqual(text.split(" ").length, 4)
      const { finish, model, timings, usage } = summary as Summary.Summary
      assert.deepStrictEqual([finish, model, usage?.output], ["stop", "a", 4])
      assert.isAbove(usage!.input, 0)
      assert.isAbove(timings!.load, 0)
      assert.isAtLeast(timings!.total, timings!.load)
    })
  )

  it.live("to nothing at all is one object, and no stream: the model is loaded", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving()
      assert.deepInclude(yield* ask(upstream, Question.chat("a", [])), { end: "answered", parts: [] })
      assert.strictEqual(server.ollama.loaded.length, 1)
    })
  )

  it.live("that was stopped at its first word is one without words", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving()
      const messages = [{ role: "user" as const, text: "Why? [[sim tokens=3 text=x]]" }]
      const stopped = yield* ask(upstream, Question.make("a", { kind: "chat", messages, stop: [" x", "x"] }))
      assert.deepStrictEqual([stopped.end, stopped.text.trim()], ["answered", ""])
    })
  )

  it.live("that reaches its bound says so", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving()
      const told = yield* ask(upstream, Question.chat("a", "Why? [[sim tokens=40]]", { maxTokens: 3 }))
      assert.strictEqual((told.summary as Summary.Summary).finish, "length")
      assert.strictEqual(told.parts.length, 3)
    })
  )

  it.live("may think, and may call a tool", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ models: [quick("a", { can: ["tools", "thinking"] })] })
      const thought = yield* ask(upstream, Question.chat("a", "Why? [[sim tokens=5 thinking=2]]", { think: true }))
      assert.deepStrictEqual(
        thought.parts.map(({ _tag }) => _tag),
        ["Thinking", "Thinking", "Text", "Text", "Text"]
      )
      const tools = [{ name: "f", parameters: { type: "object" } }]
      const messages = [{ role: "user" as const, text: 'Why? [[sim tool=f arguments={"a":1}]]' }]
      const called = yield* ask(upstream, Question.make("a", { kind: "chat", messages, tools }, { think: false }))
      assert.containSubset(called.parts, [{ _tag: "ToolCall", index: 0, name: "f", arguments: '{"a":1}' }])
      assert.strictEqual((called.summary as Summary.Summary).finish, "tool-calls")
    })
  )

  it.live("keeps the digits of the numbers that a tool is called with", () =>
    Effect.gen(function* () {
      const call = '{"function":{"name":"f","arguments":{"id":12345678901234567890,"n":1.5}}}'
      const says = `{"message":{"content":"","tool_calls":[${call}]}}\n${done}`
      const { upstream } = yield* to((socket) => socket.write(head() + piece(says) + last))
      const { parts } = yield* ask(upstream)
      assert.deepStrictEqual(parts, [
        { _tag: "ToolCall", index: 0, name: "f", arguments: '{"id":12345678901234567890,"n":1.5}' }
      ])
    })
  )

  it.live("tells how likely its tokens were, or is refused by a version that does not know", () =>
    Effect.gen(function* () {
      const question = Question.chat("a", "Why? [[sim tokens=2]]", { logprobs: 1 })
      const { upstream } = yield* serving()
      const { parts } = yield* ask(upstream, question)
      for (const part of parts) {
        assert.strictEqual(part._tag, "Text")
        if (part._tag !== "Text") continue
        assert.deepStrictEqual([part.logprobs?.length, part.logprobs?.[0]?.top.length], [1, 1])
        assert.strictEqual(part.logprobs![0]!.token, part.text)
      }
      const { upstream: silent } = yield* to((socket) => socket.write(head() + piece(frame("Hi") + done) + last))
      const refused = yield* ask(silent, question)
      assert.deepStrictEqual([refused.end, refused.parts.length], ["Unsupported", 0])
    })
  )

  it.live("may be vectors, one for each text, in order", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ models: [quick("v", { kind: "embed" })] })
      const told = yield* ask(upstream, Question.make("v", { kind: "embed", inputs: ["x", "y", "z"] }))
      assert.deepStrictEqual(
        told.parts.map((part) => (part._tag === "Embedding" ? [part.index, part.vector.length] : part._tag)),
        [0, 1, 2].map((index) => [index, (told.parts[0] as { vector: ReadonlyArray<number> }).vector.length])
      )
      assert.isAbove((told.summary as Summary.Summary).usage!.input, 0)
    })
  )

  it.live("of a generated text is the same as of a chat", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving()
      const told = yield* ask(upstream, Question.make("a", { kind: "generate", prompt: "Once [[sim tokens=6]]" }))
      assert.deepStrictEqual([told.end, told.parts.length], ["answered", 6])
    })
  )
})

describe("an attempt", () => {
  it.live("counts as sent only once it goes out", () =>
    Effect.gen(function* () {
      const sent = Effect.fnUntraced(function* (upstream: Upstream, question: Question.Question) {
        let seen: Attempt.Attempt | undefined
        const call: Call.Call<SpillwayError> = (asked, attempt) => upstream.call(asked, (seen = attempt))
        yield* ask({ ...upstream, call }, question)
        return seen!.sent
      })
      const { upstream } = yield* serving({ faults: ["overloaded"] })
      const away = yield* Ollama.make("gpu", { url: "http://127.0.0.1:1" })
      assert.isTrue(yield* sent(upstream, Question.chat("a", "hello")))
      assert.isFalse(yield* sent(away, Question.chat("a", "hello")))
      assert.isFalse(yield* sent(upstream, Question.chat("a", "hello", { maxTokens: 0 })))
    })
  )
})

describe("a prompt that is too long", () => {
  const long = Array.from({ length: 600 }, (_, each) => `word${each}`).join(" ")

  it.live("is refused by the server, and not cut: with how long it is, and how long it may be", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ context: 256 })
      const { end, error } = yield* ask(upstream, long)
      assert.strictEqual(end, "ContextTooLong")
      assert.containSubset(error!.reason, { tokens: 600, context: 256 })
    })
  )

  for (const version of ["0.11.4", "0.12.5"]) {
    it.live(`that v${version} has cut without a word is found out from its count`, () =>
      Effect.gen(function* () {
        const { upstream } = yield* serving({ context: 256, version })
        const { end, error } = yield* ask(upstream, long)
        assert.strictEqual(end, "Truncated")
        assert.containSubset(error!.reason, { counted: 256 })
        assert.strictEqual((yield* ask(upstream, "short [[sim tokens=2]]")).end, "answered")
        // Of a conversation it leaves out whole turns, and counts less than what there is room for.
        const turns = Array.from({ length: 9 }, (_, each) => ({
          role: each % 2 === 0 ? ("user" as const) : ("assistant" as const),
          text: Array.from({ length: 400 }, (_word, place) => `word${each}x${place}`).join(" ")
        }))
        assert.strictEqual(
          (yield* ask(upstream, Question.chat("a", [...turns, { role: "user", text: "?" }]))).end,
          "Truncated"
        )
      })
    )
  }
})

describe("a look at a server", () => {
  it.live("shows its version, its models, and of those that are loaded the context; and loads none", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ models: [quick("a"), quick("b:7b")], context: 2_048 })
      const before = yield* upstream.inspect
      assert.strictEqual(before.version, "0.34.0")
      assert.deepStrictEqual(
        before.models.map(({ context, loaded, name }) => [name, loaded, context]),
        [
          ["a:latest", false, undefined],
          ["b:7b", false, undefined]
        ]
      )
      yield* ask(upstream)
      const { models } = yield* upstream.inspect
      assert.deepInclude(models[0], { name: "a:latest", loaded: true, context: 2_048 })
      assert.isAbove(models[0]!.bytes!, 0)
      assert.match(models[0]!.digest!, /^[0-9a-f]{64}$/)
      assert.strictEqual(server.ollama.loaded.length, 1)
    })
  )

  it.live("waits for no question", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ faults: ["silence at=1"] }, { connections: 1 })
      const asking = yield* Effect.forkChild(ask(upstream))
      while (server.traffic.open.length === 0) yield* Effect.sleep(5)
      assert.strictEqual((yield* upstream.inspect).models.length, 1)
      yield* Fiber.interrupt(asking)
    })
  )

  it.live("fails in the same words as a question does", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ faults: ["overloaded path=/api/tags"] })
      const error = yield* Effect.flip(upstream.inspect)
      assert.strictEqual(error.reason._tag, "Overloaded")
      const away = yield* Ollama.make("gpu", { url: "http://127.0.0.1:1" })
      assert.strictEqual((yield* Effect.flip(away.inspect)).reason._tag, "Unreachable")
    })
  )
})

describe("an address", () => {
  it.live("may have a path that stands before every other, and a name and a password", () =>
    Effect.gen(function* () {
      const bytes = yield* serve((socket) => socket.end(`${head()}${piece(done)}${last}`))
      const { host } = new URL(bytes.url)
      yield* ask(yield* Ollama.make("gpu", { url: `http://ann:p%40ss@${host}/behind/` }))
      const [asked = ""] = bytes.asked
      assert.match(asked, /^POST \/behind\/api\/chat HTTP/)
      assert.include(asked.toLowerCase(), `authorization: basic ${btoa("ann:p@ss").toLowerCase()}`)
      assert.match(asked, new RegExp(`^host: ${host}`, "im"))
      yield* ask(yield* Ollama.make("gpu", { url: bytes.url, key: "sesame" }))
      assert.isTrue(bytes.asked.some((each) => /^authorization: Bearer sesame/im.test(each)))
    })
  )
})

describe("its options", () => {
  it.effect("refuse what is no address, and say what one is", () =>
    Effect.gen(function* () {
      for (const url of ["127.0.0.1:11434", "ftp://a", "http://a/?b", "http://a%zz:b@c", ""]) {
        const refused = yield* Effect.flip(Effect.scoped(Ollama.make("gpu", { url })))
        assert.include(refused.message, "an address without a query, as http://127.0.0.1:11434", url)
      }
    })
  )

  it.effect("refuse a key that no header holds, and take one that was read from a file", () =>
    Effect.gen(function* () {
      for (const key of ["", "two words", "schl\u00fcssel", "a\nb"]) {
        const refused = yield* Effect.flip(Effect.scoped(Ollama.make("gpu", { key })))
        assert.include(refused.message, "a key of plain letters and digits")
      }
      yield* Effect.scoped(Ollama.make("gpu", { key: "sesame\n" }))
    })
  )

  it.effect("show neither a key nor a password when they are refused", () =>
    Effect.gen(function* () {
      const url = "ftp://ann:sesame@127.0.0.1"
      const refused = yield* Effect.flip(Effect.scoped(Ollama.make("gpu", { url, key: 12_345 as never })))
      assert.match(refused.message, /url: [^]*key: /)
      assert.notMatch(refused.message, /sesame|12_?345/)
    })
  )
})
