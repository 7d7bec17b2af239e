/**
 * The laws of every store: the same promises whether counters live in this process, in a file or on another machine.
 *
 * They drive a store by its own protocol, with the time in their hands, so that every bound and every Retry-After is
 * checked to the nanosecond. A store may answer with values or with Effects; the laws do not ask which.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type SpillwayError, Store } from "@spillway/core"
import * as Random from "./random.ts"
import { testLeases } from "./testLeases.ts"
import { testSums } from "./testSums.ts"

/** A store to be held to the laws. */
export interface Subject {
  readonly name: string
  /** A store that holds nothing yet. */
  readonly make: Effect.Effect<Store.Store>
  /** One that may hold so many keys. */
  readonly holding: (keysMax: number) => Effect.Effect<Store.Store>
  /** How many keys it holds. */
  readonly held: (store: Store.Store) => Effect.Effect<number, SpillwayError>
}

const second = 1_000_000_000
const hour = 3_600 * second

/** One request a second, three at once. */
const request: Store.Charge = { cost: second, burst: 3 * second }

/** A thousand tokens a second, two thousand at once. */
const tokens = (amount: number): Store.Charge => ({ cost: amount * 1_000_000, burst: 2_000_000_000 })

let tickets = 0
const ticket = (charges: ReadonlyArray<Store.Charge> = [request], key = "someone") =>
  new Store.Ticket(++tickets, "a limit", key, charges)

const take = (store: Store.Store, claim: Store.Ticket, now: number, maxWait = 0) =>
  Store.andThen(store.take(claim, maxWait, now), Effect.succeed)

const settle = (store: Store.Store, claim: Store.Ticket, costs: ReadonlyArray<number>, now: number) =>
  Store.andThen(store.settle(claim, costs, now), Effect.succeed)

const giveBack = (store: Store.Store, claim: Store.Ticket, now: number) =>
  Store.andThen(store.giveBack(claim, now), Effect.succeed)

const isStarted = Effect.map((decision: Store.Decision) => decision._tag === "Started")

/** Holds a store to the laws. */
export const testStore = (subject: Subject): void => {
  describe(`${subject.name} keeps the laws of stores:`, () => {
    testTaking(subject)
    testLine(subject)
    testGivingBack(subject)
    testSettling(subject)
    testForgetting(subject)
    testBound(subject)
    testSums(subject)
    testLeases(subject)
  })
}

const testTaking = ({ make }: Subject): void => {
  it.effect("starts a burst, refuses the next, and says to the nanosecond when there is room", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (let index = 0; index < 3; index++) assert.isTrue(yield* isStarted(take(store, ticket(), 0)))
      assert.deepStrictEqual(yield* take(store, ticket(), 0), { _tag: "Refused", retryAfter: second })
      assert.isFalse(yield* isStarted(take(store, ticket(), second - 1)))
      assert.isTrue(yield* isStarted(take(store, ticket(), second)))
    })
  )

  it.effect("takes all charges or none", () =>
    Effect.gen(function* () {
      const store = yield* make
      assert.isTrue(yield* isStarted(take(store, ticket([request, tokens(2_000)]), 0)))
      for (let index = 0; index < 5; index++) {
        assert.isFalse(yield* isStarted(take(store, ticket([request, tokens(500)]), 0)))
      }
      // The tokens are there again after half a second, and so must the requests be that the refused ones did not take.
      assert.isTrue(yield* isStarted(take(store, ticket([request, tokens(250)]), second / 2)))
      assert.isTrue(yield* isStarted(take(store, ticket([request, tokens(250)]), second / 2)))
    })
  )

  it.effect("counts every key by itself", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (const key of ["one", "two", "three"]) {
        for (let index = 0; index < 3; index++) assert.isTrue(yield* isStarted(take(store, ticket([request], key), 0)))
        assert.isFalse(yield* isStarted(take(store, ticket([request], key), 0)))
      }
    })
  )
}

const testLine = ({ make }: Subject): void => {
  const spent = Effect.gen(function* () {
    const store = yield* make
    for (let index = 0; index < 3; index++) yield* take(store, ticket(), 0)
    return store
  })

  it.effect("tells each who waits when his time comes, and starts him then and not before", () =>
    Effect.gen(function* () {
      const store = yield* spent
      const line = [ticket(), ticket(), ticket()]
      for (const [index, claim] of line.entries()) {
        assert.deepStrictEqual(yield* take(store, claim, 0, hour), { _tag: "Waits", wait: (index + 1) * second })
      }
      for (const [index, claim] of line.entries()) {
        assert.isFalse(yield* isStarted(take(store, claim, (index + 1) * second - 1, hour)))
        assert.isTrue(yield* isStarted(take(store, claim, (index + 1) * second, hour)))
      }
    })
  )

  it.effect("refuses who would wait too long, and lets nobody pass who waits", () =>
    Effect.gen(function* () {
      const store = yield* spent
      const first = ticket()
      yield* take(store, first, 0, second)
      assert.deepStrictEqual(yield* take(store, ticket(), 0, second), { _tag: "Refused", retryAfter: 2 * second })
      assert.isFalse(yield* isStarted(take(store, ticket(), second, hour)), "somebody is still in line before him")
      assert.isTrue(yield* isStarted(take(store, first, second, hour)))
    })
  )

  it.effect("starts late wakers one by one, so that the bound holds for every window", () =>
    Effect.gen(function* () {
      const store = yield* spent
      const line = Array.from({ length: 9 }, () => ticket())
      for (const claim of line) yield* take(store, claim, 0, hour)
      let started = 0
      for (const claim of line) if (yield* isStarted(take(store, claim, 100 * second, hour))) started++
      assert.strictEqual(started, 3)
    })
  )
}

const testGivingBack = ({ make }: Subject): void => {
  it.effect("has all its room when a started ticket is given back at once, however often", () =>
    Effect.gen(function* () {
      const store = yield* make
      const claims = [ticket(), ticket(), ticket()]
      for (const claim of claims) yield* take(store, claim, 0)
      for (let times = 0; times < 3; times++) yield* giveBack(store, claims[1]!, 0)
      assert.isTrue(yield* isStarted(take(store, ticket(), 0)))
      assert.isFalse(yield* isStarted(take(store, ticket(), 0)))
    })
  )

  it.effect("closes up the line behind one who leaves it", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (let index = 0; index < 3; index++) yield* take(store, ticket(), 0)
      const line = [ticket(), ticket(), ticket()]
      for (const claim of line) yield* take(store, claim, 0, hour)
      yield* giveBack(store, line[0]!, second / 2)
      assert.isTrue(yield* isStarted(take(store, line[1]!, second, hour)))
      assert.isTrue(yield* isStarted(take(store, line[2]!, 2 * second, hour)))
    })
  )

  it.effect("takes nothing for a ticket that was given back before its take arrived", () =>
    Effect.gen(function* () {
      const store = yield* make
      const overtaken = ticket()
      yield* giveBack(store, overtaken, 0)
      assert.isFalse(yield* isStarted(take(store, overtaken, 0)))
      for (let index = 0; index < 3; index++) assert.isTrue(yield* isStarted(take(store, ticket(), 0)))
    })
  )

  it.effect("ignores a ticket that it has never seen or has refused", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* giveBack(store, ticket(), 0)
      for (let index = 0; index < 3; index++) yield* take(store, ticket(), 0)
      const refused = ticket()
      yield* take(store, refused, 0)
      yield* giveBack(store, refused, 0)
      assert.isFalse(yield* isStarted(take(store, ticket(), 0)))
    })
  )
}

const testSettling = ({ make }: Subject): void => {
  it.effect("gives the rest of a cheaper call to the next, and the debt of a dearer one too", () =>
    Effect.gen(function* () {
      const store = yield* make
      const cheap = ticket([tokens(2_000)])
      yield* take(store, cheap, 0)
      yield* settle(store, cheap, [tokens(500).cost], 0)
      const dear = ticket([tokens(1_500)])
      assert.isTrue(yield* isStarted(take(store, dear, 0)))
      yield* settle(store, dear, [tokens(4_500).cost], 0)
      assert.deepStrictEqual(yield* take(store, ticket([tokens(1_000)]), 0), {
        _tag: "Refused",
        retryAfter: 4 * second
      })
    })
  )

  it.effect("refunds nothing that time has given back already", () =>
    Effect.gen(function* () {
      const store = yield* make
      const early = ticket([tokens(2_000)])
      yield* take(store, early, 0)
      assert.isTrue(yield* isStarted(take(store, ticket([tokens(2_000)]), 2 * second)))
      yield* settle(store, early, [0], 2 * second)
      assert.isFalse(yield* isStarted(take(store, ticket([tokens(1)]), 2 * second)))
    })
  )

  it.effect("settles a ticket once", () =>
    Effect.gen(function* () {
      const store = yield* make
      const claims = [ticket([tokens(1_000)]), ticket([tokens(1_000)])]
      for (const claim of claims) yield* take(store, claim, 0)
      for (let times = 0; times < 3; times++) yield* settle(store, claims[0]!, [0], 0)
      yield* giveBack(store, claims[0]!, 0)
      assert.isTrue(yield* isStarted(take(store, ticket([tokens(1_000)]), 0)))
      assert.isFalse(yield* isStarted(take(store, ticket([tokens(1)]), 0)))
    })
  )

  it.effect("keeps a debt whose key was idle in between", () =>
    Effect.gen(function* () {
      const store = yield* make
      const long = ticket([tokens(1_000)])
      yield* take(store, long, 0)
      yield* take(store, ticket([request], "somebody else"), hour)
      yield* settle(store, long, [tokens(5_000).cost], hour)
      assert.deepStrictEqual(yield* take(store, ticket([tokens(1_000)]), hour), {
        _tag: "Refused",
        retryAfter: 3 * second
      })
    })
  )
}

const testForgetting = ({ held, make }: Subject): void => {
  it.effect("forgets 100,000 idle keys at the next call, and none that is in use", () =>
    Effect.gen(function* () {
      const store = yield* make
      for (let index = 0; index < 100_000; index++) yield* take(store, ticket([request], `key ${index}`), 0)
      assert.isAtLeast(yield* held(store), 100_000)
      for (let index = 0; index < 3; index++) yield* take(store, ticket([request], "in use"), 2 * hour)
      yield* take(store, ticket([request], "in use"), 2 * hour, hour)
      yield* take(store, ticket([request], "the next"), 2 * hour + 70 * second)
      yield* take(store, ticket([request], "the next"), 2 * hour + 70 * second)
      assert.isAtMost(yield* held(store), 2)
      assert.isFalse(yield* isStarted(take(store, ticket([request], "in use"), 2 * hour)))
    })
  )
}

const testBound = ({ make }: Subject): void => {
  it.effect("lets through at most burst + rate x W in any window W, whatever callers do", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 150; seed++) yield* checkBound(yield* make, seed)
    })
  )
}

interface Event {
  readonly at: number
  readonly claim: Store.Ticket
}

/**
 * Random callers of one key, who wait, leave, come late, settle up and down, or give back; then every window is looked
 * at. A ticket counts for what was known when it started, or for what it was settled down to.
 */
const checkBound = (store: Store.Store, seed: number) =>
  Effect.gen(function* () {
    const random = Random.make(seed)
    const counted: Array<Event & { costs: Array<number> }> = []
    const open: Array<Event & { costs: Array<number> }> = []
    let waiting: Array<Event> = []
    let now = 0
    const start = (claim: Store.Ticket) => {
      const event = { at: now, claim, costs: claim.charges.map((charge) => charge.cost) }
      counted.push(event)
      open.push(event)
    }
    for (let step = 0; step < 400; step++) {
      now += random.below(4) === 0 ? random.below(3 * second) : random.below(second / 8)
      // Who waits asks again when his time has come, sometimes late, always in order.
      const due = waiting.filter((event) => event.at <= now && random.below(8) > 0)
      waiting = waiting.filter((event) => !due.includes(event))
      for (const event of due) {
        const decision = yield* take(store, event.claim, now, hour)
        if (decision._tag === "Started") start(event.claim)
        if (decision._tag === "Waits") waiting.push({ at: now + decision.wait, claim: event.claim })
      }
      const claim = ticket([request, tokens(1 + random.below(1_500))])
      const decision = yield* take(store, claim, now, random.below(2) * 5 * second)
      if (decision._tag === "Started") start(claim)
      if (decision._tag === "Waits") waiting.push({ at: now + decision.wait, claim })
      if (waiting.length > 0 && random.below(5) === 0) {
        const [gone] = waiting.splice(random.below(waiting.length), 1)
        yield* giveBack(store, gone!.claim, now)
      }
      if (open.length > 0 && random.below(2) === 0) {
        const [ended] = open.splice(random.below(open.length), 1)
        const real = [request.cost, random.below(2 * (1 + ended!.claim.charges[1]!.cost))]
        ended!.costs[1] = Math.min(ended!.costs[1]!, real[1]!)
        yield* settle(store, ended!.claim, real, now)
      }
    }
    for (const dimension of [0, 1]) checkWindows(counted, dimension, seed)
    assert.isAbove(counted.length, 50)
  })

const checkWindows = (
  counted: ReadonlyArray<Event & { readonly costs: ReadonlyArray<number> }>,
  dimension: number,
  seed: number
): void => {
  const { burst } = counted[0]!.claim.charges[dimension]!
  for (let from = 0; from < counted.length; from++) {
    let sum = 0
    for (let to = from; to < counted.length; to++) {
      sum += counted[to]!.costs[dimension]!
      const window = counted[to]!.at - counted[from]!.at
      if (sum > burst + window) assert.fail(`seed ${seed}, charge ${dimension}, from ${from} to ${to}: ${sum - window}`)
    }
  }
}
