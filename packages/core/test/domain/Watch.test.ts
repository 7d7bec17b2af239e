/**
 * An Effect beside an alarm: it keeps its own end, and its caller has one on time whatever it does.
 *
 * What is looked at, and why it is over, is up to whoever watches; here it is a list of moments.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, type Attempt, Call, Policy, refusal, SpillwayError, Summary } from "@spillway/core"
import * as Alarm from "../../src/domain/Alarm.ts"
import { Facts } from "../../src/domain/Facts.ts"
import { Watch } from "../../src/domain/Watch.ts"
import { deaf, endOf, question, start, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const over = refusal({ _tag: "Cancelled" })

/** Watches an Effect: looks at these moments, in milliseconds from its start, and lets it be over at the last. */
const watched =
  (moments: ReadonlyArray<number>, looked: Array<number> = []) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> =>
    Effect.withFiber((fiber) => {
      const startedAt = Alarm.now(fiber)
      const [first, ...rest] = moments.map((millis) => startedAt + millis * Alarm.perMilli)
      class Moments extends Watch {
        protected readonly firstAt = first!

        protected look(now: number): number | SpillwayError {
          looked.push((now - startedAt) / Alarm.perMilli)
          return rest.shift() ?? over
        }
      }
      return new Moments(fiber, fiber.getRef(Facts), startedAt).run(self)
    })

const errorOf = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

describe("a watched Effect", () => {
  it.effect("is looked at when the last look said so, and is over when a look says why", () =>
    Effect.gen(function* () {
      const looked: Array<number> = []
      const { at, exit } = yield* endOf(watched([5, 7, 20], looked)(Effect.never))
      assert.deepStrictEqual(looked, [5, 7, 20])
      assert.strictEqual(at, 20)
      assert.strictEqual(errorOf(exit), over)
    })
  )

  it.effect("is not looked at any more once it has ended", () =>
    Effect.gen(function* () {
      const looked: Array<number> = []
      assert.strictEqual(yield* toldOf(watched([5, 7, 20], looked)(Effect.sleep(6))), "answered at 6")
      assert.deepStrictEqual(looked, [5])
    })
  )

  it.effect("is never looked at where nobody asks for a look, or where it ends at once", () =>
    Effect.gen(function* () {
      const looked: Array<number> = []
      assert.strictEqual(yield* toldOf(watched([Infinity], looked)(Effect.sleep("1 hour"))), "answered at 3600000")
      assert.strictEqual(yield* watched([0], looked)(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(watched([0], looked)(Effect.fail("broken"))), "broken")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(looked, [])
    })
  )

  it.live("sets no timer where nobody asks for a look", () =>
    Effect.gen(function* () {
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const before = timers()
      const unwatched = yield* start(watched([Infinity])(Effect.never))
      assert.strictEqual(timers(), before)
      const looked = yield* start(watched([3_600_000])(Effect.never))
      assert.strictEqual(timers(), before + 1)
      yield* Fiber.interruptAll([unwatched.fiber, looked.fiber])
      assert.strictEqual(timers(), before)
      const again = yield* start(watched([Infinity])(Effect.never))
      assert.strictEqual(timers(), before)
      yield* Fiber.interrupt(again.fiber)
    })
  )

  it.effect("ends as it would alone: with its answer, failure, defect or interrupt", () =>
    Effect.gen(function* () {
      for (const exit of [Exit.succeed(1), Exit.fail("broken"), Exit.die("a bug"), Exit.interrupt(7)]) {
        for (const self of [Effect.suspend(() => exit), Effect.andThen(Effect.sleep(1), exit)]) {
          assert.deepStrictEqual((yield* endOf(watched([50])(self))).exit, exit)
        }
      }
    })
  )

  it.effect("runs in the context of its caller, and is begun before anything else happens", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      assert.strictEqual(yield* Effect.provideService(watched([50])(Name), Name, "ann"), "ann")
      let begun = false
      const fiber = yield* Effect.forkChild(
        watched([50])(
          Effect.andThen(
            Effect.sync(() => (begun = true)),
            Effect.never
          )
        ),
        {
          startImmediately: true
        }
      )
      assert.isTrue(begun)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is interrupted with its caller, who waits until it has ended and is not looked at meanwhile", () =>
    Effect.gen(function* () {
      const looked: Array<number> = []
      const run = yield* start(watched([50], looked)(deaf(154)))
      yield* TestClock.adjust(20)
      run.fiber.interruptUnsafe()
      yield* TestClock.adjust(133)
      assert.isUndefined(run.fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const exit = run.fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.hasInterrupts(exit))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(looked, [])
    })
  )

  it.effect("is interrupted with its caller also where nobody asks for a look", () =>
    Effect.gen(function* () {
      let heard = false
      const hearing = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (heard = true)))
      const run = yield* start(watched([Infinity])(hearing))
      run.fiber.interruptUnsafe()
      yield* TestClock.adjust(1)
      const exit = run.fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.isTrue(heard)
    })
  )

  it.effect("has lost no attempt that had ended before", () =>
    Effect.gen(function* () {
      const ended = fromParts()
      const both = Effect.andThen(ended.self, Effect.as(deaf(154), Summary.make()))
      yield* start(Answer.collect(watched([20])(both), question))
      yield* TestClock.adjust(20)
      assert.isFalse(ended.attempts[0]!.lost)
      yield* TestClock.adjust(200)
    })
  )

  it.effect("hears at once that it is over", () =>
    Effect.gen(function* () {
      let heard = false
      const hearing = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (heard = true)))
      yield* start(watched([20])(hearing))
      yield* TestClock.adjust(19)
      assert.isFalse(heard)
      yield* TestClock.adjust(1)
      assert.isTrue(heard)
    })
  )

  it.effect("is interrupted when it is over, and its caller does not wait for it", () =>
    Effect.gen(function* () {
      let ended = false
      const work = Effect.onExit(deaf(154), () => Effect.sync(() => (ended = true)))
      const run = yield* start(watched([20])(work))
      yield* TestClock.adjust(20)
      assert.strictEqual(errorOf(run.end!.exit), over)
      assert.isFalse(ended)
      yield* TestClock.adjust(134)
      assert.isTrue(ended)
    })
  )
})

/** A call that is over at once, and the attempt that it was given. */
const fromParts = () => {
  const attempts: Array<Attempt.Attempt> = []
  const call: Call.Call = (_, attempt) => {
    attempts.push(attempt)
    return Effect.succeed(Summary.make())
  }
  return { attempts, self: Call.asEffect(call) }
}

describe("the attempts of work that is let go", () => {
  /** A call whose leaf ignores its interrupt, and the attempt that it was given. */
  const lateCall = () => {
    const attempts: Array<Attempt.Attempt> = []
    const call: Call.Call = (_, attempt) => {
      attempts.push(attempt)
      return Effect.as(deaf(154), Summary.make())
    }
    return { attempts, self: Call.asEffect(call) }
  }

  it.effect("are closed at once, and linger until it ends", () =>
    Effect.gen(function* () {
      const { attempts, self } = lateCall()
      yield* start(Answer.collect(watched([20])(self), question))
      yield* TestClock.adjust(19)
      assert.isFalse(attempts[0]!.isClosed)
      yield* TestClock.adjust(1)
      assert.isTrue(attempts[0]!.isClosed)
      assert.isTrue(attempts[0]!.lost)
      let lingers = true
      void attempts[0]!.lingering!.then(() => (lingers = false))
      yield* TestClock.adjust(133)
      assert.isTrue(lingers)
      yield* TestClock.adjust(1)
      assert.isFalse(lingers)
    })
  )

  it.effect("are not those of before, which have nothing to do with it", () =>
    Effect.gen(function* () {
      const before = lateCall()
      const after = lateCall()
      const both = Effect.andThen(Effect.ignore(watched([200])(before.self)), watched([20])(after.self))
      yield* start(Answer.collect(both, question))
      yield* TestClock.adjust(174)
      assert.isUndefined(before.attempts[0]!.lingering)
      assert.isDefined(after.attempts[0]!.lingering)
      yield* TestClock.adjust(200)
    })
  )

  it.effect("need not be there at all: plain Effects are let go too", () =>
    Effect.gen(function* () {
      for (const around of [<E>(self: Effect.Effect<string, E>) => self, Policy.about({ caller: "ann" })]) {
        const run = yield* start(around(watched([20])(deaf(154))))
        yield* TestClock.adjust(20)
        assert.isDefined(run.end)
        yield* TestClock.adjust(134)
      }
    })
  )
})
