/** Hedge: whoever leaves, for whatever reason, leaves nothing behind, and no clock goes blind beside a loser. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Hedge, Part, Plan, Question, refusal, Slots, type SpillwayError, Timeout } from "@spillway/core"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("m", "How high?")

/** A hedge that asks a second one after a second, whatever it costs. */
const hedge = Effect.gen(function* () {
  const plan = yield* Hedge.make({ after: "1s", budget: "100%" })
  for (let each = 0; each < 10; each++) yield* plan([Effect.void, Effect.void])
  return plan
})

const never = Call.asEffect(() => Effect.never)

describe("a caller who leaves", () => {
  it.effect("waits until both have ended, whatever their finalizers take", () =>
    Effect.gen(function* () {
      const plan = yield* hedge
      let ended = 0
      const slow = Effect.ensuring(
        Effect.never,
        Effect.forEach([1, 2, 3], () => Effect.yieldNow).pipe(Effect.andThen(Effect.sync(() => ended++)))
      )
      const goes = [Call.asEffect(() => slow), Call.asEffect(() => slow)] as const
      const fiber = yield* Effect.forkChild(Answer.collect(plan([...goes]), question), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(ended, 2)
    })
  )

  it.effect("because of the first word that he hears, leaves neither of them running", () =>
    Effect.gen(function* () {
      const plan = yield* hedge
      const slots = yield* Slots.make({ slots: 1 })
      let ended = 0
      const speaking: Call.Call = (_, attempt) => {
        void attempt.emit(Part.text("243"))
        return Effect.ensuring(
          Effect.never,
          Effect.sync(() => ended++)
        )
      }
      const second = Call.asEffect(speaking).pipe(slots, Plan.to("b/m"))
      let caller: Fiber.Fiber<unknown, unknown> | undefined
      const sink = { emit: () => caller!.interruptUnsafe() }
      caller = yield* Effect.forkChild(Answer.toSink(plan([never, second]), question, sink), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      const exit = yield* Fiber.await(caller)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
      yield* Effect.yieldNow
      assert.deepStrictEqual([ended, (yield* slots.state("b/m")).running], [1, 0])
    })
  )
})

describe("a clock around it", () => {
  it.effect("sees who speaks, although another one was asked after him and has lost", () =>
    Effect.gen(function* () {
      const plan = yield* hedge
      const clock = yield* Timeout.make({ idle: "5s", firstToken: "1m" })
      const hanging: Call.Call = (_, attempt) =>
        Effect.andThen(
          Effect.delay(
            Effect.sync(() => void attempt.emit(Part.text("243"))),
            "2 seconds"
          ),
          Effect.never
        )
      const asked = Answer.collect(clock(plan([Call.asEffect(hanging), never])), question)
      const fiber = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      for (let second = 0; second < 10; second++) yield* TestClock.adjust("1 second")
      const exit = fiber.pollUnsafe()
      const error = exit?._tag === "Success" && Exit.isFailure(exit.value) ? Cause.squash(exit.value.cause) : undefined
      assert.deepInclude((error as SpillwayError | undefined)?.reason, { _tag: "TimedOut", phase: "idle" })
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("what fails at once", () => {
  it.effect("teaches nothing of when answers begin", () =>
    Effect.gen(function* () {
      const plan = yield* Hedge.make({ budget: "100%" })
      const refused = Effect.fail(refusal({ _tag: "BadRequest", field: "a", read: "b", expected: "c" }))
      for (let each = 0; each < 60; each++)
        yield* Effect.ignore(plan([Effect.delay(refused, 1), Effect.never])).pipe(
          (self) => Effect.forkChild(self, { startImmediately: true }),
          Effect.tap(() => TestClock.adjust(1)),
          Effect.flatMap(Fiber.join)
        )
      let asked = 0
      const other = Effect.suspend(() => {
        asked++
        return Effect.never
      })
      const fiber = yield* Effect.forkChild(plan([Effect.delay(Effect.succeed(1), "10 seconds"), other]))
      for (let second = 0; second < 11; second++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(fiber), asked], [1, 0])
    })
  )
})
