/** A target that says 429 for ever is asked so often and no more, and nothing is held while somebody waits for it. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Policy, Queue, refusal, Retry } from "@spillway/core"
import { Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const limited = refusal({ _tag: "UpstreamRateLimited", target: "hosted/m", retryAfter: Duration.seconds(2) })
const down = refusal({ _tag: "Overloaded", target: "hosted/m" })

describe("a target that says 429 for ever", () => {
  it.effect("is asked as often as was said and no more, also as a probe, whose place is free again each time", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ failures: 1, open: "1s" })
      const guard = yield* Policy.all([Retry.make({ attempts: 3, budget: "off" }), breaker])
      yield* Effect.exit(breaker(Effect.fail(down)))
      yield* TestClock.adjust("1 second")
      let asked = 0
      const go = Effect.suspend(() => {
        asked++
        return Effect.fail(limited)
      })
      const fiber = yield* Effect.forkChild(Effect.exit(guard(go)), { startImmediately: true })
      const probing: Array<number> = []
      for (let second = 0; second < 30; second++) {
        const state = yield* breaker.state()
        if (state._tag === "HalfOpen") probing.push(state.probing)
        yield* TestClock.adjust("1 second")
      }
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.strictEqual(asked, 3)
      assert.lengthOf(probing, 30)
      assert.isTrue(probing.every((count) => count === 0))
      assert.strictEqual(yield* breaker(Effect.succeed("an answer")), "an answer")
    })
  )

  it.effect("holds no slot while it is waited for", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ slots: 1 })
      const guard = yield* Policy.all([Retry.make({ attempts: 2 }), queue])
      const waiting = yield* Effect.forkChild(Effect.exit(guard(Effect.fail(limited))), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(yield* guard(Effect.succeed("an answer")), "an answer")
      yield* Fiber.interrupt(waiting)
    })
  )
})
