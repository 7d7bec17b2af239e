/**
 * Budget's options: what they may be, and how they are refused.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Schedule } from "effect"
import { Budget, Policy, Retry, type SpillwayError } from "@spillway/core"
import { amounts, budget, inTotal, refusalOf } from "../fixtures/bills.ts"

const refusals: ReadonlyArray<readonly [options: unknown, path: string, ...words: ReadonlyArray<string>]> = [
  [{}, "total", "missing", "$100/month", "each as $1/day", "both"],
  [{ alert: "80%" }, "total", "missing"],
  [{ total: "$10" }, "total", '"$10"', "$10/day", "2M tok/day"],
  [{ total: "10 per day" }, "total", '"10 per day"', "10 tok/day"],
  [{ each: "-$1/day" }, "each", '"-$1/day"'],
  [{ total: "$1/fortnight" }, "total", '"$1/fortnight"'],
  [{ total: "$1/0s" }, "total", "longer than nothing"],
  [{ total: "$0.0000001/day" }, "total", "steps of $0.000001"],
  [{ total: 10 }, "total", "10"],
  [{ total: { amount: "$1" } }, "total.window", "missing", "a Schedule"],
  [{ total: { amount: "1 per day", window: "1d" } }, "total.amount", '"1 per day"', "$10 or 2M tok"],
  [{ each: { amount: "$1", window: "fortnight" } }, "each.window", '"fortnight"', "5s", "a Schedule"],
  [{ each: { amount: "$1", window: "-5s" } }, "each.window", '"-5s"', "not negative"],
  [{ total: "$1/day", per: "target" }, "per", '"target"', "caller or key"],
  [{ total: "$1/day", zone: "Mars" }, "zone", '"Mars"', "Europe/Berlin"],
  [{ total: "$1/day", zone: "+99:99" }, "zone", '"+99:99"'],
  [{ total: "$1/day", alert: "120%" }, "alert", '"120%"', "at most 100%"],
  [{ total: "$1/day", alert: ["50%", "half"] }, "alert.1", '"half"', "20%"],
  [{ total: "$1/day", alert: 80 }, "alert", "80", "20%"],
  [{ total: "$1/day", prices: { gpt: { input: -1, output: 2 } } }, "prices.gpt.input", "-1"],
  [{ total: "$1/day", prices: { gpt: { input: Number.NaN, output: 2 } } }, "prices.gpt.input", "NaN"],
  [{ total: "$1/day", prices: { gpt: { input: 1 } } }, "prices.gpt.output", "missing"],
  [{ total: "$1/day", prices: { gpt: "cheap" } }, "prices.gpt", '"cheap"', "free", "{ input, output }"],
  [{ total: "$1/day", unpriced: "maybe" }, "unpriced", '"maybe"', "refuse or free"],
  [{ total: "$1/day", maxTokens: 0 }, "maxTokens", "0", "whole number from 1"],
  [{ total: "$1/day", maxTokens: 1.5 }, "maxTokens", "1.5"],
  [{ total: "$1/day", lease: "soon" }, "lease", '"soon"', "5s"],
  [{ total: "$1/day", lease: "0s" }, "lease", "longer than 0"],
  [{ each: { amount: "$1", window: 0 } }, "each.window", "longer than 0"],
  [{ total: "$1/day", alert: ["50%", "0%"] }, "alert", "more than nothing"],
  [{ total: "$1/day" }, "prices", "missing", "input: 0.15", "unpriced"],
  [{ total: "1M tok/day", onAlert: "log" }, "onAlert", '"log"', "a function"],
  [{ total: "1M tok/day", onAlrt: () => Effect.void }, "onAlrt", "did you mean onAlert?"],
  [{ total: "$1/day", eech: "$1/day" }, "eech", "did you mean each?"]
]

describe("Budget's options", () => {
  for (const [options, path, ...words] of refusals) {
    it.effect(`are refused with where, what and what would be right: ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(Budget.make(options as Budget.Options))
        assert.deepStrictEqual(
          refused.problems.map((problem) => problem.path),
          [path]
        )
        for (const word of words) assert.include(refused.message, word)
      })
    )
  }

  it.effect("are refused all at once", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Budget.make({ total: "much", zone: "Mars", lease: "soon" }))
      assert.deepStrictEqual(
        refused.problems.map((problem) => problem.path),
        ["total", "zone", "lease"]
      )
    })
  )

  it.effect("take the same window as a string, milliseconds, a Duration, and in the allowance", () =>
    Effect.gen(function* () {
      for (const total of [
        "10 tok/6h",
        ...["6h", 21_600_000, "6 hours", Duration.hours(6)].map((window) => ({ amount: "10 tok", window }))
      ]) {
        const guard = yield* budget({ total })
        const { total: standing } = yield* guard.standing()
        assert.strictEqual(Duration.toHours(standing!.turnsIn), 6)
        assert.strictEqual(standing!.limit, 10)
      }
    })
  )

  it.effect("take a lease of any notation, and a single alert or several", () =>
    Effect.gen(function* () {
      for (const lease of ["10m", 600_000, Duration.minutes(10)]) {
        const guard = yield* budget({ total: "10 tok/day", lease, alert: ["10%", "20%"] })
        yield* guard(Effect.void)
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 1 }))
      }
    })
  )

  it.effect("print a budget in a refusal as its owner wrote it, a Schedule by its amount", () =>
    Effect.gen(function* () {
      for (const [total, printed] of [
        ["$0.05/month", "$0.05/month"],
        ["2M tok/week", "2M tok/week"],
        [{ amount: "50k tok", window: Schedule.spaced("1 minute") }, "50k tok"]
      ] as const) {
        const guard = yield* budget({ total, prices: { default: { input: 1, output: 1 } } })
        const limit = (yield* guard.standing()).total!.limit
        yield* Policy.about({ tokens: limit })(guard(Effect.void))
        const error = yield* refusalOf(guard(Effect.void))
        assert.strictEqual(error.reason._tag === "BudgetSpent" && error.reason.budget, `${printed} in total`)
      }
    })
  )

  it.effect("make a policy of the whole call, which cannot stand inside one that repeats attempts", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "10 tok/day" })
      assert.strictEqual(guard.name, "Budget")
      assert.deepStrictEqual(guard.stages, ["call"])
      const list: ReadonlyArray<Policy.Policy<Policy.Stage, SpillwayError>> = [yield* Effect.orDie(Retry.make()), guard]
      const exit = yield* Effect.exit(Policy.all(list))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "Budget cannot stand inside Retry")
    })
  )
})
