/**
 * Deadline under the laws of policies: one moment for the whole call, at which its caller is told.
 *
 * What waits and tries again inside it is in Deadline.inside.test.ts. V19 is a defect that was measured in another
 * timeout; its test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Deadline, Policy, SpillwayError } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { ask, deaf, endOf, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"
import { testPolicy } from "../laws/testPolicy.ts"
import { testTimed } from "../laws/testTimed.ts"

Unhandled.guard()

const within = (deadline: Deadline.Options["deadline"]) => Effect.orDie(Deadline.make({ deadline: deadline! }))

testPolicy({ name: "Deadline", make: Effect.orDie(Deadline.make()) })
testPolicy({ name: "Deadline that is missed", make: within("2s") })

describe("a deadline", () => {
  it.effect("is over exactly at its moment, and not a nanosecond before", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      for (const self of [guard(Effect.never), ask(guard(leaf(() => Effect.never)))]) {
        const run = yield* start(self)
        yield* TestClock.adjust(Duration.nanos(19_999_999n))
        assert.isUndefined(run.end)
        yield* TestClock.adjust(Duration.nanos(1n))
        assert.strictEqual(told<unknown>(run.end!), "total after 20, 0 parts, at 20")
      }
    })
  )

  it.effect("says how many parts had reached the caller, and cuts an answer that has not fallen silent", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      const call = leaf((attempt) => Effect.forever(Effect.andThen(say(attempt), Effect.sleep(3))))
      assert.strictEqual(yield* toldOf(ask(guard(call)), 1_000), "total after 20, 7 parts, at 20")
    })
  )

  it.effect("is the earliest of several around one another, whichever stands outside", () =>
    Effect.gen(function* () {
      const [short, long] = [yield* within("20ms"), yield* within("30ms")]
      const named = Policy.about({ deadline: "25ms" })
      for (const [guard, millis] of [
        [(self: Effect.Effect<never>) => short(long(self)), 20],
        [(self: Effect.Effect<never>) => long(short(self)), 20],
        [(self: Effect.Effect<never>) => named(long(self)), 25],
        [(self: Effect.Effect<never>) => named(short(self)), 20],
        [(self: Effect.Effect<never>) => long(named(short(self))), 20],
        [
          (self: Effect.Effect<never>) =>
            Policy.about({ deadline: "25ms" })(Policy.about({ deadline: "1h" })(long(self))),
          25
        ]
      ] as const) {
        assert.strictEqual(yield* toldOf(guard(Effect.never)), `total after ${millis}, 0 parts, at ${millis}`)
        const call = guard(leaf(() => Effect.never) as Effect.Effect<never>)
        assert.strictEqual(yield* toldOf(ask(call)), `total after ${millis}, 0 parts, at ${millis}`)
      }
    })
  )

  it.effect("is named once for a call: what is said around the question holds for its answer", () =>
    Effect.gen(function* () {
      const guard = yield* within("1h")
      const asking = Effect.andThen(Effect.sleep(15), ask(guard(leaf(() => Effect.never))))
      assert.strictEqual(yield* toldOf(Policy.about({ deadline: "20ms" })(asking)), "total after 5, 0 parts, at 20")
    })
  )

  it.effect("that is past already is a refusal: nothing starts", () =>
    Effect.gen(function* () {
      let started = 0
      const work = Effect.sync(() => started++)
      const guard = yield* within("1h")
      const late = Policy.about({ deadline: "20ms" })(Effect.andThen(Effect.sleep(20), guard(work)))
      assert.strictEqual(yield* toldOf(late), "total after 0, 0 parts, at 20")
      const longPast = Policy.about({ deadline: "20ms" })(Effect.andThen(Effect.sleep(500), guard(work)))
      assert.strictEqual(yield* toldOf(longPast), "total after 0, 0 parts, at 500")
      const now = Policy.about({ deadline: 0 })
      assert.strictEqual(yield* toldOf(now(guard(work))), "total after 0, 0 parts, at 0")
      assert.strictEqual(yield* toldOf(now(ask(guard(leaf(() => work))))), "total after 0, 0 parts, at 0")
      assert.include((yield* Effect.flip(Deadline.make({ deadline: 0 }))).message, "longer than 0")
      assert.strictEqual(started, 0)
      const inTime = Policy.about({ deadline: "20ms" })(Effect.andThen(Effect.sleep("19999999 nanos"), guard(work)))
      assert.strictEqual(yield* toldOf(inTime), "answered at 19.999999")
      assert.strictEqual(started, 1)
    })
  )

  it.effect("has one end where the work ends in the very moment", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      for (const last of [Effect.void, Effect.fail("broken"), Effect.die("a bug")]) {
        const ends: Array<unknown> = []
        const self = Effect.onExit(guard(Effect.andThen(Effect.sleep(20), last)), (exit) =>
          Effect.sync(() => void ends.push(exit))
        )
        yield* endOf(self)
        assert.lengthOf(ends, 1)
      }
    })
  )

  it.live("rings on the live clock", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip((yield* within("5ms"))(Effect.never))
      assert.include(error.message, "The call was not over within ")
    })
  )

  it.effect("two minutes where nobody says otherwise", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Deadline.make())
      assert.strictEqual(yield* toldOf(guard(Effect.never)), "total after 120000, 0 parts, at 120000")
    })
  )

  it.effect("speaks against no target, and is not retryable", () =>
    Effect.gen(function* () {
      const { exit } = yield* endOf((yield* within("20ms"))(Effect.never))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(error, SpillwayError)
      assert.isFalse(error.blamesTarget)
      assert.isFalse(error.retryable)
      assert.strictEqual(error.message, "The call was not over within 20 ms: allow more time, or ask another target.")
    })
  )
})

describe("work that ignores its interrupt", () => {
  it.effect("V19: its caller is told at the deadline, and not when the work is over", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      assert.strictEqual(yield* toldOf(guard(deaf(154))), "total after 20, 0 parts, at 20")
    })
  )

  it.effect("reaches nobody any more, and lingers in its attempts until it ends", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      const attempts: Array<Attempt> = []
      const parts: Array<unknown> = []
      const call = leaf((attempt) => {
        attempts.push(attempt)
        return Effect.andThen(say(attempt, "one"), Effect.andThen(deaf(154), say(attempt, "late")))
      })
      // The reader goes on although the call has ended: only the attempt itself stands in the way.
      const read = Answer.toSink(
        Effect.andThen(Effect.ignore(guard(Effect.uninterruptible(call))), Effect.sleep(500)),
        question,
        { emit: (part) => void parts.push(part) }
      )
      const run = yield* start(read)
      yield* TestClock.adjust(20)
      let ended = false
      void attempts[0]!.lingering!.then(() => (ended = true))
      yield* TestClock.adjust(133)
      assert.isFalse(ended)
      yield* TestClock.adjust(500)
      assert.isTrue(ended)
      assert.isDefined(run.end)
      assert.lengthOf(parts, 1)
    })
  )

  it.effect("is interrupted at the deadline: what heeds that stops at once", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      let stopped = false
      yield* start(guard(Effect.onInterrupt(Effect.never, () => Effect.sync(() => (stopped = true)))))
      yield* TestClock.adjust(20)
      assert.isTrue(stopped)
    })
  )
})

describe("a caller who leaves before his deadline", () => {
  it.effect("is interrupted and not late, and leaves no alarm behind", () =>
    Effect.gen(function* () {
      const guard = yield* within("20ms")
      const ends: Array<string> = []
      for (const self of [guard(Effect.never), ask(guard(leaf(() => Effect.never)))]) {
        const noted = Effect.onExit(self, (exit) => Effect.sync(() => void ends.push(told({ at: 0, exit }))))
        const fiber = yield* Effect.forkChild(noted, { startImmediately: true })
        yield* TestClock.adjust(10)
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
      }
      assert.deepStrictEqual(ends, ["interrupted at 0", "interrupted at 0"])
    })
  )

  testTimed(within, (exit) => assert.include(told({ at: 0, exit }), "total"))
})

describe("Deadline's options", () => {
  it.effect("are refused when the policy is made, with what was read and what would be right", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Deadline.make({ deadline: "soon", deadlien: 5 } as Deadline.Options))
      for (const word of ['"soon"', "200ms", "did you mean deadline?"]) assert.include(refused.message, word)
      assert.include((yield* Effect.flip(Deadline.make({ deadline: -5 }))).message, "-5")
    })
  )

  it.effect("take the same deadline as a string, a number of milliseconds, Effect's words and a Duration", () =>
    Effect.gen(function* () {
      for (const deadline of ["20ms", 20, "20 millis", Duration.millis(20)]) {
        assert.strictEqual(yield* toldOf((yield* within(deadline))(Effect.never)), "total after 20, 0 parts, at 20")
      }
    })
  )
})
