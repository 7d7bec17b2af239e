/**
 * Each go under a question has an attempt of its own, and counts only what has started within it.
 *
 * That is how a guard around one try of several knows what it has to give back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { Answer, Call, Part, Plan, Policy, Question, Summary } from "@spillway/core"
import { attemptsCount, attemptsWithin, type Facts, workWithin } from "../../src/domain/Facts.ts"
import { around, facts } from "../fixtures/around.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")

const answering: Call.Call = (_, attempt) => {
  void attempt.emit(Part.text("4"))
  return Effect.succeed(Summary.make({ usage: { input: 3, output: 4 } }))
}

describe("the goes that have started", () => {
  it.effect("are counted in each go for itself, from when it began to count", () =>
    Effect.gen(function* () {
      const leaf = Call.asEffect(() => Effect.succeed(Summary.make()))
      const counted = yield* Deferred.make<void>()
      const beside = yield* Deferred.make<void>()
      let found: ReadonlyArray<unknown> = []
      let all: ReadonlyArray<unknown> = []
      const counting = Effect.gen(function* () {
        const { attempts } = (yield* facts)!.call
        yield* leaf
        const before = attempts.length
        assert.deepStrictEqual(attemptsWithin(yield* facts, before), [])
        yield* leaf
        yield* Deferred.succeed(counted, undefined)
        yield* Deferred.await(beside)
        all = attempts
        found = attemptsWithin(yield* facts, before)
      })
      const other = Effect.andThen(Deferred.await(counted), leaf)
      const both = Effect.all(
        [Plan.go(counting), Plan.go(Effect.andThen(other, Deferred.succeed(beside, undefined)))],
        {
          concurrency: 2
        }
      )
      yield* Answer.collect(Effect.as(both, Summary.make()), question)
      assert.lengthOf(all, 3)
      assert.deepStrictEqual(found, [all[1]])
    })
  )
})

describe("the work of goes", () => {
  const work = (self: Effect.Effect<unknown, string>) =>
    Effect.gen(function* () {
      const known = yield* facts
      const before = attemptsCount(known)
      const exit = yield* Effect.exit(self)
      return workWithin(known, before, exit)
    }).pipe(Policy.about({}))

  it.effect("is what was written, and a tenth of what was read anew", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* work(Policy.used({ input: 300, cached: 100, output: 50 })), 70)
      const twice = Effect.andThen(Policy.used({ input: 0, output: 5 }), Policy.used({ input: 0, output: 6 }))
      assert.strictEqual(yield* work(twice), 11)
      assert.strictEqual(yield* work(Effect.andThen(Policy.used({ input: 0, output: 5 }), Effect.fail("late"))), 5)
    })
  )

  it.effect("is one where nobody counts it, and none where it failed", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* work(Effect.succeed("an answer")), 1)
      assert.strictEqual(yield* work(Effect.fail("busy")), 0)
    })
  )

  it.effect("is guessed from what came before an answer was cut", () =>
    Effect.gen(function* () {
      let found = 0
      const cut: Call.Call<string> = (_, attempt) => {
        void attempt.emit(Part.text("forty characters of text, more or less.."))
        return Effect.fail("cut")
      }
      const looking = Effect.gen(function* () {
        const known = yield* facts
        const exit = yield* Effect.exit(Call.asEffect(cut))
        found = workWithin(known, 0, exit)
        return Summary.make()
      })
      yield* Answer.collect(looking, question)
      assert.strictEqual(found, 10)
    })
  )
})

describe("a go", () => {
  it.effect("has an attempt of its own, which says nothing any more when the go has ended", () =>
    Effect.gen(function* () {
      const seen: Array<Facts> = []
      const look = (known: Facts) => void seen.push(known)
      const parts: Array<Part.Part> = []
      const guarded = around(Plan.go(around(Call.asEffect(answering), look)), look)
      yield* Answer.toSink(guarded, question, { emit: (part) => void parts.push(part) })
      const [inner, outer] = seen
      assert.notStrictEqual(inner!.attempt, outer!.attempt)
      assert.isTrue(inner!.attempt.isWithin(outer!.attempt))
      assert.isTrue(inner!.attempt.isClosed)
      assert.isFalse(outer!.attempt.isClosed)
      assert.deepStrictEqual(parts, [Part.text("4")])
    })
  )

  it.effect("that has not even begun a leaf is closed all the same", () =>
    Effect.gen(function* () {
      let known: Facts | undefined
      const idle = around(Effect.succeed(Summary.make()), (seen) => void (known = seen))
      yield* Answer.collect(Plan.go(idle), question)
      assert.isTrue(known!.attempt.isClosed)
    })
  )
})
