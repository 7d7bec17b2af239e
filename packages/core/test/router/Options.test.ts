/** Who may ask for what, and what it may cost him. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Effect, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("a caller", () => {
  it.effect("has the limits that are his, or everybody's, before anything shared is spent", () =>
    Effect.gen(function* () {
      const { records, spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 64),
        routes: { chat },
        callers: { ann: { rate: "2/min" }, bob: { routes: ["other"] } },
        anonymous: "refuse"
      }))
      const told = yield* Effect.forEach(["ann", "ann", "ann", "bob", "eve"], (caller) =>
        asking(spillway, "chat", { caller })
      )
      yield* pass(2)
      const reasons = (yield* Fiber.joinAll(told)).map(reasonOf)
      assert.deepStrictEqual(reasons, ["ok", "ok", "RateLimited", "Forbidden", "Unauthorized"])
      assert.strictEqual(
        states.reduce((sum, { asked }) => sum + asked, 0),
        2
      )
      assert.deepStrictEqual(
        records.map(({ status }) => status).toSorted((one, other) => one - other),
        [200, 200, 401, 403, 429]
      )
    })
  )

  it.effect("pays for what goes over within the budget, and is served by what is free when it is spent", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { ...chat, targets: ["gpu1/m"], maxTokens: 100, queue: { max: 0 } } },
        budgets: { total: "$0.00018/day" },
        defaults: { retry: { attempts: 1 } }
      }))
      // Each may cost a hundred micro-dollars and some more, and comes to twenty.
      for (let round = 0; round < 8; round++) {
        const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
        yield* pass(2)
        yield* Fiber.joinAll(fibers)
      }
      assert.strictEqual(states[0]!.asked, 8)
      assert.isAtLeast(states[2]!.asked, 2)
      assert.isAtMost(states[2]!.asked, 4)
    })
  )
})

describe("money", () => {
  const overloaded = refusal({ _tag: "Overloaded", target: "gpu1/m" })

  it.effect("that is spent hides no reason of our own, and keeps nobody from what is free", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: {
          chat: { targets: ["gpu1/m"], overflow: ["hosted/big"], maxTokens: 100 },
          free: { targets: ["gpu1/m"], overflow: ["hosted/big", "gpu2/m"], maxTokens: 100 }
        },
        // Each may cost a hundred micro-dollars and some more, and comes to twenty.
        budgets: { total: "$0.00012/day" },
        defaults: { retry: { attempts: 1 } }
      }))
      states[0]!.fails = overloaded
      const paid = yield* asking(spillway, "chat")
      yield* pass(5)
      assert.strictEqual(whoOf(yield* Fiber.join(paid)), "hosted/big")
      const fibers = [yield* asking(spillway, "chat"), yield* asking(spillway, "free")]
      yield* pass(5)
      const [local, free] = yield* Fiber.joinAll(fibers)
      assert.strictEqual(reasonOf(local!), "Overloaded")
      assert.strictEqual(whoOf(free!), "gpu2/m")
      assert.strictEqual(states[2]!.asked, 1)
    })
  )

  it.effect(
    "is what a server costs for each of its models, but for those of the cloud, or what somebody said of one",
    () =>
      Effect.gen(function* () {
        const { records, spillway } = yield* scene((servers) => ({
          upstreams: upstreams(servers),
          budgets: { total: "$1/day" },
          prices: { "gpu1/dear": { input: 10, output: 10 } }
        }))
        for (const [model, end] of [
          ["gpu1/any", "gpu1/any"],
          ["gpu1/gpt-oss:120b-cloud", "Unpriced"],
          ["gpu1/dear", "gpu1/dear"],
          ["hosted/any", "hosted/any"]
        ] as const) {
          const fiber = yield* asking(spillway, model)
          yield* pass(2)
          const exit = yield* Fiber.join(fiber)
          assert.strictEqual(whoOf(exit) ?? reasonOf(exit), end)
        }
        assert.deepStrictEqual(
          records.map(({ costUsd }) => costUsd),
          [0, undefined, 0.0002, 0.00002]
        )
      })
  )
})

describe("a caller's own deadline", () => {
  it.effect("stands in the place of the route's, also where it is longer", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"], deadline: "5s", timeouts: { firstToken: "1h", idle: "1h" } } },
        callers: { nightly: { deadline: "1h" } }
      }))
      states[0]!.takes = 60_000
      const nightly = yield* asking(spillway, "chat", { caller: "nightly" })
      yield* pass(70)
      assert.strictEqual(reasonOf(yield* Fiber.join(nightly)), "ok")
      const other = yield* asking(spillway)
      yield* pass(6)
      assert.strictEqual(reasonOf(yield* Fiber.join(other)), "TimedOut")
    })
  )
})
