/** Rescue for a sink that takes nothing but the whole: nobody has heard what broke, so that another one may begin. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Question, refusal, Rescue, Retry, type SpillwayError, Summary } from "@spillway/core"
import { Effect, Exit } from "effect"

const question = Question.chat("model", "How high is the dam?")

const says =
  (words: ReadonlyArray<string>, breaks = false): Call.Call<SpillwayError> =>
  (_, attempt) => {
    for (const word of words) void attempt.emit(Part.text(word))
    return breaks
      ? Effect.fail(refusal({ _tag: "Cut", target: "gpu/model", parts: words.length }))
      : Effect.succeed(Summary.make())
  }

const played = (goes: ReadonlyArray<Call.Call<SpillwayError>>, isWhole: boolean) =>
  Effect.gen(function* () {
    const plan = yield* Rescue.make()
    const said: Array<Part.Part> = []
    const sink = { emit: (part: Part.Part) => void said.push(part), isWhole }
    const exit = yield* Effect.exit(Answer.toSink(plan(goes.map((go) => Call.asEffect(go))), question, sink))
    return { text: Part.textOf(said), isAnswered: Exit.isSuccess(exit) }
  })

describe("a sink that takes nothing but the whole", () => {
  const goes = [says(["About ", "240"], true), says(["243 metres"])]

  it.effect("has the answer of another one, where the first breaks in its midst", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* played(goes, true), { text: "243 metres", isAnswered: true })
    })
  )

  it.effect("hears no word of one that broke, where there is no other", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* played(goes.slice(0, 1), true), { text: "", isAnswered: false })
    })
  )

  it.effect("may be tried for again", () =>
    Effect.gen(function* () {
      const retry = yield* Retry.make({ attempts: 2, base: "1ms" })
      const plan = yield* Rescue.make()
      let asked = 0
      const flaky: Call.Call<SpillwayError> = (...given) => says(["243 metres"], asked++ === 0)(...given)
      const said: Array<Part.Part> = []
      const sink = { emit: (part: Part.Part) => void said.push(part), isWhole: true }
      const asking = Answer.toSink(retry(plan([Call.asEffect(flaky)])), question, sink)
      yield* Effect.promise(() => Effect.runPromise(asking))
      assert.deepStrictEqual([Part.textOf(said), asked], ["243 metres", 2])
    })
  )
})

describe("any other sink", () => {
  it.effect("hears the words as they come, and then that they broke off", () =>
    Effect.gen(function* () {
      const goes = [says(["About ", "240"], true), says(["243 metres"])]
      assert.deepStrictEqual(yield* played(goes, false), { text: "About 240", isAnswered: false })
    })
  )
})
