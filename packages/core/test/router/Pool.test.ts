/** Targets of a pool: which of them are asked, and which are left alone. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Duration, Effect, Exit, Fiber } from "effect"
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

  it.effect("whose circuit is reset is asked at once, as if nothing had ever failed there", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"] } },
        defaults: { breaker: { failures: 2, open: "10m" }, retry: { attempts: 1 } }
      }))
      const [state] = states
      state!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      const failing = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(3)
      yield* Fiber.joinAll(failing)
      assert.strictEqual((yield* spillway.explain("chat")).tiers[0]!.targets[0]!.closed, "open")
      state!.fails = undefined
      yield* spillway.reset("gpu1/m")
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(reasonOf), ["ok", "ok"])
      const refused = yield* Effect.flip(spillway.reset("gpu9/m"))
      assert.match(refused.message, /^target was "gpu9\/m": it has to be a target that has been asked, /)
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

  it.effect("that has just come back is asked by one more each time, and the others wait for that", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 8),
        routes: { chat: { targets: ["gpu1/m"] } },
        defaults: { breaker: { failures: 1, open: "2s" }, retry: { attempts: 1 } }
      }))
      const [state] = states
      state!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      yield* Fiber.join(yield* Effect.tap(asking(spillway), () => pass(1)))
      state!.fails = undefined
      yield* pass(2)
      const probe = yield* asking(spillway)
      yield* pass(1.5)
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => asking(spillway))
      assert.strictEqual(state!.running, 1)
      yield* pass(6)
      assert.deepStrictEqual((yield* Fiber.joinAll([probe, ...fibers])).map(reasonOf), Array(7).fill("ok"))
    })
  )

  it.effect("is not asked more often than its rate allows, and what is too much for it goes over", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: { ...upstreams(servers, 8), gpu1: { upstream: servers[0]!.upstream, slots: 8, rate: "2/min" } },
        routes: { chat: { ...chat, targets: ["gpu1/m"] } }
      }))
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => asking(spillway))
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(reasonOf), Array(4).fill("ok"))
      assert.deepStrictEqual(
        states.map(({ asked }) => asked),
        [2, 0, 2]
      )
    })
  )

  it.effect("that is drained before anybody has asked for it stays so", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({ upstreams: upstreams(servers) }))
      yield* spillway.drain("gpu1")
      const fiber = yield* asking(spillway, "gpu1/m")
      yield* pass(2)
      assert.strictEqual(reasonOf(yield* Fiber.join(fiber)), "Unavailable")
    })
  )
})

describe("what goes over", () => {
  it.effect("never goes to where it has just failed", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: { ...upstreams(servers, 8), gpu2: { upstream: servers[1]!.upstream, domain: "gpu1" } },
        routes: { chat: { targets: ["gpu1/m"], overflow: ["gpu1/big", ["gpu2/m"], "hosted/big"] } },
        defaults: { retry: { attempts: 1 } }
      }))
      states[0]!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      const fiber = yield* asking(spillway)
      yield* pass(3)
      assert.strictEqual(whoOf(yield* Fiber.join(fiber)), "hosted/big")
      assert.deepStrictEqual(
        states.map(({ asked }) => asked),
        [1, 0, 1]
      )
    })
  )

  it.effect("does not stand in a line again that it has left in vain, or that was full", () =>
    Effect.gen(function* () {
      const { records, spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m", "gpu2/m"], queue: { max: 1, wait: "5s" } } }
      }))
      for (const state of states) state.takes = 100_000
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => asking(spillway))
      yield* pass(7)
      const [, , late, full] = fibers.map((fiber) => fiber.pollUnsafe())
      for (const [exit, code] of [
        [late, "timed_out"],
        [full, "queue_full"]
      ] as const) {
        const told = exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
        assert.lengthOf(told !== undefined && Exit.isFailure(told) ? told.cause.reasons : [], 1, code)
      }
      assert.deepStrictEqual(
        records.map(({ error, latencyMs, queueMs }) => [error, Math.round(latencyMs), Math.round(queueMs)]),
        [
          ["queue_full", 0, 0],
          ["timed_out", 5_000, 5_000]
        ]
      )
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
    })
  )
})

describe("the next target", () => {
  const turns = (balance: "forecast" | "least-busy" | "round-robin", calls: number, slots: number) =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, slots),
        routes: { chat: { targets: ["gpu1/m", "gpu2/m"], balance } }
      }))
      states[0]!.takes = 400
      states[1]!.takes = 2_000
      for (let each = 0; each < calls; each++) {
        yield* asking(spillway)
        yield* pass(0.5)
      }
      yield* pass(5)
      return states.slice(0, 2).map(({ asked }) => asked)
    })

  it.effect("is the one that is expected to be done first, as its answers have been", () =>
    Effect.gen(function* () {
      const [quick, slow] = yield* turns("forecast", 20, 4)
      assert.isAtMost(slow!, 3)
      assert.strictEqual(quick! + slow!, 20)
    })
  )

  it.effect("is the next in turn, or the emptiest, where that is wanted", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* turns("round-robin", 20, 40), [10, 10])
      const [quick, slow] = yield* turns("least-busy", 20, 40)
      assert.isAbove(quick!, slow!)
      assert.isAbove(slow!, 3)
    })
  )
})
