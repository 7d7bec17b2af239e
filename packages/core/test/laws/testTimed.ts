/**
 * The law of every policy that ends its work by the clock: wherever it is interrupted, and whether or not its time is
 * over meanwhile, there is one end and nothing runs on.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { Policy } from "@spillway/core"
import * as Interrupts from "./interrupts.ts"

/** Holds a policy to it whose time is over after a nanosecond; `check` looks at an end that was not an interrupt. */
export const testTimed = <E>(
  make: Effect.Effect<Policy.Policy<Policy.Stage, E>>,
  check: (exit: Exit.Exit<void, E>) => void = () => {}
): void => {
  it.effect("at any operation has one end, and nothing runs on, whether the time is over meanwhile or not", () =>
    Effect.gen(function* () {
      let late = 0
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(make, (guard) => ({ guard, running: 0, ends: 0, isOver: false })),
        (call) =>
          call
            .guard(
              Effect.acquireUseRelease(
                Effect.sync(() => call.running++),
                () =>
                  Effect.suspend(() => {
                    call.isOver = true
                    return Effect.andThen(
                      TestClock.adjust(1),
                      Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })
                    )
                  }),
                () => Effect.sync(() => call.running--)
              )
            )
            .pipe(Effect.onExit(() => Effect.sync(() => call.ends++))),
        (call, exit, moment) =>
          Effect.gen(function* () {
            // Nobody waits for work whose time is over, and it may need a few turns to end.
            if (call.isOver) for (let turn = 0; turn < 12; turn++) yield* Effect.yieldNow
            assert.strictEqual(call.running, 0, JSON.stringify(moment))
            assert.isAtMost(call.ends, 1)
            if (Exit.isSuccess(exit) || Exit.hasInterrupts(exit)) return
            check(exit)
            late++
          })
      )
      assert.isAbove(interrupted, 100)
      assert.isAbove(late, 10)
    })
  )
}
