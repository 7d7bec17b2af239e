/**
 * Budget's windows: when they turn, by whose calendar, and what a wall clock that is set wrong can do to them.
 *
 * Test clocks begin in 1970, so a scene sets its date first.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Budget, Policy } from "@spillway/core"
import { amounts, budget, hangWall, inTotal, refusalOf } from "../fixtures/bills.ts"
import * as Random from "../laws/random.ts"

const tokens = (count: number) => Policy.about({ tokens: count })
const at = (date: string) => TestClock.setTime(Date.parse(date))
const hour = 3_600_000
const day = 24 * hour

const turnsIn = <R>(guard: Budget.Budget<R>) =>
  Effect.map(guard.standing(), ({ total }) => Duration.toMillis(total!.turnsIn))

/** The dates at which a budget turns from now on, as its callers find out. */
const turnsOf = <R>(guard: Budget.Budget<R>, count: number) =>
  Effect.gen(function* () {
    const dates: Array<string> = []
    for (let index = 0; index < count; index++) {
      yield* guard(Effect.void)
      yield* TestClock.adjust(Duration.millis((yield* turnsIn(guard)) - 1))
      assert.strictEqual((yield* refusalOf(guard(Effect.void))).reason._tag, "BudgetSpent")
      yield* TestClock.adjust(1)
      dates.push(new Date(yield* Clock.currentTimeMillis).toISOString())
    }
    return dates
  })

describe("A window", () => {
  it.effect("turns exactly when a refused caller is told: a millisecond sooner is too soon", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 60; seed++) {
        const random = Random.make(seed)
        const per = ["min", "7s", "1h", "5h", "day", "week", "month", "36h", "1001ms"][random.below(9)]!
        const zone = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "+02:00"][random.below(5)]!
        const guard = yield* budget({ total: `10 tok/${per}`, zone })
        yield* TestClock.adjust(random.below(40 * day))
        yield* tokens(10)(guard(Effect.void))
        const error = yield* refusalOf(guard(Effect.void))
        const wait = Duration.toMillis(error.retryAfter!)
        assert.isAtLeast(wait, 1)
        yield* TestClock.adjust(Duration.millis(wait - 1))
        const again = yield* refusalOf(guard(Effect.void))
        assert.strictEqual(Duration.toMillis(again.retryAfter!), 1, `seed ${seed}, per ${per} in ${zone}`)
        yield* TestClock.adjust(1)
        yield* tokens(10)(guard(Effect.void))
      }
    })
  )

  it.effect("is a day, a month or a length of the calendar of its zone", () =>
    Effect.gen(function* () {
      for (const [per, zone, ...dates] of [
        ["day", "UTC", "2026-05-05T00:00:00.000Z", "2026-05-06T00:00:00.000Z"],
        ["day", "Europe/Berlin", "2026-05-04T22:00:00.000Z", "2026-05-05T22:00:00.000Z"],
        ["month", "Europe/Berlin", "2026-05-31T22:00:00.000Z", "2026-06-30T22:00:00.000Z"],
        ["week", "+02:00", "2026-05-10T22:00:00.000Z", "2026-05-17T22:00:00.000Z"],
        ["6h", "Europe/Berlin", "2026-05-04T16:00:00.000Z", "2026-05-04T22:00:00.000Z"]
      ] as const) {
        yield* at("2026-05-04T13:30:00Z")
        const guard = yield* budget({ total: `1 tok/${per}`, zone })
        assert.deepStrictEqual(yield* turnsOf(guard, 2), dates, `per ${per}`)
      }
    })
  )

  for (const [clocks, from, length, ...dates] of [
    ["forward", "2026-03-28T12:00:00Z", 23, "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"],
    ["back", "2026-10-24T12:00:00Z", 25, "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"]
  ] as const) {
    it.effect(`is the day of ${length} hours on which Europe/Berlin sets its clocks ${clocks}`, () =>
      Effect.gen(function* () {
        yield* at(from)
        const calendar = yield* budget({ total: "1 tok/day", zone: "Europe/Berlin" })
        assert.deepStrictEqual(yield* turnsOf(calendar, 2), dates)
        yield* at(from)
        const cron = yield* budget({
          total: { amount: "1 tok", window: Schedule.cron("0 0 * * *", "Europe/Berlin") }
        })
        assert.deepStrictEqual(yield* turnsOf(cron, 2), dates)
        assert.strictEqual(Date.parse(dates[1]) - Date.parse(dates[0]), length * hour)
      })
    )
  }

  it.effect("is what any Schedule says: its n-th delay is the n-th window", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const monthly = yield* budget({ total: { amount: "1 tok", window: Schedule.cron("0 9 1 * *") } })
      assert.deepStrictEqual(yield* turnsOf(monthly, 2), ["2026-06-01T09:00:00.000Z", "2026-07-01T09:00:00.000Z"])
      const growing = yield* budget({ total: { amount: "1 tok", window: Schedule.exponential("1 second") } })
      const from = yield* Clock.currentTimeMillis
      const dates = yield* turnsOf(growing, 4)
      assert.deepStrictEqual(
        dates.map((date) => Date.parse(date) - from),
        [1_000, 3_000, 7_000, 15_000]
      )
    })
  )

  it.effect("of a Schedule begins with the first call after the one before, and not while nobody asks", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: { amount: "1 tok", window: Schedule.spaced("1 minute") } })
      yield* guard(Effect.void)
      yield* TestClock.adjust("90 seconds")
      yield* guard(Effect.void)
      assert.strictEqual(yield* turnsIn(guard), 60_000)
    })
  )

  it.effect("never turns again when its Schedule has ended", () =>
    Effect.gen(function* () {
      const guard = yield* budget({
        total: { amount: "1 tok", window: Schedule.upTo(Schedule.spaced("1 minute"), { times: 1 }) }
      })
      yield* turnsOf(guard, 1)
      yield* guard(Effect.void)
      yield* TestClock.adjust("1000 days")
      const error = yield* refusalOf(guard(Effect.void))
      assert.isUndefined(error.retryAfter)
      assert.include(error.message, "when its window turns")
      assert.isFalse(Duration.isFinite((yield* guard.standing()).total!.turnsIn))
    })
  )

  it.effect("of no length lasts a millisecond, so that a Schedule of such does not turn for ever", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: { amount: "1 tok", window: Schedule.forever } })
      yield* guard(Effect.void)
      assert.strictEqual(Duration.toMillis((yield* refusalOf(guard(Effect.void))).retryAfter!), 1)
      yield* TestClock.adjust(1)
      yield* guard(Effect.void)
    })
  )

  it.effect("of a Schedule is asked for once, however many find the last one over", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = Schedule.modifyDelay(Schedule.spaced("1 minute"), ({ duration }) =>
        Effect.as(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => asked++)
          ),
          duration
        )
      )
      const guard = yield* budget({ total: { amount: "100 tok", window: counting } })
      for (let window = 1; window <= 3; window++) {
        yield* Effect.forEach(Array.from({ length: 50 }), () => guard(Effect.void), { concurrency: "unbounded" })
        assert.strictEqual(asked, window)
        yield* TestClock.adjust("1 minute")
      }
    })
  )

  it.effect("may be one in total and another for each", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const guard = yield* budget({
        total: "3 tok/month",
        each: { amount: "1 tok", window: Schedule.spaced("1 minute") }
      })
      for (let index = 0; index < 3; index++) {
        yield* guard(Effect.void)
        const error = yield* refusalOf(guard(Effect.void))
        assert.include(error.message, index < 2 ? '1 tok for "default"' : "3 tok/month in total")
        yield* TestClock.adjust("1 minute")
      }
    })
  )

  it.effect("is billed for what was reserved in it, though the call ends in the next", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "100 tok/day", lease: "3d" })
      yield* TestClock.adjust("23 hours")
      const long = yield* Effect.forkChild(
        tokens(60)(guard(Effect.andThen(Effect.sleep("2 hours"), Policy.used({ input: 500, output: 0 })))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 hour")
      yield* tokens(100)(guard(Policy.used({ input: 7, output: 0 })))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(long)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 7 }))
    })
  )
})

describe("A wall clock that is set", () => {
  const windows = ["1 tok/hour", "1 tok/day", "1 tok/week", "1 tok/month"]
  const lengths = [hour, day, 7 * day, 31 * day]
  const jumps = [hour, day, 3 * day, 20 * day, 365 * day].flatMap((millis) => [-millis, millis])

  for (const [index, total] of windows.entries()) {
    it.effect(`locks nobody out of ${total} for longer than a window and a day, and opens one window at most`, () =>
      Effect.gen(function* () {
        yield* at("2026-05-04T13:30:00Z")
        for (const jump of jumps) {
          for (const after of [0, 0.3, 0.99]) {
            const wall = yield* hangWall
            const guard = yield* budget({ total, zone: "Europe/Berlin" })
            yield* wall.by(guard(Effect.void))
            yield* TestClock.adjust(Math.floor(after * (yield* wall.by(turnsIn(guard)))))
            wall.ahead += jump
            yield* TestClock.adjust(200)
            const scene = `${total}, ${jump / hour} h, after ${after}`
            // What the jump itself opens, and then nothing before the longest time that anybody may be locked out.
            let opened = 0
            while (Exit.isSuccess(yield* Effect.exit(wall.by(guard(Effect.void))))) opened++
            assert.isAtMost(opened, 1, scene)
            const wait = yield* wall.by(turnsIn(guard))
            assert.isAtMost(wait, lengths[index]! + day, scene)
            yield* TestClock.adjust(Duration.millis(wait - 1))
            // A clock that is ahead may end it sooner than anybody was told.
            if (jump < 0) yield* wall.by(refusalOf(guard(Effect.void)))
            yield* TestClock.adjust(1)
            assert.isTrue(Exit.isSuccess(yield* Effect.exit(wall.by(guard(Effect.void)))), scene)
            assert.isAtMost(yield* wall.by(turnsIn(guard)), lengths[index]! + day, scene)
          }
        }
      })
    )
  }

  it.effect("opens nothing anew when it is set back and forth by an hour around midnight", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T23:30:00Z")
      const wall = yield* hangWall
      const guard = yield* budget({ total: "1 tok/day" })
      let admitted = 0
      for (let minute = 0; minute < 120; minute++) {
        wall.ahead = ((minute % 3) - 1) * hour
        if (Exit.isSuccess(yield* Effect.exit(wall.by(guard(Effect.void))))) admitted++
        yield* TestClock.adjust("1 minute")
      }
      assert.isAtMost(admitted, 3)
    })
  )

  it.effect("is believed again once it is right, when it was a year ahead", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T12:00:00Z")
      const wall = yield* hangWall
      const guard = yield* budget({ total: "1 tok/day" })
      wall.ahead = 365 * day
      yield* wall.by(guard(Effect.void))
      wall.ahead = 0
      yield* TestClock.adjust("12 hours")
      yield* wall.by(guard(Effect.void))
      assert.strictEqual(yield* wall.by(turnsIn(guard)), day)
    })
  )
})

describe("A machine that slept, so that only the wall clock went on,", () => {
  for (const [per, slept] of [
    ["day", 11 * hour],
    ["week", 7 * day],
    ["month", 28 * day]
  ] as const) {
    it.effect(`has a new ${per} when it wakes up in one`, () =>
      Effect.gen(function* () {
        yield* at("2026-05-04T13:30:00Z")
        const wall = yield* hangWall
        const guard = yield* budget({ total: `1 tok/${per}` })
        yield* wall.by(guard(Effect.void))
        yield* wall.by(refusalOf(guard(Effect.void)))
        wall.ahead = slept
        yield* TestClock.adjust(100)
        yield* wall.by(guard(Effect.void))
      })
    )
  }

  it.effect("has the same day when it wakes up in it, which ends by the wall clock", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const wall = yield* hangWall
      const guard = yield* budget({ total: "1 tok/day" })
      yield* wall.by(guard(Effect.void))
      wall.ahead = 10 * hour
      yield* TestClock.adjust("29 minutes")
      yield* wall.by(refusalOf(guard(Effect.void)))
      yield* TestClock.adjust("1 minute")
      yield* wall.by(guard(Effect.void))
      assert.strictEqual(yield* wall.by(turnsIn(guard)), day)
    })
  )
})
