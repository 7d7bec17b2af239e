/** Who may ask for what, what it may cost him, and what is refused before anybody asks. */
import { assert, describe, it } from "@effect/vitest"
import { refusal, type Router, Spillway } from "@spillway/core"
import { Effect, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, server, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** How a router of these options is refused. */
const refusedOf = (options: Router.Options) =>
  Effect.flip(Effect.provide(Effect.service(Spillway), Spillway.layer(options)))

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

describe("what makes no sense", () => {
  it.effect("is refused, all of it at once, with what would be right", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const refused = yield* refusedOf({
        upstreams: {
          gpu1: upstream,
          "a/b": upstream,
          typo: { upsteam: upstream } as never,
          more: { upstream, ...({ slot: 2 } as object) }
        },
        record: "calls.log" as never,
        routes: {
          chat: { targets: ["gpu2/m", "m"], balance: "fastest" as "forecast" },
          empty: { targets: [], overflow: [[]] },
          twice: { targets: ["gpu1/m", "gpu1/m"] },
          word: { targets: "gpu1/m" as never }
        },
        callers: {
          ann: { ...({ rates: "2/min" } as object) },
          bob: { overflow: "Never" as "never", burst: 5, routes: ["chta"] },
          eve: 7 as never
        },
        defaults: { retry: 3 as never, ...({ dwel: "1s" } as object) }
      })
      assert.deepStrictEqual(
        refused.problems.map(({ path }) => path),
        [
          "upstreams.a/b",
          "upstreams.typo",
          "upstreams.more.slot",
          "record",
          "defaults.dwel",
          "routes.chat.balance",
          "routes.chat",
          "routes.chat",
          "routes.empty.targets",
          "routes.empty.overflow",
          "routes.twice",
          "routes.word.targets",
          "callers.ann.rates",
          "callers.bob.overflow",
          "callers.bob.burst",
          "callers.bob.routes",
          "callers.eve"
        ]
      )
      assert.include(refused.message, "did you mean gpu1?")
      assert.include(refused.message, "did you mean rate?")
      assert.include(refused.message, "it has upsteam")
    })
  )

  it.effect("is a weight that gives nobody a turn, also where no route has a line yet", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      for (const weight of [-1, 0, Number.NaN, Infinity, "2" as never]) {
        const refused = yield* refusedOf({ upstreams: { gpu1: upstream }, callers: { ann: { weight } } })
        assert.deepStrictEqual(
          refused.problems.map(({ path }) => path),
          ["callers.ann.weight"]
        )
        assert.include(refused.message, typeof weight === "string" ? '"2"' : `read ${weight}, write a number above 0`)
      }
    })
  )

  it.effect("is a price at a server that there is none of, and not one of a model by its own name", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const free = "free" as const
      const refused = yield* refusedOf({
        upstreams: { gpu1: upstream, hosted: upstream },
        routes: { chat: { targets: ["gpu1/m"], overflow: ["hosted/hostd/m"] } },
        prices: {
          "gpuu/m": free,
          "elsewhere/*": free,
          "gpu1/m": free,
          "hosted/*": free,
          "qwen/qwen3-8b": free,
          "hostd/m": free,
          m: free
        }
      })
      assert.deepStrictEqual(refused.problems, [
        { path: "prices.gpuu/m", read: "", expected: "no such upstream: did you mean gpu1?" },
        { path: "prices.elsewhere/*", read: "", expected: "no such upstream: write one of gpu1, hosted" }
      ])
    })
  )

  it.effect("is refused by each guard at the place where it was written", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const wrongs: ReadonlyArray<readonly [string, Partial<Router.Options>]> = [
        ["callers.ann.rate", { callers: { ann: { rate: "1 per min" } } }],
        ["callers.ann.deadline", { callers: { ann: { deadline: "soon" } } }],
        ["anonymous.tokens", { anonymous: { tokens: "many" } }],
        ["defaults.retry", { defaults: { retry: 3 as never } }],
        ["routes.chat.retry", { routes: { chat: { targets: ["gpu1/m"], retry: 3 as never } } }],
        ["defaults.retry.attempts", { defaults: { retry: { attempts: 0 } } }],
        ["defaults.timeouts.idle", { defaults: { timeouts: { idle: "soon" } } }],
        ["defaults.breaker.open", { defaults: { breaker: { open: "soon" } } }],
        ["defaults.dwell", { defaults: { dwell: "soon" } }],
        ["defaults.health.every", { defaults: { health: { every: "soon" } } }],
        ["routes.chat.deadline", { routes: { chat: { targets: ["gpu1/m"], deadline: "soon" } } }],
        ["routes.chat.retry.base", { routes: { chat: { targets: ["gpu1/m"], retry: { base: "soon" } } } }],
        ["routes.chat.hedge.after", { routes: { chat: { targets: ["gpu1/m"], hedge: { after: "soon" as never } } } }],
        ["routes.chat.queue.max", { routes: { chat: { targets: ["gpu1/m"], queue: { max: -1 } } } }],
        ["routes.chat.timeouts.load", { routes: { chat: { targets: ["gpu1/m"], timeouts: { load: "soon" } } } }],
        ["upstreams.gpu1.slots", { upstreams: { gpu1: { upstream, slots: 0 } } }],
        ["upstreams.gpu1.rate", { upstreams: { gpu1: { upstream, rate: "often" } } }],
        ["budgets.total", { budgets: { total: "much" } }]
      ]
      for (const [path, wrong] of wrongs) {
        const refused = yield* refusedOf({ upstreams: { gpu1: upstream }, ...wrong })
        assert.deepStrictEqual([refused.of, refused.problems.map((each) => each.path)], ["Spillway", [path]])
      }
    })
  )
})
