/**
 * Retry's caller leaves: whatever it is at, it ends at once, and what it started has ended before it.
 *
 * V21 is a defect that was measured in another retry; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Retry } from "@spillway/core"
import { failing } from "../fixtures/failing.ts"
import * as Interrupts from "../laws/interrupts.ts"

const retry = (options?: Retry.Options) => Effect.orDie(Retry.make(options))

describe("an interrupt of a retry", () => {
  it.effect("ends the wait before the next try within a tick, and nothing runs afterwards", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.spaced("1 minute"), attempts: 9 })
      const { runs, self } = failing(Effect.fail("busy"))
      const fiber = yield* Effect.forkChild(guard(self))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(runs.count, 2)
      fiber.interruptUnsafe()
      yield* Effect.yieldNow
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.hasInterrupts(exit))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(runs.count, 2)
    })
  )

  it.effect("V21: reaches a try that runs, and runs its finalizers first", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const log: Array<string> = []
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("released")))
      const { runs, self } = failing<never, string>(Effect.fail("busy"), hanging)
      const fiber = yield* Effect.forkChild(guard(self))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(runs.count, 2)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["released"])
      assert.strictEqual(runs.count, 2)
    })
  )

  it.effect("V21: finds a place between any two tries without a wait, where others run too", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.forever, attempts: 1_000_000, budget: "off" })
      const { runs, self } = failing(Effect.fail("busy"))
      const fiber = yield* Effect.forkChild(guard(self), { startImmediately: true })
      for (let turn = 1; turn <= 50; turn++) {
        assert.strictEqual(runs.count, turn)
        yield* Effect.yieldNow
      }
      yield* Fiber.interrupt(fiber)
      assert.isAtMost(runs.count, 52)
    })
  )

  it.live("V21: lets the timers of the event loop ring while it tries again without a wait", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ schedule: Schedule.forever, attempts: 1_000_000, budget: "off" })
      const { runs, self } = failing(Effect.fail("busy"))
      const exit = yield* Effect.exit(Effect.timeoutOption(guard(self), 5))
      assert.isTrue(Exit.isSuccess(exit))
      assert.isAbove(runs.count, 1)
    })
  )

  it.effect("at any operation leaves nothing running, and no try starts after it", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(retry({ schedule: Schedule.forever, attempts: 5, budget: "off" }), (guard) => ({
          guard,
          started: 0,
          ended: 0
        })),
        (call) =>
          call.guard(
            Effect.acquireUseRelease(
              Effect.sync(() => call.started++),
              () => Effect.andThen(Effect.yieldNow, Effect.fail("busy")),
              () => Effect.sync(() => call.ended++)
            )
          ),
        (call, _, moment) =>
          Effect.gen(function* () {
            const { started } = call
            assert.strictEqual(call.ended, started, JSON.stringify(moment))
            for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
            assert.strictEqual(call.started, started, JSON.stringify(moment))
          })
      )
      assert.isAbove(interrupted, 100)
    })
  )
})
