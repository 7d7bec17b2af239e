/** Targets of a pool: which of them are asked, and which are left alone. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("a target", () => {
  it.effect("that asked for peace is left in it by everybody, also by those who wait", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"] } }
      }))
      const [state] = states
      state!.fails = refusal({ _tag: "UpstreamRateLimited", target: "gpu1/m", retryAfter: Duration.seconds(10) })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => asking(spillway))
      yield* pass(1)
      const asked = state!.asked
      state!.fails = undefined
      yield* pass(8)
      assert.strictEqual(state!.asked, asked)
      assert.strictEqual((yield* spillway.explain("chat")).tiers[0]!.targets[0]!.closed, "held")
      yield* pass(20)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(reasonOf), ["ok", "ok", "ok", "ok"])
    })
  )

  it.effect("whose circuit is open is not asked, and where all are nobody waits for them", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"] } },
        defaults: { breaker: { failures: 2, open: "10s" }, retry: { attempts: 1 } }
      }))
      const [state] = states
      state!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => asking(spillway))
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(reasonOf), [
        "Overloaded",
        "Overloaded",
        "Unavailable",
        "Unavailable",
        "Unavailable"
      ])
      assert.strictEqual(state!.asked, 2)
      assert.strictEqual((yield* spillway.explain("chat")).tiers[0]!.targets[0]!.closed, "open")
      state!.fails = undefined
      yield* pass(10)
      const probe = yield* asking(spillway)
      yield* pass(2)
      assert.strictEqual(reasonOf(yield* Fiber.join(probe)), "ok")
    })
  )

  it.effect("that is drained ends what it has, and gets nothing new", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      const running = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* spillway.drain("gpu1")
      const next = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(5)
      assert.deepStrictEqual((yield* Fiber.joinAll([...running, ...next])).map(reasonOf), ["ok", "ok", "ok", "ok"])
      assert.deepStrictEqual(
        states.map(({ asked }) => asked),
        [1, 3, 0]
      )
      yield* spillway.drain("gpu1", false)
      const after = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(2)
      yield* Fiber.joinAll(after)
      assert.strictEqual(states[0]!.asked, 2)
    })
  )

  it.effect("that looks down, or lacks the model, is asked only where no other is left", () =>
    Effect.gen(function* () {
      let isThere = true
      const looking = Effect.suspend(() =>
        isThere ? Effect.succeed({ models: [{ name: "m", loaded: true }] }) : Effect.fail(refusal({ _tag: "Unknown" }))
      )
      const { spillway, states } = yield* scene(([one, two]) => ({
        upstreams: {
          gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect: looking }, slots: 4 },
          gpu2: {
            upstream: {
              name: "gpu2",
              ...two!.upstream,
              inspect: Effect.succeed({ models: [{ name: "other", loaded: true }] })
            },
            slots: 4
          }
        },
        routes: { chat: { targets: ["gpu1/m", "gpu2/m"] } }
      }))
      const ask = Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
        yield* pass(2)
        return (yield* Fiber.joinAll(fibers)).map(whoOf)
      })
      yield* ask
      assert.deepStrictEqual(yield* ask, ["gpu1/m", "gpu1/m"])
      isThere = false
      // Two looks have to fail before a server is down.
      for (let look = 0; look < 3; look++) {
        yield* pass(40)
        yield* ask
      }
      assert.isTrue((yield* spillway.status).upstreams[0]!.isDown)
      assert.deepStrictEqual(yield* ask, ["gpu2/m", "gpu2/m"])
      yield* spillway.drain("gpu2")
      assert.deepStrictEqual(yield* ask, ["gpu1/m", "gpu1/m"])
      assert.isAbove(states[0]!.asked, 0)
    })
  )
})
