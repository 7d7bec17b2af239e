/** Shed: whoever cannot be served in time is told so at once, and when to come back; nobody else is. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Forecast, Policy, Question, Queue, Shed, type SpillwayError, Summary } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { testPolicy } from "../laws/testPolicy.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPolicy({ name: "Shed", make: Effect.orDie(Shed.make()) })

const second = Effect.sleep("1 second")

/** A queue that has seen one call of a second, with one running and so many waiting. */
const busy = (waiting: number) =>
  Effect.gen(function* () {
    const queue = yield* Queue.make({ wait: "1h" })
    const first = yield* Effect.forkChild(queue(second))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(first)
    for (let each = 0; each <= waiting; each++) {
      yield* Effect.forkChild(Effect.exit(queue(second)), { startImmediately: true })
    }
    const guard = yield* Policy.all([Shed.make({ queue }), queue])
    const ask = (deadline: Duration.Duration, about: Policy.About = {}) =>
      Effect.forkChild(Effect.exit(guard(second).pipe(Policy.about({ ...about, deadline }))), {
        startImmediately: true
      })
    return { ask, guard, queue }
  })

const refusedOf = (fiber: Fiber.Fiber<unknown>): SpillwayError | undefined => {
  const exit = fiber.pollUnsafe() as
    | { readonly value?: { readonly cause?: { readonly reasons: ReadonlyArray<{ readonly error: SpillwayError }> } } }
    | undefined
  return exit?.value?.cause?.reasons[0]?.error
}

describe("a call with a deadline", () => {
  it.effect("is refused at once where its turn would come too late, with how long it would take", () =>
    Effect.gen(function* () {
      const { ask, queue } = yield* busy(3)
      // One runs and three wait: it would begin after four seconds, and be over after five.
      const refused = refusedOf(yield* ask(Duration.seconds(4.9)))
      assert.strictEqual(refused?.reason._tag, "DeadlineUnmeetable")
      if (refused?.reason._tag !== "DeadlineUnmeetable") return
      assert.strictEqual(Duration.toSeconds(refused.reason.expected), 5)
      assert.isUndefined(refusedOf(yield* ask(Duration.seconds(5))))
      assert.strictEqual((yield* queue.state()).waiting.length, 4)
    })
  )

  it.effect("is judged by its own turn: who goes before others is not refused for them", () =>
    Effect.gen(function* () {
      const { ask } = yield* busy(3)
      assert.isDefined(refusedOf(yield* ask(Duration.seconds(2.5))))
      assert.isUndefined(refusedOf(yield* ask(Duration.seconds(2.5), { priority: "high" })))
      assert.isUndefined(refusedOf(yield* ask(Duration.seconds(3.5), { caller: "ann" })))
    })
  )

  it.effect("is told when to come back, each after the other, and eight in ten are let in then", () =>
    Effect.gen(function* () {
      const { ask } = yield* busy(9)
      let letIn = 0
      for (let each = 0; each < 20; each++) {
        const refused = refusedOf(yield* ask(Duration.seconds(5)))!
        assert.strictEqual(Duration.toSeconds(refused.retryAfter!), 6 + each)
        yield* Effect.forkChild(
          Effect.gen(function* () {
            yield* Effect.sleep(refused.retryAfter!)
            if (refusedOf(yield* ask(Duration.seconds(5))) === undefined) letIn++
          })
        )
      }
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(letIn, 16)
    })
  )
})

describe("nobody is refused", () => {
  it.effect("while nothing is known, nor who has all the time in the world", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make()
      const guard = yield* Policy.all([Shed.make({ queue }), queue])
      assert.strictEqual(yield* guard(Effect.succeed(1)).pipe(Policy.about({ deadline: "1ms" })), 1)
      const { guard: known } = yield* busy(9)
      const patient = yield* Effect.forkChild(known(second))
      yield* TestClock.adjust("12 seconds")
      yield* Fiber.join(patient)
    })
  )

  it.effect("who would be a little late, where there is slack for it", () =>
    Effect.gen(function* () {
      const { queue } = yield* busy(3)
      const ask = (slack: string) =>
        Effect.flatMap(Shed.make({ queue, slack }), (guard) =>
          Effect.exit(guard(Effect.succeed(1)).pipe(Policy.about({ deadline: "4s" })))
        )
      assert.strictEqual((yield* ask("24%"))._tag, "Failure")
      assert.strictEqual((yield* ask("25%"))._tag, "Success")
    })
  )
})

describe("without a queue", () => {
  it.effect("the forecast of the program is asked", () =>
    Effect.gen(function* () {
      const guard = yield* Shed.make()
      const span = (seconds: number) => ({ low: 0, likely: seconds * 1e9, high: Infinity })
      const known: Forecast.Forecast = {
        of: () => ({ startsIn: span(1), firstTokenIn: span(2), endsIn: span(6), pauses: span(0) })
      }
      const call: Call.Call = () => Effect.succeed(Summary.make())
      const asked = (deadline: string) =>
        Effect.exit(Answer.collect(guard(Call.asEffect(call)), Question.chat("m", "hello"))).pipe(
          Policy.about({ deadline, target: "gpu/m" }),
          Effect.provideService(Forecast.Known, known)
        )
      assert.strictEqual((yield* asked("5s"))._tag, "Failure")
      assert.strictEqual((yield* asked("7s"))._tag, "Success")
    })
  )
})

describe("options", () => {
  it.effect("that are none are refused when it is made, and not at its first call", () =>
    Effect.gen(function* () {
      for (const [path, options] of [
        ["", null],
        ["queue", { queue: Queue.make() }],
        ["queue", { queue: 7 }],
        ["patience", { patience: "10s" }]
      ] as const) {
        const refused = yield* Effect.flip(Shed.make(options as never))
        assert.deepStrictEqual(
          refused.problems.map((problem) => problem.path),
          [path]
        )
      }
      for (const options of [null, 7]) {
        assert.match((yield* Effect.flip(Queue.make(options as never))).message, /^Queue: 1 option refused/)
      }
    })
  )
})

describe("an idle target", () => {
  it.effect("is asked once in any case: what was learned of it may be long over", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make()
      const guard = yield* Policy.all([Shed.make({ queue }), queue])
      const ask = (work: Effect.Effect<void>) =>
        Effect.forkChild(Effect.exit(guard(work).pipe(Policy.about({ deadline: "30s" }))), { startImmediately: true })
      // A cold load: the first one takes a minute, and all that come after it a second.
      const cold = yield* Effect.forkChild(queue(Effect.sleep("1 minute")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(cold)
      const first = yield* ask(second)
      assert.isUndefined(refusedOf(first))
      // While it is asked the others are told what is known.
      assert.strictEqual(refusedOf(yield* ask(second))?.reason._tag, "DeadlineUnmeetable")
      for (let each = 0; each < 10; each++) {
        yield* TestClock.adjust("1 second")
        assert.isUndefined(refusedOf(yield* ask(second)))
      }
    })
  )

  it.effect("whose work takes longer than all have time for is known to, although nobody ever sees its end", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ wait: "1h" })
      const guard = yield* Policy.all([Shed.make({ queue }), queue])
      let refused = 0
      for (let each = 0; each < 60; each++) {
        const slow = Effect.timeoutOption(guard(Effect.sleep("10 seconds")), "8 seconds")
        const fiber = yield* Effect.forkChild(Effect.exit(slow.pipe(Policy.about({ deadline: "8s" }))), {
          startImmediately: true
        })
        if (refusedOf(fiber) !== undefined) refused++
        yield* TestClock.adjust("1 second")
      }
      assert.isAbove(refused, 40)
    })
  )
})
