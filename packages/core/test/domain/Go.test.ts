/** A go: where it goes, for those inside it and around it, and whether any of it was heard. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Part, Question, Summary } from "@spillway/core"
import { Effect } from "effect"
import { attemptsCount } from "../../src/domain/Facts.ts"
import { targetOf, to, wasHeard } from "../../src/domain/Go.ts"
import { facts } from "../fixtures/around.ts"
import { answers, leaf } from "../fixtures/leaf.ts"

describe("where a go goes", () => {
  it.effect("is known inside it and around it, and of nothing else", () =>
    Effect.gen(function* () {
      const inside = Effect.map(facts, (known) => known?.target)
      const go = to("gpu1/m")(inside)
      assert.strictEqual(yield* go, "gpu1/m")
      assert.strictEqual(targetOf(go), "gpu1/m")
      assert.isUndefined(targetOf(inside))
    })
  )
})

describe("an answer", () => {
  const question = Question.chat("m", "How high?")
  const since = Effect.map(facts, (known) => ({
    facts: known,
    deliveredBefore: known?.call.delivery.parts ?? 0,
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
      // What a plan says itself only the caller has heard, and what a gate holds back only the attempt.
      const said = Effect.gen(function* () {
        const before = yield* since
        void before.facts!.call.delivery.emit(Part.text("243"))
        heard.push(wasHeard(before, { parts: 0 }))
        return Summary.make()
      })
      yield* Answer.collect(said, question)
      const held = Effect.gen(function* () {
        const before = yield* since
        const attempt = before.facts!.attempt.again({ emit: () => {} }).start("gpu1/m")
        before.facts!.call.attempts.push(attempt)
        void attempt.emit(Part.text("243"))
        heard.push(wasHeard(before, { parts: 0 }))
        return Summary.make()
      })
      yield* Answer.collect(held, question)
      assert.deepStrictEqual(heard, [false, true, false, true, true])
    })
  )

  it("of a plain Effect was heard where its failure says so", () => {
    const before = { facts: undefined, deliveredBefore: 0, attemptsBefore: 0 }
    assert.deepStrictEqual([wasHeard(before, { parts: 0 }), wasHeard(before, { parts: 1 })], [false, true])
  })
})
