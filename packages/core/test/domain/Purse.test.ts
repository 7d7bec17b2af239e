/**
 * A purse knows its thresholds, whose it is, and how to say no.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { MemoryStore, type Store } from "@spillway/core"
import { Purse } from "../../src/domain/Purse.ts"
import * as Window from "../../src/domain/Window.ts"

const zone = Window.zone("UTC")!

const purse = (budget: "total" | "each", amount = 100, shares: ReadonlyArray<number> = [0.8]) =>
  new Purse(budget, { amount, unit: "tokens", every: Duration.days(1), printed: "100 tok/day" }, shares, zone)

const turn = { window: 86_400_000, until: 86_400_000_000_000 }
const account = (key: string): Store.Account => ({ ...turn, key, limit: 100, amount: 1 })

describe("A purse", () => {
  it("has one account in total, one for each key, and one for those who name none", () => {
    const keys = (budget: "total" | "each") =>
      ["ann", "bob", "", "default"].map((key) => purse(budget).account(turn, key, 7).key)
    assert.deepStrictEqual(keys("total"), ["", "", "", ""])
    assert.deepStrictEqual(keys("each"), ["ann", "bob", "default", "default"])
    const { amount, key, limit, until, window } = purse("each").account(turn, "ann", 7)
    assert.deepStrictEqual({ amount, key, limit, until, window }, { ...turn, key: "ann", limit: 100, amount: 7 })
  })

  it("names the shares that have been crossed, each of them once, whatever steps were taken", () => {
    const shares = [0.5, 0.8, 1]
    for (const steps of [[50, 80, 100], [49, 50, 51, 79, 80, 99, 101], [300], [10, 20, 90, 100]]) {
      let from = 0
      const said = steps.flatMap((to) => {
        const crossed = purse("total", 100, shares).sharesWithin({ from, to })
        from = to
        return crossed
      })
      assert.deepStrictEqual(said, shares, steps.join())
    }
    assert.deepStrictEqual(purse("total", 100, shares).sharesWithin({ from: 0, to: 49 }), [])
    assert.deepStrictEqual(purse("total", 100, shares).sharesWithin({ from: 100, to: 100 }), [])
    assert.deepStrictEqual(purse("total", 100, []).sharesWithin({ from: 0, to: 100 }), [])
  })

  it("reaches a share at the amount that is not below it, with nothing lost to fractions", () => {
    for (const [amount, share, at] of [
      [100, 0.07, 7],
      [100, 0.29, 29],
      [29, 0.1, 3],
      [3, 0.666667, 3],
      [1_000_000, 0.000001, 1]
    ] as const) {
      assert.deepStrictEqual(purse("total", amount, [share]).sharesWithin({ from: 0, to: at - 1 }), [])
      assert.deepStrictEqual(purse("total", amount, [share]).sharesWithin({ from: at - 1, to: at }), [share])
    }
  })

  it("says whose it is when it is spent, and until when; for ever where it never turns", () => {
    const now = 86_399_000_000_000
    const total = purse("total").spent(account(""), false, now)
    assert.strictEqual(total.message, "The budget of 100 tok/day in total is spent: come back in 1 s.")
    const each = purse("each").spent(account("ann"), true, now)
    assert.strictEqual(
      each.message,
      'The budget of 100 tok/day for "ann", for which there is no room to count, is spent: come back in 1 s.'
    )
    const never = purse("each").spent({ ...account("ann"), until: Infinity }, false, now)
    assert.isUndefined(never.retryAfter)
    assert.notProperty(never.reason, "retryAfter")
    // Whoever is told after the turn may come back at once.
    assert.isTrue(Duration.isZero(purse("each").spent(account("ann"), false, 2 * now).retryAfter!))
  })

  it("names the tokens of an Effect, and the bound of a question, where they never fit", () => {
    const { reason } = purse("total").tooMuch(101, undefined)
    assert.deepStrictEqual(reason, {
      _tag: "BadRequest",
      field: "tokens",
      read: "up to 101 tok",
      expected: "at most what 100 tok/day holds"
    })
  })

  it.effect("stands as its store says, in the window it is asked for", () =>
    Effect.gen(function* () {
      const store = yield* Effect.orDie(MemoryStore.make())
      const standing = yield* purse("each").standing(store, "a budget", "ann", turn, 0)
      assert.deepStrictEqual(
        { ...standing, turnsIn: Duration.toHours(standing.turnsIn) },
        { unit: "tokens", limit: 100, spent: 0, reserved: 0, unsettled: 0, turnsIn: 24 }
      )
    })
  )
})
