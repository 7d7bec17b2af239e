/** An attempt that is to finish an answer: what it says in the model's place, and when it does not. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Part } from "@spillway/core"
import { Attempt } from "../../src/domain/Attempt.ts"

const making = Clock.clockWith((clock) => {
  const parts: Array<Part.Part> = []
  const attempt = new Attempt(clock, { emit: (part) => void parts.push(part) }, "gpu1/model")
  return Effect.succeed({ attempt, parts })
})

describe("a model that goes on", () => {
  it.effect("is heard as if it had said again what it goes on from, which is none of its own parts", () =>
    Effect.gen(function* () {
      const { attempt, parts } = yield* making
      attempt.goOn("The dam")
      assert.deepStrictEqual(parts, [])
      void attempt.emit(Part.text(" is"))
      void attempt.emit(Part.text(" high"))
      attempt.complete()
      assert.deepStrictEqual(parts, [Part.text("The dam"), Part.text(" is"), Part.text(" high")])
      assert.deepInclude(attempt, { parts: 2, length: 8 })
    })
  )

  it.effect("has said it also where it has nothing to add, once its answer is over, unless it was let go", () =>
    Effect.gen(function* () {
      const { attempt, parts } = yield* making
      attempt.goOn("The dam")
      attempt.complete()
      assert.deepStrictEqual(parts, [Part.text("The dam")])
      const left = yield* making
      left.attempt.goOn("The dam")
      left.attempt.close()
      left.attempt.complete()
      assert.deepStrictEqual(left.parts, [])
    })
  )

  it.effect("is told what was heard in every go within, and says for each leaf anew whether it goes on", () =>
    Effect.gen(function* () {
      const { attempt, parts } = yield* making
      attempt.begun = { text: "The dam", parts: 1 }
      const first = attempt.again().start("gpu1/model")
      first.goOn("The dam")
      const second = first.start("gpu2/model")
      assert.deepStrictEqual([second.begun?.text, second.goesOnFrom], ["The dam", undefined])
      void second.emit(Part.text("The dam is high"))
      assert.deepStrictEqual(parts, [Part.text("The dam is high")])
    })
  )
})
