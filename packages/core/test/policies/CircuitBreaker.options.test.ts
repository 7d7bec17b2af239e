/**
 * A breaker's options, refused where they cannot be meant, and its circuits when a hand is at them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker, Policy, refusal } from "@spillway/core"
import * as Interrupts from "../laws/interrupts.ts"
import { breaker, failing, stands, touchy, waitOf } from "../fixtures/breaker.ts"

const isolateAnn = (guard: CircuitBreaker.CircuitBreaker) => guard.isolate("ann")

const at = (target: string) => Policy.about({ target })

describe("a circuit by hand", () => {
  it.effect("is isolated until it is reset, and tells nobody when that will be", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      yield* guard.isolate("gpu1/a")
      yield* TestClock.adjust("1000 days")
      const error = yield* Effect.flip(at("gpu1/a")(guard(Effect.void)))
      assert.isUndefined(error.retryAfter)
      assert.strictEqual(yield* stands(guard, "gpu1/a"), "Isolated")
      yield* at("gpu1/b")(guard(Effect.void))
      yield* guard(Effect.void)
      yield* guard.reset("gpu1/a")
      yield* at("gpu1/a")(guard(Effect.void))
    })
  )

  it.effect("is isolated with all others when no key is named, those that nobody has seen included", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      yield* at("gpu1/a")(guard(Effect.void))
      yield* guard.isolate()
      for (const target of ["gpu1/a", "gpu1/b"]) {
        const error = yield* Effect.flip(at(target)(guard(Effect.void)))
        assert.deepStrictEqual(error.reason, { _tag: "Unavailable", target })
        assert.strictEqual(yield* stands(guard, target), "Isolated")
      }
      yield* guard.reset()
      yield* at("gpu1/a")(guard(Effect.void))
      yield* at("gpu1/b")(guard(Effect.void))
    })
  )

  it.effect("is reset alone where it is named, and leaves the others as they are", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      yield* guard.isolate("gpu1/a")
      yield* guard.isolate("gpu1/b")
      yield* guard.reset("gpu1/a")
      assert.strictEqual(yield* stands(guard, "gpu1/b"), "Isolated")
      yield* guard.isolate()
      yield* guard.reset("gpu1/b")
      yield* Effect.flip(at("gpu1/b")(guard(Effect.void)))
    })
  )

  it.effect("takes no caller for a target when it refuses", () =>
    Effect.gen(function* () {
      for (const isolate of [(guard: CircuitBreaker.CircuitBreaker) => guard.isolate(), isolateAnn]) {
        const guard = yield* breaker({ per: "caller" })
        yield* isolate(guard)
        const error = yield* Effect.flip(Policy.about({ caller: "ann", target: "gpu1/a" })(guard(Effect.void)))
        assert.deepStrictEqual(error.reason, { _tag: "Unavailable" })
      }
    })
  )

  it.effect("is forgotten like any other after calls that were interrupted on their way in", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ per: "caller", keysMax: 1, failures: 1 })
      const ann = Policy.about({ caller: "ann" })(guard(Effect.void))
      const interrupted = yield* Interrupts.everywhere(
        Effect.void,
        () => ann,
        () => Effect.void
      )
      assert.isAbove(interrupted, 50)
      yield* TestClock.adjust("2 hours")
      yield* Policy.about({ caller: "bob" })(failing(guard))
      assert.strictEqual(yield* stands(guard, "bob"), "Open")
    })
  )

  it.effect("is the one there is, whatever key is named, where all are counted together", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ per: "all" })
      yield* guard.isolate("gpu1/a")
      yield* Effect.flip(at("gpu1/b")(guard(Effect.void)))
      assert.strictEqual(yield* stands(guard, "gpu1/c"), "Isolated")
      yield* guard.reset("gpu1/d")
      yield* at("gpu1/b")(guard(Effect.void))
    })
  )

  it.effect("opens for as long as a fixed time says, each time", () =>
    Effect.gen(function* () {
      for (const open of ["5s", 5_000, Duration.seconds(5)]) {
        const guard = yield* breaker({ failures: 1, open })
        for (let opening = 1; opening <= 3; opening++) {
          yield* failing(guard)
          assert.strictEqual(yield* waitOf(guard), 5_000)
          yield* TestClock.adjust("5 seconds")
        }
      }
    })
  )

  it.effect("is reset as if nothing had ever failed: open, half-open, or on the way there", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 3, open: "2s..1m" })
      yield* failing(guard, 2)
      yield* guard.reset()
      yield* failing(guard, 2)
      yield* guard(Effect.void)
      yield* failing(guard, 3)
      assert.strictEqual(yield* stands(guard), "Open")
      yield* guard.reset()
      // No ramp either.
      yield* Effect.all(
        Array.from({ length: 50 }, () => guard(Effect.yieldNow)),
        { concurrency: "unbounded" }
      )
      yield* failing(guard, 3)
      assert.include(yield* guard.state(), { _tag: "Open", openings: 1 })
      assert.isAtMost(yield* waitOf(guard), 2_400)
    })
  )

  it.effect("looks closed where nobody has ever been, and looking makes nothing", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ keysMax: 1, ...touchy })
      assert.deepStrictEqual(yield* guard.state("nobody"), { _tag: "Closed" })
      yield* at("gpu1/a")(failing(guard))
      assert.strictEqual(yield* stands(guard, "gpu1/a"), "Open")
    })
  )
})

describe("CircuitBreaker's options", () => {
  it.effect("are refused when the policy is made, all at once, with what was read and what would be right", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(
        CircuitBreaker.make({
          failures: 0,
          failureRate: "150%",
          window: -1,
          calls: 1.5,
          open: "10s..2s",
          probes: Number.NaN,
          per: "host",
          faliures: 5
        } as unknown as CircuitBreaker.Options)
      )
      const { message } = refused
      for (const word of ["failures", "failureRate", "150%", "window", "calls", "2s..10s", "probes", "per"]) {
        assert.include(message, word)
      }
      assert.include(message, "did you mean failures?")
    })
  )

  it.effect("cannot be a window or a lease of no time", () =>
    Effect.gen(function* () {
      assert.include((yield* Effect.flip(CircuitBreaker.make({ window: "0s" }))).message, "as 30s")
      assert.include((yield* Effect.flip(CircuitBreaker.make({ probeFor: 0 }))).message, "as 30s")
    })
  )

  it.effect("take a time as a string, a number of milliseconds, and a Duration", () =>
    Effect.gen(function* () {
      for (const window of ["10s", 10_000, Duration.seconds(10)]) {
        const guard = yield* breaker({ failures: 100, calls: 2, window })
        yield* failing(guard)
        yield* TestClock.adjust("10 seconds")
        yield* failing(guard)
        assert.strictEqual(yield* stands(guard), "Closed")
        yield* failing(guard)
        assert.strictEqual(yield* stands(guard), "Open")
      }
    })
  )

  it.effect("may be left out, all of them", () =>
    Effect.gen(function* () {
      const guard = yield* CircuitBreaker.make()
      assert.isTrue(Exit.isFailure(yield* Effect.exit(guard(Effect.fail(refusal({ _tag: "Unknown" }))))))
      assert.strictEqual(guard.name, "CircuitBreaker")
      assert.deepStrictEqual(guard.stages, ["attempt"])
    })
  )
})
