/** Who may ask for what, what it may cost him, and what is refused before anybody asks. */
import { assert, describe, it } from "@effect/vitest"
import { Spillway } from "@spillway/core"
import { Effect, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, server, upstreams, whoOf } from "../fixtures/routing.ts"
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

describe("a model that no route names", () => {
  it.effect("is asked where its name says, or wherever it may be, and is not there otherwise", () =>
    Effect.gen(function* () {
      const inspect = Effect.succeed({ models: [{ name: "m:latest", loaded: false }] })
      const { spillway } = yield* scene(([one, two]) => ({
        upstreams: {
          gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect }, slots: 4 },
          gpu2: { upstream: { name: "gpu2", ...two!.upstream, inspect }, slots: 4 }
        }
      }))
      const ask = (model: string) =>
        Effect.gen(function* () {
          const fiber = yield* asking(spillway, model)
          yield* pass(2)
          return yield* Fiber.join(fiber)
        })
      assert.strictEqual(whoOf(yield* ask("gpu2/n")), "gpu2/n")
      assert.match(`${whoOf(yield* ask("m"))}`, /^gpu[12]\/m$/)
      assert.strictEqual(reasonOf(yield* ask("nobody")), "ModelNotFound")
    })
  )
})

describe("what makes no sense", () => {
  it.effect("is refused, all of it at once, with what would be right", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const refused = yield* Effect.flip(
        Effect.provide(
          Effect.service(Spillway),
          Spillway.layer({
            upstreams: { gpu1: upstream, "a/b": upstream },
            routes: { chat: { targets: ["gpu2/m", "m"], balance: "fastest" as "forecast" }, empty: { targets: [] } },
            callers: { ann: { ...({ rates: "2/min" } as object) } }
          })
        )
      )
      assert.deepStrictEqual(
        refused.problems.map(({ path }) => path),
        [
          "upstreams.a/b",
          "routes.chat.balance",
          "routes.chat",
          "routes.chat",
          "routes.empty.targets",
          "callers.ann.rates"
        ]
      )
      assert.include(refused.message, "did you mean gpu1?")
      assert.include(refused.message, "did you mean rate?")
    })
  )
})
