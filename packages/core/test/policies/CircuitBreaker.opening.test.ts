/**
 * How long a breaker stays open: the n-th delay of a Schedule for the n-th opening, told to the millisecond, and from
 * the first again when the target has been stable; and how many circuits it keeps.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Random as Chance, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker, Policy, type SpillwayError } from "@spillway/core"
import { breaker, failing, stands, touchy, waitOf } from "../fixtures/breaker.ts"
import * as Random from "../laws/random.ts"

/** How long each of so many openings in a row lasts, in milliseconds: each probe fails at the first moment it may. */
const openings = (guard: CircuitBreaker.CircuitBreaker, times: number) =>
  Effect.gen(function* () {
    const waits: Array<number> = []
    for (let opening = 0; opening < times; opening++) {
      yield* failing(guard)
      const wait = yield* waitOf(guard)
      waits.push(wait)
      yield* TestClock.adjust(Duration.nanos(BigInt(Math.round(wait * 1e6))))
    }
    return waits
  })

const opening = (open: Schedule.Schedule<unknown>) => breaker({ failures: 1, open })

describe("the n-th opening", () => {
  for (const [name, schedule, waits] of [
    ["spaced", Schedule.spaced("3 seconds"), [3_000, 3_000, 3_000, 3_000]],
    ["exponential", Schedule.exponential("1 second"), [1_000, 2_000, 4_000, 8_000]],
    ["fibonacci", Schedule.fibonacci("1 second"), [1_000, 1_000, 2_000, 3_000]],
    ["shorter than a second", Schedule.exponential("10 millis"), [10, 20, 40, 80]]
  ] satisfies ReadonlyArray<readonly [string, Schedule.Schedule<unknown>, ReadonlyArray<number>]>) {
    it.effect(`lasts the n-th delay of a Schedule: ${name}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* openings(yield* opening(schedule), 4), waits)
      })
    )
  }

  it.effect("lasts as long as the last delay of a Schedule that has ended", () =>
    Effect.gen(function* () {
      for (const base of [100, 5_000]) {
        const guard = yield* opening(Schedule.upTo(Schedule.exponential(base), { times: 2 }))
        assert.deepStrictEqual(yield* openings(guard, 5), [base, 2 * base, 2 * base, 2 * base, 2 * base])
      }
    })
  )

  it.effect("lasts a second where a Schedule ends before its first delay", () =>
    Effect.gen(function* () {
      const guard = yield* opening(Schedule.recurs(0))
      assert.deepStrictEqual(yield* openings(guard, 2), [1_000, 1_000])
    })
  )

  it.effect("may last no time, and still no second probe runs beside the first", () =>
    Effect.gen(function* () {
      const guard = yield* opening(Schedule.recurs(10))
      yield* failing(guard)
      const probe = yield* Effect.forkChild(guard(Effect.never), { startImmediately: true })
      assert.strictEqual(yield* stands(guard), "HalfOpen")
      assert.strictEqual(yield* waitOf(guard), 1_000)
      assert.isUndefined(probe.pollUnsafe())
    })
  )

  it.effect("may last for ever, and then nobody is told when", () =>
    Effect.gen(function* () {
      const guard = yield* opening(Schedule.spaced(Duration.infinity))
      yield* failing(guard)
      yield* TestClock.adjust("1000 days")
      assert.isUndefined((yield* Effect.flip(guard(Effect.void))).retryAfter)
      assert.deepStrictEqual(yield* guard.state(), { _tag: "Open", openings: 1, retryAfter: Duration.infinity })
    })
  )

  it.effect("takes a Schedule that needs a service, and asks for it in the guard's type", () =>
    Effect.gen(function* () {
      class Patience extends Context.Service<Patience, { readonly seconds: number }>()("test/Patience") {}
      const schedule = Schedule.modifyDelay(Schedule.spaced("1 second"), () =>
        Effect.map(Patience, ({ seconds }) => Duration.seconds(seconds))
      )
      const guard = yield* CircuitBreaker.make({ failures: 1, open: schedule })
      const guarded: Effect.Effect<never, string | SpillwayError, Patience> = guard(Effect.fail("broken"))
      yield* Effect.flip(Effect.provideService(guarded, Patience, { seconds: 7 }))
      const state = yield* guard.state()
      assert.deepStrictEqual(state._tag === "Open" && state.retryAfter, Duration.nanos(7_000_000_000n))
    })
  )

  it.effect("is fed the failure that has opened it", () =>
    Effect.gen(function* () {
      const fed: Array<unknown> = []
      const schedule = Schedule.modifyDelay(Schedule.spaced("1 second"), (step) =>
        Effect.sync(() => {
          fed.push(step.input)
          return step.duration
        })
      )
      yield* failing(yield* opening(schedule))
      assert.deepStrictEqual(fed, ["broken"])
    })
  )

  it.effect("is counted for each key by itself", () =>
    Effect.gen(function* () {
      const guard = yield* opening(Schedule.exponential("1 second"))
      assert.deepStrictEqual(yield* openings(guard, 3), [1_000, 2_000, 4_000])
      yield* Policy.about({ target: "gpu1/a" })(failing(guard))
      const state = yield* guard.state("gpu1/a")
      assert.deepStrictEqual(state, { _tag: "Open", openings: 1, retryAfter: Duration.nanos(1_000_000_000n) })
    })
  )
})

describe("the range of openings", () => {
  const at = (chance: number) =>
    Effect.provideService(Chance.Random, { nextDoubleUnsafe: () => chance, nextIntUnsafe: () => 0 })

  it.effect("doubles from the shortest to the longest and stays there, also after 2,000 openings", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 1, open: "2s..10s" })
      const waits = yield* at(0.5)(openings(guard, 2_000))
      assert.deepStrictEqual(waits.slice(0, 5), [2_200, 4_000, 8_000, 9_000, 9_000])
      assert.strictEqual(waits.at(-1), 9_000)
    })
  )

  it.effect("varies by a fifth at random, never out of the range, and no two breakers open alike", () =>
    Effect.gen(function* () {
      const firsts = new Set<number>()
      for (let seed = 1; seed <= 60; seed++) {
        const guard = yield* breaker({ failures: 1, open: "2s..10s" })
        const waits = yield* openings(guard, 5).pipe(Chance.withSeed(`seed ${seed}`))
        for (const [index, [shortest, longest]] of [
          [2_000, 2_400],
          [3_200, 4_800],
          [6_400, 9_600],
          [8_000, 10_000],
          [8_000, 10_000]
        ].entries()) {
          assert.isAtLeast(waits[index]!, shortest!, `seed ${seed}`)
          assert.isAtMost(waits[index]!, longest!, `seed ${seed}`)
        }
        firsts.add(waits[0]!)
      }
      assert.isAbove(firsts.size, 50)
    })
  )

  it.effect("is exact where both ends are the same", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 1, open: "3s..3s" })
      assert.deepStrictEqual(yield* openings(guard, 4), [3_000, 3_000, 3_000, 3_000])
    })
  )
})

describe("after it has closed", () => {
  it.effect("the next opening is a first one again once it has stayed closed for as long as it had been open", () =>
    Effect.gen(function* () {
      for (const [closedFor, wait] of [
        [3_999, 8_000],
        [4_000, 1_000]
      ] as const) {
        const guard = yield* opening(Schedule.exponential("1 second"))
        yield* openings(guard, 3)
        yield* guard(Effect.void)
        assert.strictEqual(yield* stands(guard), "Closed")
        yield* TestClock.adjust(closedFor)
        yield* failing(guard)
        assert.strictEqual(yield* waitOf(guard), wait)
      }
    })
  )

  it.effect("a Schedule that had ended begins anew too", () =>
    Effect.gen(function* () {
      const guard = yield* opening(Schedule.upTo(Schedule.exponential(1_000), { times: 2 }))
      yield* openings(guard, 4)
      yield* guard(Effect.void)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* openings(guard, 3), [1_000, 2_000, 2_000])
    })
  )
})

describe("`retryAfter` of a refusal", () => {
  it.effect("is exact: a nanosecond sooner is refused, and then let in", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 50; seed++) {
        const random = Random.make(seed)
        const guard = yield* breaker({ failures: 1, open: "100ms..10s" })
        yield* Chance.withSeed(openings(guard, random.below(5)), `${seed}`)
        yield* failing(guard)
        yield* TestClock.adjust(random.below(80))
        const { retryAfter } = yield* Effect.flip(guard(Effect.void))
        yield* TestClock.adjust(Duration.subtract(retryAfter!, Duration.nanos(1n)))
        const early = yield* Effect.flip(guard(Effect.void))
        assert.deepStrictEqual(early.retryAfter, Duration.nanos(1n), `seed ${seed}`)
        yield* TestClock.adjust(Duration.nanos(1n))
        yield* guard(Effect.void)
      }
    })
  )
})

describe("the circuits of many keys", () => {
  const at = (index: number) => Policy.about({ target: `gpu/${index}` })

  it.effect(
    "are kept apart for 100,000 of them",
    () =>
      Effect.gen(function* () {
        const guard = yield* breaker({ ...touchy, keysMax: 100_000 })
        for (let index = 0; index < 100_000; index++) {
          yield* Effect.exit(at(index)(guard(index % 1_000 === 0 ? Effect.fail("broken") : Effect.void)))
        }
        for (let index = 0; index < 100_000; index += 500) {
          assert.strictEqual(yield* stands(guard, `gpu/${index}`), index % 1_000 === 0 ? "Open" : "Closed")
        }
      }),
    20_000
  )

  it.effect("are bounded: past the bound a new key passes uncounted, and the old ones are counted on", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ ...touchy, keysMax: 2 })
      for (const index of [1, 2, 3]) yield* at(index)(failing(guard, 5))
      assert.strictEqual(yield* stands(guard, "gpu/1"), "Open")
      assert.strictEqual(yield* stands(guard, "gpu/2"), "Open")
      assert.strictEqual(yield* stands(guard, "gpu/3"), "Closed")
      yield* at(3)(guard(Effect.void))
    })
  )

  it.effect("are forgotten when they are idle, and make room for others", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ ...touchy, keysMax: 2 })
      for (const index of [1, 2]) yield* at(index)(failing(guard))
      yield* TestClock.adjust("59 minutes")
      yield* at(3)(failing(guard))
      assert.strictEqual(yield* stands(guard, "gpu/3"), "Closed")
      yield* TestClock.adjust("2 minutes")
      yield* at(3)(failing(guard))
      assert.strictEqual(yield* stands(guard, "gpu/3"), "Open")
      assert.strictEqual(yield* stands(guard, "gpu/1"), "Closed")
    })
  )

  it.effect("are not forgotten while they are open, however long that is", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 1, open: "5h..5h", keysMax: 1 })
      yield* at(1)(failing(guard))
      yield* TestClock.adjust("4 hours")
      yield* at(2)(guard(Effect.void))
      assert.strictEqual(yield* stands(guard, "gpu/1"), "Open")
    })
  )
})
