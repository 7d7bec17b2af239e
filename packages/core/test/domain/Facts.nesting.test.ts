/**
 * A leaf that asks another model asks a call of its own: it has its own caller, attempts and usage.
 *
 * Counted for the call around it, it would be charged to the wrong limit and settled twice. The plain scopes around a
 * call do hear what it used, since that is how a budget around a whole program knows.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Answer, Call, Part, Plan, Policy, Question, RateLimit, type SpillwayError, Summary } from "@spillway/core"
import { Facts } from "../../src/domain/Facts.ts"
import { around, facts } from "../fixtures/around.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?", { maxTokens: 10 })

const answering: Call.Call = (_, attempt) => {
  void attempt.emit(Part.text("4"))
  return Effect.succeed(Summary.make({ usage: { input: 3, output: 4 } }))
}

describe("what an asked call used", () => {
  it.effect("reaches every scope around it once, however it is read, and all its tries add up", () =>
    Effect.gen(function* () {
      let tries = 0
      const failing: Call.Call<string> = (asked, attempt) => {
        attempt.usage = { input: 3, output: 0 }
        return ++tries % 2 === 1 ? Effect.fail("busy") : answering(asked, attempt)
      }
      const call = Effect.retry(Plan.go(Call.asEffect(failing)), { times: 1 })
      const ways: ReadonlyArray<Effect.Effect<unknown, string>> = [
        Answer.collect(call, question),
        Answer.toSink(call, question, { emit: () => undefined }),
        Stream.runDrain(Answer.toStream(call, question)),
        Effect.flatMap(Answer.toAsyncIterableEffect(call, question), (answer) =>
          Stream.runDrain(Stream.fromAsyncIterable(answer, String))
        )
      ]
      for (const way of ways) {
        const seen: Array<Facts> = []
        const look = (known: Facts) => void seen.push(known)
        yield* around(way, look).pipe(
          Policy.about({ caller: "inner" }),
          (self) => around(self, look),
          Policy.about({ caller: "outer" })
        )
        assert.deepStrictEqual(
          seen.map((known) => [known.call.caller, known.attempt.usage, known.call.attempts.length]),
          [
            ["inner", { input: 6, output: 0 }, 1],
            ["outer", { input: 6, output: 0 }, 1]
          ]
        )
      }
    })
  )
})

const inner: Call.Call = (_, attempt) => {
  for (const word of ["an ", "inner ", "answer"]) void attempt.emit(Part.text(word))
  return Effect.succeed(Summary.make({ usage: { input: 1_000, output: 1_000 } }))
}

describe("a guard inside a guarded leaf", () => {
  it.effect("knows nothing of the call around, which knows nothing of what the guard's call did", () =>
    Effect.gen(function* () {
      const limit = yield* RateLimit.make({ rate: "1/min" })
      const callers: Array<string> = []
      const outer: Call.Call<SpillwayError> = (_, attempt) =>
        Effect.gen(function* () {
          assert.isUndefined(yield* facts)
          yield* Policy.used({ input: 500, output: 500 })
          const guarded = around(Call.asEffect(inner), (known) => {
            callers.push(known.call.caller)
            assert.deepInclude(known.attempt, { parts: 3, usage: { input: 1_000, output: 1_000 } })
          })
          const answer = yield* Answer.collect(limit(guarded), question)
          yield* Policy.about({ caller: "inner" })(
            around(Policy.used({ input: 7, output: 7 }), (known) => callers.push(known.call.caller))
          )
          void attempt.emit(Part.text(answer.text))
          return Summary.make({ usage: { input: 3, output: 4 } })
        })
      let known: Facts | undefined
      const guarded = around(Call.asEffect(outer), (seen) => (known = seen))
      const asked = Answer.collect(guarded, question).pipe(Policy.about({ caller: "ada" }))
      assert.strictEqual((yield* asked).text, "an inner answer")
      assert.deepStrictEqual(callers, ["default", "inner"])
      assert.lengthOf(known!.call.attempts, 1)
      assert.strictEqual(known!.call.delivery.parts, 1)
      assert.deepInclude(known!.attempt, { parts: 1, usage: { input: 3, output: 4 } })
      const refused = yield* Effect.flip(asked)
      assert.deepInclude(refused.reason, { _tag: "RateLimited", key: "default" })
    })
  )

  it.effect("is counted for the caller that it names, whoever asked the outer question", () =>
    Effect.gen(function* () {
      const limit = yield* RateLimit.make({ rate: "1/min" })
      const outer: Call.Call<SpillwayError> = () =>
        Effect.as(Policy.about({ caller: "tool" })(limit(Effect.void)), Summary.make())
      const asked = (caller: string) => Policy.about({ caller })(Answer.collect(limit(Call.asEffect(outer)), question))
      yield* asked("ada")
      const refused = yield* Effect.flip(asked("bob"))
      assert.deepInclude(refused.reason, { _tag: "RateLimited", key: "tool" })
    })
  )

  it.effect("is not the outer's either where it asks before the leaf, but the scope around both hears of both", () =>
    Effect.gen(function* () {
      const seen: Array<Facts> = []
      const look = (known: Facts) => void seen.push(known)
      const asksFirst = Effect.andThen(Answer.collect(Call.asEffect(inner), question), Call.asEffect(answering))
      const answer = yield* Answer.collect(around(asksFirst, look), question).pipe(
        (self) => around(self, look),
        Policy.about({})
      )
      assert.strictEqual(answer.text, "4")
      const [outer, scope] = seen
      assert.deepStrictEqual(
        outer!.call.attempts.map((attempt) => attempt.usage),
        [{ input: 3, output: 4 }]
      )
      assert.deepStrictEqual(scope!.attempt.usage, { input: 1_003, output: 1_004 })
    })
  )
})

describe("a question within a question", () => {
  it.effect("takes who asks from the call around, but neither its tokens nor its target", () =>
    Effect.gen(function* () {
      let known: Facts | undefined
      const within = Answer.collect(
        around(Call.asEffect(answering), (seen) => void (known = seen)),
        question
      )
      const outer = Effect.andThen(within, Call.asEffect(answering)).pipe(
        Policy.about({ tokens: 7, target: "gpu1/model", key: "chat-1" })
      )
      yield* Answer.collect(outer, question).pipe(Policy.about({ caller: "ada" }))
      assert.deepInclude(known!.call, { caller: "ada", key: "chat-1", tokens: Question.tokens(question) })
      assert.isUndefined(known!.attempt.target)
    })
  )
})
