/**
 * So many probes and never one more, whoever races for a place, and no place taken by one who was interrupted.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { type Policy, type SpillwayError } from "@spillway/core"
import { broken, failing, halfOpen, letsIn, stands, waitOf } from "../fixtures/breaker.ts"
import * as Interrupts from "../laws/interrupts.ts"
import * as Random from "../laws/random.ts"

const start = { startImmediately: true }

const hanging = (guard: Policy.Policy<"attempt", SpillwayError>) => Effect.forkChild(guard(Effect.never), start)

describe("so many probes", () => {
  it.effect("and never one more are let in at once, and again when none of them has said anything", () =>
    Effect.gen(function* () {
      for (const probes of [1, 2, 5]) {
        const guard = yield* halfOpen({ probes })
        assert.strictEqual(yield* letsIn(guard), probes)
        assert.strictEqual(yield* letsIn(guard), probes)
      }
    })
  )

  it.effect("have all to succeed", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probes: 3 })
      for (const standing of ["HalfOpen", "HalfOpen", "Closed"]) {
        yield* guard(Effect.void)
        assert.strictEqual(yield* stands(guard), standing)
      }
      const strict = yield* halfOpen({ probes: 3 })
      yield* strict(Effect.void)
      yield* strict(Effect.void)
      yield* failing(strict)
      assert.strictEqual(yield* stands(strict), "Open")
    })
  )

  it.effect("are never exceeded in races of callers who succeed, fail, leave and come at any operation", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 60; seed++) {
        const random = Random.make(seed)
        const probes = 1 + random.below(3)
        const guard = yield* halfOpen({ probes, ramp: 1_000, failures: 1 })
        const lives = { isClosed: false, succeeded: 0 }
        let running = 0
        const end = (exit: Exit.Exit<unknown, unknown>) =>
          Effect.sync(() => {
            running--
            if (Exit.isSuccess(exit)) lives.succeeded++
            if (lives.succeeded >= probes) lives.isClosed = true
          })
        const call = (fails: boolean, turns: number) =>
          Effect.acquireUseRelease(
            Effect.sync(() => {
              running++
              // Until it is closed no more than the probes; then the ramp counts on.
              assert.isAtMost(running, probes + (lives.isClosed ? lives.succeeded : 0), `seed ${seed}`)
            }),
            () => Effect.andThen(Effect.repeat(Effect.yieldNow, { times: turns }), fails ? broken : Effect.void),
            (_, exit) => end(exit)
          )
        const callers = yield* Effect.forEach(Array.from({ length: 30 }), () =>
          guard(call(random.below(40) === 0, random.below(6))).pipe(
            Effect.exit,
            Effect.provideService(Scheduler.MaxOpsBeforeYield, 4 + random.below(30)),
            Effect.forkChild
          )
        )
        for (const caller of callers) {
          if (random.below(4) === 0) yield* Fiber.interrupt(caller)
          else yield* Effect.yieldNow
        }
        for (const caller of callers) {
          const exit = yield* Fiber.await(caller)
          if (Exit.isFailure(exit)) assert.isTrue(Cause.hasInterruptsOnly(exit.cause), Cause.pretty(exit.cause))
          else if (Exit.isFailure(exit.value)) assert.isFalse(Cause.hasDies(exit.value.cause), `${seed}`)
        }
        assert.strictEqual(running, 0)
      }
    })
  )

  it.effect("leave no place taken when they are interrupted, at whatever operation", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        halfOpen({ probes: 2 }),
        // It ends by leaving, so that nothing is counted where the interrupt comes too late.
        (guard) => guard(Effect.andThen(Effect.yieldNow, Effect.interrupt)),
        (guard, _, moment) =>
          Effect.gen(function* () {
            assert.include(yield* guard.state(), { _tag: "HalfOpen", probing: 0 }, JSON.stringify(moment))
            assert.strictEqual(yield* letsIn(guard, 3), 2, JSON.stringify(moment))
          })
      )
      assert.isAbove(interrupted, 100)
    })
  )

  it.effect("leave no place taken, and no lease that is not ended, when whoever ends one is interrupted", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.tap(halfOpen(), (guard) => Effect.andThen(hanging(guard), TestClock.adjust("1 minute"))),
        (guard) => guard(Effect.interrupt),
        (guard, _, moment) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("2 seconds")
            yield* Effect.exit(guard(Effect.void))
            yield* TestClock.adjust("2 seconds")
            assert.strictEqual(yield* Effect.exit(guard(Effect.void)).pipe(Effect.map(Exit.isSuccess)), true)
            assert.strictEqual(yield* stands(guard), "Closed", JSON.stringify(moment))
          })
      )
      assert.isAbove(interrupted, 0)
    })
  )

  it.effect("open the circuit for as long as they should, when one fails while it is interrupted", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        halfOpen(),
        (guard) => guard(Effect.andThen(Effect.yieldNow, broken)),
        (guard, exit, moment) =>
          Effect.gen(function* () {
            const state = yield* guard.state()
            const failed = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
            assert.include(["Open", "HalfOpen"], state._tag, JSON.stringify(moment))
            if (failed) assert.strictEqual(yield* waitOf(guard), 2_000, JSON.stringify(moment))
            if (state._tag === "HalfOpen") assert.strictEqual(state.probing, 0, JSON.stringify(moment))
          })
      )
      assert.isAbove(interrupted, 50)
    })
  )
})
