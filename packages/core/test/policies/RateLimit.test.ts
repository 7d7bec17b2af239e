/**
 * RateLimit under the laws of policies, and what it alone promises: exact waits, tokens settled, keys apart.
 *
 * The numbers V1 to V4 are defects that were measured in other limiters; each test shows the same scene without the
 * defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { MemoryStore, Policy, RateLimit, Store } from "@spillway/core"
import { inEffects, late } from "../laws/lateStore.ts"
import * as Random from "../laws/random.ts"
import { testPolicy } from "../laws/testPolicy.ts"

const limit = (options: RateLimit.Options) => Effect.orDie(RateLimit.make(options))

const withStore = <A, E, R>(as: (store: Store.Store) => Store.Store, self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.orDie(MemoryStore.make()), (store) =>
    Effect.provideService(self, Store.StoreService, as(store))
  )

testPolicy({
  name: "RateLimit",
  make: limit({ rate: "1000/min" }),
  room: {
    refusing: (room) => limit({ rate: `${room}/min` }),
    waiting: (room) => limit({ rate: `${room}/s`, wait: "1h" }),
    keeps: true,
    restMillis: 60_000
  }
})

testPolicy({
  name: "RateLimit in tokens",
  make: limit({ rate: "1000/min", tokens: "1000 tok/min" }),
  room: {
    refusing: (room) => limit({ rate: "1000/min", tokens: `${room} tok/min` }),
    waiting: (room) => limit({ tokens: `${room} tok/s`, wait: "1h" }),
    keeps: true,
    restMillis: 60_000
  }
})

testPolicy({
  name: "RateLimit over a store that answers with Effects",
  make: withStore(inEffects, limit({ rate: "1000/min" })),
  room: {
    refusing: (room) => withStore(inEffects, limit({ rate: `${room}/min` })),
    waiting: (room) => withStore(inEffects, limit({ rate: `${room}/s`, wait: "1h" })),
    keeps: true,
    restMillis: 60_000
  }
})

testPolicy({
  name: "RateLimit over a store that answers late",
  make: withStore(late, limit({ rate: "1000/min" })),
  room: {
    refusing: (room) => withStore(late, limit({ rate: `${room}/min` })),
    waiting: (room) => withStore(late, limit({ rate: `${room}/s`, wait: "1h" })),
    keeps: true,
    restMillis: 60_000
  }
})

/** The error of a refused call, which has to be one. */
const refusalOf = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.flip(Effect.asVoid(self))

const waitOf = (error: { readonly retryAfter: Duration.Duration | undefined }) =>
  Duration.toMillis(error.retryAfter ?? Duration.infinity)

const as = (caller: string) => Policy.about({ caller })

describe("RateLimit", () => {
  it.effect("V1: admits on, and tells the truth, when the wall clock steps back an hour", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/s" })
      yield* TestClock.adjust("2 hours")
      yield* guard(Effect.void)
      const clock = yield* Clock.Clock
      const hourNanos = 3_600_000_000_000n
      const back: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() - 3_600_000,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now - 3_600_000),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() - hourNanos,
        currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now - hourNanos)
      }
      const behind = Effect.provideService(Clock.Clock, back)
      assert.strictEqual(waitOf(yield* behind(refusalOf(guard(Effect.void)))), 1_000)
      yield* TestClock.adjust("1 second")
      yield* behind(guard(Effect.void))
    })
  )

  it.effect("V2: five waiters who leave are no debt for the next", () =>
    Effect.gen(function* () {
      const waiting = yield* limit({ rate: "1/10s", wait: "1h" })
      yield* waiting(Effect.void)
      const waiters = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
        Effect.forkChild(waiting(Effect.void), { startImmediately: true })
      )
      yield* Fiber.interruptAll(waiters)
      const next = yield* Effect.forkChild(waiting(Clock.currentTimeMillis), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(next), 10_000)
    })
  )

  it.effect("V3: every window is bounded, also one that lies across the limit's own", () =>
    Effect.gen(function* () {
      for (const burst of [1, 5, 10]) {
        const guard = yield* limit({ rate: "10/10s", burst })
        const admitted: Array<number> = []
        const ask = (calls: number) =>
          Effect.forEach(Array.from({ length: calls }), () =>
            Effect.exit(guard(Effect.map(Clock.currentTimeMillis, (now) => admitted.push(now))))
          )
        yield* ask(1)
        yield* TestClock.adjust(999)
        yield* ask(9)
        yield* TestClock.adjust(9_001)
        yield* ask(10)
        for (const [index, from] of admitted.entries()) {
          for (const [further, to] of admitted.slice(index).entries()) {
            assert.isAtMost(further + 1, burst + (to - from) / 1_000, `burst ${burst}, from ${from} to ${to}`)
          }
        }
        // No less either: the first, what was earned until then of what the burst may hold, and a full burst at the
        // end.
        assert.strictEqual(admitted.length, 1 + Math.min(9, burst - 1) + burst)
      }
    })
  )

  it.effect("V4: forgets 100,000 callers once they are idle", () =>
    Effect.gen(function* () {
      const store = yield* Effect.orDie(MemoryStore.make())
      const guard = yield* Effect.provideService(limit({ rate: "10/min" }), Store.StoreService, store)
      for (let caller = 0; caller < 100_000; caller++) yield* as(`caller ${caller}`)(guard(Effect.void))
      assert.strictEqual(store.size, 100_000)
      yield* TestClock.adjust("1 hour")
      yield* as("one more")(guard(Effect.void))
      assert.strictEqual(store.size, 1)
    })
  )

  it.effect("tells a refused caller exactly when to come back: a millisecond sooner is too soon", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 50; seed++) {
        const random = Random.make(seed)
        const guard = yield* limit({
          rate: `${1 + random.below(50)}/${1 + random.below(20)}s`,
          burst: 1 + random.below(5)
        })
        for (;;) {
          const exit = yield* Effect.exit(guard(Effect.void))
          if (Exit.isSuccess(exit)) continue
          const error = Option.getOrThrow(Cause.findErrorOption(exit.cause))
          yield* TestClock.adjust(waitOf(error) - 1)
          assert.strictEqual(waitOf(yield* refusalOf(guard(Effect.void))), 1, `seed ${seed}`)
          yield* TestClock.adjust(1)
          yield* guard(Effect.void)
          break
        }
      }
    })
  )

  it.effect("counts callers, keys, targets or everybody, as it is told", () =>
    Effect.gen(function* () {
      const said = { caller: "ann", key: "tenant", target: "gpu1/llama" }
      for (const [per, other] of [
        ["caller", { ...said, caller: "bob" }],
        ["key", { ...said, key: "another" }],
        ["target", { ...said, target: "gpu2/llama" }]
      ] as const) {
        const guard = yield* limit({ rate: "1/min", per })
        yield* Policy.about(said)(guard(Effect.void))
        const error = yield* refusalOf(Policy.about(said)(guard(Effect.void)))
        assert.strictEqual(error.reason._tag === "RateLimited" && error.reason.key, said[per])
        yield* Policy.about(other)(guard(Effect.void))
      }
      const all = yield* limit({ rate: "1/min", per: "all" })
      yield* as("ann")(all(Effect.void))
      yield* refusalOf(as("bob")(all(Effect.void)))
    })
  )

  it.effect("gives back what a guard further in refuses, and counts what failed in earnest", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        Policy.all([RateLimit.make({ rate: "3/min" }), RateLimit.make({ rate: "1/min", per: "target" })])
      )
      const to = (target: string) => Policy.about({ target })
      yield* to("gpu1")(guard(Effect.void))
      for (let index = 0; index < 5; index++) yield* refusalOf(to("gpu1")(guard(Effect.void)))
      yield* Effect.flip(to("gpu2")(guard(Effect.fail("broken"))))
      yield* to("gpu3")(guard(Effect.void))
      const error = yield* refusalOf(to("gpu4")(guard(Effect.void)))
      assert.include(String(error), "3/min")
    })
  )

  it.effect("rounds a rate that is no whole number of nanoseconds so that it never admits one too many", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "7/s" })
      const ask = Effect.forEach(Array.from({ length: 9 }), () => Effect.exit(guard(Effect.void)))
      const admitted = Effect.map(ask, (exits) => exits.filter(Exit.isSuccess).length)
      assert.strictEqual(yield* admitted, 7)
      // Some nanoseconds before the second is over, burst + rate x W is not yet 14.
      yield* TestClock.adjust(Duration.nanos(999_999_995n))
      assert.strictEqual(yield* admitted, 6)
      yield* TestClock.adjust(Duration.nanos(10n))
      assert.strictEqual(yield* admitted, 1)
    })
  )

  it.effect("moves up who waits behind one that leaves", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/10s", wait: "1h" })
      yield* guard(Effect.void)
      const [first, second] = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(guard(Clock.currentTimeMillis), { startImmediately: true })
      )
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.interrupt(first!)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(second!), 10_000)
    })
  )

  it.effect("refuses at once who would wait longer than allowed, or past his deadline", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/10s", wait: "15s" })
      yield* guard(Effect.void)
      const waiter = yield* Effect.forkChild(guard(Effect.void), { startImmediately: true })
      assert.strictEqual(waitOf(yield* refusalOf(guard(Effect.void))), 20_000)
      yield* Fiber.interrupt(waiter)
      assert.strictEqual(waitOf(yield* refusalOf(Policy.about({ deadline: "9s" })(guard(Effect.void)))), 10_000)
      const inTime = yield* Effect.forkChild(Policy.about({ deadline: "11s" })(guard(Effect.void)))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(inTime)
    })
  )

  it.live("holds its bound on the live clock, where timers are late and many ring together", () =>
    Effect.gen(function* () {
      const store = yield* Effect.orDie(MemoryStore.make())
      const starts: Array<number> = []
      const watched: Store.Store = {
        ...store,
        take: (ticket, maxWait, now) => {
          const decision = store.take(ticket, maxWait, now)
          if (decision._tag === "Started") starts.push(now)
          return decision
        }
      }
      const limiting = limit({ rate: "1000/s", burst: 1, wait: "10s" })
      const guard = yield* Effect.provideService(limiting, Store.StoreService, watched)
      const clock = yield* Clock.Clock
      // Somebody else keeps the event loop busy, so that timers pile up.
      const busy = Effect.sync(() => {
        const until = clock.monotonicTimeNanosUnsafe() + 8_000_000n
        while (clock.monotonicTimeNanosUnsafe() < until);
      })
      yield* Effect.forkChild(Effect.forEach(Array.from({ length: 10 }), () => Effect.andThen(Effect.sleep(5), busy)))
      yield* Effect.forEach(Array.from({ length: 100 }), () => guard(Effect.void), { concurrency: "unbounded" })
      assert.strictEqual(starts.length, 100)
      for (let index = 1; index < starts.length; index++) {
        assert.isAtLeast(starts[index]! - starts[index - 1]!, 1_000_000, `start ${index}`)
      }
    })
  )
})

describe("RateLimit's options", () => {
  it.effect("are refused when the policy is made, all at once, with what was read and what would be right", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(
        RateLimit.make({ rate: "10 per min", burst: 0, wait: -5, brust: 5 } as RateLimit.Options)
      )
      for (const word of ["10 per min", "10/min", "burst", "wait", "brust", "did you mean burst?"]) {
        assert.include(refused.message, word)
      }
    })
  )

  it.effect("have to name a limit", () =>
    Effect.gen(function* () {
      const problem = "missing: write rate as 10/min, or tokens as 50k tok/min, or both"
      const refused = yield* Effect.flip(RateLimit.make({ burst: 5 }))
      assert.strictEqual(refused.message, `RateLimit: 1 option refused\n  rate: ${problem}`)
      for (const [path, lonely] of [
        ["tokensBurst", { rate: "10/min", tokensBurst: 5 }],
        ["burst", { tokens: "10 tok/min", burst: 5 }]
      ] as const) {
        const { problems } = yield* Effect.flip(RateLimit.make(lonely))
        assert.deepStrictEqual(
          problems.map((each) => each.path),
          [path]
        )
        assert.include(problems[0]!.expected, "that it belongs to")
      }
    })
  )

  it.effect("take the same wait as a string, a number of milliseconds, Effect's words and a Duration", () =>
    Effect.gen(function* () {
      for (const wait of ["10s", 10_000, "10 seconds", Duration.seconds(10)]) {
        const guard = yield* limit({ rate: "1/10s", wait })
        yield* guard(Effect.void)
        const waiter = yield* Effect.forkChild(guard(Effect.void), { startImmediately: true })
        assert.strictEqual(waitOf(yield* refusalOf(guard(Effect.void))), 20_000)
        yield* Fiber.interrupt(waiter)
      }
    })
  )
})
