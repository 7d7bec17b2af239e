/**
 * Two answers are never mixed into one: a leaf begins only where no other has spoken, or may speak, the same way.
 *
 * What counts is that the second leaf does not begin: an answer that nobody reads costs as much as one that is read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Answer, type Attempt, Call, Part, Plan, Question, Summary } from "@spillway/core"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")

describe("a second leaf under the same question", () => {
  const speaking: Call.Call = (_, attempt) => {
    void attempt.emit(Part.text("first"))
    return Effect.succeed(Summary.make())
  }
  const silent: Call.Call<string> = () => Effect.fail("busy")

  /** Runs a leaf in these surroundings, and says what became of it and whether it was begun. */
  const second = (around: (leaf: Effect.Effect<Summary.Summary>) => Effect.Effect<Summary.Summary, string>) =>
    Effect.gen(function* () {
      let begun = 0
      const leaf = Call.asEffect<never, never>((_, attempt) => {
        begun++
        void attempt.emit(Part.text("second"))
        return Effect.succeed(Summary.make())
      })
      const exit = yield* Effect.exit(Answer.collect(around(leaf), question))
      const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
      const problems = defects.map(({ defect }) => (defect as { readonly problem: string }).problem)
      return { begun, problems, text: Exit.isSuccess(exit) ? exit.value.text : undefined }
    })

  it.effect("is refused after one that has delivered a part", () =>
    Effect.gen(function* () {
      const found = yield* second((leaf) => Effect.andThen(Call.asEffect(speaking), leaf))
      assert.deepStrictEqual(found, { begun: 0, problems: ["has already been answered in part"], text: undefined })
    })
  )

  it.effect("is refused beside one that still runs, although that one has said nothing", () =>
    Effect.gen(function* () {
      const running = Call.asEffect(() => Effect.never)
      const found = yield* second((leaf) => Effect.raceFirst(running, Effect.andThen(Effect.yieldNow, leaf)))
      assert.deepStrictEqual(found, { begun: 0, problems: ["is still being answered"], text: undefined })
    })
  )

  it.effect("follows one that ended before its first part", () =>
    Effect.gen(function* () {
      const found = yield* second((leaf) => Effect.andThen(Effect.ignore(Call.asEffect(silent)), leaf))
      assert.deepStrictEqual(found, { begun: 1, problems: [], text: "second" })
    })
  )

  it.effect("runs beside one whose parts go elsewhere", () =>
    Effect.gen(function* () {
      const elsewhere = Plan.go(Call.asEffect(speaking), () => ({ emit: () => undefined }))
      const found = yield* second((leaf) => Effect.andThen(elsewhere, leaf))
      assert.deepStrictEqual(found, { begun: 1, problems: [], text: "second" })
    })
  )

  it.effect("follows one that was closed although it still runs: that one says nothing any more", () =>
    Effect.gen(function* () {
      const attempts: Array<Attempt.Attempt> = []
      const deaf: Call.Call = (_, attempt) => {
        attempts.push(attempt)
        return Effect.never
      }
      const found = yield* second((leaf) =>
        Effect.gen(function* () {
          yield* Effect.forkChild(Call.asEffect(deaf), { startImmediately: true })
          attempts[0]!.close()
          const summary = yield* leaf
          void attempts[0]!.emit(Part.text("late"))
          assert.isUndefined(attempts[0]!.endedAt)
          return summary
        })
      )
      assert.deepStrictEqual(found, { begun: 1, problems: [], text: "second" })
    })
  )

  it.effect("is refused after one that was closed when it had delivered a part", () =>
    Effect.gen(function* () {
      const cutOff: Call.Call = (_, attempt) => {
        void attempt.emit(Part.text("first"))
        attempt.close()
        return Effect.never
      }
      const found = yield* second((leaf) =>
        Effect.andThen(Effect.forkChild(Call.asEffect(cutOff), { startImmediately: true }), leaf)
      )
      assert.deepStrictEqual(found, { begun: 0, problems: ["has already been answered in part"], text: undefined })
    })
  )
})
