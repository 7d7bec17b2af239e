/** Shed, for callers who name no deadline: how long they wait is learned from when they left. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Policy, Question, Queue, Shed, type SpillwayError, Summary } from "@spillway/core"
import { Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const second = Effect.sleep("1 second")

/** A line for one slot whose calls take a second, and what becomes of whoever asks. */
const scene = Effect.fnUntraced(function* (options: Shed.Options = {}) {
  const queue = yield* Queue.make({ wait: "1h", max: 1_000, per: "key" })
  const shed = yield* Shed.make({ queue, ...options })
  const guard = yield* Policy.all([shed, queue])
  const ask = (caller: string, work: Effect.Effect<void> = second) =>
    Effect.forkChild(Effect.exit(guard(work).pipe(Policy.about({ caller }))), { startImmediately: true })
  /** So many come at once and leave after so long, one after the other. */
  const impatient = Effect.fnUntraced(function* (caller: string, count: number, seconds: number, work = second) {
    const fibers = yield* Effect.forEach(Array.from({ length: count }), () => ask(caller, work))
    yield* TestClock.adjust(Duration.seconds(seconds))
    for (const fiber of fibers) {
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(1)
    }
  })
  /** How many of so many who come at once are told no at once. */
  const refused = Effect.fnUntraced(function* (caller: string, count: number) {
    const fibers = yield* Effect.forEach(Array.from({ length: count }), () => ask(caller))
    const told = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length
    yield* TestClock.adjust(Duration.seconds(count))
    yield* Fiber.awaitAll(fibers)
    return told
  })
  return { ask, guard, impatient, refused, queue, shed }
})

const errorOf = (fiber: Fiber.Fiber<Exit.Exit<unknown, SpillwayError>>): SpillwayError | undefined => {
  const exit = fiber.pollUnsafe()
  if (exit?._tag !== "Success" || exit.value._tag !== "Failure") return undefined
  const [reason] = exit.value.cause.reasons
  return reason?._tag === "Fail" ? reason.error : undefined
}

describe("a caller who names no deadline", () => {
  it.effect("is let in, however many wait, as long as nobody has left", () =>
    Effect.gen(function* () {
      const { refused } = yield* scene()
      assert.strictEqual(yield* refused("ann", 100), 0)
      assert.strictEqual(yield* refused("ann", 100), 0)
    })
  )

  it.effect("is refused in a standing line that others like him have left, and not in a short one", () =>
    Effect.gen(function* () {
      const { impatient, refused } = yield* scene()
      yield* impatient("ann", 30, 8.5)
      // Whoever is sixth begins after five seconds, and those who waited for eight had left.
      assert.strictEqual(yield* refused("ann", 6), 0)
      assert.strictEqual(yield* refused("ann", 30), 23)
    })
  )

  it.effect("is told how long it would be, how long he has waited, and when to come back", () =>
    Effect.gen(function* () {
      const { ask, impatient } = yield* scene()
      yield* impatient("ann", 30, 8.5)
      const errors = (yield* Effect.forEach(Array.from({ length: 10 }), () => ask("ann"))).flatMap(
        (fiber) => errorOf(fiber) ?? []
      )
      assert.lengthOf(errors, 3)
      for (const [index, { reason, retryAfter, retryable }] of errors.entries()) {
        if (reason._tag !== "DeadlineUnmeetable") return assert.fail(reason._tag)
        assert.strictEqual(Duration.toSeconds(reason.expected), 8)
        assert.isAtMost(Duration.toSeconds(reason.patience!), 8)
        assert.isAtLeast(Duration.toSeconds(reason.patience!), 7)
        const early = 8 - Duration.toSeconds(reason.patience!)
        assert.closeTo(Duration.toSeconds(retryAfter!), early + index, 1e-6)
        assert.isTrue(retryable)
      }
      const first = errors[0]!.message
      assert.match(first, /^The answer would begin in about 8 s, and this caller has often left after 7\.7 s: come/)
    })
  )

  it.effect("is not refused for the impatience of others, nor where that is not to be learned", () =>
    Effect.gen(function* () {
      const { impatient, refused } = yield* scene()
      yield* impatient("ann", 30, 8.5)
      assert.strictEqual(yield* refused("ben", 30), 0)
      const endless = yield* scene({ patience: "endless" })
      yield* endless.impatient("ann", 30, 8.5)
      assert.strictEqual(yield* endless.refused("ann", 30), 0)
    })
  )

  it.effect("is refused before his deadline too, where he would have left by then", () =>
    Effect.gen(function* () {
      const { guard, impatient } = yield* scene()
      yield* impatient("ann", 30, 8.5)
      const asked = guard(second).pipe(Policy.about({ caller: "ann", deadline: "1h" }))
      const fibers = yield* Effect.forEach(Array.from({ length: 30 }), () =>
        Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      )
      assert.strictEqual(fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 23)
    })
  )

  it.effect("is not thought impatient for what others do who come and go between", () =>
    Effect.gen(function* () {
      const { impatient, refused } = yield* scene()
      // Each is forgotten for the other until he has taught something.
      for (let each = 0; each < 30; each++) {
        yield* impatient("ann", 4, 2.5)
        yield* impatient("ben", 1, 0.1)
      }
      assert.strictEqual(yield* refused("ann", 10), 8)
    })
  )

  it.effect("is not thought impatient where many of his are interrupted at once, for a reason of its own", () =>
    Effect.gen(function* () {
      const { ask, refused } = yield* scene()
      yield* refused("ann", 3)
      for (let each = 0; each < 3; each++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => ask("ann"))
        yield* TestClock.adjust("1500 millis")
        yield* Fiber.interruptAll(fibers)
      }
      assert.strictEqual(yield* refused("ann", 10), 0)
    })
  )

  it.effect("who always leaves is let in all the same where nobody waits", () =>
    Effect.gen(function* () {
      const { ask, impatient } = yield* scene()
      for (let each = 0; each < 50; each++) yield* impatient("ann", 2, 0.2)
      const fiber = yield* ask("ann")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Exit.void))
    })
  )

  it.effect("is judged anew after a while", () =>
    Effect.gen(function* () {
      const { impatient, refused } = yield* scene()
      yield* impatient("ann", 30, 8.5)
      assert.strictEqual(yield* refused("ann", 30), 23)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* refused("ann", 30), 0)
    })
  )

  const talking: Call.Call = (_, attempt) =>
    Effect.gen(function* () {
      yield* Effect.sleep("1 second")
      void attempt.emit(Part.text("The dam"))
      yield* Effect.sleep("20 seconds")
      return Summary.make()
    })

  it.effect("who has had the first word and leaves then was patient enough", () =>
    Effect.gen(function* () {
      const { guard, refused } = yield* scene()
      assert.strictEqual(yield* refused("ben", 3), 0)
      const talk = Answer.collect(guard(Call.asEffect(talking)), Question.chat("m", "How high?"))
      for (let each = 0; each < 20; each++) {
        const fiber = yield* Effect.forkChild(Effect.exit(talk.pipe(Policy.about({ caller: "ann" }))))
        yield* TestClock.adjust("8 seconds")
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(yield* refused("ann", 30), 0)
    })
  )

  it.effect("waits for the first word, however long the answer goes on after it", () =>
    Effect.gen(function* () {
      const { ask, guard, impatient } = yield* scene()
      const talk = Answer.collect(guard(Call.asEffect(talking)), Question.chat("m", "How high?"))
      for (let each = 0; each < 3; each++) {
        const fiber = yield* Effect.forkChild(talk.pipe(Policy.about({ caller: "ann" })))
        yield* TestClock.adjust("21 seconds")
        yield* Fiber.join(fiber)
      }
      yield* impatient("ann", 30, 8.5, Effect.never)
      yield* ask("ann")
      // The first word takes a second, and its turn would come in about twenty.
      assert.strictEqual(errorOf(yield* ask("ann"))?.reason._tag, "DeadlineUnmeetable")
    })
  )

  it.effect("is not thought quicker than he is for what is refused at once, nor for what he waited before", () =>
    Effect.gen(function* () {
      const { ask, guard, impatient, queue, shed } = yield* scene()
      for (let each = 0; each < 20; each++) {
        const running = yield* ask("ben")
        const twice = Effect.andThen(guard(second), guard(second)).pipe(Policy.about({ caller: "ann" }))
        const both = yield* Effect.forkChild(twice)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.awaitAll([running, both])
      }
      yield* impatient("ann", 30, 8.5, Effect.never)
      const failing = shed(Effect.fail("broken")).pipe(Policy.about({ caller: "ann" }))
      for (let each = 0; each < 50; each++) yield* Effect.ignore(failing)
      const [error] = (yield* Effect.forEach([1, 2, 3, 4], () => ask("ann"))).flatMap((fiber) => errorOf(fiber) ?? [])
      if (error?.reason._tag !== "DeadlineUnmeetable") return assert.fail(error?.reason._tag)
      // A second for the first word once it is his turn, and what those before him take.
      const { holds } = yield* queue.state()
      assert.closeTo(Duration.toSeconds(error.reason.expected), 1 + 3 * Duration.toSeconds(holds!), 0.01)
    })
  )

  it.effect("is let in where more callers have come than are remembered", () =>
    Effect.gen(function* () {
      const guard = yield* Shed.make()
      for (let each = 0; each < 10_001; each++) yield* guard(Effect.void).pipe(Policy.about({ caller: `c${each}` }))
    })
  )

  it.effect("who fails was not impatient, nor who is out of the time that he has named", () =>
    Effect.gen(function* () {
      const { ask, guard, refused } = yield* scene()
      for (let each = 0; each < 20; each++) {
        const failing = yield* ask("ann", Effect.andThen(second, Effect.die("broken")))
        const late = yield* Effect.forkChild(
          Effect.timeoutOption(guard(second), "1 second").pipe(
            Policy.about({ caller: "ann", deadline: "1s" }),
            Effect.ignore
          )
        )
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.awaitAll([failing, late])
      }
      assert.strictEqual(yield* refused("ann", 30), 0)
    })
  )
})
