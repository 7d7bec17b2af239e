/** Rescue of the whole: what is held back, and becomes too much. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Rescue, type SpillwayError, Summary } from "@spillway/core"
import { Effect, Stream } from "effect"
import { ask, cut, question } from "../fixtures/breaking.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("what is held back and becomes too much", () => {
  it.effect("is rescued as one that was let through at once", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make({ mode: "whole", held: 100 })
      // Six parts take more than a hundred, and their words do not.
      const first = Array.from("The da", (letter) => Part.text(letter))
      const { text } = yield* ask(plan, [{ parts: first, breaks: cut }, { parts: [Part.text("The dam is high.")] }])
      assert.strictEqual(text, "The dam is high.")
    })
  )

  it.effect("is not kept without end for a reader who does not read, of a leaf that waits for nobody", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make({ mode: "whole", held: 100 })
      let said = 0
      const state = { isOver: false }
      const deaf: Call.Call<SpillwayError> = (_, attempt) =>
        Effect.onExitPrimitive(
          Effect.gen(function* () {
            for (; said < 1_000_000; said++) {
              void attempt.emit(Part.text("x"))
              if (said % 1_000 === 0) yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
            }
            return Summary.make()
          }),
          () => {
            state.isOver = true
            return undefined
          }
        )
      const reader = Answer.toAsyncIterable(plan([Call.asEffect(deaf)]), question)[Symbol.asyncIterator]()
      yield* Effect.promise(() => reader.next())
      for (let turn = 0; turn < 2_000 && !state.isOver; turn++) {
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      }
      assert.isTrue(state.isOver)
      assert.isBelow(said, 300_000)
      yield* Effect.promise(() => reader.return!())
    })
  )

  it.effect("costs no more for each part the more of them there are", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make({ mode: "whole", held: 10_000_000 })
      const parts = Array.from({ length: 200_000 }, () => Part.text("x"))
      const started = performance.now()
      const { parts: heard } = yield* ask(plan, [{ atOnce: true, parts }])
      assert.lengthOf(heard, 200_000)
      assert.isBelow(performance.now() - started, 10_000)
    })
  )

  it.effect("comes whole and in its order, also from a leaf that waits for nobody", () =>
    Effect.gen(function* () {
      const words = ["aa ", "bb ", "cc ", "dd ", "ee "]
      for (const held of [1, 70, 10_000]) {
        const plan = yield* Rescue.make({ mode: "whole", held })
        const leaf = Call.asEffect((_, attempt) => {
          for (const word of words) void attempt.emit(Part.text(word))
          return Effect.succeed(Summary.make())
        })
        const heard: Array<string> = []
        const sink = {
          emit: async (part: Part.Part) => {
            await new Promise<void>((resolve) => setImmediate(resolve))
            heard.push(Part.textOf([part]))
          }
        }
        yield* Answer.toSink(plan([leaf]), question, sink)
        assert.deepStrictEqual(heard, words)
        const parts = yield* Stream.runCollect(Answer.toStream(plan([leaf]), question, { partsMax: 1 }))
        assert.strictEqual(Part.textOf(parts), words.join(""))
      }
    })
  )
})
