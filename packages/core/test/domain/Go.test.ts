/** A go: where it goes, for those inside it and around it, and whether any of it was heard. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Part, Question, Summary } from "@spillway/core"
import { Effect } from "effect"
import { attemptsCount, go } from "../../src/domain/Facts.ts"
import { passedBy, targetOf, to, wasHeard } from "../../src/domain/Go.ts"
import { facts } from "../fixtures/around.ts"
import { answers, leaf } from "../fixtures/leaf.ts"

describe("where a go goes", () => {
  it.effect("is known inside it and around it, and of nothing else", () =>
    Effect.gen(function* () {
      const inside = Effect.map(facts, (known) => known?.target)
      const going = to("gpu1/m")(inside)
      assert.strictEqual(yield* going, "gpu1/m")
      assert.strictEqual(targetOf(going), "gpu1/m")
      assert.isUndefined(targetOf(inside))
    })
  )
})

describe("an answer", () => {
  const question = Question.chat("m", "How high?")
  const since = Effect.map(facts, (known) => ({
    facts: known,
    deliveredBefore: known?.call.delivery.parts ?? 0,
    passedBefore: passedBy(known),
    attemptsBefore: attemptsCount(known)
  }))

  it.effect("was heard where a part has reached the caller, or has left its leaf", () =>
    Effect.gen(function* () {
      const heard: Array<boolean> = []
      const asked = Effect.gen(function* () {
        const before = yield* since
        heard.push(wasHeard(before, { parts: 3 }))
        yield* leaf(answers("243")).self
        heard.push(wasHeard(before, { parts: 0 }), wasHeard(yield* since, { parts: 0 }))
        return Summary.make()
      })
      yield* Answer.collect(asked, question)
      // What a plan says itself only the caller has heard.
      const said = Effect.gen(function* () {
        const before = yield* since
        void before.facts!.call.delivery.emit(Part.text("243"))
        heard.push(wasHeard(before, { parts: 0 }))
        return Summary.make()
      })
      yield* Answer.collect(said, question)
      assert.deepStrictEqual(heard, [false, true, false, true])
    })
  )

  it.effect("was not heard as long as a plan inside holds it back, but for whoever runs inside of that", () =>
    Effect.gen(function* () {
      const heard: Array<boolean> = []
      let release = (): void => {}
      const asked = Effect.gen(function* () {
        const before = yield* since
        const holding = go(
          Effect.gen(function* () {
            const inside = yield* since
            yield* leaf(answers("243")).self
            heard.push(wasHeard(inside, { parts: 0 }))
          }),
          (destination) => ({
            emit: (part) => {
              release = () => void destination.emit(part)
            }
          })
        )
        yield* holding
        heard.push(wasHeard(before, { parts: 0 }))
        release()
        heard.push(wasHeard(before, { parts: 0 }))
        return Summary.make()
      })
      // Also where what it lets through is held back again by a plan around.
      yield* Answer.collect(asked, question)
      yield* Answer.collect(
        go(asked, () => ({ emit: () => {} })),
        question
      )
      assert.deepStrictEqual(heard, [true, false, true, true, false, true])
    })
  )

  it("of a plain Effect was heard where its failure says so", () => {
    const before = { facts: undefined, deliveredBefore: 0, passedBefore: 0, attemptsBefore: 0 }
    assert.deepStrictEqual([wasHeard(before, { parts: 0 }), wasHeard(before, { parts: 1 })], [false, true])
  })
})
