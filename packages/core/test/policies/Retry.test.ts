/**
 * Retry under the laws of policies, and what it decides around a plain Effect: what is tried again, how often, and with
 * which failure it ends.
 *
 * V15 and V21 are defects that were measured in other retries; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import {
  CircuitBreaker,
  type Classify,
  Failure,
  Policy,
  RateLimit,
  refusal,
  Retry,
  SpillwayError
} from "@spillway/core"
import { ending, errorOf, failing } from "../fixtures/failing.ts"
import { bare, full } from "../fixtures/reasons.ts"
import { testPolicy } from "../laws/testPolicy.ts"

const retry = <R = never>(options?: Retry.Options<R>) => Effect.orDie(Retry.make(options))

testPolicy({ name: "Retry", make: retry() })

testPolicy({ name: "Retry without a wait or a budget", make: retry({ schedule: Schedule.forever, budget: "off" }) })

describe("Retry around a plain Effect", () => {
  it.effect("tries again what failed, and gives back the answer", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const { runs, self } = failing<string, string>(
        Effect.fail("busy"),
        Effect.fail("down"),
        Effect.succeed("an answer")
      )
      assert.deepStrictEqual(yield* ending(guard(self)), Exit.succeed("an answer"))
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("runs what succeeds once", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const { runs, self } = failing(Effect.succeed("an answer"))
      yield* guard(self)
      assert.strictEqual(runs.count, 1)
    })
  )

  it.effect("runs it three times in all, or as often as it is told, and ends with the very failure of the last", () =>
    Effect.gen(function* () {
      for (const [attempts, count] of [
        [undefined, 3],
        [1, 1],
        [2, 2],
        [7, 7]
      ] as const) {
        const guard = yield* retry(attempts === undefined ? {} : { attempts })
        const failures = Array.from({ length: 10 }, (_, index) => new Error(`failure ${index}`))
        const { runs, self } = failing(...failures.map(Effect.fail))
        assert.strictEqual(errorOf(yield* ending(guard(self))), failures[count - 1])
        assert.strictEqual(runs.count, count)
      }
    })
  )

  it.effect("takes any typed failure for one that passes, unless `classify` says otherwise", () =>
    Effect.gen(function* () {
      const runsOf = (error: object, classify?: Classify) =>
        Effect.gen(function* () {
          const guard = yield* retry(classify === undefined ? {} : { classify })
          const { runs, self } = failing(Effect.fail(error))
          assert.strictEqual(errorOf(yield* ending(guard(self))), error)
          return runs.count
        })
      for (const error of [["broken"], new Error("broken"), { status: 400 }]) {
        assert.strictEqual(yield* runsOf(error), 3)
      }
      const classify: Classify = ({ status }: { readonly status: number }) =>
        status === 400 ? "BadRequest" : status === 529 ? { reason: "Overloaded" } : undefined
      assert.strictEqual(yield* runsOf({ status: 400 }, classify), 1)
      assert.strictEqual(yield* runsOf({ status: 529 }, classify), 3)
      assert.strictEqual(yield* runsOf({ status: 418 }, classify), 3)
    })
  )

  it.effect("tries again what the failure table says may pass, and nothing else", () =>
    Effect.gen(function* () {
      for (const reason of bare) {
        const { again, class: kind, here } = Failure.table[reason._tag]
        // A plain Effect goes nowhere else, so a late one is worth another try.
        const passes = kind !== "refusal" && (here || again === "elsewhere-before-first-part")
        const guard = yield* retry()
        const error = new SpillwayError({ reason })
        const { runs, self } = failing(Effect.fail(error))
        assert.strictEqual(errorOf(yield* ending(guard(self))), error)
        assert.strictEqual(runs.count, passes ? 3 : 1, reason._tag)
      }
    })
  )

  it.effect("takes an answer of which parts have gone out for lost, whatever `classify` says", () =>
    Effect.gen(function* () {
      const begun = full.filter((reason) => "parts" in reason)
      assert.isAbove(begun.length, 3)
      for (const reason of begun) {
        const error = new SpillwayError({ reason })
        const { runs, self } = failing(Effect.fail(error))
        yield* ending((yield* retry())(self))
        assert.strictEqual(runs.count, 1, reason._tag)
        yield* ending((yield* retry({ classify: () => "Unreachable" }))(self))
        assert.strictEqual(runs.count, 2, reason._tag)
      }
    })
  )

  it.effect("never tries a defect or an interrupt again, also beside a failure", () =>
    Effect.gen(function* () {
      const [failed, died] = [Cause.makeFailReason("broken"), Cause.makeDieReason("a bug")]
      for (const end of [
        Effect.die("a bug"),
        Effect.interrupt,
        Effect.failCause(Cause.fromReasons([failed, died])),
        Effect.failCause(Cause.fromReasons([failed, Cause.makeInterruptReason(1)]))
      ]) {
        const guard = yield* retry()
        const { runs, self } = failing(end)
        const fiber = yield* Effect.forkChild(guard(self))
        yield* TestClock.adjust("1 hour")
        assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
        assert.strictEqual(runs.count, 1)
      }
    })
  )

  it.effect("ends with what cannot succeed as soon as it comes, whatever came before", () =>
    Effect.gen(function* () {
      const forbidden = new SpillwayError({ reason: { _tag: "Forbidden", what: "ask" } })
      const { runs, self } = failing<never, string | SpillwayError>(Effect.fail("busy"), Effect.fail(forbidden))
      assert.strictEqual(errorOf(yield* ending((yield* retry())(self))), forbidden)
      assert.strictEqual(runs.count, 2)
      const dying = failing<never, string>(Effect.fail("busy"), Effect.die("a bug"))
      assert.isTrue(Exit.hasDies(yield* ending((yield* retry())(dying.self))))
      assert.strictEqual(dying.runs.count, 2)
    })
  )

  it.effect("does not ask `classify` about a guard further in that refuses: no try is burnt on it", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 2 }))
      const guard = yield* Policy.all([retry({ attempts: 6, classify: () => "Overloaded" }), breaker])
      const { runs, self } = failing(Effect.fail("busy"))
      assert.strictEqual(errorOf(yield* ending(guard(self))), "busy")
      assert.strictEqual(runs.count, 2)
    })
  )

  it.effect("shows a bug in `classify` as a defect, and does not try again", () =>
    Effect.gen(function* () {
      const bug = new Error("a bug")
      const guard = yield* retry({
        classify: () => {
          throw bug
        }
      })
      const { runs, self } = failing(Effect.fail("broken"))
      const exit = yield* ending(guard(self))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(errorOf(exit), bug)
      assert.strictEqual(runs.count, 1)
    })
  )

  it.effect("V15: burns no retry on an open breaker, and ends with what opened it", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 1, open: "1h..1h" }))
      const guard = yield* Policy.all([retry({ attempts: 6 }), breaker])
      const { runs, self } = failing(Effect.fail("the root cause"))
      const fiber = yield* Effect.forkChild(Effect.exit(guard(self)))
      // One back-off is all it takes to find the breaker open.
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(errorOf(yield* Fiber.join(fiber)), "the root cause")
      assert.strictEqual(runs.count, 1)
      const error = errorOf(yield* Effect.exit(guard(self)))
      assert.strictEqual(error instanceof SpillwayError && error.reason._tag, "Unavailable")
    })
  )

  it.effect("ends at once with a refusal from further in, and with the failure before it if there was one", () =>
    Effect.gen(function* () {
      for (const reason of bare.filter(({ _tag }) => Failure.table[_tag].class === "refusal")) {
        const refused = refusal(reason)
        const at = failing<never, string | SpillwayError>(
          Effect.fail("busy"),
          Effect.fail("down"),
          Effect.fail(refused)
        )
        assert.strictEqual(errorOf(yield* ending((yield* retry({ attempts: 9 }))(at.self))), "down")
        assert.strictEqual(at.runs.count, 3)
        const only = failing(Effect.fail(refused))
        assert.strictEqual(errorOf(yield* Effect.exit((yield* retry())(only.self))), refused)
        assert.strictEqual(only.runs.count, 1)
      }
    })
  )

  it.effect("keeps two callers apart: each has his own tries and his own waits", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.exponential("1 second"), attempts: 3 })
      const [ann, bob] = [failing(Effect.fail("busy")), failing(Effect.fail("busy"))]
      yield* Effect.forkChild(guard(ann.self))
      yield* TestClock.adjust("500 millis")
      yield* Effect.forkChild(guard(bob.self))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ann.runs.times, [0, 1_000, 3_000])
      assert.deepStrictEqual(bob.runs.times, [500, 1_500, 3_500])
    })
  )

  it.effect("makes its Schedule only when something has failed", () =>
    Effect.gen(function* () {
      let made = 0
      const schedule: Retry.Options["schedule"] = Schedule.fromStep(
        Effect.sync(() => {
          made++
          return () => Effect.succeed([0, Duration.zero])
        })
      )
      const guard = yield* retry({ schedule })
      yield* guard(Effect.succeed("an answer"))
      yield* Effect.exit(guard(Effect.die("a bug")))
      assert.strictEqual(made, 0)
      yield* Effect.exit(guard(Effect.fail("broken")))
      assert.strictEqual(made, 1)
    })
  )
})

describe("Retry's options", () => {
  it.effect("are refused when the policy is made, all at once, with what was read and what would be right", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(
        Retry.make({ attempts: 0, base: "soon", max: -1, budget: "some", retryAftr: "1m" } as Retry.Options)
      )
      for (const word of ["attempts: read 0", '"soon"', "200ms", "max: read -1", '"some"', "20%", "off"]) {
        assert.include(refused.message, word)
      }
      assert.include(refused.message, "did you mean retryAfterMax?")
      assert.strictEqual(refused.of, "Retry")
    })
  )

  it.effect("stand between the call and the attempt, and refuse to stand inside an attempt's guard", () =>
    Effect.gen(function* () {
      const limit = RateLimit.make({ rate: "10/min" })
      assert.deepStrictEqual((yield* Policy.all([limit, Retry.make()])).stages, ["call", "between"])
      // @ts-expect-error A retry inside a breaker would be seen as one call.
      assert.isTrue(Exit.hasDies(yield* Effect.exit(Policy.all([CircuitBreaker.make(), Retry.make()]))))
    })
  )
})
