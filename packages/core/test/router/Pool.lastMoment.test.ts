/** Until when a call waits that can go over. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { asking, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"

describe("a call that can go over", () => {
  it.effect("goes over at the last moment that leaves that its time, as far as it is known", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"], overflow: ["hosted/big"], timeouts: { firstToken: "1m", idle: "1m" } } },
        callers: { never: { overflow: "never" } }
      }))
      states[0]!.takes = 30_000
      const busy = yield* asking(spillway)
      // Nobody knows yet how long it takes over there: half of the time is for that.
      const first = yield* asking(spillway, "chat", { deadline: "10s" })
      yield* pass(4.9)
      assert.strictEqual(states[2]!.asked, 0)
      yield* pass(0.2)
      assert.strictEqual(states[2]!.asked, 1)
      yield* pass(1)
      assert.strictEqual(whoOf(yield* Fiber.join(first)), "hosted/big")
      const second = yield* asking(spillway, "chat", { deadline: "10s" })
      // Of what was seen once nobody is sure: it may take two and a half times as long.
      yield* pass(7.5)
      assert.strictEqual(states[2]!.asked, 1)
      yield* pass(1.6)
      assert.strictEqual(whoOf(yield* Fiber.join(second)), "hosted/big")
      // Where too little is left, or a place is free, there is nothing to wait for.
      const late = yield* asking(spillway, "chat", { deadline: "1900 millis" })
      yield* pass(1.1)
      assert.strictEqual(whoOf(yield* Fiber.join(late)), "hosted/big")
      // Whoever may not go over has the whole of his time.
      states[0]!.takes = 1_000
      const never = yield* asking(spillway, "chat", { caller: "never", deadline: "15s" })
      yield* pass(15)
      assert.deepStrictEqual([whoOf(yield* Fiber.join(busy)), whoOf(yield* Fiber.join(never))], ["gpu1/m", "gpu1/m"])
    })
  )

  it.effect("goes over in time for whoever can be asked there, and not for one who is closed", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: {
          chat: {
            targets: ["gpu1/m"],
            overflow: [["hosted/big", "gpu2/m"]],
            timeouts: { firstToken: "2m", idle: "2m" }
          },
          slow: { targets: ["gpu2/m"] },
          dear: { targets: ["hosted/big"], retry: { attempts: 1 } }
        }
      }))
      states[1]!.takes = 6_000
      const known = [yield* asking(spillway, "slow"), yield* asking(spillway, "dear")]
      yield* pass(7)
      yield* Fiber.joinAll(known)
      const retryAfter = Duration.seconds(500)
      states[2]!.fails = refusal({ _tag: "UpstreamRateLimited", target: "hosted/big", retryAfter })
      const told = yield* asking(spillway, "dear")
      yield* pass(2)
      assert.strictEqual(reasonOf(yield* Fiber.join(told)), "UpstreamRateLimited")
      states[0]!.takes = 90_000
      yield* asking(spillway)
      const over = yield* asking(spillway, "chat", { deadline: "20s" })
      yield* pass(19)
      assert.strictEqual(whoOf(yield* Fiber.join(over)), "gpu2/m")
    })
  )

  it.effect("has the whole of its time where nobody is there to whom it could go over", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"], overflow: ["hosted/big"] } }
      }))
      yield* spillway.drain("hosted")
      states[0]!.takes = 6_000
      const busy = yield* asking(spillway)
      const waiting = yield* asking(spillway, "chat", { deadline: "10s" })
      yield* pass(5)
      states[0]!.takes = 1_000
      yield* pass(4)
      assert.deepStrictEqual((yield* Fiber.joinAll([busy, waiting])).map(whoOf), ["gpu1/m", "gpu1/m"])
    })
  )
})
