/** Those who wait: whatever comes free they are told of, and nobody who comes later is served first. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("who waits", () => {
  it.effect("goes to a server that is drained no more, before whoever comes after him", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: chat.targets } }
      }))
      states[1]!.takes = 60_000
      yield* spillway.drain("gpu1")
      const busy = yield* asking(spillway)
      const waiting = yield* asking(spillway)
      yield* pass(1)
      yield* spillway.drain("gpu1", false)
      const late = yield* asking(spillway)
      yield* pass(1.2)
      assert.strictEqual(whoOf(yield* Fiber.join(waiting)), "gpu1/m")
      assert.isUndefined(late.pollUnsafe())
      yield* pass(1)
      assert.strictEqual(reasonOf(yield* Fiber.join(late)), "ok")
      yield* Fiber.interrupt(busy)
    })
  )

  it.effect("for a server that is drained meanwhile goes over at once", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { ...chat, targets: ["gpu1/m"] } }
      }))
      states[0]!.takes = 20_000
      const busy = yield* asking(spillway)
      const waiting = yield* asking(spillway)
      yield* pass(1)
      yield* spillway.drain("gpu1")
      yield* pass(1.5)
      assert.strictEqual(whoOf(yield* Fiber.join(waiting)), "hosted/big")
      yield* pass(20)
      assert.strictEqual(whoOf(yield* Fiber.join(busy)), "gpu1/m")
    })
  )

  it.effect("goes to a target whose circuit has half-opened, although nobody comes and nobody ends", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: chat.targets } },
        defaults: { breaker: { failures: 1, open: "2s" }, retry: { attempts: 1 } }
      }))
      states[0]!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      states[0]!.takes = 10
      states[1]!.takes = 60_000
      const fibers = yield* Effect.forEach([1, 2, 3], () => asking(spillway))
      yield* pass(1)
      states[0]!.fails = undefined
      yield* pass(3)
      // The first has failed there, the second runs elsewhere, and the third has waited.
      assert.strictEqual(whoOf(yield* Fiber.join(fibers[2]!)), "gpu1/m")
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("goes to a server that looks well again", () =>
    Effect.gen(function* () {
      let isUp = false
      const inspect = Effect.suspend(() =>
        isUp ? Effect.succeed({ models: [] }) : Effect.fail(refusal({ _tag: "Unknown" }))
      )
      const { spillway, states } = yield* scene(([one, two]) => ({
        upstreams: {
          gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect }, slots: 1 },
          gpu2: { upstream: two!.upstream, slots: 1 }
        },
        routes: { chat: { targets: chat.targets } },
        defaults: { health: { every: "1s" }, timeouts: { firstToken: "2m" } }
      }))
      for (let round = 0; round < 4; round++) {
        yield* asking(spillway)
        yield* pass(1.5)
      }
      states[1]!.takes = 60_000
      const busy = yield* asking(spillway)
      const waiting = yield* asking(spillway)
      isUp = true
      yield* pass(5)
      assert.strictEqual(whoOf(yield* Fiber.join(waiting)), "gpu1/m")
      yield* Fiber.interrupt(busy)
    })
  )

  it.effect("for a server that nobody could reach is told within seconds that it is down", () =>
    Effect.gen(function* () {
      let looks = 0
      const inspect = Effect.suspend(() => {
        looks++
        return Effect.fail(refusal({ _tag: "Unknown" }))
      })
      const { spillway, states } = yield* scene(([one, two]) => ({
        upstreams: {
          gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect }, slots: 9 },
          gpu2: { upstream: two!.upstream, slots: 9 }
        },
        routes: { chat: { targets: chat.targets } },
        defaults: { health: { every: "1h" } }
      }))
      states[0]!.fails = refusal({ _tag: "Unreachable", target: "gpu1/m", problem: "refused", parts: 0 })
      for (let each = 0; each < 6; each++) {
        yield* asking(spillway)
        yield* pass(1.2)
      }
      assert.isTrue((yield* spillway.status).upstreams[0]!.isDown)
      assert.isAtMost(looks, 8)
    })
  )

  it.effect("waits out a Retry-After for which he has the time, and goes over where he has not", () =>
    Effect.gen(function* () {
      for (const [retryAfter, expected] of [
        [70, "gpu1/m"],
        [500, "hosted/big"]
      ] as const) {
        const { spillway, states } = yield* scene((servers) => ({
          upstreams: upstreams(servers, 2),
          routes: { chat: { ...chat, targets: ["gpu1/m"], deadline: "5m", queue: { wait: "2m" } } }
        }))
        states[0]!.fails = refusal({
          _tag: "UpstreamRateLimited",
          target: "gpu1/m",
          retryAfter: Duration.seconds(retryAfter)
        })
        const first = yield* asking(spillway)
        yield* pass(2)
        assert.strictEqual(whoOf(yield* Fiber.join(first)), "hosted/big")
        states[0]!.fails = undefined
        const second = yield* asking(spillway)
        yield* pass(retryAfter === 70 ? 75 : 2)
        assert.strictEqual(whoOf(yield* Fiber.join(second)), expected)
      }
    })
  )
})

describe("a call that has failed somewhere", () => {
  const overloaded = refusal({ _tag: "Overloaded", target: "gpu1/m" })

  it.effect("waits for another target, and is not sent to the same one at once", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: chat.targets } },
        defaults: { retry: { attempts: 1 } }
      }))
      states[0]!.fails = overloaded
      states[0]!.takes = 10
      states[1]!.takes = 3_000
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(2)
      assert.strictEqual(states[0]!.asked, 1)
      yield* pass(5)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf), ["gpu2/m", "gpu2/m"])
    })
  )

  it.effect("for want of a model, or of room in its context, may go to another on the same server", () =>
    Effect.gen(function* () {
      for (const failure of [
        refusal({ _tag: "ModelNotFound", model: "m" }),
        refusal({ _tag: "ContextTooLong", tokens: 9, context: 4, target: "gpu1/m" })
      ]) {
        const { spillway, servers } = yield* scene((all) => ({
          upstreams: upstreams(all),
          routes: { chat: { targets: ["gpu1/m"], overflow: ["gpu1/large"] } }
        }))
        const [{ state }] = servers as [(typeof servers)[number]]
        state.failsFor = "m"
        state.fails = failure
        const fiber = yield* asking(spillway)
        yield* pass(3)
        assert.strictEqual(whoOf(yield* Fiber.join(fiber)), "gpu1/large")
      }
    })
  )

  it.effect("is never sent over to the domain that failed, also where that stands in a list with others", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: { ...upstreams(servers), hosted: { upstream: servers[2]!.upstream, slots: 1 } },
        routes: { chat: { targets: ["gpu1/m"], overflow: [["gpu1/other", "hosted/big"]] } },
        defaults: { retry: { attempts: 1 } }
      }))
      states[0]!.fails = overloaded
      states[2]!.takes = 2_000
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(8)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf), ["hosted/big", "hosted/big"])
      assert.strictEqual(states[0]!.asked, 2)
    })
  )

  it.effect("is hedged at another target than the one that is silent", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 4),
        routes: { chat: { targets: chat.targets } },
        defaults: { hedge: { after: "1s", budget: "100%" } }
      }))
      states[0]!.takes = states[1]!.takes = 20_000
      const fiber = yield* asking(spillway)
      yield* pass(2)
      assert.deepStrictEqual(
        states.slice(0, 2).map(({ asked }) => asked),
        [1, 1]
      )
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("costs all targets together hardly more than a fifth of a send, however many there are", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 64),
        routes: { chat: { targets: ["gpu1/m", "gpu2/m", "hosted/m"] } },
        defaults: { breaker: { failures: 1_000_000, failureRate: "100%", calls: 1_000_000 }, retry: { attempts: 1 } }
      }))
      for (const [index, state] of states.entries()) {
        state.takes = 10
        state.fails = refusal({ _tag: "Overloaded", target: `gpu${index}/m` })
      }
      const fibers = yield* Effect.forEach(Array.from({ length: 200 }), () =>
        Effect.tap(asking(spillway), () => pass(0.1))
      )
      yield* pass(5)
      yield* Fiber.joinAll(fibers)
      const sent = states.reduce((sum, { asked }) => sum + asked, 0)
      assert.isAtMost(sent, 200 * 1.2 + 20 + 10)
    })
  )
})
