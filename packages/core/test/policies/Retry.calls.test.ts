/**
 * Retry around calls with a question: what counts as a try, and what is not tried again.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Part, Plan, Policy, Question, refusal, Retry, SpillwayError, Summary, Timeout } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { answers, cut, fails, leaf } from "../fixtures/leaf.ts"
import { ending, errorOf } from "../fixtures/failing.ts"

const retry = (options?: Retry.Options) =>
  Effect.orDie(Retry.make({ schedule: Schedule.recurs(1_000), budget: "off", ...options }))

const question = Question.chat("model", "How many?")

describe("`attempts` counts what is sent", () => {
  const unsent = (attempt: Attempt) => {
    attempt.sent = false
    return Effect.fail("no connection")
  }

  it.effect("a try that sent nothing is free, up to as many again", () =>
    Effect.gen(function* () {
      for (const attemptsMax of [1, 3, 5]) {
        const { attempts, self } = leaf(unsent)
        yield* Effect.exit(Answer.collect((yield* retry({ attempts: attemptsMax }))(self), question))
        assert.strictEqual(attempts.length, 2 * attemptsMax)
      }
    })
  )

  it.effect("a try that sent something is none of the free ones, whatever comes between", () =>
    Effect.gen(function* () {
      const sent = fails("busy")
      for (const [tries, count] of [
        [[unsent, sent], 4],
        [[sent, unsent, sent, unsent, sent], 5],
        [[sent, sent, unsent, unsent, unsent, unsent], 6],
        [[sent], 3]
      ] as const) {
        const { attempts, self } = leaf(...tries)
        yield* Effect.exit(Answer.collect((yield* retry())(self), question))
        assert.strictEqual(attempts.length, count)
        assert.isAtMost(attempts.filter((attempt) => attempt.sent).length, 3)
      }
    })
  )

  it.effect("what was sent before the call came here is not counted", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const before = leaf(fails("busy"))
      const { attempts, self } = leaf(unsent)
      const call = Plan.go(before.self).pipe(Effect.catch(() => Plan.go(guard(self))))
      yield* Effect.exit(Answer.collect(call, question))
      assert.strictEqual(attempts.length, 6)
    })
  )
})

describe("a time that has run out", () => {
  const silent = () => Effect.never
  const clock = Timeout.make({ firstToken: "5s", idle: "5s" })

  it.effect("is tried again around a plain Effect", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry(), clock])
      let runs = 0
      const exit = yield* ending(
        guard(
          Effect.suspend(() => {
            runs++
            return Effect.never
          })
        )
      )
      const error = errorOf(exit)
      assert.strictEqual(error instanceof SpillwayError && error.reason._tag, "TimedOut")
      assert.strictEqual(runs, 3)
    })
  )

  it.effect("is not tried again where it ran out in our own line, or in all", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      for (const phase of ["queue", "reader", "total"] as const) {
        let runs = 0
        const failing = Effect.suspend(() => {
          runs++
          return Effect.fail(refusal({ _tag: "TimedOut", phase, after: Duration.seconds(5), parts: 0 }))
        })
        yield* ending(guard(failing))
        assert.strictEqual(runs, 1, phase)
      }
    })
  )

  it.effect("is not tried again in a call: it is for another target to do better", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry(), clock])
      const { attempts, self } = leaf(silent)
      const error = errorOf(yield* ending(Answer.collect(guard(self), question)))
      assert.strictEqual(error instanceof SpillwayError && error.reason._tag, "TimedOut")
      assert.strictEqual(attempts.length, 1)
    })
  )

  it.effect("lets nothing through of work that ignores its interrupt, once another try runs", () =>
    Effect.gen(function* () {
      // A failure of the program's own is tried again, where a timeout in a call is not.
      const renamed = Policy.make<"attempt", SpillwayError>("Renamed", "attempt", (self) =>
        Effect.catchCause(self, () => Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1" })))
      )
      const guard = yield* Policy.all([retry(), renamed, clock])
      const deaf = (attempt: Attempt) =>
        Effect.uninterruptible(
          Effect.andThen(
            Effect.sleep("8 seconds"),
            Effect.sync(() => {
              void attempt.emit(Part.text("late"))
              return Summary.make()
            })
          )
        )
      const { attempts, self } = leaf(deaf, (attempt) =>
        Effect.andThen(
          Effect.sleep("4 seconds"),
          Effect.suspend(() => answers("4")(attempt))
        )
      )
      const fiber = yield* Effect.forkChild(Answer.collect(guard(self), question))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).text, "4")
      assert.strictEqual(attempts.length, 2)
    })
  )
})

describe("what ends a call for good", () => {
  it.effect("is not tried again, and stays the very failure it was", () =>
    Effect.gen(function* () {
      for (const reason of [
        { _tag: "BadRequest", field: "temperature", read: "9", expected: "less" },
        { _tag: "ModelNotFound", model: "llama9" },
        { _tag: "LoadFailed", target: "gpu1" },
        { _tag: "QuotaSpent", target: "gpu1", retryAfter: Duration.seconds(1) },
        { _tag: "Unknown" }
      ] as const) {
        const error = new SpillwayError({ reason })
        const { attempts, self } = leaf(fails(error))
        assert.strictEqual(errorOf(yield* ending(Answer.collect((yield* retry())(self), question))), error)
        assert.strictEqual(attempts.length, 1)
      }
    })
  )

  it.effect("includes a defect of its leaf, and a reader who breaks", () =>
    Effect.gen(function* () {
      const dying = leaf(() => Effect.die("a bug"))
      const exit = yield* Effect.exit(Answer.collect((yield* retry())(dying.self), question))
      assert.isTrue(Exit.hasDies(exit))
      const { attempts, self } = leaf(fails(cut(0), "4"))
      const sink = {
        emit: () => {
          throw "the reader's bug"
        }
      }
      const broken = yield* Effect.exit(Answer.toSink((yield* retry())(self), question, sink))
      assert.isTrue(Exit.hasDies(broken))
      assert.deepStrictEqual([dying.attempts.length, attempts.length], [1, 1])
    })
  )
})
