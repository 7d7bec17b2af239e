/**
 * The laws of what is spent: no order of reservations and bills gets past a limit or loses an amount.
 *
 * Like the laws of tickets they hold the time in their hands. What time does to a reservation is in testLeases.ts.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Store } from "@spillway/core"
import { balance, charge, claim, hour, none, of, reserve, spend, spentAt } from "./askSums.ts"
import type { Subject } from "./testStore.ts"

/** Holds a store's sums to the laws. */
export const testSums = (subject: Subject): void => {
  testReserving(subject)
  testCharging(subject)
  testOrder(subject)
  testWindows(subject)
}

const testReserving = ({ make }: Subject): void => {
  it.effect("reserves what fits exactly, and not one more, beside what is spent and what is reserved", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(30))
      assert.deepStrictEqual(yield* reserve(store, claim([of(71)])), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(40)])), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([of(31)])), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(30)])), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([of(1)])), spentAt(0))
      assert.deepStrictEqual(yield* balance(store), { spent: 30, reserved: 70, unsettled: 0 })
    })
  )

  it.effect("reserves in all accounts or in none, and names the first that cannot take it", () =>
    Effect.gen(function* () {
      const store = yield* make
      const three = (amount: number) => ["one", "two", "three"].map((key) => of(amount, { key }))
      yield* spend(store, of(90, { key: "two" }))
      yield* spend(store, of(95, { key: "three" }))
      assert.deepStrictEqual(yield* reserve(store, claim(three(11))), spentAt(1))
      assert.deepStrictEqual(yield* reserve(store, claim(three(10))), spentAt(2))
      assert.deepStrictEqual(yield* balance(store, 0, { key: "one" }), none)
      assert.deepStrictEqual(yield* balance(store, 0, { key: "two" }), { ...none, spent: 90 })
      assert.deepStrictEqual(yield* reserve(store, claim(three(5))), Store.reserved)
      for (const [key, spent] of [
        ["one", 0],
        ["two", 90],
        ["three", 95]
      ] as const) {
        assert.deepStrictEqual(yield* balance(store, 0, { key }), { spent, reserved: 5, unsettled: 0 })
      }
    })
  )

  it.effect("keeps policies, keys and windows apart", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (const name of ["one", "two"]) {
        for (const key of ["someone", "somebody else"]) {
          for (const window of [0, 1]) {
            const said = { key, window }
            assert.deepStrictEqual(yield* balance(store, 0, said, name), none)
            assert.deepStrictEqual(yield* reserve(store, claim([of(100, said)], hour, name)), Store.reserved)
            assert.deepStrictEqual(yield* reserve(store, claim([of(1, said)], hour, name)), spentAt(0))
            assert.deepStrictEqual(yield* balance(store, 0, said, name), { ...none, reserved: 100 })
          }
        }
      }
    })
  )

  it.effect("goes by the limit that is said, also when it is another one than before", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(100))
      assert.deepStrictEqual(yield* reserve(store, claim([of(50, { limit: 150 })])), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([of(1, { limit: 150 })])), spentAt(0))
    })
  )

  it.effect("lets 1,000 at once not overspend together", () =>
    Effect.gen(function* () {
      const store = yield* make
      let reserved = 0
      const one = Effect.gen(function* () {
        const reservation = claim([of(7), of(3, { key: "everyone", limit: 30 })])
        if ((yield* reserve(store, reservation))._tag === "Spent") return
        reserved++
        yield* Effect.yieldNow
        yield* charge(store, reservation, [7, 3])
      })
      yield* Effect.all(
        Array.from({ length: 1_000 }, () => one),
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(reserved, 10)
      assert.deepStrictEqual(yield* balance(store), { ...none, spent: 70 })
      assert.deepStrictEqual(yield* balance(store, 0, { key: "everyone" }), { ...none, spent: 30 })
    })
  )
}

const testCharging = ({ make }: Subject): void => {
  it.effect("has everything again when a reservation is freed", () =>
    Effect.gen(function* () {
      const store = yield* make
      const freed = claim([of(100), of(60, { key: "everyone" })])
      yield* reserve(store, freed)
      assert.deepStrictEqual(yield* charge(store, freed, [0, 0]), [
        { from: 0, to: 0 },
        { from: 0, to: 0 }
      ])
      assert.deepStrictEqual(yield* balance(store), none)
      assert.deepStrictEqual(yield* balance(store, 0, { key: "everyone" }), none)
      assert.deepStrictEqual(yield* reserve(store, freed), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(100)])), Store.reserved)
    })
  )

  it.effect("has the rest of a cheaper call for the next, account by account", () =>
    Effect.gen(function* () {
      const store = yield* make
      const cheap = claim([of(100), of(100, { key: "everyone" })])
      yield* reserve(store, cheap)
      yield* charge(store, cheap, [20, 70])
      assert.deepStrictEqual(yield* reserve(store, claim([of(80), of(31, { key: "everyone" })])), spentAt(1))
      assert.deepStrictEqual(yield* reserve(store, claim([of(80), of(30, { key: "everyone" })])), Store.reserved)
    })
  )

  it.effect("lets nothing pass in debt but what costs nothing, until the window turns", () =>
    Effect.gen(function* () {
      const store = yield* make
      const dear = claim([of(10)])
      yield* reserve(store, dear)
      yield* charge(store, dear, [150])
      assert.deepStrictEqual(yield* reserve(store, claim([of(1)]), hour - 1), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(0)]), hour - 1), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([of(100, { window: 1 })]), hour), Store.reserved)
      assert.deepStrictEqual(yield* balance(store, hour, { window: 1 }), { ...none, reserved: 100 })
    })
  )

  it.effect("shows how much of what is spent is unsettled", () =>
    Effect.gen(function* () {
      const store = yield* make
      const feared = claim([of(40)])
      yield* reserve(store, feared)
      yield* charge(store, feared, [25], 0, true)
      yield* spend(store, of(10))
      assert.deepStrictEqual(yield* balance(store), { spent: 35, reserved: 0, unsettled: 25 })
      assert.deepStrictEqual(yield* reserve(store, claim([of(66)])), spentAt(0))
    })
  )
}

const testOrder = ({ make }: Subject): void => {
  it.effect("reserves once and charges once, however often it is asked", () =>
    Effect.gen(function* () {
      const store = yield* make
      const reservation = claim([of(60)])
      for (let times = 0; times < 3; times++) assert.deepStrictEqual(yield* reserve(store, reservation), Store.reserved)
      assert.deepStrictEqual(yield* balance(store), { ...none, reserved: 60 })
      assert.deepStrictEqual(yield* charge(store, reservation, [50]), [{ from: 0, to: 50 }])
      for (const again of [0, 50, 90]) assert.deepStrictEqual(yield* charge(store, reservation, [again]), [])
      assert.deepStrictEqual(yield* reserve(store, reservation), spentAt(0))
      assert.deepStrictEqual(yield* balance(store), { ...none, spent: 50 })
    })
  )

  it.effect("takes nothing for a reservation whose bill has overtaken it", () =>
    Effect.gen(function* () {
      const store = yield* make
      const overtaken = claim([of(60)])
      assert.deepStrictEqual(yield* charge(store, overtaken, [60]), [])
      assert.deepStrictEqual(yield* reserve(store, overtaken), spentAt(0))
      assert.deepStrictEqual(yield* charge(store, overtaken, [60]), [])
      assert.deepStrictEqual(yield* balance(store), none)
    })
  )

  it.effect("ignores the bill of a reservation that it has refused", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(90))
      const refused = claim([of(5, { key: "everyone" }), of(11)])
      yield* reserve(store, refused)
      assert.deepStrictEqual(yield* charge(store, refused, [5, 11]), [])
      assert.deepStrictEqual(yield* balance(store), { ...none, spent: 90 })
      assert.deepStrictEqual(yield* balance(store, 0, { key: "everyone" }), none)
    })
  )
}

const testWindows = ({ make }: Subject): void => {
  it.effect("charges the window in which it was reserved, and leaves the new one alone", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(20))
      const long = claim([of(30)])
      yield* reserve(store, long)
      yield* spend(store, of(7, { window: 1 }), hour)
      assert.deepStrictEqual(yield* charge(store, long, [90], hour), [{ from: 20, to: 110 }])
      assert.deepStrictEqual(yield* balance(store, hour, { window: 1 }), { ...none, spent: 7 })
    })
  )

  it.effect("counts in either window when somebody is late at the turn", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(60), hour - 2)
      const early = claim([of(40, { window: 1 })])
      const late = claim([of(40)])
      assert.deepStrictEqual(yield* reserve(store, early, hour - 1), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, late, hour - 1), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([of(1)]), hour - 1), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(61, { window: 1 })]), hour), spentAt(0))
      assert.deepStrictEqual(yield* charge(store, late, [10], hour), [{ from: 60, to: 70 }])
      assert.deepStrictEqual(yield* charge(store, early, [20], hour), [{ from: 0, to: 20 }])
      assert.deepStrictEqual(yield* balance(store, hour, { window: 1 }), { ...none, spent: 20 })
    })
  )
}
