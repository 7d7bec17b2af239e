/**
 * What an attempt knows of its go, and that it always learns of its end.
 *
 * Everything is on the test clock. The facts are looked at as a policy would: through the Reference, from around the
 * leaf.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, Part, Plan, Question, Summary, type Usage } from "@spillway/core"
import { type AnswerMixed, Attempt, type Sink } from "../../src/domain/Attempt.ts"
import { Facts } from "../../src/domain/Facts.ts"
import * as Interrupts from "../laws/interrupts.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")
const usage: Usage.Usage = { input: 3, output: 4 }
const millis = 1_000_000

/** Keeps the facts of a call as a policy around its leaf sees them. */
const watching = () => {
  const seen: { facts: Facts | undefined } = { facts: undefined }
  const watch = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      seen.facts = fiber.getRef(Facts)
      return self
    })
  return { seen, watch }
}

const makeAttempt = (sink: Sink): Effect.Effect<Attempt> =>
  Clock.clockWith((clock) => Effect.succeed(new Attempt(clock, sink, "gpu1/model")))

const deadEnd: Sink = { emit: () => undefined }

describe("an attempt", () => {
  it.effect("knows its target, its parts, and when it started, spoke first, spoke last and ended", () =>
    Effect.gen(function* () {
      const { seen, watch } = watching()
      const call: Call.Call = (_, attempt) =>
        Effect.gen(function* () {
          yield* Effect.sleep(10)
          void attempt.emit(Part.text("a"))
          yield* Effect.sleep("2500 micros")
          void attempt.emit(Part.text("b"))
          yield* Effect.sleep(5)
          return Summary.make({ usage })
        })
      const fiber = yield* Effect.forkChild(
        Answer.collect(watch(Effect.delay(Call.asEffect(call, "gpu1/model"), 7)), question)
      )
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(seen.facts!.call.attempts, [])
      yield* TestClock.adjust(3)
      const [attempt] = seen.facts!.call.attempts
      assert.deepInclude(attempt, { target: "gpu1/model", startedAt: 7 * millis, sent: true, parts: 0 })
      assert.isUndefined(attempt!.firstAt)
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(fiber)
      assert.deepInclude(attempt, {
        parts: 2,
        firstAt: 17 * millis,
        lastAt: 19.5 * millis,
        endedAt: 24.5 * millis,
        usage
      })
      assert.lengthOf(seen.facts!.call.attempts, 1)
      assert.strictEqual(seen.facts!.call.delivery.parts, 2)
    })
  )

  it.effect("keeps the usage and the sent that its leaf wrote itself, when the leaf fails too", () =>
    Effect.gen(function* () {
      const { seen, watch } = watching()
      const call: Call.Call<string> = (_, attempt) => {
        attempt.usage = usage
        attempt.sent = false
        return Effect.fail("broken")
      }
      yield* Effect.exit(Answer.collect(watch(Call.asEffect(call)), question))
      assert.deepInclude(seen.facts!.call.attempts[0], { usage, sent: false, endedAt: 0 })
    })
  )

  it.effect("does not let the summary overwrite the usage that its leaf wrote", () =>
    Effect.gen(function* () {
      const { seen, watch } = watching()
      const call: Call.Call = (_, attempt) => {
        attempt.usage = usage
        return Effect.succeed(Summary.make({ usage: { input: 9, output: 9 } }))
      }
      yield* Answer.collect(watch(Call.asEffect(call)), question)
      assert.strictEqual(seen.facts!.call.attempts[0]!.usage, usage)
    })
  )

  it.effect("knows since when its reader has blocked, and when it let the producer go on", () =>
    Effect.gen(function* () {
      const rooms: Array<() => void> = []
      const attempt = yield* makeAttempt({ emit: () => new Promise((resolve) => void rooms.push(resolve)) })
      yield* TestClock.adjust(5)
      void attempt.emit(Part.text("a"))
      yield* TestClock.adjust(5)
      const room = attempt.emit(Part.text("b"))
      assert.deepInclude(attempt, { blockedAt: 5 * millis, resumedAt: undefined })
      yield* TestClock.adjust(5)
      rooms.forEach((resolve) => resolve())
      yield* Effect.promise(() => Promise.resolve(room))
      assert.deepInclude(attempt, { blockedAt: undefined, resumedAt: 15 * millis })
    })
  )

  it.effect("has sent nothing and lost nobody before it starts, and starts by waiting for the first token", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      assert.deepInclude(attempt, { sent: false, left: false, stretch: "firstToken", parts: 0, length: 0 })
      yield* TestClock.adjust(5)
      attempt.start(undefined)
      assert.deepInclude(attempt, { sent: true, stretchAt: 5 * millis })
    })
  )

  it.effect("knows what its leaf waits for and since when, where the leaf says so", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      yield* TestClock.adjust(5)
      attempt.enter("load")
      assert.deepInclude(attempt, { stretch: "load", stretchAt: 5 * millis })
    })
  )

  it.effect("counts the characters that its model wrote", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      void attempt.emit(Part.text("four"))
      void attempt.emit(Part.thinking("three"))
      assert.deepInclude(attempt, { parts: 2, length: 9 })
      void attempt.emit({ _tag: "ToolCall", index: 0, name: "count", arguments: "{}" })
      void attempt.emit({ _tag: "Embedding", index: 0, vector: [1, 2] })
      attempt.close()
      void attempt.emit(Part.text("late"))
      assert.deepInclude(attempt, { parts: 4, length: 11 })
    })
  )

  it.effect("lingers until all that went on has ended, even badly", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      let endFirst = () => {}
      attempt.linger(new Promise<void>((resolve) => (endFirst = resolve)))
      attempt.linger(Promise.reject(new Error("broken")))
      let ended = false
      const lingering = attempt.lingering!.then(() => (ended = true))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.isFalse(ended)
      endFirst()
      yield* Effect.promise(() => lingering)
      assert.isTrue(ended)
    })
  )

  it.effect("drops what comes after it was closed, and does not count it", () =>
    Effect.gen(function* () {
      const parts: Array<Part.Part> = []
      const attempt = yield* makeAttempt({ emit: (part) => void parts.push(part) })
      void attempt.emit(Part.text("a"))
      assert.isFalse(attempt.isClosed)
      attempt.close()
      assert.isTrue(attempt.isClosed)
      assert.isUndefined(attempt.emit(Part.text("late")))
      assert.deepStrictEqual(parts, [Part.text("a")])
      assert.strictEqual(attempt.parts, 1)
    })
  )

  it.effect("starts again into the same sink with the same target, or into the sink given", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      assert.deepInclude(attempt.again(), { destination: deadEnd, target: "gpu1/model", startedAt: undefined })
      const elsewhere: Sink = { emit: () => undefined }
      assert.strictEqual(attempt.again(elsewhere).destination, elsewhere)
    })
  )
})

describe("a leaf that is run again in one go", () => {
  it.effect("gets a fresh attempt, which is a go within the first", () =>
    Effect.gen(function* () {
      const attempt = yield* makeAttempt(deadEnd)
      assert.strictEqual(attempt.start("gpu1/model"), attempt)
      attempt.end()
      const second = attempt.start(undefined)
      assert.notStrictEqual(second, attempt)
      assert.isTrue(second.isWithin(attempt))
      assert.isFalse(attempt.isWithin(second))
      assert.isTrue(second.again().isWithin(attempt))
    })
  )

  it.effect("can be retried 20,000 times", () =>
    Effect.gen(function* () {
      let tries = 0
      const call: Call.Call<string> = () => (++tries < 20_000 ? Effect.fail("busy") : Effect.succeed(Summary.make()))
      yield* Answer.collect(Effect.retry(Call.asEffect(call), Schedule.forever), question)
      assert.strictEqual(tries, 20_000)
    })
  )

  it.effect("reaches the caller with its last attempt only, although the first still speaks", () =>
    Effect.gen(function* () {
      const all: Array<Attempt> = []
      const call: Call.Call<string> = (_, attempt) => {
        all.push(attempt)
        if (all.length === 1) return Effect.fail("busy")
        void all[0]!.emit(Part.text("first"))
        void attempt.emit(Part.text("second"))
        void all[0]!.emit(Part.text("first"))
        return Effect.succeed(Summary.make())
      }
      const answer = yield* Answer.collect(Effect.retry(Call.asEffect(call), { times: 1 }), question)
      assert.strictEqual(answer.text, "second")
    })
  )
})

const speaking: Call.Call = (_, attempt) =>
  Effect.gen(function* () {
    for (let number = 0; number < 3; number++) {
      void attempt.emit(Part.text(`${number}`))
      yield* Effect.yieldNow
    }
    return Summary.make()
  })

describe("an interrupt at any operation", () => {
  const ways: Record<string, (leaf: Effect.Effect<Summary.Summary>) => Effect.Effect<unknown>> = {
    "a bare leaf": (leaf) => leaf,
    "a leaf in a go of its own": (leaf) => Plan.go(leaf),
    "two leaves that race in goes": (leaf) => Effect.raceFirst(Plan.go(leaf), Plan.go(leaf)),
    "a leaf that is repeated in goes": (leaf) => Effect.repeat(Plan.go(leaf), { times: 1 })
  }
  for (const [name, around] of Object.entries(ways)) {
    it.effect(`ends every attempt of ${name} that has started`, () =>
      Effect.gen(function* () {
        let underway = 0
        const interrupted = yield* Interrupts.everywhere(
          Effect.sync(() => ({ ...watching(), started: new Set<Attempt>() })),
          ({ started, watch }) => {
            const noted: Call.Call = (asked, attempt) => {
              started.add(attempt)
              return speaking(asked, attempt)
            }
            return Answer.collect(watch(around(Call.asEffect(noted))), question)
          },
          ({ seen, started }, exit, moment) =>
            Effect.sync(() => {
              const attempts = seen.facts?.call.attempts ?? []
              for (const attempt of started) assert.include(attempts, attempt)
              for (const attempt of attempts) {
                assert.isDefined(attempt.startedAt, JSON.stringify(moment))
                assert.isDefined(attempt.endedAt, JSON.stringify(moment))
                assert.isTrue(attempt.isClosed)
              }
              if (Exit.isFailure(exit) && attempts.length > 0) underway++
            })
        )
        assert.isAbove(interrupted, 100)
        assert.isAbove(underway, 100)
      })
    )
  }

  it.effect("is none of the attempt's business when the leaf is refused: nothing is recorded or sent", () =>
    Effect.gen(function* () {
      const { seen, watch } = watching()
      let sent = 0
      const never: Call.Call = () => {
        sent++
        return Effect.never
      }
      const twice = Effect.all([Call.asEffect(never), Call.asEffect(never)], { concurrency: 2 })
      const exit = yield* Effect.exit(Answer.collect(watch(twice), question))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.deepInclude(defect, { _tag: "AnswerMixed", problem: "is still being answered" })
      assert.include((defect as AnswerMixed).message, "This question is still being answered. Try again only before")
      assert.strictEqual(sent, 1)
      assert.lengthOf(seen.facts!.call.attempts, 1)
    })
  )
})
