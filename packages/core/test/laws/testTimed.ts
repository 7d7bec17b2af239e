/**
 * The laws of every policy that ends its work by the clock: when its time begins, that it may be long, that its readers
 * hear of the end once, and that wherever it is interrupted there is one end and nothing runs on.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { Part, Policy, type SpillwayError } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { deafUntil, endOf, leaf, say, toldOf } from "../fixtures/clocks.ts"
import { makeLog, ways } from "../fixtures/readers.ts"
import * as Interrupts from "./interrupts.ts"

const day = 86_400_000

const aTurn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/**
 * Holds a policy to them, made for any time: the one to the first token, and between two of them. `check` looks at an
 * end that was not an interrupt.
 */
export const testTimed = (
  make: (time: string) => Effect.Effect<Policy.Policy<Policy.Stage, SpillwayError>>,
  check: (exit: Exit.Exit<void, SpillwayError>) => void = () => {}
): void => {
  it.effect("has a time that begins when the work does, and not when the Effect was made", () =>
    Effect.gen(function* () {
      const guarded = (yield* make("20ms"))(Effect.sleep(15))
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* toldOf(guarded), "answered at 15")
      assert.strictEqual(yield* toldOf(guarded), "answered at 15")
    })
  )

  it.effect("has a time that may be days away: longer than any timer, it is not over at once", () =>
    Effect.gen(function* () {
      const { at, exit } = yield* endOf((yield* make("40d"))(Effect.never), "41 days")
      assert.strictEqual(at, 40 * day)
      check(exit)
    })
  )

  it.live("has such a time on the live clock too", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* make("40d"))(Effect.as(Effect.sleep(5), 1)), 1)
    })
  )

  for (const [name, read] of ways) {
    it.live(`is heard once: ${name} gets what came before the end, and nothing afterwards`, () =>
      Effect.gen(function* () {
        const guard = yield* make("20ms")
        const attempts: Array<Attempt> = []
        const { end, work } = deafUntil()
        const call = leaf<string>((attempt) => {
          attempts.push(attempt)
          return Effect.andThen(say(attempt, "one"), work)
        })
        const log = makeLog()
        yield* read(
          Effect.mapError(guard(call), (error) => (typeof error === "string" ? error : error.reason._tag)),
          log
        )
        void attempts[0]!.emit(Part.text("late"))
        end()
        yield* aTurn
        void attempts[0]!.emit(Part.text("later"))
        assert.deepStrictEqual(log.ends, ["failed: TimedOut"])
        assert.deepStrictEqual(log.parts, name === "collect" ? [] : ["one"])
      })
    )
  }

  it.effect("at any operation has one end, and nothing runs on, whether the time is over meanwhile or not", () =>
    Effect.gen(function* () {
      let late = 0
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(make("1ns"), (guard) => ({ guard, running: 0, ends: 0, isOver: false })),
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
