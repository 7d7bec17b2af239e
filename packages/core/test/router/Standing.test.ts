/** What `status` and `explain` tell: that it is what happens, and that telling it changes nothing. */
import { assert, describe, it } from "@effect/vitest"
import { refusal, type Spillway } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { asking, chat, pass, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** Each target of a route, and why it is asked or not. */
const whys = (spillway: Spillway["Service"], model = "chat") =>
  Effect.map(spillway.explain(model), ({ tiers }) =>
    Object.fromEntries(tiers.flatMap(({ targets }) => targets.map(({ target, why }) => [target, why])))
  )

describe("where a call would go now", () => {
  it.effect("is told for each target with its reason, and is where the next one goes", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat }
      }))
      const { next } = yield* spillway.explain("chat")
      assert.strictEqual(next, "gpu1/m")
      assert.strictEqual((yield* spillway.explain("chat")).next, next)
      assert.deepStrictEqual(
        states.map(({ asked }) => asked),
        [0, 0, 0]
      )
      assert.deepStrictEqual(yield* whys(spillway), { "gpu1/m": "next", "gpu2/m": "later", "hosted/big": "later" })
      const fibers = [yield* asking(spillway)]
      yield* pass(0.1)
      assert.deepStrictEqual(yield* whys(spillway), { "gpu1/m": "full", "gpu2/m": "next", "hosted/big": "later" })
      fibers.push(yield* asking(spillway), yield* asking(spillway))
      yield* pass(0.1)
      const full = yield* spillway.explain("chat")
      assert.strictEqual(full.next, undefined)
      assert.deepStrictEqual(yield* whys(spillway), { "gpu1/m": "full", "gpu2/m": "full", "hosted/big": "later" })
      assert.deepStrictEqual([full.tiers[0]!.waiting, full.tiers[0]!.startsIn], [1, undefined])
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf).slice(0, 2), ["gpu1/m", "gpu2/m"])
    })
  )

  it.effect("is said to begin when turns come free, once it is known how long they take", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"] } }
      }))
      const first = yield* asking(spillway)
      yield* pass(2)
      yield* Fiber.join(first)
      const startsIn = Effect.map(spillway.explain("chat"), ({ tiers }) => Duration.toMillis(tiers[0]!.startsIn!))
      assert.strictEqual(yield* startsIn, 0)
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => asking(spillway))
      yield* pass(0.1)
      assert.closeTo(yield* startsIn, 4_000, 100)
      yield* pass(6)
      yield* Fiber.joinAll(fibers)
    })
  )

  it.effect("is what goes over once the route's own are closed, and nowhere where everything is", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      yield* spillway.drain("gpu1")
      yield* spillway.drain("gpu2")
      assert.strictEqual((yield* spillway.explain("chat")).next, "hosted/big")
      assert.deepStrictEqual(yield* whys(spillway), {
        "gpu1/m": "draining",
        "gpu2/m": "draining",
        "hosted/big": "next"
      })
      yield* spillway.drain("hosted")
      assert.strictEqual((yield* spillway.explain("chat")).next, undefined)
      yield* spillway.drain("gpu2", false)
      assert.strictEqual((yield* spillway.explain("chat")).next, "gpu2/m")
    })
  )

  it.effect("is where a call would wait that has the time, and what goes over where it has not", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: {
          chat: { targets: ["gpu1/m"], overflow: ["hosted/big"] },
          soon: { targets: ["gpu1/m"], overflow: ["hosted/big"], deadline: "10s" }
        }
      }))
      const retryAfter = Duration.seconds(30)
      states[0]!.fails = refusal({ _tag: "UpstreamRateLimited", target: "gpu1/m", retryAfter })
      const fiber = yield* asking(spillway)
      yield* pass(2)
      assert.strictEqual(whoOf(yield* Fiber.join(fiber)), "hosted/big")
      assert.strictEqual((yield* spillway.explain("soon")).next, "hosted/big")
      const { next, tiers } = yield* spillway.explain("chat")
      const [held] = tiers[0]!.targets
      assert.deepStrictEqual([next, held!.why], [undefined, "held"])
      assert.closeTo(Duration.toMillis(held!.for!), 28_500, 200)
      states[0]!.fails = undefined
      const fibers = [yield* asking(spillway), yield* asking(spillway, "soon")]
      yield* pass(32)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf), ["gpu1/m", "hosted/big"])
    })
  )

  it.effect("knows who looks down or lacks the model, and which servers have another model of that name", () =>
    Effect.gen(function* () {
      let isThere = true
      const looks = (digest: string, ...names: ReadonlyArray<string>) => ({
        models: names.map((name) => ({ name, digest, loaded: name === "m:latest" }))
      })
      const { spillway } = yield* scene(([one, two, three]) => ({
        upstreams: {
          gpu1: {
            upstream: {
              name: "gpu1",
              ...one!.upstream,
              inspect: Effect.suspend(() =>
                isThere
                  ? Effect.succeed(looks("aa", "m:latest", "same:latest"))
                  : Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1" }))
              )
            }
          },
          gpu2: { upstream: { name: "gpu2", ...two!.upstream, inspect: Effect.succeed(looks("bb", "m:latest")) } },
          gpu3: { upstream: { name: "gpu3", ...three!.upstream, inspect: Effect.succeed(looks("aa", "same:latest")) } }
        },
        routes: {
          chat: { targets: ["gpu1/m", "gpu2/m", "gpu3/m"] },
          same: { targets: ["gpu1/same", "gpu3/same"] }
        },
        defaults: { health: { every: "1s" } }
      }))
      const ask = Effect.gen(function* () {
        const fibers = [yield* asking(spillway), yield* asking(spillway, "same")]
        yield* pass(3)
        yield* Fiber.joinAll(fibers)
      })
      yield* ask
      assert.strictEqual((yield* whys(spillway))["gpu3/m"], "lacking")
      assert.deepStrictEqual((yield* spillway.status).differing, [{ model: "m", digests: { gpu1: "aa", gpu2: "bb" } }])
      const { tiers } = yield* spillway.explain("chat")
      assert.deepStrictEqual(
        tiers[0]!.targets.map(({ isLoaded }) => isLoaded),
        [true, true, undefined]
      )
      isThere = false
      for (let look = 0; look < 3; look++) yield* ask
      assert.deepStrictEqual(yield* whys(spillway), { "gpu1/m": "down", "gpu2/m": "next", "gpu3/m": "lacking" })
    })
  )
})

describe("what servers have", () => {
  it.effect("is told before anybody asks for anything: who looks waits for the first look, and for no later one", () =>
    Effect.gen(function* () {
      const models = [
        { name: "a:1b", loaded: false },
        { name: "b:1b", loaded: true }
      ]
      let looks = 0
      const inspect = Effect.delay(
        Effect.sync(() => {
          looks++
          return { models }
        }),
        500
      )
      const { spillway } = yield* scene(([one]) => ({
        upstreams: { gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect } } },
        defaults: { health: { every: "1s" } }
      }))
      assert.deepStrictEqual((yield* spillway.status).upstreams[0]!.models, [])
      const looking = yield* Effect.forkChild(spillway.look)
      yield* pass(0.3)
      assert.isUndefined(looking.pollUnsafe())
      yield* pass(0.3)
      yield* Fiber.join(looking)
      const [seen] = (yield* spillway.status).upstreams
      assert.deepInclude(seen, { models: ["a:1b", "b:1b"], loaded: ["b:1b"] })
      const asked = yield* asking(spillway, "a:1b")
      yield* pass(2)
      yield* Fiber.join(asked)
      assert.deepStrictEqual((yield* spillway.status).upstreams[0]!.loaded, ["a:1b", "b:1b"])
      yield* pass(2)
      const before = looks
      yield* spillway.look
      yield* pass(1)
      assert.strictEqual(looks, before + 1)
    })
  )
})

describe("a status that has to be fresh", () => {
  it.effect("is of a look that is no older than was said, however seldom servers are looked at otherwise", () =>
    Effect.gen(function* () {
      let looks = 0
      let isUp = false
      const inspect = Effect.suspend(() => {
        looks++
        return isUp ? Effect.succeed({ models: [] }) : Effect.fail(refusal({ _tag: "Unknown" }))
      })
      const { spillway } = yield* scene(([one]) => ({
        upstreams: { gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect } }, mine: one!.upstream.call }
      }))
      yield* spillway.drain("mine")
      const told = Effect.map(spillway.status, ({ upstreams: all }) =>
        all.map(({ isDown, isDraining, isSeen }) => ({ isDown, isDraining, isSeen }))
      )
      yield* spillway.lookWithin("1 second")
      const mine = { isDown: false, isSeen: true, isDraining: true }
      assert.deepStrictEqual(yield* told, [{ isDown: false, isSeen: false, isDraining: false }, mine])
      isUp = true
      yield* pass(0.5)
      yield* spillway.lookWithin("1 second")
      assert.strictEqual(looks, 1)
      yield* pass(0.5)
      yield* spillway.lookWithin("1 second")
      assert.deepStrictEqual(yield* told, [{ isDown: false, isSeen: true, isDraining: false }, mine])
      yield* pass(1)
      yield* spillway.look
      assert.strictEqual(looks, 2)
      yield* spillway.lookWithin("1 second")
      assert.strictEqual(looks, 3)
    })
  )
})

describe("the last hour of a route", () => {
  it.effect("says how many calls went over, once each, and after a whole one that its own are too few", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"], overflow: ["gpu2/m", "hosted/big"] } },
        defaults: { retry: { attempts: 1 }, breaker: { failures: 1_000, failureRate: "100%", calls: 1_000 } }
      }))
      const hour = Effect.map(spillway.explain("chat"), ({ lastHour: { calls, isTooSmall, over } }) => ({
        calls,
        over,
        isTooSmall
      }))
      assert.deepStrictEqual(yield* hour, { calls: 0, over: 0, isTooSmall: false })
      states[1]!.fails = refusal({ _tag: "Overloaded", target: "gpu2/m" })
      for (let each = 0; each < 10; each++) {
        states[0]!.fails = each < 4 ? refusal({ _tag: "Overloaded", target: "gpu1/m" }) : undefined
        const fiber = yield* asking(spillway)
        yield* pass(3)
        yield* Fiber.join(fiber)
      }
      assert.strictEqual(states[2]!.asked, 4)
      assert.deepStrictEqual(yield* hour, { calls: 10, over: 4, isTooSmall: false })
      yield* pass(59 * 60)
      assert.deepStrictEqual(yield* hour, { calls: 10, over: 4, isTooSmall: false })
      yield* pass(30)
      assert.deepStrictEqual(yield* hour, { calls: 10, over: 4, isTooSmall: true })
      yield* pass(120)
      assert.deepStrictEqual(yield* hour, { calls: 0, over: 0, isTooSmall: false })
    })
  )

  it.effect("says for which share of the time its own slots were in use, and after a whole one that they idle", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: {
          gpu1: { upstream: servers[0]!.upstream, slots: 1 },
          gpu2: { upstream: servers[1]!.upstream, slots: 3 }
        },
        routes: { chat: { targets: ["gpu1/m", "gpu2/m"], balance: "round-robin" } },
        defaults: { deadline: "1h", timeouts: { firstToken: "1h" } }
      }))
      const hour = Effect.map(spillway.explain("chat"), ({ lastHour: { isIdle, used } }) => ({ isIdle, used }))
      assert.deepStrictEqual(yield* hour, { used: 0, isIdle: false })
      states[0]!.takes = states[1]!.takes = 240_000
      for (let each = 0; each < 3; each++) yield* asking(spillway)
      yield* pass(240)
      assert.deepStrictEqual(yield* hour, { used: 3 / 4, isIdle: false })
      yield* pass(56 * 60)
      assert.deepStrictEqual(yield* hour, { used: 3 / 4 / 15, isIdle: false })
      yield* asking(spillway)
      yield* pass(300)
      assert.deepStrictEqual(yield* hour, { used: 1 / 60, isIdle: true })
    })
  )
})
