/** Prompts that cannot fit, prompts that were cut, and everybody else, who is left alone. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Context,
  Policy,
  Question,
  Record,
  refusal,
  Retry,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Exit } from "effect"
import { prose } from "../domain/tokens-fixtures/texts.ts"
import { asking, counting, filled } from "../fixtures/counting.ts"
import { recording } from "../fixtures/recording.ts"
import { testPolicy } from "../laws/testPolicy.ts"

testPolicy({ name: "Context", make: Effect.orDie(Context.make({ context: 1_000 })) })

const english = prose["English"]!

const told = <A>(asked: Effect.Effect<A, SpillwayError>) => Effect.map(Effect.flip(asked), ({ reason }) => reason)

/** Asks so often that the model is known, with prompts that fit. */
const teach = (context: Context.Context, counted: number, times = 20, model = "m") =>
  Effect.repeat(Answer.collect(context(counting(counted)), asking(filled(english, 600), model)), { times: times - 1 })

const taughtLikely = asking(filled(english, 600)).prompt.likely

describe("a prompt that cannot fit", () => {
  it.effect("is refused before it is sent, with how long it is and how long it may be", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 2_048 })
      const question = asking(filled(english, 9_000))
      const sent = Effect.sync(() => assert.fail("it was sent"))
      const asked = Answer.collect(context(sent), question)
      assert.deepStrictEqual(yield* told(asked), {
        _tag: "ContextTooLong",
        tokens: question.prompt.likely,
        context: 2_048
      })
      const target = "gpu1/m"
      const { message, retryable } = yield* Effect.flip(asked.pipe(Policy.about({ target })))
      assert.isFalse(retryable)
      assert.match(message, /^The prompt is about 90\d\d tokens and gpu1\/m reads 2048 at most: shorten it\.$/)
    })
  )

  it.effect("is refused sooner, and told better, once it is known what the model counts", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 2_048 })
      const question = asking(filled(english, 5_000))
      const asked = Answer.collect(context(counting(1_100)), question)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(asked)))
      yield* teach(context, Math.round(taughtLikely * 1.2))
      const reason = yield* told(asked)
      assert.strictEqual(reason._tag, "ContextTooLong")
      if (reason._tag === "ContextTooLong") assert.approximately(reason.tokens, question.prompt.likely * 1.2, 20)
    })
  )

  it.effect("is told from one that may fit by the context of where it goes: the target, else its model, else any", () =>
    Effect.gen(function* () {
      const guard = yield* Context.make({ context: { "a/m": 1_000, m: 100_000, route: 1_000 } })
      const ask = (target: string | undefined, model = "x") =>
        Answer.collect(guard(counting(100)), asking(filled(english, 9_000), model)).pipe(
          target === undefined ? (self) => self : Policy.about({ target })
        )
      for (const refused of [ask("a/m"), ask(undefined, "route"), ask("c/unknown", "route")]) {
        assert.strictEqual((yield* told(refused))._tag, "ContextTooLong")
      }
      for (const admitted of [ask("b/m"), ask(undefined, "m"), ask("c/unknown"), ask(undefined)]) {
        assert.strictEqual((yield* admitted).text, "an answer")
      }
    })
  )

  it.effect("of a plain Effect is one that says so itself: a known number counts as it is, an estimate as such", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 1_000 })
      const ask = (tokens: Policy.About["tokens"]) =>
        context(Effect.succeed(1)).pipe(Policy.about(tokens === undefined ? {} : { tokens }))
      assert.deepInclude(yield* told(ask(1_001)), { _tag: "ContextTooLong", tokens: 1_001, context: 1_000 })
      assert.deepInclude(yield* told(ask({ likely: 10_001, most: 30_000 })), { _tag: "ContextTooLong" })
      assert.deepStrictEqual(
        yield* Effect.all([ask(1_000), ask({ likely: 10_000, most: 30_000 }), ask(undefined)]),
        [1, 1, 1]
      )
      assert.strictEqual(yield* context(Effect.succeed(1)), 1)
    })
  )
})

describe("a prompt that was cut", () => {
  it.effect("is a failure although it was answered, with what was read of how much", () =>
    Effect.gen(function* () {
      for (const cut of [2_050, 2_051]) {
        const context = yield* Context.make({ context: 4_096 })
        yield* teach(context, taughtLikely)
        const text = filled(english, 5_600)
        const asked = Answer.collect(context(counting(cut, "gpu1/m")), asking(text))
        const { reason, retryable } = yield* Effect.flip(asked)
        assert.isFalse(retryable)
        const expected = asking(text).prompt.likely
        assert.deepStrictEqual(reason, { _tag: "Truncated", target: "gpu1/m", expected, counted: cut })
      }
    })
  )

  it.effect("is a failure whatever was counted, where it was sent to a context that it cannot fit into", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: { "a/m": 1_000, route: 100_000 } })
      const question = asking(filled(english, 5_000), "route")
      assert.deepInclude(yield* told(Answer.collect(context(counting(730, "a/m")), question)), {
        _tag: "Truncated",
        target: "a/m",
        counted: 730
      })
      assert.strictEqual((yield* Answer.collect(context(counting(5_000, "b/n")), question)).text, "an answer")
    })
  )

  it.effect("is told from the attempt that answered, not from one that failed before", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([Context.make({ context: 4_096 }), Retry.make({ base: 0 })])
      let goes = 0
      const call: Call.Call<SpillwayError> = (_, attempt) => {
        if (++goes > 1) return Effect.succeed(Summary.make({ usage: { input: 3_000, output: 1 } }))
        attempt.usage = { input: 2_050, output: 0 }
        return Effect.fail(refusal({ _tag: "Cut", target: "gpu1", parts: 0 }))
      }
      yield* Answer.collect(guard(Call.asEffect(call)), asking(filled(english, 16_000)))
      assert.strictEqual(goes, 2)
    })
  )

  it.effect("goes on record as a failure", () =>
    Effect.gen(function* () {
      const { read, record } = yield* recording()
      const guard = yield* Policy.all([record, Context.make({ context: 4_096 })])
      yield* Effect.exit(Answer.collect(guard(counting(2_050)), asking(filled(english, 10_000))))
      yield* Effect.exit(Answer.collect(guard(counting(2_050)), asking(filled(english, 50_000))))
      assert.deepStrictEqual(
        (yield* read).map(({ attempts, error, status }: Record.CallRecord) => [attempts.length, status, error]),
        [
          [1, 502, "truncated"],
          [0, 400, "context_too_long"]
        ]
      )
    })
  )

  it.effect("is no affair of a call that fails, or whose server counts nothing", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: { "a/m": 100 } })
      const question = asking(filled(english, 5_000))
      const silent = Call.asEffect(() => Effect.succeed(Summary.make()), "a/m")
      yield* Answer.collect(context(silent), question)
      yield* Answer.collect(context(counting(0, "a/m")), question)
      const fails: Call.Call<string> = (_, attempt) => {
        attempt.usage = { input: 100, output: 1 }
        return Effect.fail("broken")
      }
      assert.strictEqual(yield* Effect.flip(Answer.collect(context(Call.asEffect(fails, "a/m")), question)), "broken")
      const failsLater = Effect.andThen(counting(100, "a/m"), Effect.fail("broken later"))
      const exit = yield* Effect.exit(Answer.collect(context(failsLater), question))
      assert.deepStrictEqual(exit, Exit.fail("broken later"))
    })
  )
})

describe("what a model counts", () => {
  it.effect("is learned from what its servers report, for the model of the target and for the name asked for", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 8_192 })
      assert.deepStrictEqual(yield* context.state("llama3.1:8b"), { ratio: 1, spread: 0, low: 0.25, seen: 0 })
      const question = asking(filled(english, 600), "chat")
      for (const share of [0.8, 1.2, 0.8, 1.2, 0.8, 1.2, 0.8, 1.2]) {
        const call = counting(Math.round(taughtLikely * share), "gpu1/llama3.1:8b")
        yield* Answer.collect(context(call), question)
      }
      for (const model of ["llama3.1:8b", "chat"]) {
        const { low, ratio, seen, spread } = yield* context.state(model)
        assert.strictEqual(seen, 8)
        assert.approximately(ratio, 1, 0.01)
        assert.approximately(spread, 0.2, 0.01)
        assert.approximately(low, 0.4, 0.01)
      }
    })
  )

  it.effect("is not learned from what may have been cut, is short, or holds pictures, tools or another script", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 2_000 })
      const lesson = filled(english, 600)
      const tools = [{ name: "f", parameters: {} }]
      const silent = Call.asEffect(() => Effect.succeed(Summary.make()))
      const asked = [
        [asking(filled(english, 1_200)), counting(600)],
        [asking(english), counting(60)],
        [Question.make("m", { kind: "generate", prompt: lesson, images: [{ url: "x" }] }), counting(600)],
        [Question.make("m", { kind: "chat", messages: [{ role: "user", text: lesson }], tools }), counting(600)],
        [asking(filled(prose["Georgian"]!, 600)), counting(600)],
        [asking(lesson), counting(0)],
        [asking(lesson), counting(Number.NaN)],
        [asking(lesson), counting(1e12)],
        [asking(lesson), silent]
      ] as const
      for (const [question, call] of asked) yield* Answer.collect(context(call), question)
      assert.strictEqual((yield* context.state("m")).seen, 0)
      yield* Answer.collect(context(counting(600)), asking(lesson))
      assert.strictEqual((yield* context.state("m")).seen, 1)
    })
  )

  it.effect("is not learned from a count that leaves out what the server had read before", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: { m: 4_096 } })
      const dam = "Water that is more than the dam can hold goes over the spillway. ".repeat(60)
      const ask = (input: number) =>
        Answer.collect(
          context(Call.asEffect(() => Effect.succeed(Summary.make({ usage: { input, output: 1 } })))),
          Question.chat("m", dam)
        )
      for (let each = 0; each < 10; each++) yield* ask(900)
      const { low } = yield* context.state("m")
      for (let each = 0; each < 20; each++) yield* ask(20)
      assert.deepStrictEqual(yield* context.state("m"), { ...(yield* context.state("m")), low, seen: 10 })
    })
  )

  it.effect("is never told to be less than may be read, whatever was learned of the model", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: { "a/m": 100_000, "b/m": 1_000 } })
      const dam = "Water that is more than the dam can hold goes over the spillway. ".repeat(60)
      const ask = (input: number, target: string, words: string) =>
        Answer.collect(
          context(Call.asEffect(() => Effect.succeed(Summary.make({ usage: { input, output: 1 } })), target)),
          Question.chat("m", words)
        ).pipe(Policy.about({ target }))
      for (let each = 0; each < 30; each++) yield* ask(140, "a/m", dam)
      const refused = yield* Effect.flip(ask(0, "b/m", dam.repeat(20)))
      assert.strictEqual(refused.reason._tag, "ContextTooLong")
      if (refused.reason._tag === "ContextTooLong") assert.isAbove(refused.reason.tokens, 1_000)
    })
  )

  it.effect("is learned of a call that fails, too, from the first attempt that counted", () =>
    Effect.gen(function* () {
      const guard = yield* Context.make({ context: 8_192 })
      const retry = yield* Retry.make({ base: 0 })
      let goes = 0
      const call: Call.Call<SpillwayError> = (_, attempt) => {
        if (++goes > 1) attempt.usage = { input: goes * taughtLikely, output: 0 }
        return Effect.fail(refusal({ _tag: "Cut", target: "gpu1", parts: 0 }))
      }
      yield* Effect.flip(Answer.collect(guard(retry(Call.asEffect(call))), asking(filled(english, 600))))
      assert.deepInclude(yield* guard.state("m"), { seen: 1, ratio: 2 })
    })
  )

  it.effect("is kept for so many models and no more", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: 8_192, modelsMax: 2 })
      for (const model of ["a", "b", "c"]) yield* teach(context, 600, 1, model)
      const seen = yield* Effect.forEach(["a", "b", "c"], (model) => context.state(model))
      assert.deepStrictEqual(
        seen.map((state) => state.seen),
        [1, 1, 0]
      )
    })
  )
})

describe("options of a context", () => {
  it.effect("are refused where they make no sense", () =>
    Effect.gen(function* () {
      for (const [options, path] of [
        [{}, "context"],
        [{ context: 0 }, "context"],
        [{ context: { m: -1 } }, "context.m"],
        [{ context: 1, modelsMax: 0 }, "modelsMax"]
      ] as const) {
        const refused = yield* Effect.flip(Context.make(options as never))
        assert.deepStrictEqual(
          refused.problems.map((problem) => problem.path),
          [path]
        )
        assert.match(refused.message, /^Context: /)
      }
    })
  )
})
