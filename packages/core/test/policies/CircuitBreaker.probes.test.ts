/**
 * A probe: it holds its place while it shows signs of life and no longer, and frees it however it ends.
 *
 * The V numbers are defects that were measured in other breakers; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, type Policy, type SpillwayError, Summary } from "@spillway/core"
import { ask, halfOpen, question, refusalOf, say, stands, waitOf } from "../fixtures/breaker.ts"

const start = { startImmediately: true }

const hanging = (guard: Policy.Policy<"attempt", SpillwayError>) => Effect.forkChild(guard(Effect.never), start)

describe("a probe", () => {
  it.effect("V6: a hung probe does not hold the circuit half-open: its lease ends, and another comes", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "1m" })
      const hung = yield* hanging(guard)
      yield* TestClock.adjust("59 seconds")
      yield* refusalOf(guard)
      assert.strictEqual(yield* stands(guard), "HalfOpen")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* waitOf(guard), 2_000)
      assert.include(yield* guard.state(), { _tag: "Open", openings: 2 })
      yield* TestClock.adjust("2 seconds")
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
      yield* Fiber.interrupt(hung)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("V6: a hung probe that is interrupted frees its place at once", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      for (let times = 0; times < 5; times++) {
        const hung = yield* hanging(guard)
        yield* refusalOf(guard)
        yield* Fiber.interrupt(hung)
        assert.strictEqual(yield* stands(guard), "HalfOpen")
      }
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("that hangs costs the next opening the next delay", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ open: "2s..64s" })
      yield* TestClock.adjust("400 millis")
      yield* hanging(guard)
      yield* TestClock.adjust("1 minute")
      const wait = yield* waitOf(guard)
      assert.isAtLeast(wait, 3_200)
      assert.isAtMost(wait, 4_800)
    })
  )

  it.effect("that delivers parts is alive, however long it takes", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "10s" })
      const slow = Call.asEffect((_, attempt) =>
        Effect.as(Effect.repeat(Effect.delay(say(attempt, "on"), "9 seconds"), { times: 9 }), Summary.make())
      )
      const probe = yield* Effect.forkChild(ask(guard(slow)), start)
      for (let tick = 0; tick < 89; tick++) {
        yield* TestClock.adjust("1 second")
        yield* refusalOf(guard)
        assert.strictEqual(yield* stands(guard), "HalfOpen", `${tick}`)
      }
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(probe)))
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("shows a sign of life when its leaf begins to wait for something else", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "10s" })
      const loading = Call.asEffect((_, attempt) =>
        Effect.andThen(
          Effect.delay(
            Effect.sync(() => attempt.enter("load")),
            "9 seconds"
          ),
          Effect.never
        )
      )
      yield* Effect.forkChild(ask(guard(loading)), start)
      yield* TestClock.adjust("18 seconds")
      yield* refusalOf(guard)
      assert.strictEqual(yield* stands(guard), "HalfOpen")
      yield* TestClock.adjust("1 second")
      yield* refusalOf(guard)
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("shows a sign of life when its reader reads on: the target has been silent only since then", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "10s" })
      let readOn = () => {}
      const reading = new Promise<void>((resolve) => {
        readOn = resolve
      })
      const talking = Call.asEffect((_, attempt) => Effect.andThen(say(attempt, "on"), Effect.never))
      yield* Effect.forkChild(Answer.toSink(guard(talking), question, { emit: () => reading }), start)
      yield* TestClock.adjust("9 seconds")
      readOn()
      yield* Effect.promise(() => reading)
      yield* TestClock.adjust("9 seconds")
      yield* refusalOf(guard)
      assert.strictEqual(yield* stands(guard), "HalfOpen")
      yield* TestClock.adjust("1 second")
      yield* refusalOf(guard)
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("whose reader has stopped reading gives its place to another, and the target is not blamed", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "10s" })
      const stuck = new Promise<void>(() => {})
      const talking = Call.asEffect((_, attempt) => Effect.andThen(say(attempt, "on"), Effect.never))
      yield* Effect.forkChild(Answer.toSink(guard(talking), question, { emit: () => stuck }), start)
      yield* TestClock.adjust("9 seconds")
      yield* refusalOf(guard)
      yield* TestClock.adjust("1 second")
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("that waits for its turn further in gives its place to another, and the target is not blamed", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ probeFor: "10s" })
      const queued = Effect.andThen(
        Effect.never,
        Call.asEffect(() => Effect.never)
      )
      yield* Effect.forkChild(ask(guard(queued)), start)
      yield* TestClock.adjust("10 seconds")
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("that says nothing of the target, by a mistake of its caller, neither opens nor closes", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen({ classify: (error) => (error === "mistaken" ? "BadRequest" : undefined) })
      for (let times = 0; times < 10; times++) {
        yield* Effect.exit(guard(Effect.fail("mistaken")))
        assert.deepStrictEqual(yield* guard.state(), { _tag: "HalfOpen", openings: 1, probing: 0 })
      }
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("that dies opens the circuit again", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      yield* Effect.exit(guard(Effect.die("a bug")))
      assert.include(yield* guard.state(), { _tag: "Open", openings: 2 })
    })
  )
})
