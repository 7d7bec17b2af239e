/**
 * Turns say which window runs, by the calendar and the monotonic clock together.
 *
 * The laws here are of one window after the other; what they mean to callers is in the tests of Budget.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import * as Alarm from "../../src/domain/Alarm.ts"
import { type Every, type Turn, Turns } from "../../src/domain/Turns.ts"
import * as Window from "../../src/domain/Window.ts"
import { hangWall } from "../fixtures/bills.ts"
import * as Random from "../laws/random.ts"

const hour = 3_600_000
const day = 24 * hour
const at = (date: string) => TestClock.setTime(Date.parse(date))
const make = <R = never>(every: Every<R>, zone = "UTC") => new Turns<R>(every, Window.zone(zone)!)

/** The window that runs now, where that is known without asking a Schedule. */
const now = <R>(turns: Turns<R>) => Effect.withFiber((fiber) => Effect.succeed(turns.now(fiber, Alarm.now(fiber))))

/** The window that runs now. */
const next = <R>(turns: Turns<R>) => Effect.withFiber((fiber) => turns.next(fiber))

/** How many milliseconds are left of it. */
const left = ({ until }: Turn) =>
  Effect.withFiber((fiber) => Effect.succeed((until - Alarm.now(fiber)) / Alarm.perMilli))

describe("Turns of the calendar", () => {
  it.effect("name a window by the millisecond at which it is over, the same in every process", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const one = yield* next(make("month", "Europe/Berlin"))
      yield* TestClock.adjust("3 days")
      const other = yield* next(make("month", "Europe/Berlin"))
      assert.strictEqual(one.window, Date.parse("2026-05-31T22:00:00Z"))
      assert.deepStrictEqual(other, one)
    })
  )

  it.effect("keep a window to the nanosecond before its end, and begin the next with it", () =>
    Effect.gen(function* () {
      for (const every of [Duration.hours(6), Duration.days(1), "month"] as const) {
        const turns = make(every)
        const first = yield* next(turns)
        yield* TestClock.adjust(Duration.nanos(BigInt(yield* left(first)) * 1_000_000n - 1n))
        assert.deepStrictEqual(yield* now(turns), first)
        yield* TestClock.adjust(Duration.nanos(1n))
        const second = (yield* now(turns))!
        assert.isAbove(second.window, first.window)
        assert.strictEqual(second.until - first.until, (second.window - first.window) * Alarm.perMilli)
      }
    })
  )

  it.effect("skip the windows in which nobody asked", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const turns = make(Duration.hours(1))
      yield* next(turns)
      yield* TestClock.adjust("50 hours")
      const later = (yield* now(turns))!
      assert.strictEqual(later.window, Date.parse("2026-05-06T16:00:00Z"))
      assert.strictEqual(yield* left(later), hour / 2)
    })
  )

  it.effect(
    "never come twice in a row and never end later than a window and a day, wherever the wall clock is set",
    () =>
      Effect.gen(function* () {
        for (let seed = 1; seed <= 60; seed++) {
          const random = Random.make(seed)
          const [every, length] = (
            [
              [Duration.hours(1), hour],
              [Duration.days(1), day],
              [Duration.weeks(1), 7 * day],
              ["month", 31 * day]
            ] as const
          )[random.below(4)]!
          yield* TestClock.adjust("400 days")
          const wall = yield* hangWall
          const turns = make(every, ["UTC", "Europe/Berlin"][random.below(2)])
          let before: Turn | undefined
          let [jumped, turned] = [0, 0]
          for (let step = 0; step < 200; step++) {
            if (random.below(10) === 0) {
              wall.ahead += [-1, 1][random.below(2)]! * [1_000, hour, day, 365 * day][random.below(4)]!
              jumped++
            }
            const turn = (yield* wall.by(now(turns)))!
            const scene = `seed ${seed}, step ${step}`
            assert.isAbove(yield* left(turn), 0, scene)
            assert.isAtMost(yield* left(turn), length + day + hour, scene)
            if (before !== undefined && before !== turn) {
              turned++
              assert.notStrictEqual(turn.window, before.window, scene)
            }
            before = turn
            yield* TestClock.adjust(random.below(length / 20))
          }
          // No more windows than the monotonic clock has room for, and one for each time the wall clock was set.
          assert.isAtMost(turned, jumped + 11, `seed ${seed}`)
        }
      })
  )

  it.effect(
    "look at the wall clock no oftener than every tenth of a second, and notice within it that a machine slept",
    () =>
      Effect.gen(function* () {
        yield* at("2026-05-04T13:30:00Z")
        const wall = yield* hangWall
        for (const [every, days, end] of [
          [Duration.days(1), 2, "2026-05-07T00:00:00Z"],
          ["month", 31, "2026-07-01T00:00:00Z"]
        ] as const) {
          wall.ahead = 0
          const turns = make(every)
          yield* wall.by(next(turns))
          const first = yield* wall.by(now(turns))
          wall.ahead = days * day
          yield* TestClock.adjust(99)
          assert.strictEqual(yield* wall.by(now(turns)), first)
          yield* TestClock.adjust(1)
          const woken = (yield* wall.by(now(turns)))!
          assert.strictEqual(woken.window, Date.parse(end))
        }
      })
  )

  it.effect("begin no window for an hour that is shown twice: the next ends when the wall clock says so", () =>
    Effect.gen(function* () {
      for (const back of [1_000, hour, 12 * hour, day]) {
        yield* at("2026-05-04T13:30:00Z")
        const wall = yield* hangWall
        const turns = make(Duration.days(1))
        const first = yield* wall.by(next(turns))
        wall.ahead = -back
        yield* TestClock.adjust(yield* left(first))
        const second = (yield* wall.by(now(turns)))!
        assert.strictEqual(second.window, first.window + day)
        assert.strictEqual(yield* left(second), day + back)
      }
    })
  )

  it.effect("of less than a day are counted out and follow no wall clock", () =>
    Effect.gen(function* () {
      yield* at("2026-05-04T13:30:00Z")
      const wall = yield* hangWall
      const turns = make(Duration.hours(1))
      const first = yield* wall.by(next(turns))
      wall.ahead = -365 * day
      yield* TestClock.adjust("30 minutes")
      const second = (yield* wall.by(now(turns)))!
      assert.strictEqual(second.window, first.window + hour)
      wall.ahead = 365 * day
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(yield* wall.by(now(turns)), second)
    })
  )
})

describe("Turns of a Schedule", () => {
  it.effect("have to be asked for, and stand until they are over", () =>
    Effect.gen(function* () {
      const turns = make(Schedule.spaced("1 minute"))
      assert.isUndefined(yield* now(turns))
      const first = yield* next(turns)
      assert.strictEqual(yield* left(first), 60_000)
      assert.strictEqual(yield* next(turns), first)
      yield* TestClock.adjust(59_999)
      assert.strictEqual(yield* now(turns), first)
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* now(turns))
      const second = yield* next(turns)
      assert.strictEqual(second.window - first.window, 60_000)
    })
  )

  it.effect("are asked for once when many ask together, also when the first of them leaves", () =>
    Effect.gen(function* () {
      let asked = 0
      const slow = Schedule.modifyDelay(Schedule.spaced("1 minute"), ({ duration }) =>
        Effect.as(
          Effect.andThen(
            Effect.sync(() => asked++),
            Effect.sleep("1 second")
          ),
          duration
        )
      )
      const turns = make(slow)
      const start = { startImmediately: true }
      const first = yield* Effect.forkChild(next(turns), start)
      const others = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(next(turns), start))
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("2 seconds")
      const got = yield* Effect.forEach(others, Fiber.join)
      assert.strictEqual(asked, 2)
      assert.isTrue(got.every((turn) => turn === got[0]))
    })
  )

  it.effect("last a millisecond at least, and for ever when the Schedule has ended", () =>
    Effect.gen(function* () {
      const none = yield* next(make(Schedule.forever))
      assert.strictEqual(yield* left(none), 1)
      const ended = make(Schedule.upTo(Schedule.spaced("1 minute"), { times: 1 }))
      yield* next(ended)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* next(ended), { window: Infinity, until: Infinity })
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual(yield* now(ended), { window: Infinity, until: Infinity })
    })
  )

  it.effect("need what the Schedule needs", () =>
    Effect.gen(function* () {
      const turns = make(Schedule.cron("0 0 * * *", "Europe/Berlin"))
      yield* at("2026-03-28T23:00:00Z")
      const turn = yield* next(turns)
      assert.strictEqual(turn.window, Date.parse("2026-03-29T22:00:00Z"))
    })
  )
})
