/**
 * Timeout under the laws of policies, and around plain Effects.
 *
 * A plain Effect is an answer of one part: it has one clock, the one to its first token. What the clocks do in a call
 * is in Timeout.clocks.test.ts. V19 is a defect that was measured in another timeout; its test shows the same scene
 * without it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Policy, RateLimit, SpillwayError, Timeout } from "@spillway/core"
import { clocks, deaf, deafUntil, endOf, start, told, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"
import { testPolicy } from "../laws/testPolicy.ts"
import { testTimed } from "../laws/testTimed.ts"

Unhandled.guard()

testPolicy({ name: "Timeout", make: Effect.orDie(Timeout.make()) })
testPolicy({ name: "Timeout with clocks that run out", make: clocks({ firstToken: "2s" }) })

const day = 24 * 3_600_000

describe("a timeout around a plain Effect", () => {
  it.effect("cuts what is too slow, exactly at the limit and not a nanosecond before", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const run = yield* start(guard(Effect.never))
      yield* TestClock.adjust(Duration.nanos(19_999_999n))
      assert.isUndefined(run.end)
      yield* TestClock.adjust(Duration.nanos(1n))
      assert.strictEqual(told(run.end!), "firstToken after 20, 0 parts, at 20")
    })
  )

  it.effect("lets through what ends a nanosecond sooner", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const end = yield* endOf(guard(Effect.sleep(Duration.nanos(19_999_999n))))
      assert.isTrue(Exit.isSuccess(end.exit))
      assert.strictEqual(end.at, 19.999999)
    })
  )

  it.effect("has one end where the work ends in the very moment in which the time is over", () =>
    Effect.gen(function* () {
      for (const around of [
        <E>(self: Effect.Effect<string, E>) => self,
        <E>(self: Effect.Effect<string, E>) => Effect.andThen(Effect.yieldNow, self)
      ]) {
        const guard = yield* clocks({ firstToken: "20ms" })
        const ends: Array<string> = []
        const self = around(guard(Effect.as(Effect.sleep(20), "in time"))).pipe(
          Effect.onExit((exit) => Effect.sync(() => void ends.push(exit._tag)))
        )
        yield* endOf(self)
        assert.lengthOf(ends, 1)
      }
    })
  )

  it.effect("has no other clock than that to its first token", () =>
    Effect.gen(function* () {
      const short = "1ms"
      const guard = yield* clocks({ connect: short, idle: short, reader: short, load: short, firstToken: "1h" })
      assert.strictEqual(yield* toldOf(guard(Effect.sleep("59 minutes"))), `answered at ${59 * 60_000}`)
    })
  )

  it.effect("does not count the wait for a turn, where the limit stands around it", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        Policy.all([
          RateLimit.make({ rate: "1/10s", wait: "1h", per: "target" }),
          Timeout.make({ firstToken: "20ms", load: "20ms" })
        ])
      )
      yield* guard(Effect.void)
      assert.strictEqual(yield* toldOf(guard(Effect.sleep(15))), "answered at 10015")
      assert.strictEqual(yield* toldOf(guard(Effect.never), 3 * day), "firstToken after 20, 0 parts, at 20")
    })
  )

  it.live("rings on the live clock", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "5ms" })
      const began = yield* Clock.monotonicTimeNanos
      const error = yield* Effect.flip(guard(Effect.never))
      assert.isAtLeast(Number((yield* Clock.monotonicTimeNanos) - began), 5_000_000)
      assert.strictEqual(error.reason._tag, "TimedOut")
    })
  )

  it.effect("measures two at once apart, each from its own beginning", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const first = yield* start(guard(Effect.never))
      yield* TestClock.adjust(15)
      const second = yield* start(guard(Effect.never))
      yield* TestClock.adjust(5)
      assert.strictEqual(told(first.end!), "firstToken after 20, 0 parts, at 20")
      assert.isUndefined(second.end)
      yield* TestClock.adjust(15)
      assert.strictEqual(told(second.end!), "firstToken after 20, 0 parts, at 20")
    })
  )

  it.effect("is the shorter of two around one another", () =>
    Effect.gen(function* () {
      const [short, long] = [yield* clocks({ firstToken: "20ms" }), yield* clocks({ firstToken: "30ms" })]
      assert.strictEqual(yield* toldOf(short(long(Effect.never))), "firstToken after 20, 0 parts, at 20")
      assert.strictEqual(yield* toldOf(long(short(Effect.never))), "firstToken after 20, 0 parts, at 20")
    })
  )

  it.effect("tells its caller what ran out, and what to do", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "1500ms" })
      const { exit } = yield* endOf(guard(Effect.never))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(error, SpillwayError)
      assert.strictEqual(error.message, "No answer began within 1.5 s: allow more time, or ask another target.")
      assert.isUndefined(error.stack)
    })
  )
})

describe("work that ignores its interrupt", () => {
  it.effect("V19: its caller is told after the 20 ms of the limit, and not after the 154 ms that it takes", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      assert.strictEqual(yield* toldOf(guard(deaf(154))), "firstToken after 20, 0 parts, at 20")
    })
  )

  it.live("V19: so it is on the live clock, with a promise that nobody can stop", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const { end, work } = deafUntil()
      let over = false
      const error = yield* Effect.flip(
        guard(
          Effect.andThen(
            work,
            Effect.sync(() => (over = true))
          )
        )
      )
      assert.strictEqual(error.reason._tag, "TimedOut")
      assert.isFalse(over)
      end()
    })
  )

  it.effect("may succeed, fail or die afterwards: its caller has his end, and nobody else hears of it", () =>
    Effect.gen(function* () {
      const rejects = Effect.promise(() => Promise.reject(new Error("late")))
      for (const late of [Effect.succeed(1), Effect.fail("late"), Effect.die("late"), rejects, Effect.interrupt]) {
        const guard = yield* clocks({ firstToken: "20ms" })
        const ends: Array<string> = []
        const guarded = guard(Effect.andThen(deaf(154), Effect.uninterruptible(late as Effect.Effect<number>)))
        yield* endOf(Effect.onExit(guarded, (exit) => Effect.sync(() => void ends.push(exit._tag))))
        assert.deepStrictEqual(ends, ["Failure"])
      }
    })
  )

  it.effect("is interrupted when its time is over: what heeds that stops at once, finalizers included", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const log: Array<string> = []
      const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("stopped")))
      const run = yield* start(guard(work))
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(log, ["stopped"])
      assert.isDefined(run.end)
    })
  )
})

describe("a caller who leaves", () => {
  it.effect("interrupts the work, waits for it as ever, and is told of no timeout", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      let released = false
      const work = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => (released = true))
        )
      )
      const run = yield* start(guard(work))
      yield* TestClock.adjust(10)
      run.fiber.interruptUnsafe()
      yield* TestClock.adjust(49)
      assert.isFalse(released)
      assert.isUndefined(run.fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isTrue(released)
      const exit = yield* Fiber.await(run.fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )

  it.effect("leaves no alarm behind: nothing happens when his time would have been over", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const ends: Array<string> = []
      const guarded = Effect.onExit(guard(Effect.never), (exit) =>
        Effect.sync(() => void ends.push(told({ at: 0, exit })))
      )
      const fiber = yield* Effect.forkChild(guarded, { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(ends, ["interrupted at 0"])
    })
  )

  testTimed(
    (time) => clocks({ firstToken: time, idle: time }),
    (exit) => assert.include(told({ at: 0, exit }), "firstToken")
  )
})
