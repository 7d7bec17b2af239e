/** What a model can and how much it reads: what is asked of it, and what is told who asks. */
import { assert, describe, it } from "@effect/vitest"
import { Call, Part, Question, refusal, type SpillwayError } from "@spillway/core"
import { Cause, Effect, Exit } from "effect"
import { ollama, said, scene } from "../fixtures/models.ts"
import { pass, reasonOf, whoOf } from "../fixtures/routing.ts"

const withTool = Question.make("chat", {
  kind: "chat",
  messages: [{ role: "user", text: "How high?" }],
  tools: [{ name: "measure", parameters: {} }]
})

const withImage = Question.make("chat", {
  kind: "chat",
  messages: [{ role: "user", text: "How high?", images: [{ base64: "AAAA" }] }]
})

/** English prose of about so many tokens, of which a model counts a fifth less or more. */
const prose = (tokens: number) =>
  "The dam is two hundred and forty three metres high and made of concrete. ".repeat(tokens / 16)

const two = { targets: ["gpu1/small", "gpu2/large"] }

describe("a question that a model cannot carry", () => {
  const able = { capabilities: ["completion", "tools", "vision", "thinking"] }

  it.effect("goes to one that can, once it is known what they can", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: { capabilities: ["completion"] } })
      const gpu2 = ollama("gpu2", { large: able })
      const { ask } = yield* scene({
        upstreams: { gpu1: { upstream: gpu1.upstream, slots: 9 }, gpu2: { upstream: gpu2.upstream, slots: 9 } },
        routes: { chat: { targets: ["gpu1/small", "gpu2/large"], balance: "round-robin" } }
      })
      yield* ask(said("How high?"))
      for (const question of [withTool, withImage, said("How high?", { think: true })]) {
        for (let each = 0; each < 4; each++) assert.strictEqual(whoOf(yield* ask(question)), "gpu2/large")
      }
      const [tools, choice] = [[{ name: "measure", parameters: {} }], "none"] as const
      const uncalled = Question.make("chat", {
        kind: "chat",
        messages: [{ role: "user", text: "How high?" }],
        tools,
        toolChoice: choice
      })
      const any = new Set<string | undefined>()
      for (let each = 0; each < 4; each++) any.add(whoOf(yield* ask(uncalled)))
      assert.strictEqual(any.size, 2)
      const plain = new Set<string | undefined>()
      for (let each = 0; each < 4; each++) plain.add(whoOf(yield* ask(said("How high?", { think: false }))))
      assert.deepStrictEqual(plain, new Set(["gpu1/small", "gpu2/large"]))
    })
  )

  it.effect("goes over where none of its own can, and is refused with the reason where that cannot either", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: { capabilities: ["completion"] } })
      const hosted = ollama("hosted", { big: { capabilities: ["completion", "tools"] } })
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: gpu1.upstream, hosted: hosted.upstream },
        routes: { chat: { targets: ["gpu1/small"], overflow: ["hosted/big"] } }
      })
      yield* ask(said("How high?"))
      yield* ask(withTool)
      assert.strictEqual(whoOf(yield* ask(withTool)), "hosted/big")
      assert.strictEqual((yield* spillway.explain("chat")).next, "gpu1/small")
      const told = yield* spillway.explain(withTool)
      assert.deepStrictEqual([told.next, told.tiers[0]!.targets[0]!.why], ["hosted/big", "unfit"])
      const asked = gpu1.state.asked.length + hosted.state.asked.length
      const refused = yield* ask(withImage, 0)
      assert.strictEqual(reasonOf(refused), "Unsupported")
      assert.match(Cause.pretty((refused as Exit.Failure<never, SpillwayError>).cause), /cannot carry images/)
      assert.strictEqual(gpu1.state.asked.length + hosted.state.asked.length, asked)
    })
  )

  it.effect("waits for none of those that cannot, where the one that can is closed", () =>
    Effect.gen(function* () {
      const [gpu1, gpu2] = [
        ollama("gpu1", { small: { capabilities: ["completion"] } }),
        ollama("gpu2", { large: able })
      ]
      const hosted = ollama("hosted", { big: able })
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: gpu1.upstream, gpu2: gpu2.upstream, hosted: hosted.upstream },
        routes: { chat: { ...two, overflow: ["hosted/big"] } }
      })
      for (let each = 0; each < 3; each++) yield* ask(said("How high?"))
      yield* spillway.drain("gpu2")
      assert.strictEqual((yield* spillway.explain(withTool)).next, "hosted/big")
      assert.strictEqual(whoOf(yield* ask(withTool, 2)), "hosted/big")
    })
  )

  it.effect("goes over also where that is found out while it waits", () =>
    Effect.gen(function* () {
      const [gpu1, hosted] = [
        ollama("gpu1", { small: { capabilities: ["completion"] } }),
        ollama("hosted", { big: able })
      ]
      let isSlow = true
      const show = (model: string) => Effect.delay(gpu1.upstream.show!(model), isSlow ? 1_500 : 0)
      const call: typeof gpu1.upstream.call = (question, attempt) =>
        Effect.andThen(Effect.sleep(20_000), gpu1.upstream.call(question, attempt))
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: { upstream: { ...gpu1.upstream, call, show }, slots: 1 }, hosted: hosted.upstream },
        routes: { chat: { targets: ["gpu1/small"], overflow: ["hosted/big"] } }
      })
      yield* Effect.forkChild(Effect.exit(spillway.ask(said("How high?"))), { startImmediately: true })
      yield* pass(0.3)
      const answered = yield* ask(withTool, 4)
      isSlow = false
      assert.strictEqual(whoOf(answered), "hosted/big")
    })
  )

  it.effect("has no last moment at what cannot carry it either", () =>
    Effect.gen(function* () {
      const [gpu1, hosted] = [
        ollama("gpu1", { small: able }),
        ollama("hosted", { big: { capabilities: ["completion"] } })
      ]
      let takes = 0
      const call: typeof gpu1.upstream.call = (question, attempt) =>
        Effect.andThen(Effect.sleep(takes), gpu1.upstream.call(question, attempt))
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: { upstream: { ...gpu1.upstream, call }, slots: 1 }, hosted: hosted.upstream },
        routes: {
          chat: { targets: ["gpu1/small"], overflow: ["hosted/big"], deadline: "40s", queue: { wait: "2m" } },
          over: { targets: ["hosted/big"] }
        }
      })
      for (let each = 0; each < 2; each++) {
        yield* ask(said("How high?"))
        yield* ask(Question.chat("over", "How high?"))
      }
      takes = 25_000
      yield* Effect.forkChild(Effect.exit(spillway.ask(withTool)), { startImmediately: true })
      yield* pass(0.2)
      takes = 0
      assert.strictEqual(whoOf(yield* ask(withTool, 35)), "gpu1/small")
    })
  )

  it.effect("that wants words goes to a model that speaks", () =>
    Effect.gen(function* () {
      const gpu1 = ollama(
        "gpu1",
        { words: { capabilities: ["completion"] }, vectors: { capabilities: ["embedding"] } },
        2
      )
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/words", "gpu1/vectors"] } }
      })
      yield* ask(said("How high?"))
      yield* ask(said("How high?"))
      const vectors = Question.make("chat", { kind: "embed", inputs: ["dam"] })
      // Some servers make vectors with any model.
      assert.strictEqual(reasonOf(yield* ask(vectors)), "ok")
      for (let each = 0; each < 3; each++) assert.strictEqual(whoOf(yield* ask(said("How high?"))), "gpu1/words")
    })
  )

  it.effect("that wants vectors goes to a model that names them, and else to one that may make them all the same", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { words: { capabilities: ["completion"] } })
      const gpu2 = ollama("gpu2", { vectors: { capabilities: ["embedding"] } })
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: { upstream: gpu1.upstream, slots: 9 }, gpu2: { upstream: gpu2.upstream, slots: 9 } },
        routes: { chat: { targets: ["gpu1/words", "gpu2/vectors"], balance: "round-robin" } }
      })
      yield* ask(said("How high?"))
      const vectors = Question.make("chat", { kind: "embed", inputs: ["dam"] })
      for (let each = 0; each < 3; each++) {
        const { next, tiers } = yield* spillway.explain(vectors)
        assert.deepStrictEqual([next, tiers[0]!.targets.map(({ why }) => why)], ["gpu2/vectors", ["later", "next"]])
        assert.strictEqual(whoOf(yield* ask(vectors)), "gpu2/vectors")
      }
      yield* spillway.drain("gpu2")
      assert.strictEqual((yield* spillway.explain(vectors)).next, "gpu1/words")
      assert.strictEqual(whoOf(yield* ask(vectors)), "gpu1/words")
    })
  )

  it.effect("is told before anybody asks, of whatever a server lists, and asked for once", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { words: { capabilities: ["completion"] } })
      const { ask, spillway } = yield* scene({ upstreams: { gpu1: gpu1.upstream } })
      yield* ask(said("How high?"))
      const told = []
      for (const target of ["gpu1/words", "gpu1/words", "gpu1/other", "gpu9/words", "words"]) {
        told.push(yield* spillway.capabilities(target))
      }
      assert.deepStrictEqual(told, [["completion"], ["completion"], [], [], []])
      assert.deepStrictEqual(gpu1.state.shows, ["words"])
    })
  )

  it.effect("is asked where a server says nothing of what its models can", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: { capabilities: [] } })
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/small"] } }
      })
      for (const question of [withTool, withImage, withTool]) {
        assert.strictEqual(whoOf(yield* ask(question)), "gpu1/small")
      }
    })
  )

  it.effect("is known by one look at each model that is asked for, until that is another one", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} })
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/small"] } },
        defaults: { health: { every: "5s" } }
      })
      for (let each = 0; each < 10; each++) yield* ask(said("How high?"))
      assert.deepStrictEqual(gpu1.state.shows, ["small"])
      gpu1.state.digest = "b"
      for (let each = 0; each < 10; each++) yield* ask(said("How high?"))
      assert.deepStrictEqual(gpu1.state.shows, ["small", "small"])
    })
  )
})

describe("a prompt that is too long", () => {
  it.effect("for the context of its route goes over, and is refused where nothing reads as much", () =>
    Effect.gen(function* () {
      const [gpu1, hosted] = [ollama("gpu1", { small: {} }), ollama("hosted", { big: { contextMax: 64_000 } })]
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream, hosted: hosted.upstream },
        routes: { chat: { targets: ["gpu1/small"], overflow: ["hosted/big"], context: 2_000 } }
      })
      assert.strictEqual(whoOf(yield* ask(said(prose(1_000)))), "gpu1/small")
      assert.strictEqual(whoOf(yield* ask(said(prose(16_000)))), "hosted/big")
      const [asked, over] = [gpu1.state.asked.length, hosted.state.asked.length]
      const refused = yield* ask(said(prose(400_000)), 0)
      assert.strictEqual(reasonOf(refused), "ContextTooLong")
      assert.match(Cause.pretty((refused as Exit.Failure<never, SpillwayError>).cause), /hosted\/big reads 64000/)
      assert.deepStrictEqual([gpu1.state.asked.length, hosted.state.asked.length], [asked, over])
    })
  )

  it.effect("is refused also where the server tells nothing of its models", () =>
    Effect.gen(function* () {
      const { ask } = yield* scene({
        upstreams: { mine: async () => "243 metres" },
        routes: { chat: { targets: ["mine/m"], context: 2_000 } }
      })
      assert.strictEqual(reasonOf(yield* ask(said(prose(16_000)), 0)), "ContextTooLong")
    })
  )

  it.effect("for one model goes to another that reads more, as far as their servers tell", () =>
    Effect.gen(function* () {
      const [gpu1, gpu2] = [
        ollama("gpu1", { small: { contextMax: 1_000 } }),
        ollama("gpu2", { large: { contextMax: 32_000 } })
      ]
      const { ask } = yield* scene({
        upstreams: { gpu1: { upstream: gpu1.upstream, slots: 9 }, gpu2: { upstream: gpu2.upstream, slots: 9 } },
        routes: { chat: { ...two, balance: "round-robin" } },
        defaults: { health: { every: "2s" } }
      })
      for (let each = 0; each < 4; each++) yield* ask(said("How high?"))
      for (let each = 0; each < 4; each++) assert.strictEqual(whoOf(yield* ask(said(prose(8_000)))), "gpu2/large")
    })
  )

  it.effect("is told by what its model has counted, as far as that is known", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {} })
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/small"], context: 2_000 } }
      })
      // It may be a fourth of what is expected, before anybody knows more.
      assert.strictEqual(reasonOf(yield* ask(said(prose(6_000)))), "ok")
      for (let each = 0; each < 10; each++) yield* ask(said(prose(1_000)))
      assert.strictEqual(reasonOf(yield* ask(said(prose(6_000)), 0)), "ContextTooLong")
      assert.strictEqual(reasonOf(yield* ask(said(prose(1_900)))), "ok")
    })
  )

  it.effect("is told by nothing that a model counts where it goes on with what another one began", () =>
    Effect.gen(function* () {
      const [gpu1, gpu2] = [ollama("gpu1", { small: {} }), ollama("gpu2", { large: { contextMax: 2_000 } })]
      const breaks: typeof gpu1.upstream.call = (_, attempt) => {
        void attempt.emit(Part.text("It says so."))
        return Effect.fail(refusal({ _tag: "Cut", target: "gpu1/small", parts: 1 }))
      }
      const call = Call.goingOn(gpu2.upstream.call, (_, heard) => Effect.succeed(heard))
      const { ask } = yield* scene({
        upstreams: { gpu1: { ...gpu1.upstream, call: breaks }, gpu2: { ...gpu2.upstream, call } },
        routes: {
          chat: { targets: ["gpu1/small"], overflow: ["gpu2/large"], retry: { attempts: 1 } },
          large: { targets: ["gpu2/large"] }
        },
        defaults: { breaker: { failures: 1_000, failureRate: "100%", calls: 1_000 } }
      })
      const large = (tokens: number) => Question.chat("large", prose(tokens))
      for (let each = 0; each < 10; each++) {
        const exit = yield* ask(said(prose(1_000)))
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.text, "It says so.The dam is high.")
      }
      assert.strictEqual(reasonOf(yield* ask(large(6_000))), "ok")
      for (let each = 0; each < 10; each++) yield* ask(large(1_000))
      assert.strictEqual(reasonOf(yield* ask(large(6_000))), "ContextTooLong")
    })
  )
})
