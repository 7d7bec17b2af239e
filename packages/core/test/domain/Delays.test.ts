/**
 * The delays of a Schedule, asked for one at a time, whatever the Schedule is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Delays, type Timing } from "../../src/domain/Delays.ts"

const milli = 1_000_000

const next = <R>(delays: Delays<R>, input?: unknown) => Effect.withFiber((fiber) => delays.next(input, fiber))

/** So many delays, in milliseconds. */
const several = <R>(timing: Timing<R>, count: number) => {
  const delays = new Delays(timing)
  return Effect.map(
    Effect.forEach(Array.from({ length: count }), () => next(delays)),
    (each) => each.map((delay) => delay && delay / milli)
  )
}

describe("Delays", () => {
  it.effect("are those of the Schedule, in order and in nanoseconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* several(Schedule.exponential("100 millis"), 4), [100, 200, 400, 800])
      assert.deepStrictEqual(yield* several(Schedule.fibonacci("1 second"), 5), [1_000, 1_000, 2_000, 3_000, 5_000])
      assert.deepStrictEqual(yield* several(Schedule.spaced(Duration.nanos(1_500n)), 2), [0.0015, 0.0015])
    })
  )

  it.effect("end where the Schedule ends, also where it ends at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* several(Schedule.recurs(2), 4), [0, 0, undefined, undefined])
      assert.deepStrictEqual(yield* several(Schedule.recurs(0), 1), [undefined])
    })
  )

  it.effect("know what time it is, as a cron needs it", () =>
    Effect.gen(function* () {
      const delays = new Delays(Schedule.cron("*/5 * * * *", "UTC"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* next(delays), 240_000 * milli)
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual(yield* next(delays), 180_000 * milli)
    })
  )

  it.effect("end in a defect where the Schedule fails, such as a cron that nobody can read", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(several(Schedule.cron("every now and then"), 1))
      assert.isTrue(Exit.hasDies(exit))
    })
  )

  it.effect("feed the Schedule what they are given", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const watching = Schedule.forever.pipe(
        Schedule.modifyDelay(({ duration, input }) => {
          seen.push(input)
          return Effect.succeed(duration)
        })
      )
      const delays = new Delays(watching)
      for (const input of ["first", "second"]) yield* next(delays, input)
      assert.deepStrictEqual(seen, ["first", "second"])
    })
  )

  it.effect("take the services of a Schedule from whoever asks", () =>
    Effect.gen(function* () {
      class Pace extends Context.Service<Pace, Duration.Duration>()("test/Pace") {}
      const paced = Schedule.forever.pipe(Schedule.modifyDelay(() => Effect.service(Pace)))
      const delays = yield* Effect.provideService(several(paced, 2), Pace, Duration.seconds(7))
      assert.deepStrictEqual(delays, [7_000, 7_000])
    })
  )

  it.effect("are never less than nothing, and may be without end", () =>
    Effect.gen(function* () {
      const back = Schedule.forever.pipe(Schedule.modifyDelay(() => Effect.succeed(Duration.millis(-5))))
      assert.deepStrictEqual(yield* several(back, 1), [0])
      assert.deepStrictEqual(yield* several(Schedule.spaced(Duration.infinity), 1), [Infinity])
    })
  )

  it.effect("begin anew where they are told to", () =>
    Effect.gen(function* () {
      const delays = new Delays(Schedule.exponential("1 second"))
      const one = () => Effect.map(next(delays), (delay) => delay! / milli)
      assert.deepStrictEqual([yield* one(), yield* one()], [1_000, 2_000])
      delays.restart()
      assert.deepStrictEqual([yield* one(), yield* one()], [1_000, 2_000])
    })
  )

  it.effect("step the Schedule only when one is asked for, and then once", () =>
    Effect.gen(function* () {
      let begun = 0
      const timing: Timing = Schedule.fromStep(
        Effect.sync(() => {
          begun++
          return () => Effect.succeed([0, Duration.zero])
        })
      )
      const delays = new Delays(timing)
      const asked = next(delays)
      assert.strictEqual(begun, 0)
      yield* asked
      yield* asked
      assert.strictEqual(begun, 1)
    })
  )
})
