/**
 * Whatever reads and whatever is read: all parts in order, then exactly one end, and nothing after it.
 *
 * Every reader meets every source with every end, on the live clock, because what comes too late comes from timers that
 * no test clock rules.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Answer, Call, Facts, Part, Question, Summary } from "@spillway/core"
import * as Readers from "../fixtures/readers.ts"
import * as Sources from "../fixtures/sources.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const ends = { succeeds: "succeeded", fails: "failed: broken", dies: "died: a bug" } as const

/** Longer than the latest of a source's late parts. */
const aWhile = Effect.sleep("6 millis")

for (const [way, read] of Readers.ways) {
  for (const kind of Sources.kinds) {
    describe(`${way} of what is ${kind}`, () => {
      for (const end of ["succeeds", "fails", "dies"] as const) {
        for (const parts of [0, 1, 5, 200]) {
          it.live(`sees ${parts} parts in order and one end when the source ${end}`, () =>
            Effect.gen(function* () {
              const source = Sources.make(kind, { parts, end })
              const log = Readers.makeLog()
              yield* read(Call.asEffect(source.call), log)
              yield* aWhile
              assert.deepStrictEqual(log.ends, [ends[end]])
              assert.strictEqual(log.partsBeforeEnd, log.parts.length)
              const whole = way === "collect" && end !== "succeeds" ? 0 : parts
              assert.deepStrictEqual(log.parts, Sources.textsUpTo(whole))
            })
          )
        }
      }

      it.live("sees one end and nothing later when it is interrupted", () =>
        Effect.gen(function* () {
          const source = Sources.make(kind, { parts: 5, end: "hangs" })
          const log = Readers.makeLog()
          const fiber = yield* Effect.forkChild(read(Call.asEffect(source.call), log), { startImmediately: true })
          while (source.seen.attempt?.parts !== 5) yield* Effect.sleep("1 millis")
          yield* Effect.sleep("1 millis")
          yield* Fiber.interrupt(fiber)
          yield* aWhile
          assert.deepStrictEqual(log.ends, ["interrupted"])
          assert.strictEqual(log.partsBeforeEnd, log.parts.length)
          assert.deepStrictEqual(log.parts, Sources.textsUpTo(way === "collect" ? 0 : 5))
        })
      )
    })
  }
}

describe("a sink", () => {
  const question = Question.chat("model", "How many?")

  it.effect("that breaks gets no more parts, and its own defect is the end", () =>
    Effect.gen(function* () {
      for (const broken of [() => Promise.reject(new Error("a bug")), throwing]) {
        const parts: Array<Part.Part> = []
        const emit = (part: Part.Part) => {
          parts.push(part)
          return broken()
        }
        const call: Call.Call = (_, attempt) =>
          Effect.gen(function* () {
            for (const text of ["one", "two", "three"]) {
              void attempt.emit(Part.text(text))
              yield* Effect.promise(() => Promise.resolve())
            }
            return Summary.make({})
          })
        const exit = yield* Effect.exit(Answer.toSink(Call.asEffect(call), question, { emit }))
        assert.deepStrictEqual(exit, Exit.die(new Error("a bug")))
        assert.deepStrictEqual(parts, [Part.text("one")])
      }
    })
  )

  it.effect("gets nothing after the end, though something further in goes on talking", () =>
    Effect.gen(function* () {
      const parts: Array<Part.Part> = []
      const attempt = yield* Answer.toSink(
        Effect.map(Facts.Facts, (facts) => facts!.attempt),
        question,
        { emit: (part) => void parts.push(part) }
      )
      void attempt.emit(Part.text("late"))
      assert.deepStrictEqual(parts, [])
    })
  )
})

const throwing = (): never => {
  throw new Error("a bug")
}

describe("an answer outside of Effect", () => {
  it("begins with the first part that is asked for, and ends with the summary", async () => {
    const summary = Summary.make({ finish: "length" })
    let begun = 0
    const call: Call.Call = (_, attempt) => {
      begun++
      void attempt.emit(Part.text("4"))
      return Effect.succeed(summary)
    }
    const answer = Answer.toAsyncIterable(Call.asEffect(call), Question.chat("model", "How many?"))
    const iterator = answer[Symbol.asyncIterator]()
    assert.strictEqual(begun, 0)
    assert.deepStrictEqual(await iterator.next(), { done: false, value: Part.text("4") })
    assert.deepStrictEqual(await iterator.next(), { done: true, value: summary })
    assert.strictEqual(begun, 1)
  })
})
