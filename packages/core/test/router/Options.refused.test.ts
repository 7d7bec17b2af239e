/** What is refused of the options of a router, before anybody asks: all of it at once, and where it was written. */
import { assert, describe, it } from "@effect/vitest"
import { Options, type Router, Spillway } from "@spillway/core"
import { Effect } from "effect"
import { server } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** How a router of these options is refused. */
const refusedOf = (options: Router.Options) =>
  Effect.flip(Effect.provide(Effect.service(Spillway), Spillway.layer(options)))

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
          "callers.eve",
          "defaults.retry"
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

  it.effect("is a weight of everybody who is not named: each of them has one turn of his own", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const refused = yield* refusedOf({ upstreams: { gpu1: upstream }, anonymous: { weight: 2 } })
      assert.deepStrictEqual(
        refused.problems.map(({ path }) => path),
        ["anonymous.weight"]
      )
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

  it.effect("is refused by all guards at once, with what no guard sees and what a wire refuses", () =>
    Effect.gen(function* () {
      const { upstream } = server("gpu1")
      const problems = [{ path: "url", read: '"gpu"', expected: "write it as http://127.0.0.1:11434" }]
      const wire = Effect.fail(new Options.OptionsRefused({ of: "Ollama", problems }))
      const wrong: Router.Options = {
        upstreams: {
          gpu1: { upstream, slots: 0, rate: "often" },
          gpu2: wire,
          gpu3: { upstream: wire, price: "cheap" as "free" }
        },
        defaults: {
          dwell: "soon",
          health: { every: "soon" },
          breaker: { open: "soon" },
          hedge: { after: "soon" as never }
        },
        routes: { chat: { targets: ["gpu1/m"], deadline: "soon", retry: { attempts: 0 }, queue: { max: -1 } } },
        callers: { ann: { rate: "1 per min", deadline: "soon" }, bob: { deadline: "soon" } },
        anonymous: { tokens: "many" },
        budgets: { total: "much" },
        prices: { m: { input: -1, output: 1 } }
      }
      const paths = [
        "anonymous.tokens",
        "budgets.total",
        "callers.ann.deadline",
        "callers.ann.rate",
        "callers.bob.deadline",
        "defaults.breaker.open",
        "defaults.dwell",
        "defaults.health.every",
        "defaults.hedge.after",
        "prices.m.input",
        "routes.chat.deadline",
        "routes.chat.queue.max",
        "routes.chat.retry.attempts",
        "upstreams.gpu1.rate",
        "upstreams.gpu1.slots",
        "upstreams.gpu2.url",
        "upstreams.gpu3.price",
        "upstreams.gpu3.url"
      ]
      const told = yield* refusedOf(wrong)
      assert.deepStrictEqual(told.problems.map(({ path }) => path).toSorted(), paths)
      const mistaken = yield* refusedOf({
        ...wrong,
        callers: { ...wrong.callers, eve: { weight: 0 } },
        preset: "batch"
      })
      assert.deepStrictEqual(
        mistaken.problems.map(({ path }) => path).toSorted(),
        [...paths, "callers.eve.weight"].toSorted()
      )
      const odd = {
        upstreams: { gpu1: null },
        routes: { chat: null },
        callers: { ann: null },
        preset: "often"
      } as never
      assert.deepStrictEqual(
        (yield* refusedOf(odd)).problems.map(({ path }) => path),
        ["preset", "upstreams.gpu1", "routes.chat", "callers.ann"]
      )
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
        ["defaults.hedge.after", { defaults: { hedge: { after: "soon" as never } } }],
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
        ["budgets.total", { budgets: { total: "much" } }],
        ["prices.m", { prices: { m: "cheap" as "free" } }]
      ]
      for (const [path, wrong] of wrongs) {
        const refused = yield* refusedOf({ upstreams: { gpu1: upstream }, ...wrong })
        assert.deepStrictEqual([refused.of, refused.problems.map((each) => each.path)], ["Spillway", [path]])
      }
    })
  )
})
