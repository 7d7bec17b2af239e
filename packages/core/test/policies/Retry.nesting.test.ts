/**
 * Retries around one another, and among other guards: tries do not multiply, and everybody sees what concerns him.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule } from "effect"
import { TestClock } from "effect/testing"
import {
  Answer,
  Budget,
  Call,
  CircuitBreaker,
  Deadline,
  Policy,
  Question,
  RateLimit,
  refusal,
  Retry,
  SpillwayError,
  Summary,
  Timeout
} from "@spillway/core"
import { ending, errorOf, failing } from "../fixtures/failing.ts"

const retry = (options?: Retry.Options) => Effect.orDie(Retry.make(options))
const question = Question.chat("model", "How many?")
const broken = new SpillwayError({ reason: { _tag: "Unreachable", target: "gpu1", problem: "ECONNRESET", parts: 0 } })

describe("retries around one another", () => {
  it.effect("do not multiply: only the innermost tries again", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry(), retry(), retry({ attempts: 4 })])
      const { runs, self } = failing(Effect.fail(broken))
      assert.strictEqual(errorOf(yield* ending(guard(self))), broken)
      assert.strictEqual(runs.count, 4)
    })
  )

  it.effect(
    "do not multiply whatever ended the inner one: a refusal, a Retry-After, its Schedule or its own table",
    () =>
      Effect.gen(function* () {
        const refused = refusal({ _tag: "Unavailable" })
        const told = refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.seconds(30) })
        const limits: ReadonlyArray<readonly [Retry.Options, string | SpillwayError]> = [
          [{}, refused],
          [{ retryAfterMax: "10s" }, told],
          [{ schedule: Schedule.recurs(1) }, "broken"],
          [{ classify: (error) => (error === "final" ? "BadRequest" : undefined) }, "final"]
        ]
        for (const [inner, last] of limits) {
          const guard = yield* Policy.all([retry({ attempts: 5 }), retry(inner)])
          const { runs, self } = failing<never, string | SpillwayError>(Effect.fail("broken"), Effect.fail(last))
          yield* ending(guard(self))
          assert.strictEqual(runs.count, 2, String(last))
        }
      })
  )

  it.effect("do not multiply where the budget of the inner one is spent, or its deadline too near", () =>
    Effect.gen(function* () {
      const atOnce = Schedule.recurs(100)
      const spent = failing(Effect.fail("broken"))
      const spending = retry({ attempts: 100, budget: "0%", schedule: atOnce })
      yield* Effect.exit((yield* Policy.all([retry({ attempts: 5, schedule: atOnce }), spending]))(spent.self))
      assert.strictEqual(spent.runs.count, 11)
      const late = failing(Effect.fail("broken"))
      const slow = yield* retry({ attempts: 100, schedule: Schedule.exponential("1 second") })
      const nested = (yield* retry({ attempts: 5 }))(Policy.about({ deadline: "2s" })(slow(late.self)))
      yield* ending(nested)
      assert.deepStrictEqual(late.runs.times, [0, 1_000])
    })
  )

  it.effect("do not multiply where somebody between them looks at the failure, or gives it another name", () =>
    Effect.gen(function* () {
      const between: ReadonlyArray<(self: Effect.Effect<never, string>) => Effect.Effect<never, string>> = [
        Effect.mapError(() => "renamed"),
        Effect.tapError(() => Effect.void),
        Effect.withSpan("between"),
        Effect.scoped
      ]
      for (const each of between) {
        const [outer, inner] = [yield* retry(), yield* retry()]
        const { runs, self } = failing(Effect.fail("broken"))
        yield* ending(outer(each(inner(self))))
        assert.strictEqual(runs.count, 3)
      }
    })
  )

  it.effect("leave to the outer one what the inner one has not tried again", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry({ attempts: 3 }), retry({ attempts: 1 })])
      const { runs, self } = failing(Effect.fail("broken"))
      yield* ending(guard(self))
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("do not multiply around and inside a leaf, as where a model's client has a retry of its own", () =>
    Effect.gen(function* () {
      const [outer, inner] = [yield* retry(), yield* retry()]
      const { runs, self } = failing(Effect.fail(broken))
      const call = outer(Call.asEffect(() => Effect.as(inner(self), Summary.make())))
      assert.strictEqual(errorOf(yield* ending(Answer.collect(call, question))), broken)
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("forget it with the call: the next one is tried again as ever", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry(), retry()])
      const { runs, self } = failing(Effect.fail(broken))
      yield* ending(guard(self))
      yield* ending(guard(self))
      assert.strictEqual(runs.count, 6)
    })
  )
})

describe("Retry among other guards", () => {
  const reasonOf = (error: unknown) => (error instanceof SpillwayError ? error.reason._tag : error)

  it.effect("is one call to the guards of the whole call, and a try each to those of an attempt", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 4, open: "1h..1h" }))
      const guard = yield* Policy.all([RateLimit.make({ rate: "2/day" }), retry(), breaker])
      const { runs, self } = failing(Effect.fail("down"))
      assert.strictEqual(errorOf(yield* ending(guard(self))), "down")
      assert.deepStrictEqual([runs.count, (yield* breaker.state())._tag], [3, "Closed"])
      // The fourth try opens the breaker, and there is no fifth.
      assert.strictEqual(errorOf(yield* ending(guard(self))), "down")
      assert.strictEqual(runs.count, 4)
      assert.strictEqual(reasonOf(errorOf(yield* ending(guard(self)))), "RateLimited")
    })
  )

  it.effect("ends with the failure that came before when the target's limit refuses another try", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([retry(), RateLimit.make({ rate: "1/h", per: "target" })])
      const { runs, self } = failing(Effect.fail("down"))
      assert.strictEqual(errorOf(yield* ending(Policy.about({ target: "gpu1" })(guard(self)))), "down")
      assert.strictEqual(runs.count, 1)
    })
  )

  it.effect("gives up within a deadline with what happened, and not because time ran out", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([
        Deadline.make({ deadline: "10s" }),
        retry({ schedule: Schedule.spaced("4 seconds"), attempts: 9 }),
        Timeout.make({ firstToken: "5s", idle: "5s" })
      ])
      const { runs, self } = failing(Effect.fail("down"))
      const call = guard(Call.asEffect(() => Effect.as(self, Summary.make())))
      for (const tried of [guard(self), Answer.collect(call, question)]) {
        runs.times.length = 0
        assert.strictEqual(errorOf(yield* ending(tried)), "down")
        assert.deepStrictEqual(
          runs.times.map((time) => time - runs.times[0]!),
          [0, 4_000, 8_000]
        )
      }
    })
  )

  it.effect("is interrupted by a deadline in the middle of a try", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([Deadline.make({ deadline: "10s" }), retry()])
      const { runs, self } = failing<never, string>(Effect.fail("busy"), Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(guard(self)))
      yield* TestClock.adjust("10 seconds")
      const error = fiber.pollUnsafe()
      assert.isDefined(error)
      assert.strictEqual(runs.count, 2)
    })
  )

  it.effect("is paid for in full: a budget around it hears of every try", () =>
    Effect.gen(function* () {
      const budget = yield* Effect.orDie(Budget.make({ total: "100k tok/day" }))
      const guard = yield* Policy.all([budget, retry()])
      const uses = Policy.used({ input: 10, output: 5 })
      const { self } = failing<string, string>(
        Effect.andThen(uses, Effect.fail("busy")),
        Effect.andThen(uses, Effect.succeed("an answer"))
      )
      yield* ending(Policy.about({ tokens: 100 })(guard(self)))
      assert.strictEqual((yield* budget.standing()).total?.spent, 30)
    })
  )
})

describe("what the inner retry gave up at its first go", () => {
  const busy = refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.minutes(5) })

  it.effect("the outer one does not try again either: a Retry-After too long, a budget that is spent", () =>
    Effect.gen(function* () {
      for (const [options, error] of [
        [{ retryAfterMax: "10s" }, busy],
        [{ budget: "0%" }, "broken"]
      ] as const) {
        const schedule = Schedule.recurs(5)
        const inner = yield* Effect.orDie(Retry.make({ schedule, attempts: 3, ...options }))
        const outer = yield* Effect.orDie(Retry.make({ schedule, attempts: 3, budget: "off", retryAfterMax: "1h" }))
        let runs = 0
        const self = Effect.suspend(() => {
          runs++
          return Effect.fail<string | SpillwayError>(error)
        })
        // The budget's ten a stretch are spent first.
        if (error === "broken")
          for (let index = 0; index < 10; index++) yield* Effect.exit(inner(Effect.fail("spends")))
        const run = yield* Effect.forkChild(Effect.exit(outer(inner(self))))
        yield* TestClock.adjust("1 second")
        assert.isDefined(run.pollUnsafe())
        assert.strictEqual(runs, 1)
      }
    })
  )
})
