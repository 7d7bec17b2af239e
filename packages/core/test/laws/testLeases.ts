/**
 * The laws of what time does to sums: leases end, thresholds are crossed once, windows are forgotten.
 *
 * In the end random runs of everything together are compared, step by step, with accounts reckoned anew from all that
 * happened.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Store } from "@spillway/core"
import { balance, charge, claim, hour, none, of, reserve, second, spend, spentAt } from "./askSums.ts"
import { History } from "./history.ts"
import * as Random from "./random.ts"
import type { Subject } from "./testStore.ts"

/** Holds a store's leases and windows to the laws. */
export const testLeases = (subject: Subject): void => {
  testLapsing(subject)
  testCrossing(subject)
  testForgettingWindows(subject)
  testRoom(subject)
  testHistory(subject)
}

const testLapsing = ({ make }: Subject): void => {
  it.effect("charges in full and unsettled what has no bill when its lease ends, and not a nanosecond sooner", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* reserve(store, claim([of(30), of(5, { key: "everyone" })], 60 * second))
      assert.deepStrictEqual(yield* balance(store, 60 * second - 1), { ...none, reserved: 30 })
      assert.deepStrictEqual(yield* balance(store, 60 * second), { spent: 30, reserved: 0, unsettled: 30 })
      const everyone = yield* balance(store, 60 * second, { key: "everyone" })
      assert.deepStrictEqual(everyone, { spent: 5, reserved: 0, unsettled: 5 })
      assert.deepStrictEqual(yield* reserve(store, claim([of(71)]), 60 * second), spentAt(0))
      assert.deepStrictEqual(yield* reserve(store, claim([of(70)]), 60 * second), Store.reserved)
    })
  )

  it.effect("ends leases by their own time, in whatever order they began", () =>
    Effect.gen(function* () {
      const store = yield* make
      const leases = [40, 10, 30, 50, 20]
      for (const seconds of leases) yield* reserve(store, claim([of(1)], seconds * second))
      for (let seconds = 5; seconds < 60; seconds += 10) {
        const spent = leases.filter((lease) => lease <= seconds).length
        const expected = { spent, reserved: 5 - spent, unsettled: spent }
        assert.deepStrictEqual(yield* balance(store, seconds * second), expected, `after ${seconds} s`)
      }
    })
  )

  it.effect("corrects that by the bill that comes after all, once", () =>
    Effect.gen(function* () {
      const store = yield* make
      const late = claim([of(80)], second)
      yield* reserve(store, late)
      assert.deepStrictEqual(yield* reserve(store, claim([of(30)]), 2 * second), spentAt(0))
      assert.deepStrictEqual(yield* charge(store, late, [10], 2 * second), [{ from: 0, to: 80 }])
      assert.deepStrictEqual(yield* charge(store, late, [50], 2 * second), [])
      assert.deepStrictEqual(yield* balance(store, 2 * second), { ...none, spent: 10 })
      assert.deepStrictEqual(yield* reserve(store, claim([of(90)]), 2 * second), Store.reserved)
    })
  )

  it.effect("does not mistake the window of a bill that comes long after its lease", () =>
    Effect.gen(function* () {
      const store = yield* make
      const lost = claim([of(80)], second)
      yield* reserve(store, lost)
      for (const now of [2 * hour, 2 * hour + 70 * second]) yield* reserve(store, claim([of(0, { key: "next" })]), now)
      yield* spend(store, of(5, { window: 3 }), 3 * hour)
      yield* charge(store, lost, [200], 3 * hour)
      assert.deepStrictEqual(yield* balance(store, 3 * hour, { window: 3 }), { ...none, spent: 5 })
    })
  )
}

const testCrossing = ({ make }: Subject): void => {
  it.effect("tells of every threshold exactly once, however many charge at once", () =>
    Effect.gen(function* () {
      const store = yield* make
      const told: Array<Store.Crossed> = []
      const one = (amount: number) =>
        Effect.gen(function* () {
          const reservation = claim([of(amount)])
          if ((yield* reserve(store, reservation))._tag === "Spent") return
          yield* Effect.yieldNow
          told.push(...(yield* charge(store, reservation, [amount])))
        })
      yield* Effect.all(
        Array.from({ length: 200 }, (_, index) => one(index % 5)),
        { concurrency: "unbounded" }
      )
      for (const threshold of [1, 50, 80, 95]) {
        const crossed = told.filter(({ from, to }) => from < threshold && to >= threshold)
        assert.lengthOf(crossed, 1, `of ${threshold}`)
      }
    })
  )

  it.effect("tells of none again when a bill that was feared turns out smaller", () =>
    Effect.gen(function* () {
      const store = yield* make
      const lost = claim([of(85)], second)
      yield* reserve(store, lost)
      assert.deepStrictEqual(yield* spend(store, of(5), 2 * second), [{ from: 0, to: 90 }])
      assert.deepStrictEqual(yield* charge(store, lost, [0], 2 * second), [{ from: 90, to: 90 }])
      assert.deepStrictEqual(yield* spend(store, of(80), 2 * second), [{ from: 90, to: 90 }])
      assert.deepStrictEqual(yield* spend(store, of(10), 2 * second), [{ from: 90, to: 95 }])
    })
  )

  it.effect("tells with the next charge what lapsed before it, so that no threshold is passed in silence", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(10))
      const freed = claim([of(5)])
      yield* reserve(store, freed)
      yield* reserve(store, claim([of(70)], second))
      assert.deepStrictEqual(yield* charge(store, freed, [0], second), [{ from: 10, to: 80 }])
    })
  )

  it.effect("begins at nothing in a new window, and for each account by itself", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(60))
      const both = claim([of(10, { window: 1 }), of(20, { key: "everyone", window: 1 })])
      yield* reserve(store, both, hour)
      const told = yield* charge(store, both, [10, 30], hour)
      assert.deepStrictEqual(told, [
        { from: 0, to: 10 },
        { from: 0, to: 30 }
      ])
    })
  )
}

/** Makes a store look for what it can forget, which it does at the latest after a minute of being asked. */
const lookThrough = (store: Store.Store, now: number) =>
  Effect.gen(function* () {
    for (const at of [now - 70 * second, now, now]) {
      yield* spend(store, of(0, { key: "the next", window: 1_000 }), at)
    }
  })

const testForgettingWindows = ({ held, make }: Subject): void => {
  it.effect("forgets 100,000 windows that are over, and none that is not", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (let index = 0; index < 100_000; index++)
        yield* reserve(store, claim([of(1, { key: `key ${index}` })], second))
      assert.isAtLeast(yield* held(store), 100_000)
      yield* spend(store, of(90, { window: 2 }), 2 * hour)
      yield* lookThrough(store, 2 * hour + 140 * second)
      assert.isAtMost(yield* held(store), 2)
      assert.deepStrictEqual(yield* balance(store, 3 * hour - 1, { window: 2 }), { ...none, spent: 90 })
    })
  )

  it.effect("keeps a window that is over as long as a reservation in it is open, also beside a newer one", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(30))
      const [long, longer] = [claim([of(20)]), claim([of(0)])]
      yield* reserve(store, long)
      yield* reserve(store, longer)
      yield* spend(store, of(7, { window: 2 }), 2 * hour)
      yield* lookThrough(store, 2 * hour + 140 * second)
      assert.deepStrictEqual(yield* balance(store, 2 * hour), { spent: 30, reserved: 20, unsettled: 0 })
      assert.deepStrictEqual(yield* charge(store, long, [40], 2 * hour), [{ from: 30, to: 70 }])
      yield* lookThrough(store, 2 * hour + 280 * second)
      assert.deepStrictEqual(yield* balance(store, 2 * hour), { ...none, spent: 70 })
      assert.deepStrictEqual(yield* charge(store, longer, [5], 2 * hour), [{ from: 70, to: 75 }])
      assert.deepStrictEqual(yield* balance(store, 2 * hour, { window: 2 }), { ...none, spent: 7 })
      yield* lookThrough(store, 5 * hour)
      assert.isAtMost(yield* held(store), 1)
    })
  )

  it.effect("does not keep it for a reservation whose lease has ended", () =>
    Effect.gen(function* () {
      const store = yield* make
      const lost = claim([of(20)], second)
      yield* reserve(store, lost)
      yield* lookThrough(store, 2 * hour)
      assert.isAtMost(yield* held(store), 1)
      yield* charge(store, lost, [20], 2 * hour)
      assert.isAtMost(yield* held(store), 1)
    })
  )

  it.effect("keeps a window until the latest end that was said of it", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* spend(store, of(30, { until: second }))
      yield* spend(store, of(30, { until: 4 * hour }))
      yield* spend(store, of(30, { until: second }))
      yield* lookThrough(store, 3 * hour)
      assert.deepStrictEqual(yield* reserve(store, claim([of(11)]), 3 * hour), spentAt(0))
    })
  )
}

const testRoom = ({ held, holding }: Subject): void => {
  const key = (name: string, window = 0) => of(10, { key: name, window })
  const full = (account: number): Store.Reserved => ({ _tag: "Spent", account, full: true })

  it.effect("takes nothing anywhere when it may not hold all the keys it would need", () =>
    Effect.gen(function* () {
      const store = yield* holding(2)
      assert.deepStrictEqual(yield* reserve(store, claim([key("one"), key("two"), key("three")])), full(2))
      assert.strictEqual(yield* held(store), 0)
      yield* spend(store, key("one"))
      assert.deepStrictEqual(yield* reserve(store, claim([key("one"), key("two"), key("three")])), full(2))
      assert.deepStrictEqual(yield* balance(store, 0, { key: "one" }), { ...none, spent: 10 })
      assert.deepStrictEqual(yield* balance(store, 0, { key: "two" }), none)
      assert.deepStrictEqual(yield* reserve(store, claim([key("two"), of(91, { key: "one" })])), spentAt(1))
      assert.strictEqual(yield* held(store), 1)
      assert.deepStrictEqual(yield* reserve(store, claim([key("one"), key("two")])), Store.reserved)
      assert.deepStrictEqual(yield* reserve(store, claim([key("three"), key("one")])), full(0))
    })
  )

  it.effect("has room again when a window is over, and always for a new window of a key that it holds", () =>
    Effect.gen(function* () {
      const store = yield* holding(2)
      yield* spend(store, key("one"))
      yield* spend(store, key("two"))
      assert.deepStrictEqual(yield* reserve(store, claim([key("three")]), hour - 1), full(0))
      yield* spend(store, key("one", 1), hour - 1)
      assert.deepStrictEqual(yield* reserve(store, claim([key("three", 1), key("four", 1)]), hour + second), full(1))
      assert.deepStrictEqual(yield* reserve(store, claim([key("three", 1)]), hour + second), Store.reserved)
      assert.strictEqual(yield* held(store), 2)
    })
  )
}

const testHistory = ({ make }: Subject): void => {
  it.effect("stands where all that happened adds up to, whatever callers do", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 150; seed++) yield* checkHistory(yield* make, seed)
    })
  )
}

const keys = ["one", "two", "three"]

/**
 * Random callers of a few accounts, who reserve twice, are late at the turn, charge less, more, nothing, twice, too
 * early or after their lease: every answer has to be the one that the whole history gives.
 */
const checkHistory = (store: Store.Store, seed: number) =>
  Effect.gen(function* () {
    const random = Random.make(seed)
    const history = new History()
    const pick = <A>(choices: ReadonlyArray<A>) => choices[random.below(choices.length)]!
    let seen: Array<Store.Reservation> = []
    let now = 0
    const mint = () => {
      // Whoever was late began in the window before: until it is forgotten, it counts there.
      const window = Math.max(Math.floor(now / hour) - (now % hour < hour / 8 ? random.below(2) : 0), 0)
      const until = (window + 1) * hour + hour / 8
      const accounts = keys
        .filter(() => random.below(2) === 0)
        .map((key) => of(random.below(4) * random.below(15), { key, window, until, limit: 40 }))
      return claim(accounts, now + random.below(hour), pick(["a budget", "another"]))
    }
    for (let step = 0; step < 200; step++) {
      now += random.below(4) === 0 ? random.below(hour / 4) : random.below(second)
      const isNew = seen.length === 0 || random.below(2) === 0
      const reservation = isNew ? mint() : pick(seen)
      seen = [...seen, reservation].slice(-20)
      const where = `seed ${seed}, step ${step}`
      // Into a window that may be forgotten nobody reserves: that is what its end was said for.
      if (random.below(5) > 0 === isNew && reservation.accounts.every(({ until }) => until > now)) {
        const expected = history.reserve(reservation, now)
        assert.deepStrictEqual(yield* reserve(store, reservation, now), expected, where)
      } else {
        const amounts = reservation.accounts.map(({ amount }) => pick([0, amount, random.below(4 * amount + 2)]))
        const unsettled = random.below(3) === 0
        const expected = history.charge(reservation, { amounts, unsettled }, now)
        const told = yield* charge(store, reservation, amounts, now, unsettled)
        // Of a window that may be forgotten nobody needs to know what was told.
        const isKept = reservation.leasedUntil > now || reservation.accounts.some(({ until }) => until > now)
        if (isKept) assert.deepStrictEqual(told, expected, where)
      }
      const account = pick(seen.flatMap(({ accounts }) => accounts).filter(({ until }) => until > now))
      if (account === undefined) continue
      for (const name of ["a budget", "another"]) {
        const expected = history.balance(name, account, now)
        assert.deepStrictEqual(yield* balance(store, now, account, name), expected, where)
      }
    }
  })
