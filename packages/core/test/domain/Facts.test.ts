/**
 * What is said about an Effect is known inside it, and what is used inside is known around it.
 *
 * Seen as policies see it, through the Reference. Calls within calls, where both must stop at the leaf, are in
 * Facts.nesting.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, Part, Plan, Policy, Question, Summary, Tokens, type Usage } from "@spillway/core"
import { Facts } from "../../src/domain/Facts.ts"
import * as Random from "../laws/random.ts"
import { around, facts } from "../fixtures/around.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?", { maxTokens: 10 })
const millis = 1_000_000

const usageOf = (known: Facts): Usage.Usage | undefined => known.attempt.usage

describe("around a plain Effect", () => {
  it.effect("nothing is known where nobody has said anything, and what is used is told to nobody", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* facts)
      yield* Policy.used({ input: 1, output: 1 })
      assert.strictEqual(yield* Plan.go(Effect.succeed("as it is")), "as it is")
    })
  )

  it.effect("who asks is default unless it is said, and is forgotten outside", () =>
    Effect.gen(function* () {
      const known = yield* Policy.about({})(facts)
      assert.deepInclude(known!.call, { caller: "default", key: "default", deadline: Infinity, tokens: undefined })
      assert.isUndefined(known!.attempt.target)
      assert.isUndefined(yield* facts)
    })
  )

  it.effect("what is left out comes from the scope around, what is said replaces it", () =>
    Effect.gen(function* () {
      const outer = { caller: "ada", key: "chat-1", target: "gpu1/model", tokens: 100 }
      const known = yield* facts.pipe(
        Policy.about({ caller: "bob", tokens: { likely: 5, most: 9 } }),
        Policy.about(outer)
      )
      assert.deepInclude(known!.call, { caller: "bob", key: "chat-1", tokens: { likely: 5, most: 9 } })
      assert.strictEqual(known!.attempt.target, "gpu1/model")
      const same = yield* facts.pipe(Policy.about({ key: "chat-2" }), Policy.about(outer))
      assert.deepInclude(same!.call, { caller: "ada", key: "chat-2", tokens: Tokens.exactly(100) })
    })
  )

  it.effect("the deadline is the earliest of all around, counted from where it was said", () =>
    Effect.gen(function* () {
      const deadline = Effect.map(facts, (known) => known!.call.deadline)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(yield* deadline.pipe(Policy.about({ deadline: "2s" }), Policy.about({ deadline: "5s" })), 3e9)
      assert.strictEqual(yield* deadline.pipe(Policy.about({ deadline: "5s" }), Policy.about({ deadline: 2_000 })), 3e9)
      const late = Policy.about({ deadline: "1s" })(deadline).pipe(
        Effect.delay("3 seconds"),
        Policy.about({ deadline: "30s" })
      )
      const fiber = yield* Effect.forkChild(late)
      yield* TestClock.adjust(3_000)
      assert.strictEqual(yield* Fiber.join(fiber), 5_000 * millis)
    })
  )

  it.effect("what is used reaches every scope around exactly once, and adds up", () =>
    Effect.gen(function* () {
      const seen: Array<Facts> = []
      const look = (known: Facts) => void seen.push(known)
      const work = Effect.andThen(
        Policy.used({ input: 1, output: 2 }),
        Policy.used({ input: 10, output: 20, cached: 5 })
      )
      yield* around(work, look).pipe(
        Effect.andThen(Policy.used({ input: 100, output: 200 })),
        (self) => Policy.about({ caller: "inner" })(self),
        (self) => Plan.go(self),
        (self) => around(self, look),
        (self) => Policy.about({ caller: "outer" })(self)
      )
      assert.deepStrictEqual(
        seen.map((known) => known.call.caller),
        ["inner", "outer"]
      )
      for (const known of seen) {
        assert.deepStrictEqual(usageOf(known), { input: 111, output: 222, cached: 5 })
        assert.deepStrictEqual(known.call.attempts, [known.attempt])
        assert.isTrue(known.attempt.sent)
      }
    })
  )

  it.effect("what cannot be numbers of tokens is told to nobody", () =>
    Effect.gen(function* () {
      let known: Facts | undefined
      const work = Effect.andThen(
        Policy.used({ input: 3, output: 4 }),
        Effect.andThen(Policy.used({ input: -1, output: 0 }), Policy.used({ input: 0, output: Number.NaN }))
      )
      yield* Policy.about({})(around(work, (seen) => void (known = seen)))
      assert.deepStrictEqual(usageOf(known!), { input: 3, output: 4 })
    })
  )

  it.effect("scopes that run at once under one scope do not mix, and it knows the sum", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 30; seed++) {
        const random = Random.make(seed)
        let sum = 0
        const branches = Array.from({ length: 2 + random.below(6) }, (_, index) => {
          const uses = Array.from({ length: random.below(4) }, () => random.below(100))
          sum += uses.reduce((total, use) => total + use, 0)
          return Effect.forEach(uses, (input) =>
            Effect.andThen(Effect.yieldNow, Policy.used({ input, output: 0 }))
          ).pipe(
            Effect.andThen(facts),
            Policy.about({ caller: `${index}` }),
            Effect.map((known) => {
              assert.strictEqual(known!.call.caller, `${index}`)
              assert.strictEqual(
                usageOf(known!)?.input ?? 0,
                uses.reduce((total, use) => total + use, 0)
              )
            })
          )
        })
        const all = Effect.all(branches, { concurrency: "unbounded" })
        yield* Policy.about({})(
          around(all, (known) => assert.strictEqual(usageOf(known)?.input ?? 0, sum, `seed ${seed}`))
        )
      }
    })
  )

  it.effect("a deadline that is none is a defect that says how to write one", () =>
    Effect.gen(function* () {
      const cause = yield* Effect.sandbox(Policy.about({ deadline: "soon" })(Effect.void)).pipe(Effect.flip)
      assert.match(String(cause.reasons[0]?._tag === "Die" && cause.reasons[0].defect), /soon/)
    })
  )
})

const answering: Call.Call = (_, attempt) => {
  void attempt.emit(Part.text("4"))
  return Effect.succeed(Summary.make({ usage: { input: 3, output: 4 } }))
}

describe("around a question", () => {
  it.effect("who asks and by when come from the scope around, the tokens from the question", () =>
    Effect.gen(function* () {
      let known: Facts | undefined
      const look = (seen: Facts) => void (known = seen)
      yield* Answer.collect(around(Call.asEffect(answering), look), question).pipe(
        Policy.about({ caller: "ada", deadline: "2s" })
      )
      assert.deepInclude(known!.call, { caller: "ada", deadline: 2_000 * millis, question })
      assert.deepStrictEqual(known!.call.tokens, Question.tokens(question))
      yield* Answer.collect(around(Call.asEffect(answering), look), question)
      assert.deepInclude(known!.call, { caller: "default", key: "default", deadline: Infinity })
      yield* Answer.collect(around(Call.asEffect(answering), look), question).pipe(Policy.about({ tokens: 7 }))
      assert.deepStrictEqual(known!.call.tokens, Tokens.exactly(7))
    })
  )

  it.effect("where it goes comes from the scope around too, and is replaced by what is said inside", () =>
    Effect.gen(function* () {
      const seen: Array<Facts> = []
      const look = (known: Facts) => void seen.push(known)
      const guarded = around(Call.asEffect(answering), look).pipe(Policy.about({ key: "chat-2", tokens: 9 }), (self) =>
        around(self, look)
      )
      yield* Answer.collect(guarded, question).pipe(Policy.about({ target: "gpu1/model", key: "chat-1", tokens: 7 }))
      const [inner, outer] = seen
      assert.deepInclude(outer!.call, { key: "chat-1", tokens: Tokens.exactly(7) })
      assert.deepInclude(inner!.call, { key: "chat-2", tokens: Tokens.exactly(9) })
      assert.strictEqual(outer!.attempt.target, "gpu1/model")
      assert.strictEqual(inner!.attempt, outer!.attempt, "who names no other target stays in the same attempt")
    })
  )

  it.effect("what is said between the question and its leaf changes nothing of where the parts go", () =>
    Effect.gen(function* () {
      const seen: Array<Facts> = []
      const look = (known: Facts) => void seen.push(known)
      const guarded = around(Call.asEffect(answering), look).pipe(
        Policy.about({ caller: "bob", target: "gpu1/model", deadline: "3s" }),
        (self) => around(self, look)
      )
      const answer = yield* Policy.about({ caller: "ada", deadline: "2s" })(Answer.collect(guarded, question))
      assert.strictEqual(answer.text, "4")
      const [inner, outer] = seen
      assert.deepInclude(inner!.call, { caller: "bob", deadline: 2_000 * millis })
      assert.strictEqual(outer!.call.caller, "ada")
      assert.isTrue(inner!.attempt.isWithin(outer!.attempt))
      assert.strictEqual(inner!.attempt.target, "gpu1/model")
      assert.isUndefined(outer!.attempt.target, "what is said inside is not said outside")
      assert.lengthOf(outer!.call.attempts, 1)
      assert.strictEqual(outer!.call.delivery.parts, 1)
    })
  )
})

describe("what is used between the question and its leaf", () => {
  const said = Policy.used({ input: 10, output: 0 })
  const orders: Record<string, Effect.Effect<Summary.Summary>> = {
    "before the leaf": Effect.andThen(said, Call.asEffect(answering)),
    "after the leaf": Effect.tap(Call.asEffect(answering), () => said),
    "between two goes": Effect.andThen(Plan.go(Call.asEffect(answering)), Effect.andThen(said, Plan.go(said))).pipe(
      Effect.as(Summary.make())
    )
  }
  for (const [name, guarded] of Object.entries(orders)) {
    it.effect(`adds to what the leaf used, and is counted once, ${name}`, () =>
      Effect.gen(function* () {
        let known: Facts | undefined
        yield* Answer.collect(
          around(guarded, (seen) => (known = seen)),
          question
        )
        const inputs = known!.call.attempts.map((attempt) => attempt.usage!.input)
        assert.strictEqual(
          inputs.reduce((sum, input) => sum + input, 0),
          name === "between two goes" ? 23 : 13
        )
        assert.strictEqual(new Set(known!.call.attempts).size, known!.call.attempts.length)
      })
    )
  }
})
