/** A queue on the test clock: whose turn it is, who leaves, who is too late, and what is never lost on the way. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Policy, Question, Queue, Slots, type SpillwayError, Summary } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Facts } from "../../src/domain/Facts.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** Callers who work for a second each, and the order in which they begin. */
const scene = (queue: Policy.Policy<Policy.Stage, SpillwayError>, seconds = 1) => {
  const begun: Array<string> = []
  const ask = (name: string, about: Policy.About = {}) =>
    Effect.forkChild(
      Effect.exit(
        queue(
          Effect.suspend(() => {
            begun.push(name)
            return Effect.sleep(Duration.seconds(seconds))
          })
        ).pipe(Policy.about({ caller: name[0]!, ...about }))
      ),
      { startImmediately: true }
    )
  return { begun, ask }
}

const refusedOf = (fiber: Fiber.Fiber<unknown>) =>
  Effect.map(
    Fiber.join(fiber),
    (exit) =>
      (exit as { readonly cause: { readonly reasons: ReadonlyArray<{ readonly error: SpillwayError }> } }).cause
        .reasons[0]!.error
  )

describe("turns", () => {
  it.effect("go round between callers, however many one of them asks at once", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make())
      for (const name of ["a1", "a2", "a3", "a4", "b1", "c1"]) yield* ask(name)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(begun, ["a1", "b1", "c1", "a2", "a3", "a4"])
    })
  )

  it.effect("go to callers by their weights, and to keys where those are named", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make({ per: "key", weights: { big: 3 }, wait: "1h" }))
      for (let each = 0; each < 20; each++) {
        yield* ask(`b${each}`, { key: "big" })
        yield* ask(`s${each}`, { key: "small" })
      }
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(begun.filter((name) => name.startsWith("b")).length, 15)
    })
  )

  it.effect("go round also where a caller is called what every object has", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make()
      const begun: Array<string> = []
      const ask = (caller: string) =>
        Effect.forkChild(
          queue(
            Effect.suspend(() => {
              begun.push(caller)
              return Effect.sleep("1 second")
            })
          ).pipe(Policy.about({ caller })),
          { startImmediately: true }
        )
      for (const caller of ["constructor", "constructor", "constructor", "b", "b"]) yield* ask(caller)
      yield* TestClock.adjust("10 seconds")
      // The first found nobody waiting, and was not charged for it.
      assert.deepStrictEqual(begun, ["constructor", "constructor", "b", "constructor", "b"])
    })
  )

  it.effect("go to the urgent first, though not for ever", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make({ ageing: "4s", wait: "1h" }))
      yield* ask("a1")
      yield* ask("l1", { priority: "low" })
      for (let second = 0; second < 12; second++) {
        yield* ask(`h${second}`, { priority: "high" })
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(begun[1], "h0")
      assert.isAtMost(begun.indexOf("l1"), 9)
      assert.isAtLeast(begun.indexOf("l1"), 7)
    })
  )

  it.effect("are not for a caller who has as many running as he may", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make({ slots: 3, running: 1 }))
      for (const name of ["a1", "a2", "b1"]) yield* ask(name)
      assert.deepStrictEqual(begun, ["a1", "b1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(begun, ["a1", "b1", "a2"])
    })
  )

  it.effect("of one target do not wait for those of another", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make())
      yield* ask("a1", { target: "x/m" })
      yield* ask("a2", { target: "x/m" })
      yield* ask("a3", { target: "y/m" })
      assert.deepStrictEqual(begun, ["a1", "a3"])
    })
  )

  it.effect("are more when there are more slots, and fewer when there are fewer", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 1 })
      const { ask, begun } = scene(yield* Queue.make({ slots }), 10)
      for (const name of ["a1", "a2", "a3"]) yield* ask(name)
      assert.strictEqual(begun.length, 1)
      yield* slots.resize(3)
      yield* Effect.yieldNow
      assert.strictEqual(begun.length, 3)
      yield* slots.resize(1)
      yield* ask("a4")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(begun.length, 4)
      assert.strictEqual((yield* slots.state()).running, 1)
    })
  )
})

describe("a place in the line", () => {
  it.effect("V13: comes free at once when whoever waits leaves", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ max: 1 })
      const { ask, begun } = scene(queue)
      yield* ask("a1")
      const leaver = yield* ask("a2")
      yield* Fiber.interrupt(leaver)
      assert.deepStrictEqual((yield* queue.state()).waiting, [])
      yield* ask("b1")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(begun, ["a1", "b1"])
    })
  )

  it.effect("is refused in a full line, with when to come back as soon as anybody knows", () =>
    Effect.gen(function* () {
      const { ask } = scene(yield* Queue.make({ max: 1, slots: 1 }), 8)
      yield* ask("a1")
      yield* TestClock.adjust("8 seconds")
      yield* ask("a2")
      yield* ask("a3")
      const error = yield* refusedOf(yield* ask("a4"))
      assert.containSubset(error.reason, { _tag: "QueueFull", queued: 1, queuedMax: 1 })
      assert.strictEqual(Duration.toSeconds(error.retryAfter!), 16)
      // The next one is promised the turn after his.
      assert.strictEqual(Duration.toSeconds((yield* refusedOf(yield* ask("a5"))).retryAfter!), 24)
    })
  )

  it.effect("goes to one who is more urgent, or less of a burden, and its owner is told", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make({ max: 2 }))
      yield* ask("a1")
      yield* ask("a2")
      const displaced = yield* ask("a3")
      yield* ask("b1")
      assert.strictEqual((yield* refusedOf(displaced)).reason._tag, "QueueFull")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(begun, ["a1", "a2", "b1"])
    })
  )

  it.effect("is no longer held than `wait`, nor beyond the deadline, and nobody is let in after it", () =>
    Effect.gen(function* () {
      const { ask, begun } = scene(yield* Queue.make({ wait: "5s" }), 60)
      yield* ask("a1")
      const patient = yield* ask("a2")
      const hurried = yield* ask("a3", { deadline: "2s" })
      yield* TestClock.adjust("2 seconds")
      const late = yield* refusedOf(hurried)
      assert.containSubset(late.reason, { _tag: "TimedOut", phase: "queue" })
      assert.isUndefined(patient.pollUnsafe())
      yield* TestClock.adjust("3 seconds")
      assert.containSubset((yield* refusedOf(patient)).reason, { _tag: "TimedOut", phase: "queue" })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(begun, ["a1"])
    })
  )

  it.effect("can be seen, with how long it will take", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ wait: "1h" })
      const { ask } = scene(queue, 10)
      yield* ask("a0")
      yield* TestClock.adjust("10 seconds")
      yield* ask("a1")
      yield* ask("a2", { priority: "low" })
      yield* ask("b1")
      yield* TestClock.adjust("1 second")
      const { running, slots, waiting } = yield* queue.state()
      assert.deepStrictEqual([running, slots], [1, 1])
      assert.deepStrictEqual(
        waiting.map((each) => [
          each.key,
          each.priority,
          each.position,
          Duration.toSeconds(each.since),
          Duration.toSeconds(each.expected!)
        ]),
        [
          ["b", "normal", 1, 1, 9],
          ["a", "low", 2, 1, 19]
        ]
      )
    })
  )

  it.effect("counts the bytes of questions", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ bytesMax: 1_000 })
      const call: Call.Call = () => Effect.as(Effect.never, Summary.make())
      const ask = (letters: number) =>
        Effect.forkChild(
          Effect.exit(Answer.collect(queue(Call.asEffect(call)), Question.chat("m", "x".repeat(letters)))),
          { startImmediately: true }
        )
      yield* ask(10)
      yield* ask(600)
      assert.isAtLeast((yield* queue.state()).bytes, 600)
      assert.strictEqual((yield* refusedOf(yield* ask(600))).reason._tag, "QueueFull")
      assert.isUndefined((yield* ask(300)).pollUnsafe())
    })
  )

  it.effect("is never promised to a question that is larger than all of it, which is told its size", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ bytesMax: 1_000 })
      yield* queue(Effect.void)
      yield* Effect.forkChild(queue(Effect.never), { startImmediately: true })
      const call: Call.Call = () => Effect.succeed(Summary.make())
      const refused = yield* Effect.flip(
        Answer.collect(queue(Call.asEffect(call)), Question.chat("m", "x".repeat(2_000)))
      )
      assert.deepInclude(refused.reason, { _tag: "QueueFull", bytesMax: 1_000 })
      assert.isUndefined(refused.retryAfter)
      assert.match(refused.message, /^The question has 2\d{3} bytes, all that wait may have 1000: come back later\.$/)
    })
  )
})

describe("what was waited", () => {
  it.effect("is told to the call, whether it came to a turn or not", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ wait: "3s" })
      const { ask } = scene(queue, 2)
      yield* ask("a1")
      const told: Array<number> = []
      const asked = (wait: Effect.Effect<void>) =>
        Effect.withFiber((fiber) =>
          Effect.ensuring(
            queue(wait),
            Effect.sync(() => told.push(fiber.getRef(Facts)!.call.waits.nanos))
          )
        ).pipe(Policy.about({ caller: "b" }), Effect.exit)
      yield* Effect.forkChild(asked(Effect.sleep("10 seconds")), { startImmediately: true })
      yield* Effect.forkChild(asked(Effect.void), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(told, [3e9, 2e9])
    })
  )
})

describe("a turn and an interrupt in one tick", () => {
  it.effect("lose no slot", () =>
    Effect.gen(function* () {
      for (const turns of [0, 1, 2, 3, 4, 5]) {
        const queue = yield* Queue.make({ slots: 1 })
        const holder = yield* Effect.forkChild(queue(Effect.never), { startImmediately: true })
        const waiter = yield* Effect.forkChild(queue(Effect.never), { startImmediately: true })
        holder.interruptUnsafe()
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        waiter.interruptUnsafe()
        yield* Fiber.await(waiter)
        yield* Fiber.await(holder)
        assert.deepInclude(yield* queue.state(), { running: 0, waiting: [] }, `after ${turns} turns`)
        assert.strictEqual(yield* queue(Effect.succeed(1)), 1)
      }
    })
  )
})
