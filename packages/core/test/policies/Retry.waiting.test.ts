/**
 * How long Retry waits: by any Schedule, bent by Retry-After in every form, and never past the deadline.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { type Classify, Policy, refusal, Retry, SpillwayError } from "@spillway/core"
import { ending, errorOf, failing } from "../fixtures/failing.ts"

const retry = <R = never>(options?: Retry.Options<R>) => Effect.orDie(Retry.make(options))

/** A world in which chance always comes out alike. */
const chance = (always: number) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => always, nextIntUnsafe: () => 0 })

const busy = Effect.fail("busy")

/** When each try of something that keeps failing begins, in milliseconds from the first. */
const timesOf = <R = never>(options: Retry.Options<R>, within: Duration.Input = "1 hour") =>
  Effect.gen(function* () {
    const guard = yield* retry<R>({ budget: "off", ...options })
    const { runs, self } = failing(busy)
    const fiber = yield* Effect.forkChild(guard(self))
    // Tries without a wait yield to others, and the clock must not run ahead of them.
    for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
    yield* TestClock.adjust(within)
    assert.strictEqual(errorOf(yield* Fiber.await(fiber)), "busy")
    return runs.times.map((time) => time - runs.times[0]!)
  })

const waitsOf = (times: ReadonlyArray<number>) => times.slice(1).map((time, index) => time - times[index]!)

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("the wait before a try", () => {
  it.effect("cannot be longer at first than at most", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Retry.make({ base: "6s" }))
      const { expected, path } = refused.problems[0]!
      assert.deepStrictEqual([path, expected], ["base", "write one of at most 5s, as max says, or a longer max"])
      yield* Retry.make({ base: "5s" })
    })
  )

  it.live("keeps no program running that nobody else does, once its caller has left", () =>
    Effect.gen(function* () {
      const before = timers()
      const guard = yield* retry({ base: "1h", max: "1h" })
      const fiber = yield* Effect.forkChild(guard(busy), { startImmediately: true })
      assert.strictEqual(timers(), before + 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(timers(), before)
    })
  )

  it.effect("doubles from `base` to `max`, and is shortened at random by up to half", () =>
    Effect.gen(function* () {
      const steps = [200, 400, 800, 1_600, 3_200, 5_000, 5_000]
      assert.deepStrictEqual(waitsOf(yield* chance(0)(timesOf({ attempts: 8 }))), steps)
      const shortened = waitsOf(yield* chance(0.5)(timesOf({ attempts: 8 })))
      assert.deepStrictEqual(
        shortened,
        steps.map((step) => step * 0.75)
      )
      const custom = timesOf({ attempts: 5, base: "1s", max: "3s" })
      assert.deepStrictEqual(waitsOf(yield* chance(0)(custom)), [1_000, 2_000, 3_000, 3_000])
    })
  )

  it.effect("stays within its bounds, varies, and is a number still at the 5,000th try", () =>
    Effect.gen(function* () {
      const waits = waitsOf(yield* timesOf({ attempts: 5_000 }, "7 hours"))
      assert.strictEqual(waits.length, 4_999)
      for (const [index, wait] of waits.entries()) {
        const step = Math.min(200 * 2 ** index, 5_000)
        assert.isAtLeast(wait, step / 2 - 1, `try ${index}`)
        assert.isAtMost(wait, step + 1, `try ${index}`)
      }
      assert.isAbove(new Set(waits).size, 1_000)
      // Nothing, doubled without end, is no number.
      assert.strictEqual((yield* timesOf({ attempts: 1_500, base: 0 })).length, 1_500)
    })
  )

  it.effect("is what any Schedule says, and where it ends so do the tries", () =>
    Effect.gen(function* () {
      const forms: ReadonlyArray<readonly [Retry.Options["schedule"], ReadonlyArray<number>]> = [
        [Schedule.recurs(0), []],
        [Schedule.recurs(2), [0, 0]],
        [Schedule.spaced("3 seconds"), [3_000, 3_000, 3_000, 3_000]],
        [Schedule.exponential("1 second"), [1_000, 2_000, 4_000, 8_000]],
        [Schedule.exponential("100 millis", 3), [100, 300, 900, 2_700]],
        [Schedule.fibonacci("1 second"), [1_000, 1_000, 2_000, 3_000]],
        [Schedule.concat(Schedule.duration("7 seconds"), Schedule.recurs(1)), [7_000, 0]],
        [Schedule.cron("*/5 * * * *", "UTC"), [300_000, 300_000, 300_000, 300_000]],
        [Schedule.jittered(Schedule.spaced("10 seconds")), [8_000, 8_000, 8_000, 8_000]]
      ]
      for (const [schedule, waits] of forms) {
        assert.deepStrictEqual(waitsOf(yield* chance(0)(timesOf({ schedule: schedule!, attempts: 5 }))), waits)
      }
    })
  )

  it.effect("is what the Schedule makes of the very failures, and of a service", () =>
    Effect.gen(function* () {
      class Pace extends Context.Service<Pace, Duration.Duration>()("test/Pace") {}
      const seen: Array<unknown> = []
      const schedule = Schedule.forever.pipe(
        Schedule.modifyDelay(({ input }) => {
          seen.push(input)
          return Effect.service(Pace)
        })
      )
      const times = timesOf<Pace>({ schedule }).pipe(Effect.provideService(Pace, Duration.seconds(4)))
      assert.deepStrictEqual(yield* times, [0, 4_000, 8_000])
      assert.deepStrictEqual(seen, ["busy", "busy"])
    })
  )

  it.effect("of a Schedule whose delay has no end is the end, with or without a Retry-After", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.spaced(Duration.infinity) })
      for (const reason of [
        { _tag: "Overloaded", target: "gpu1" },
        { _tag: "Overloaded", target: "gpu1", retryAfter: Duration.seconds(1) }
      ] as const) {
        const error = refusal(reason)
        const { runs, self } = failing(Effect.fail(error))
        assert.strictEqual(errorOf(yield* chance(0)(Effect.exit(guard(self)))), error)
        assert.strictEqual(runs.count, 1)
      }
    })
  )

  it.effect("may be longer than a timer can be", () =>
    Effect.gen(function* () {
      const times = yield* timesOf({ schedule: Schedule.spaced("40 days"), attempts: 2 }, "41 days")
      assert.deepStrictEqual(waitsOf(times), [40 * 86_400_000])
    })
  )
})

describe("a Retry-After", () => {
  /** When the second try begins, or nothing where there is none; the back-off itself is 2 seconds. */
  const secondAt = (retryAfter: Duration.Duration | string | null | undefined, options: Retry.Options = {}) =>
    Effect.gen(function* () {
      const classify: Classify = () => ({ reason: "Overloaded", retryAfter })
      const schedule = Schedule.spaced("2 seconds")
      const [, second] = yield* chance(0)(timesOf({ attempts: 2, classify, schedule, ...options }))
      return second
    })

  for (const [name, text, second] of [
    ["in seconds is waited for", "7", 7_000],
    ["in fractions of a second is waited for", "7.5", 7_500],
    ["with a date is waited for", "Thu, 01 Jan 1970 00:00:09 GMT", 9_000],
    ["with a date that has passed is no reason to hurry", "Wed, 31 Dec 1969 23:00:00 GMT", 2_000],
    ["that is shorter than the back-off is no reason to hurry", "1", 2_000],
    ["of nothing is no reason to hurry", "0", 2_000],
    ["that is negative says nothing", "-7", 2_000],
    ["that is garbage says nothing", "as soon as the moon is full", 2_000],
    ["that is empty says nothing", "", 2_000],
    ["that is huge ends it at once", "99999999999999999999", undefined],
    ["far in the future ends it at once", "Fri, 01 Jan 2100 00:00:00 GMT", undefined]
  ] as const) {
    it.effect(`${name}: ${text}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* secondAt(text), second)
      })
    )
  }

  it.effect("with a date is measured from the moment at which it came", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* secondAt("Thu, 01 Jan 1970 01:00:09 GMT"), 9_000)
    })
  )

  it.effect("may come as a Duration, or not at all", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* secondAt(Duration.seconds(11)), 11_000)
      assert.strictEqual(yield* secondAt(null), 2_000)
      assert.strictEqual(yield* secondAt(undefined), 2_000)
      assert.isUndefined(yield* secondAt(Duration.infinity))
    })
  )

  it.effect("is waited for up to `retryAfterMax`, and a longer one ends it at once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* secondAt("60"), 60_000)
      assert.isUndefined(yield* secondAt("60.001"))
      assert.strictEqual(yield* secondAt("600", { retryAfterMax: "10m" }), 600_000)
      assert.isUndefined(yield* secondAt("3", { retryAfterMax: 0 }))
      const guard = yield* retry()
      const error = new SpillwayError({
        reason: { _tag: "Overloaded", target: "gpu1", retryAfter: Duration.hours(1) }
      })
      // No clock moves: it ends now, as the failure that it was.
      assert.strictEqual(errorOf(yield* Effect.exit(guard(Effect.fail(error)))), error)
    })
  )

  it.effect("that a SpillwayError carries is waited for too", () =>
    Effect.gen(function* () {
      for (const [wait, second] of [
        [Duration.seconds(5), 5_000],
        [Duration.zero, 200],
        [Duration.seconds(-5), 200]
      ] as const) {
        for (const _tag of ["Overloaded", "UpstreamRateLimited"] as const) {
          const { runs, self } = failing(Effect.fail(refusal({ _tag, target: "gpu1", retryAfter: wait })))
          const guard = yield* retry({ attempts: 2 })
          yield* chance(0)(ending(guard(self)))
          assert.strictEqual(runs.times[1]! - runs.times[0]!, second)
        }
      }
    })
  )

  it.effect("is never cut short, and those who were told the same moment do not all come back in it", () =>
    Effect.gen(function* () {
      const seconds = new Set<number>()
      for (let caller = 0; caller < 50; caller++) {
        const { runs, self } = failing(
          Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.seconds(5) }))
        )
        yield* ending((yield* retry({ attempts: 2 }))(self))
        const wait = runs.times[1]! - runs.times[0]!
        assert.isAtLeast(wait, 5_000)
        assert.isAtMost(wait, 5_200)
        seconds.add(wait)
      }
      assert.isAbove(seconds.size, 20)
    })
  )

  it.effect("does not prolong a Schedule that has ended", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* secondAt("1", { schedule: Schedule.recurs(0) }))
    })
  )
})

describe("the deadline", () => {
  const within = (deadline: Duration.Input, schedule: Retry.Options["schedule"]) =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: schedule!, attempts: 5 })
      const { runs, self } = failing(busy)
      const fiber = yield* Effect.forkChild(Policy.about({ deadline: Duration.fromInputUnsafe(deadline) })(guard(self)))
      for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
      const isOver = fiber.pollUnsafe() !== undefined
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(errorOf(yield* Fiber.await(fiber)), "busy")
      return { isOver, count: runs.count }
    })

  it.effect("is never waited past: a try that would not begin before it is given up now", () =>
    Effect.gen(function* () {
      const spaced = Schedule.spaced("10 seconds")
      assert.deepStrictEqual(yield* within("9 seconds", spaced), { isOver: true, count: 1 })
      assert.deepStrictEqual(yield* within("10 seconds", spaced), { isOver: true, count: 1 })
      assert.deepStrictEqual(yield* within("10001 millis", spaced), { isOver: false, count: 2 })
      assert.deepStrictEqual(yield* within("25 seconds", spaced), { isOver: false, count: 3 })
    })
  )

  it.effect("counts from the call and not from each try, and a Retry-After does not move it", () =>
    Effect.gen(function* () {
      const told = refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.seconds(20) })
      const { runs, self } = failing(Effect.fail(told))
      const guard = yield* retry({ attempts: 9 })
      yield* ending(Policy.about({ deadline: "50s" })(guard(self)))
      assert.strictEqual(runs.count, 3)
    })
  )
})

describe("on the live clock", () => {
  it.live("no Retry-After is cut short by a timer that rings early or knows no fractions", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.recurs(1), budget: "off", attempts: 2 })
      const after = 5_900_000
      const early: Array<number> = []
      const one = Effect.suspend(() => {
        let failedAt: bigint | undefined
        return guard(
          Effect.suspend(() => {
            if (failedAt !== undefined) {
              const waited = Number(process.hrtime.bigint() - failedAt)
              if (waited < after) early.push(waited)
              return Effect.void
            }
            failedAt = process.hrtime.bigint()
            return Effect.fail(
              refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.nanos(BigInt(after)) })
            )
          })
        )
      })
      yield* Effect.forEach(Array.from({ length: 60 }), () => one, { concurrency: 10 })
      assert.deepStrictEqual(early, [])
    })
  )
})
