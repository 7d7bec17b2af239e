/**
 * What stands inside a deadline respects it: nothing waits beyond it, nobody tries again after it, no breaker counts
 * it.
 *
 * They all read one moment from the facts, so each of them is shown to know it without being told.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker, Deadline, Policy, RateLimit, Retry, SpillwayError, Timeout } from "@spillway/core"
import { ask, clocks, deaf, endOf, leaf, start, told, toldOf } from "../fixtures/clocks.ts"
import { errorOf, failing } from "../fixtures/failing.ts"
import { facts } from "../fixtures/around.ts"
import * as Unhandled from "../fixtures/unhandled.ts"
import * as Random from "../laws/random.ts"

Unhandled.guard()

const all = Policy.all
const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = errorOf(exit)
  return error instanceof SpillwayError ? error.reason._tag : error
}

describe("inside a deadline", () => {
  it.effect("everything finds the moment in its facts, fixed once", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Deadline.make({ deadline: "1s" }))
      yield* TestClock.adjust(500)
      const look = Effect.map(facts, (known) => known!.call.deadline)
      const looks = guard(Effect.andThen(Effect.sleep(700), look))
      assert.deepStrictEqual((yield* endOf(looks)).exit, Exit.succeed(1_500_000_000))
    })
  )

  it.effect("a limit refuses at once who would have his turn only after it", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        all([Deadline.make({ deadline: "15s" }), RateLimit.make({ rate: "1/10s", wait: "1h" })])
      )
      yield* guard(Effect.void)
      const waiter = yield* start(guard(Effect.void))
      const { at, exit } = yield* endOf(guard(Effect.void), 1)
      assert.deepStrictEqual([at, reasonOf(exit)], [0, "RateLimited"])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(told(waiter.end!), "answered at 10000")
    })
  )

  it.effect("a retry gives up now rather than begin a try after it", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        all([
          Deadline.make({ deadline: "10s" }),
          Retry.make({ schedule: Schedule.spaced("4 seconds"), attempts: 9, budget: "off" })
        ])
      )
      const { runs, self } = failing(Effect.fail("busy"))
      const { at, exit } = yield* endOf(guard(self))
      assert.deepStrictEqual([at, reasonOf(exit)], [8_000, "busy"])
      assert.deepStrictEqual(runs.times, [0, 4_000, 8_000])
    })
  )

  it.effect("all tries together have the one moment, each for its rest of it", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        all([
          Deadline.make({ deadline: "60ms" }),
          Retry.make({ schedule: Schedule.spaced("10 millis"), attempts: 9, budget: "off" }),
          clocks({ firstToken: "15ms" })
        ])
      )
      const { runs, self } = failing(Effect.never)
      assert.strictEqual(yield* toldOf(guard(self)), "total after 60, 0 parts, at 60")
      assert.deepStrictEqual(runs.times, [0, 25, 50])
    })
  )

  it.effect("a breaker does not count that the caller's time is over, even where the work ignores it", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 1 }))
      const guard = yield* Effect.orDie(all([Deadline.make({ deadline: "20ms" }), breaker]))
      for (const work of [Effect.never, deaf(154)]) {
        for (const self of [guard(work), ask(guard(leaf(() => work)))]) {
          assert.strictEqual(yield* toldOf(self, 500), "total after 20, 0 parts, at 20")
          assert.strictEqual((yield* breaker.state())._tag, "Closed")
        }
      }
    })
  )

  it.effect("a breaker around it would not blame the target either", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 1 }))
      const deadline = yield* Effect.orDie(Deadline.make({ deadline: "20ms" }))
      yield* toldOf(breaker(deadline(Effect.never)), 100)
      assert.strictEqual((yield* breaker.state())._tag, "Closed")
    })
  )

  it.effect("a clock of the attempt that runs out first is what is told, and the deadline is silent", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(all([Deadline.make({ deadline: "30ms" }), clocks({ firstToken: "20ms" })]))
      const call = leaf(() => Effect.never)
      assert.strictEqual(yield* toldOf(ask(guard(call))), "firstToken after 20, 0 parts, at 20")
      const late = guard(Effect.andThen(Effect.sleep(15), call))
      assert.strictEqual(yield* toldOf(ask(late)), "total after 30, 0 parts, at 30")
    })
  )

  it.effect("a wall clock that jumps changes nothing: the moment is a monotonic one", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const random = Random.make(7)
      const offset = () => (random.below(3) - 1) * 3_600_000
      const jumping: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + offset(),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(offset()) * 1_000_000n,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => clock.sleep(duration)
      }
      const guard = yield* Effect.orDie(Deadline.make({ deadline: "20ms" }))
      const run = yield* Effect.provideService(start(guard(Effect.never)), Clock.Clock, jumping)
      yield* TestClock.adjust("19999999 nanos")
      assert.isUndefined(run.end)
      yield* TestClock.adjust("1 nanos")
      assert.strictEqual(told(run.end!), "total after 20, 0 parts, at 20")
    })
  )
})

describe("a deadline in the wrong place", () => {
  it.effect("inside a retry or a timeout is a defect where no compiler has looked", () =>
    Effect.gen(function* () {
      for (const outer of [Effect.orDie(Retry.make()), Effect.orDie(Timeout.make())]) {
        const list: Array<Policy.Policy<Policy.Stage, SpillwayError>> = [
          yield* outer,
          yield* Effect.orDie(Deadline.make())
        ]
        const exit = yield* Effect.exit(all(list))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.include(String(defect), "Deadline cannot stand inside")
      }
    })
  )

  it("is refused by the compiler", () => {
    const lists = () => [
      // @ts-expect-error a deadline that began anew with every try would be none
      all([Retry.make(), Deadline.make()]),
      // @ts-expect-error nor can one attempt hold that of the whole call
      all([Timeout.make(), Deadline.make()])
    ]
    assert.isFunction(lists)
    expectTypeOf(Deadline.make()).toExtend<Effect.Effect<Policy.Policy<"call", SpillwayError>, unknown>>()
    expectTypeOf(Timeout.make()).toExtend<Effect.Effect<Policy.Policy<"attempt", SpillwayError>, unknown>>()
  })
})
