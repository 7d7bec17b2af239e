/**
 * What an attempt knows of the way to its end: what it waits for, whether it was left, whether anything went on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, Facts, Part, Question, Summary } from "@spillway/core"
import { Attempt } from "../../src/domain/Attempt.ts"

const question = Question.chat("model", "How many?")
const millis = 1_000_000

const makeAttempt = Clock.clockWith((clock) => Effect.succeed(new Attempt(clock, { emit: () => undefined })))

describe("an attempt", () => {
  it.effect("waits for each thing since its leaf said so, and says nothing of it before it starts", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt
      assert.isUndefined(attempt.stretchAt)
      attempt.start(undefined)
      for (const [index, stretch] of (["connect", "load", "firstToken", "firstToken"] as const).entries()) {
        yield* TestClock.adjust(5)
        attempt.enter(stretch)
        assert.deepInclude(attempt, { stretch, startedAt: 0, stretchAt: 5 * (index + 1) * millis })
      }
    })
  )

  it.effect("was left where its caller interrupted it, and not where it ended by itself", () =>
    Effect.gen(function* () {
      const ends: ReadonlyArray<readonly [Effect.Effect<Summary.Summary, string>, boolean]> = [
        [Effect.never, true],
        [Effect.succeed(Summary.make()), false],
        [Effect.fail("broken"), false],
        [Effect.die("a bug"), false],
        [Effect.onInterrupt(Effect.never, () => Effect.die("a bug")), false]
      ]
      for (const [end, left] of ends) {
        const attempts: Array<Attempt> = []
        const call = Call.asEffect((_, attempt) => {
          attempts.push(attempt)
          return end
        })
        const fiber = yield* Effect.forkChild(Answer.collect(call, question), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(attempts[0]!.left, left)
      }
    })
  )

  it.effect("was left also where its reader leaves with the first part, while its leaf is still being asked", () =>
    Effect.gen(function* () {
      for (const scheduler of [yield* Scheduler.Scheduler, new Scheduler.MixedScheduler()]) {
        const attempts: Array<Attempt> = []
        const call = Call.asEffect((_, attempt) => {
          attempts.push(attempt)
          void attempt.emit(Part.text("one"))
          return Effect.succeed(Summary.make())
        })
        const reading = Effect.withFiber((fiber) =>
          Answer.toSink(call, question, { emit: () => fiber.interruptUnsafe() })
        )
        const around = Effect.onExit(reading, () =>
          Effect.withFiber((fiber) => Effect.sync(() => assert.isUndefined(fiber.getRef(Facts.Facts))))
        )
        const fiber = yield* around.pipe(
          Effect.provideService(Scheduler.Scheduler, scheduler),
          Effect.forkChild({ startImmediately: true })
        )
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepInclude(attempts[0], { left: true, parts: 1 })
        assert.isDefined(attempts[0]!.endedAt)
        assert.isTrue(attempts[0]!.isClosed)
      }
    })
  )

  it.effect("does not linger where nothing went on after its end", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt
      attempt.start(undefined)
      attempt.end()
      assert.isUndefined(attempt.lingering)
    })
  )
})

describe("a reader who blocks", () => {
  it.effect("blocks until all that was handed to him is taken, though a leaf does not wait for each part", () =>
    Effect.gen(function* () {
      const takes: Array<() => void> = []
      const clock = yield* Clock.Clock
      const slow = { emit: () => new Promise<void>((take) => void takes.push(take)) }
      const attempt = new Attempt(clock, slow)
      attempt.start(undefined)
      yield* TestClock.adjust(5)
      const rooms = [attempt.emit(Part.text("one")), attempt.emit(Part.text("two"))]
      takes[0]!()
      yield* Effect.promise(() => Promise.resolve(rooms[0]))
      assert.strictEqual(attempt.blockedAt, 5 * millis)
      assert.isUndefined(attempt.resumedAt)
      yield* TestClock.adjust(3)
      takes[1]!()
      yield* Effect.promise(() => Promise.resolve(rooms[1]))
      assert.isUndefined(attempt.blockedAt)
      assert.strictEqual(attempt.resumedAt, 8 * millis)
    })
  )
})
