/** What a model can, how much it reads, and how it is kept: what is asked of it, and what it is told. */
import { assert, describe, it } from "@effect/vitest"
import {
  Call,
  type Inspection,
  Options,
  Part,
  Question,
  refusal,
  type Router,
  Spillway,
  type SpillwayError,
  Summary,
  type Shown,
  type Upstream
} from "@spillway/core"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { type Answered, pass, reasonOf, whoOf } from "../fixtures/routing.ts"

/** An Ollama in short: models with what they can and read, of which one is loaded at a time. */
const ollama = (name: string, models: Readonly<Record<string, Partial<Shown>>>, fits = 1) => {
  const state = {
    loaded: [] as Array<string>,
    loads: [] as Array<readonly [model: string, kept: Question.Kept | undefined]>,
    shows: [] as Array<string>,
    asked: [] as Array<Question.Question>,
    digest: "a",
    context: undefined as number | undefined,
    failsToLoad: false,
    counts: 1
  }
  const load = (model: string) => {
    state.loaded = [...state.loaded.filter((each) => each !== model), model].slice(-fits)
  }
  const call: Call.Call<SpillwayError> = (question, attempt) =>
    Effect.gen(function* () {
      state.asked.push(question)
      load(question.model)
      yield* Effect.sleep(1_000)
      void attempt.emit(Part.text("The dam is high."))
      const input = Math.round(question.prompt.likely * state.counts)
      return Summary.make({ model: `${name}/${question.model}`, usage: { input, output: 5 } })
    })
  const upstream: Upstream = {
    name,
    call,
    inspect: Effect.map(Effect.sleep(10), (): Inspection => ({
      models: Object.keys(models).map((each) => ({
        name: each,
        digest: state.digest,
        loaded: state.loaded.includes(each),
        ...(state.context !== undefined && state.loaded.includes(each) && { context: state.context })
      }))
    })),
    show: (model) =>
      Effect.sync(() => {
        state.shows.push(model)
        return { capabilities: [], ...models[model] }
      }),
    load: (model, kept) =>
      Effect.gen(function* () {
        state.loads.push([model, kept])
        yield* Effect.sleep(5_000)
        if (state.failsToLoad) return yield* refusal({ _tag: "LoadFailed", target: `${name}/${model}` })
        load(model)
      })
  }
  return { state, upstream }
}

const scene = (options: Router.Options) =>
  Effect.map(Layer.build(Spillway.layer(options)), (context) => {
    const spillway = Context.get(context, Spillway)
    const ask = (question: Question.Question, seconds = 3) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.exit(spillway.ask(question)), { startImmediately: true })
        yield* pass(seconds)
        const answered: Answered = yield* Fiber.join(fiber)
        return answered
      })
    return { ask, spillway }
  })

const said = (words: string, settings: Question.Settings = {}) => Question.chat("chat", words, settings)

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

  it.effect("that wants vectors goes to a model that makes them, and words to one that speaks", () =>
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
      assert.strictEqual(whoOf(yield* ask(Question.make("chat", { kind: "embed", inputs: ["dam"] }))), "gpu1/vectors")
      assert.strictEqual(whoOf(yield* ask(said("How high?"))), "gpu1/words")
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

  it.effect("for one model goes to another that reads more, of those that it was loaded or made for", () =>
    Effect.gen(function* () {
      const [gpu1, gpu2] = [ollama("gpu1", { small: {} }), ollama("gpu2", { large: { contextMax: 32_000 } })]
      gpu1.state.context = 1_000
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
})

describe("the model of a route", () => {
  it.effect("is asked as the route keeps it, by whichever name it is asked for, and others are not", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} }, 2)
      const hosted = ollama("hosted", { big: {} })
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream, hosted: hosted.upstream },
        routes: {
          chat: { targets: ["gpu1/small"], overflow: ["hosted/big"], context: 4_096, keepLoaded: "10m" },
          longer: { targets: ["gpu1/small"], keepLoaded: "30m" },
          over: { targets: ["hosted/big"] }
        }
      })
      for (const model of ["chat", "gpu1/small", "longer", "small"]) {
        assert.strictEqual(reasonOf(yield* ask(Question.chat(model, "How high?"))), "ok")
        const asked = gpu1.state.asked.at(-1)!
        assert.deepStrictEqual([asked.kept?.context, Duration.toMillis(asked.kept!.loadedFor!)], [4_096, 1_800_000])
        assert.strictEqual(asked.model, "small")
      }
      yield* ask(Question.chat("gpu1/other", "How high?"))
      assert.isUndefined(gpu1.state.asked.at(-1)!.kept)
      yield* ask(Question.chat("over", "How high?"))
      assert.isUndefined(hosted.state.asked.at(-1)!.kept)
      assert.isTrue(Redacted.isRedacted(gpu1.state.asked[0]!.content))
    })
  )

  it.effect("is loaded before anybody asks, where the route says so, and asked for nothing", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} }, 2)
      const { spillway } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: {
          chat: { targets: ["gpu1/small"], preload: true, context: 4_096, keepLoaded: "30m" },
          rest: { targets: ["gpu1/other"] }
        }
      })
      yield* pass(10)
      const [[model, kept] = [], ...more] = gpu1.state.loads
      assert.deepStrictEqual([model, kept?.context, more.length], ["small", 4_096, 0])
      assert.strictEqual(Duration.toMillis(kept!.loadedFor!), 1_800_000)
      assert.deepStrictEqual([gpu1.state.loaded, gpu1.state.asked.length], [["small"], 0])
      assert.strictEqual((yield* spillway.status).upstreams.length, 1)
    })
  )

  it.effect("comes back when its server has lost it, but drives no other model out", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} })
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: {
          chat: { targets: ["gpu1/small"], preload: true },
          rest: { targets: ["gpu1/other"], preload: true }
        },
        defaults: { health: { every: "5s" } }
      })
      yield* pass(20)
      const names = () => gpu1.state.loads.map(([model]) => model)
      // There is room for one of them, and each has been loaded once.
      assert.deepStrictEqual(names(), ["small", "other"])
      const rest = Question.chat("rest", "How high?")
      for (let each = 0; each < 10; each++) yield* ask(rest, 6)
      assert.deepStrictEqual(names(), ["small", "other"])
      // A server that has nothing any more gets all of it back.
      gpu1.state.loaded = []
      const nowhere = Question.chat("nowhere/nothing", "How high?")
      for (let each = 0; each < 4; each++) yield* ask(nowhere, 6)
      assert.deepStrictEqual(names(), ["small", "other", "small", "other"])
    })
  )

  it.effect("is not loaded while somebody works there, and a load that fails is tried again once nobody does", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} }, 2)
      gpu1.state.failsToLoad = true
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/small"], preload: true }, rest: { targets: ["gpu1/other"] } },
        defaults: { health: { every: "2s" } }
      })
      yield* pass(30)
      // Nobody asks for anything, so that nobody looks again.
      assert.strictEqual(gpu1.state.loads.length, 1)
      const rest = Question.chat("rest", "How high?")
      for (let each = 0; each < 10; each++) yield* ask(rest, 1.1)
      assert.strictEqual(gpu1.state.loads.length, 1)
      gpu1.state.loaded = []
      const nowhere = Question.chat("nowhere/nothing", "How high?")
      for (let each = 0; each < 3; each++) yield* ask(nowhere, 3)
      assert.isAtLeast(gpu1.state.loads.length, 2)
    })
  )

  it("has one context, whichever route it is asked on", () => {
    const upstreams = { gpu1: async () => "Yes" }
    const routes = {
      chat: { targets: ["gpu1/small"], context: 4_096 },
      long: { targets: ["gpu1/small"], context: 8_192 }
    }
    const made = Effect.runSyncExit(Effect.scoped(Layer.build(Spillway.layer({ upstreams, routes }))))
    const error = Exit.isFailure(made) ? Cause.squash(made.cause) : undefined
    assert.instanceOf(error, Options.OptionsRefused)
    assert.match(
      (error as Error).message,
      /routes\.long\.context: read 8192, write 4096, as routes\.chat has for gpu1\/small/
    )
  })
})
