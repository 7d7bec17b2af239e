/**
 * A breaker on its way back: nothing that began before decides about it, and traffic comes back gently.
 *
 * The V numbers are defects that were measured in other breakers; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type Policy, type SpillwayError } from "@spillway/core"
import { breaker, broken, failing, halfOpen, letsIn, refusalOf, stands, touchy, waitOf } from "../fixtures/breaker.ts"
import * as Interrupts from "../laws/interrupts.ts"

const start = { startImmediately: true }

const hanging = (guard: Policy.Policy<"attempt", SpillwayError>) => Effect.forkChild(guard(Effect.never), start)

describe("what began before", () => {
  /** A call that began while the circuit was closed, and ends when it is told to. */
  const stale = (guard: Policy.Policy<"attempt", SpillwayError>) =>
    Effect.map(
      Effect.forkChild(
        guard(
          Effect.callback<void, string>((resume) => {
            ends.push((fails) => resume(fails ? broken : Effect.void))
          })
        ),
        start
      ),
      () => ends.at(-1)!
    )
  const ends: Array<(fails: boolean) => void> = []

  it.effect("V17: a stale failure does not open the circuit again while the probe runs", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const end = yield* stale(guard)
      yield* failing(guard)
      yield* TestClock.adjust("2 seconds")
      const probe = yield* Effect.forkChild(guard(Effect.sleep("1 second")), start)
      end(true)
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* guard.state(), { _tag: "HalfOpen", openings: 1, probing: 1 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("V17: a stale success does not close it, neither while it is open nor while the probe runs", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const [first, second] = [yield* stale(guard), yield* stale(guard)]
      yield* failing(guard)
      first(false)
      yield* Effect.yieldNow
      assert.strictEqual(yield* stands(guard), "Open")
      yield* TestClock.adjust("2 seconds")
      yield* hanging(guard)
      second(false)
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* guard.state(), { _tag: "HalfOpen", openings: 1, probing: 1 })
      yield* refusalOf(guard)
    })
  )

  it.effect("is not counted after a reset either", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const end = yield* stale(guard)
      yield* guard.reset()
      end(true)
      yield* Effect.yieldNow
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )
})

describe("after the probe", () => {
  it.effect("V16: 20 callers are not kept waiting behind it to fire together: they are told to come back", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      const probe = yield* Effect.forkChild(guard(Effect.sleep(100)), start)
      for (let caller = 0; caller < 20; caller++) assert.strictEqual(yield* waitOf(guard), 2_000)
      yield* TestClock.adjust(100)
      yield* Fiber.join(probe)
      assert.strictEqual(yield* letsIn(guard, 20), 1)
    })
  )

  it.effect("V16: the ramp lets one more run at once for each that succeeds, until ten have", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      yield* guard(Effect.void)
      for (let succeeded = 0; succeeded < 10; succeeded++) {
        assert.strictEqual(yield* letsIn(guard, 20), 1 + succeeded)
        yield* guard(Effect.void)
      }
      assert.strictEqual(yield* letsIn(guard, 20), 20)
    })
  )

  it.effect("who is refused on the ramp is told when a place will probably be free", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      const probe = yield* Effect.forkChild(guard(Effect.sleep("7 seconds")), start)
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.join(probe)
      yield* hanging(guard)
      assert.strictEqual(yield* waitOf(guard), 7_000)
    })
  )

  it.effect("one that hangs does not hold the ramp: its place comes free, and the circuit stays closed", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ failures: 5 })
      for (let opening = 0; opening < 4; opening++) yield* failing(guard)
      yield* TestClock.adjust("2 seconds")
      yield* guard(Effect.void)
      yield* hanging(guard)
      yield* TestClock.adjust("59 seconds")
      yield* refusalOf(guard)
      yield* TestClock.adjust("1 second")
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("leaves no place of the ramp taken when its callers are interrupted, at whatever operation", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.tap(halfOpen(), (guard) => Effect.orDie(guard(Effect.void))),
        (guard) => guard(Effect.andThen(Effect.yieldNow, Effect.interrupt)),
        (guard, _, moment) =>
          Effect.map(letsIn(guard, 2), (room) => assert.strictEqual(room, 1, JSON.stringify(moment)))
      )
      assert.isAbove(interrupted, 100)
    })
  )
})
