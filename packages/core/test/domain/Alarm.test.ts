/**
 * An alarm rings when its time has come, on whichever clock, and never before.
 *
 * The live clock is measured with the machine's own monotonic time, since a timer that Node rings a moment early is
 * what this file is for; lateness is not judged, because a busy machine is late.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import * as Alarm from "../../src/domain/Alarm.ts"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const hour = 3_600_000

/** Sets an alarm on the fiber's clock. */
const set = (delay: number, ring: () => void): Effect.Effect<() => void> =>
  Effect.withFiber((fiber) => {
    const at = Alarm.now(fiber)
    const bell = Alarm.set(fiber, at + delay, { ring })
    return Effect.succeed(() => bell.cancel())
  })

const now = Effect.withFiber((fiber) => Effect.succeed(Alarm.now(fiber)))

/** The live clock with a wall that stands an hour later each time it is looked at, and with alarms on it. */
const jumpingClock = Effect.map(Clock.Clock, (live): Clock.Clock => {
  let hours = 0
  const millis = () => live.currentTimeMillisUnsafe() + hour * (hours++ % 2 === 0 ? hours : -hours)
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => BigInt(millis()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: live.monotonicTimeNanos,
    sleep: (duration) => live.sleep(duration)
  }
})

describe("time", () => {
  it("is whole nanoseconds, without end for a duration without end", () => {
    assert.strictEqual(Alarm.nanos(Duration.millis(1.5)), 1.5 * Alarm.perMilli)
    assert.strictEqual(Alarm.nanos(Duration.nanos(7n)), 7)
    assert.strictEqual(Alarm.nanos(Duration.infinity), Infinity)
  })

  it.effect("is read from the monotonic clock of the fiber", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5 * hour)
      yield* TestClock.adjust("1500 micros")
      assert.strictEqual(yield* now, (5 * hour + 1.5) * Alarm.perMilli)
    })
  )
})

describe("an alarm on the test clock", () => {
  it.effect("rings exactly at its time, each in its turn", () =>
    Effect.gen(function* () {
      const delays = [7, 3, 3.25, 0.001, 1, 7, 0.5, 12]
      const clock = yield* Clock.Clock
      const rings: Array<[index: number, at: number]> = []
      for (const [index, delay] of delays.entries()) {
        yield* set(delay * Alarm.perMilli, () => rings.push([index, Alarm.read(clock)]))
      }
      assert.deepStrictEqual(rings, [])
      yield* TestClock.adjust("6999 micros")
      assert.deepStrictEqual(
        rings.map(([index]) => index),
        [3, 6, 4, 1, 2]
      )
      yield* TestClock.adjust(hour)
      assert.deepStrictEqual(
        rings.map(([index]) => index),
        [3, 6, 4, 1, 2, 0, 5, 7]
      )
      for (const [index, at] of rings) assert.strictEqual(at, Math.ceil(delays[index]! * Alarm.perMilli))
    })
  )

  it.effect("rings once, and can be taken back until then", () =>
    Effect.gen(function* () {
      let rings = 0
      const disarm = yield* set(5 * Alarm.perMilli, () => rings++)
      const disarmLate = yield* set(5 * Alarm.perMilli, () => rings++)
      yield* TestClock.adjust("4999 micros")
      disarm()
      disarm()
      yield* TestClock.adjust(hour)
      assert.strictEqual(rings, 1)
      disarmLate()
      yield* TestClock.adjust(hour)
      assert.strictEqual(rings, 1)
    })
  )

  it.effect("does not ring before its time when the delay is longer than any timer's, or without end", () =>
    Effect.gen(function* () {
      const rings: Array<string> = []
      yield* set(40 * 24 * hour * Alarm.perMilli, () => rings.push("40 days"))
      yield* set(Infinity, () => rings.push("never"))
      yield* TestClock.adjust(40 * 24 * hour - 1)
      assert.deepStrictEqual(rings, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(rings, ["40 days"])
      yield* TestClock.adjust(1_000 * 24 * hour)
      assert.deepStrictEqual(rings, ["40 days"])
    })
  )

  it.effect("rings soon, but not before set has answered, when its time is over already", () =>
    Effect.gen(function* () {
      for (const delay of [0, -1, -hour * Alarm.perMilli]) {
        let rings = 0
        yield* Effect.withFiber((fiber) => {
          const at = Alarm.now(fiber)
          Alarm.set(fiber, at + delay, { ring: () => rings++ })
          assert.strictEqual(rings, 0)
          return Effect.void
        })
        yield* TestClock.adjust(0)
        assert.strictEqual(rings, 1)
      }
    })
  )

  it.effect("rings after set has answered, though its time came while it was being set", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let reads = 0n
      // Each look at this clock takes a microsecond.
      const slow: Clock.Clock = {
        ...clock,
        sleep: (duration) => clock.sleep(duration),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + 1_000n * ++reads
      }
      for (let later = 1; later < 6_000; later += 500) {
        let rings = 0
        yield* Effect.withFiber((fiber) => {
          Alarm.set(fiber, Alarm.now(fiber) + later, { ring: () => rings++ })
          assert.strictEqual(rings, 0, `${later} ns`)
          return Effect.void
        }).pipe(Effect.provideService(Clock.Clock, slow))
        yield* TestClock.adjust(1)
        assert.strictEqual(rings, 1, `${later} ns`)
      }
    })
  )

  it.effect("rings after set has answered also on a clock that sleeps in no time", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let slept = 0n
      const hasty: Clock.Clock = {
        ...clock,
        sleep: (duration) => Effect.sync(() => void (slept += Duration.toNanosUnsafe(duration))),
        monotonicTimeNanosUnsafe: () => slept
      }
      let rings = 0
      yield* Effect.withFiber((fiber) => {
        Alarm.set(fiber, Alarm.now(fiber) + Alarm.perMilli, { ring: () => rings++ })
        assert.strictEqual(rings, 0)
        return Effect.void
      }).pipe(Effect.provideService(Clock.Clock, hasty))
      yield* TestClock.adjust(1)
      assert.strictEqual(rings, 1)
    })
  )

  it.effect("rings at its time however often its fiber yields", () =>
    Effect.gen(function* () {
      for (const ops of [4, 5, 7, 2_048]) {
        const started = yield* now
        let rangAt = 0
        const clock = yield* Clock.Clock
        yield* set(3 * Alarm.perMilli, () => (rangAt = Alarm.read(clock))).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
        )
        for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
        yield* TestClock.adjust(10)
        assert.strictEqual(rangAt - started, 3 * Alarm.perMilli, `${ops} operations`)
      }
    })
  )
})

for (const [name, clock] of [
  ["the live clock", Effect.flatMap(Clock.Clock, Effect.succeed)],
  ["a clock whose wall jumps by hours", jumpingClock]
] as const) {
  describe(`an alarm on ${name}`, () => {
    it.live("never rings before its time", () =>
      Effect.gen(function* () {
        const random = Random.make(7)
        const early: Array<number> = []
        let rings = 0
        const one = (delay: number) =>
          Effect.withFiber((fiber) =>
            Effect.callback<void>((resume) => {
              const due = process.hrtime.bigint() + BigInt(delay)
              const at = Alarm.now(fiber)
              const ring = () => {
                const left = Number(due - process.hrtime.bigint())
                if (left > 0) early.push(left)
                rings++
                resume(Effect.void)
              }
              Alarm.set(fiber, at + delay, { ring })
            })
          )
        const delays = Array.from({ length: 200 }, () => Math.floor((0.2 + 2.8 * random.next()) * Alarm.perMilli))
        yield* Effect.forEach(delays, one, { concurrency: 20 })
        assert.strictEqual(rings, 200)
        assert.deepStrictEqual(early, [])
      }).pipe(Effect.provideServiceEffect(Clock.Clock, clock))
    )

    it.live("can be taken back, and does not ring at once when its delay is longer than any timer's", () =>
      Effect.gen(function* () {
        const rings: Array<number> = []
        const warnings: Array<string> = []
        const warned = (warning: Error) => void warnings.push(warning.name)
        process.on("warning", warned)
        const delays = [2, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, Infinity].map((millis) => millis * Alarm.perMilli)
        const disarms = yield* Effect.forEach(delays, (delay) => set(delay, () => rings.push(delay)))
        disarms[0]!()
        yield* Effect.sleep(5)
        for (const disarm of disarms) disarm()
        process.off("warning", warned)
        assert.deepStrictEqual(rings, [])
        // Node sets a timer that is too long to one millisecond and says so: it would ring and be set over and over.
        assert.deepStrictEqual(warnings, [])
      }).pipe(Effect.provideServiceEffect(Clock.Clock, clock))
    )
  })
}
