/** How the model of a route is kept: for which context, for how long, and whether before anybody asks. */
import { assert, describe, it } from "@effect/vitest"
import { Options, Question, Spillway } from "@spillway/core"
import { Cause, Duration, Effect, Exit, Layer, Redacted } from "effect"
import { ollama, scene } from "../fixtures/models.ts"
import { pass, reasonOf } from "../fixtures/routing.ts"

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
          brief: { targets: ["gpu1/small"], keepLoaded: "5m" },
          over: { targets: ["hosted/big"] }
        }
      })
      for (const model of ["chat", "gpu1/small", "longer", "small"]) {
        assert.strictEqual(reasonOf(yield* ask(Question.chat(model, "How high?"))), "ok")
        const asked = gpu1.state.asked.at(-1)!
        assert.deepStrictEqual([asked.kept?.context, Duration.toMillis(asked.kept!.loadedFor!)], [4_096, 1_800_000])
        assert.strictEqual(asked.model, "small")
      }
      yield* ask(Question.chat("gpu1/small:latest", "How high?"))
      assert.strictEqual(gpu1.state.asked.at(-1)!.kept?.context, 4_096)
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

  it.effect("is kept as its route says, whatever all others are and by whichever name somebody looks", () =>
    Effect.gen(function* () {
      const [gpu1, gpu2] = [ollama("gpu1", { small: {}, other: {} }, 2), ollama("gpu2", { large: {} })]
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: gpu1.upstream, gpu2: gpu2.upstream },
        routes: { chat: { targets: ["gpu1/small"], overflow: ["gpu2/large"], context: 32_768 } },
        defaults: { context: 4_096, preload: true }
      })
      // What it goes over to reads as much as it does.
      yield* spillway.drain("gpu1")
      yield* ask(Question.chat("chat", "How high?"))
      yield* spillway.drain("gpu1", false)
      yield* ask(Question.chat("gpu2/large:latest", "How high?"))
      assert.deepStrictEqual(
        gpu2.state.asked.map(({ kept }) => kept),
        [undefined, undefined]
      )
      yield* spillway.explain("gpu1/small")
      yield* ask(Question.chat("small", "How high?"))
      yield* ask(Question.chat("chat", "How high?"))
      assert.deepStrictEqual(
        gpu1.state.asked.map(({ kept }) => kept?.context),
        [32_768, 32_768]
      )
      yield* ask(Question.chat("gpu1/other", "How high?"))
      assert.strictEqual(gpu1.state.asked.at(-1)!.kept?.context, 4_096)
      yield* pass(60)
      assert.isFalse(gpu1.state.loads.some(([model]) => model === "other"))
    })
  )

  it.effect("is tried again where it could not be loaded, although another one is loaded there", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {}, other: {} }, 2)
      gpu1.state.failsToLoad = true
      gpu1.state.loaded = ["other"]
      const { ask } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/small"], preload: true } },
        defaults: { health: { every: "5s" } }
      })
      yield* pass(10)
      gpu1.state.failsToLoad = false
      for (let each = 0; each < 3; each++) yield* ask(Question.chat("nowhere/nothing", "How high?"), 6)
      assert.deepStrictEqual([gpu1.state.loads.length, gpu1.state.loaded], [2, ["other", "small"]])
    })
  )

  it.effect("comes back again and again also where it is loaded at once", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {} })
      let loads = 0
      const load = (model: string) =>
        Effect.sync(() => {
          loads++
          gpu1.state.loaded = [model]
        })
      const { ask } = yield* scene({
        upstreams: { gpu1: { ...gpu1.upstream, load } },
        routes: { chat: { targets: ["gpu1/small"], preload: true } },
        defaults: { health: { every: "2s" } }
      })
      for (let each = 1; each < 4; each++) {
        yield* pass(3)
        yield* ask(Question.chat("nowhere/nothing", "How high?"), 1)
        assert.strictEqual(loads, each)
        gpu1.state.loaded = []
      }
    })
  )

  it.effect("is loaded once, however often somebody looks meanwhile, and no more once the router is closed", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {} })
      let isLeft = false
      const load = (model: string) =>
        Effect.onInterrupt(Effect.andThen(gpu1.upstream.load!(model), Effect.never), () =>
          Effect.sync(() => (isLeft = true))
        )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { ask } = yield* scene({
            upstreams: { gpu1: { ...gpu1.upstream, load } },
            routes: { chat: { targets: ["gpu1/small"], preload: true } },
            defaults: { health: { every: "1s" } }
          })
          yield* pass(1)
          for (let each = 0; each < 3; each++) yield* ask(Question.chat("nowhere/nothing", "How high?"), 1)
          assert.deepStrictEqual([gpu1.state.loads.length, isLeft], [1, false])
        })
      )
      assert.isTrue(isLeft)
    })
  )

  it.effect("is loaded before anybody asks also where its server comes up later", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { small: {} })
      let isUp = false
      const inspect = Effect.suspend(() => (isUp ? gpu1.upstream.inspect : Effect.never))
      yield* scene({
        upstreams: { gpu1: { ...gpu1.upstream, inspect } },
        routes: { chat: { targets: ["gpu1/small"], preload: true } }
      })
      yield* pass(5)
      isUp = true
      yield* pass(60)
      assert.strictEqual(gpu1.state.loads.length, 1)
    })
  )

  it("has one context, whichever route it is asked on and by whichever name", () => {
    const upstreams = { gpu1: async () => "Yes" }
    const routes = {
      chat: { targets: ["gpu1/small"], context: 4_096 },
      long: { targets: ["gpu1/small:latest"], context: 8_192 }
    }
    const made = Effect.runSyncExit(Effect.scoped(Layer.build(Spillway.layer({ upstreams, routes }))))
    const error = Exit.isFailure(made) ? Cause.squash(made.cause) : undefined
    assert.instanceOf(error, Options.OptionsRefused)
    assert.match(
      (error as Error).message,
      /routes\.long\.context: read 8192, write 4096, as routes\.chat has for gpu1\/small:latest/
    )
  })
})
