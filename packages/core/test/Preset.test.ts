/** Presets: plain values that keep the laws of plans, and what each of them is for. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  type Budget,
  Call,
  Part,
  Plan,
  Policy,
  Preset,
  Question,
  refusal,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { testPlan } from "./laws/testPlan.ts"
import * as Unhandled from "./fixtures/unhandled.ts"

Unhandled.guard()

const presets: Readonly<Record<string, Preset.Preset>> = {
  interactive: Preset.interactive,
  // Its own tries take longer than the laws are given.
  batch: { ...Preset.batch, retryAll: { ...Preset.batch.retryAll, attempts: 2 } },
  "strict-budget": { ...Preset.strictBudget, budget: { ...Preset.strictBudget.budget, unpriced: "free" } },
  "multi-tenant": { ...Preset.multiTenant, rateLimit: { rate: "1000000/min" } }
}

for (const [name, preset] of Object.entries(presets)) {
  testPlan({ name: `the preset ${name}`, make: Effect.orDie(Preset.make(preset)), isHolding: name === "batch" })
}

const cut = refusal({ _tag: "Cut", target: "gpu1/m", parts: 1 })
const down = refusal({ _tag: "Overloaded", target: "gpu1/m" })
const question = Question.chat("m", "How high?")

/** Says these words, one after the other, and ends as told. */
const says = (target: string, words: ReadonlyArray<string>, end: Effect.Effect<void, SpillwayError> = Effect.void) =>
  Call.asEffect((_, attempt) => {
    for (const word of words) void attempt.emit(Part.text(word))
    return Effect.as(end, Summary.make({ usage: { input: 5, output: 10 } }))
  }, target).pipe(Plan.to(target))

/** Lets so many seconds go by, one after the other. */
const pass = (seconds: number, step = 1) =>
  Effect.gen(function* () {
    for (let at = 0; at < seconds; at += step) yield* TestClock.adjust(`${step} seconds`)
  })

describe("a preset", () => {
  it("says why it is so, and can be read, spread and written as JSON", () => {
    for (const preset of [Preset.interactive, Preset.batch, Preset.strictBudget, Preset.multiTenant]) {
      assert.isAbove(preset.why.length, 60)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(preset)), preset)
    }
  })

  it.effect("that makes no sense is refused with what is wrong with it", () =>
    Effect.gen(function* () {
      for (const [preset, paths] of [
        [{ ...Preset.interactive, ...({ dedline: {} } as object) }, ["dedline"]],
        [{ ...Preset.interactive, fallback: {} }, ["fallback"]],
        [{ rateLimit: { rate: "1/min", per: "target" as "caller" } }, ["rateLimit.per"]],
        [undefined as never, [""]],
        [Preset.strictBudget, ["budget.prices"]],
        [
          {
            deadline: { deadline: "soon" },
            retry: { attempts: 0 },
            retryAll: { attempts: 0 },
            rescue: { mode: "half" as "whole" },
            queue: { max: -1, slots: 0 },
            timeout: { idle: "never" }
          },
          [
            "deadline.deadline",
            "queue.max",
            "queue.slots",
            "rescue.mode",
            "retry.attempts",
            "retryAll.attempts",
            "timeout.idle"
          ]
        ]
      ] as const) {
        const { problems } = yield* Effect.flip(Preset.make(preset))
        assert.deepStrictEqual(problems.map(({ path }) => path).toSorted(), [...paths])
      }
    })
  )

  it.effect("knows where each go goes, for the circuit of each target and for the plan", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make({ fallback: {}, circuitBreaker: { failures: 1 } })
      let asked = 0
      const failing = Effect.suspend(() => {
        asked++
        return Effect.fail(down)
      }).pipe(Plan.to("gpu1/m"))
      const other = Effect.succeed("gpu2").pipe(Plan.to("gpu2/m"))
      for (let each = 0; each < 3; each++) assert.strictEqual(yield* ask([failing, other]), "gpu2")
      assert.strictEqual(asked, 1)
    })
  )

  it.effect("without a plan asks the first go alone, and with nothing at all is that go", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make({})
      assert.strictEqual(yield* Effect.flip(ask([Effect.fail(down), Effect.succeed(1)])), down)
    })
  )

  it.effect("may hedge, and fall back to whom it has not asked", () =>
    Effect.gen(function* () {
      const hedging = { hedge: { after: "1s", budget: "100%" }, fallback: {} }
      const asking = yield* Preset.make(hedging)
      const failing = Effect.fail(down).pipe(Plan.to("gpu1/m"))
      assert.strictEqual(yield* asking([failing, Effect.succeed("gpu2").pipe(Plan.to("gpu2/m"))]), "gpu2")
      const ask = yield* Preset.make({ hedge: hedging.hedge })
      const slow = Effect.delay(Effect.succeed("slow"), "10 seconds").pipe(Plan.to("gpu1/m"))
      const fiber = yield* Effect.forkChild(ask([slow, Effect.succeed("fast")]), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "fast")
    })
  )
})

describe("interactive", () => {
  it.effect("goes on with an answer that broke off", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make(Preset.interactive)
      const goes = [says("gpu1/m", ["The dam "], Effect.fail(cut)), says("gpu2/m", ["The dam ", "is high."])] as const
      assert.strictEqual((yield* Answer.collect(ask(goes), question)).text, "The dam is high.")
    })
  )

  it.effect("lets nobody wait who will have left, and nobody at all for longer than a quarter of a minute", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make(Preset.interactive)
      const slow = Effect.sleep("1 minute").pipe(Plan.to("gpu1/m"))
      const fibers = yield* Effect.forEach(Array.from({ length: 40 }), () =>
        Effect.forkChild(Effect.exit(ask([slow])), { startImmediately: true })
      )
      yield* pass(1)
      const refused = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined)
      assert.strictEqual(refused.length, 40 - 32 - 1)
      yield* pass(20)
      assert.isAtLeast(fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 39)
    })
  )
})

describe("batch", () => {
  it.effect("gets everything done through an outage of five minutes, and says nothing by halves", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make(Preset.batch)
      let isDown = true
      const parts: Array<string> = []
      const go = Call.asEffect<SpillwayError, never>((_, attempt) => {
        void attempt.emit(Part.text("The dam"))
        return Effect.delay(isDown ? Effect.fail(cut) : Effect.succeed(Summary.make()), "100 millis")
      }).pipe(Plan.to("gpu1/m"))
      const sink = { emit: (part: Part.Part) => void parts.push(Part.textOf([part])) }
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.forkChild(Effect.exit(Answer.toSink(ask([go]), question, sink)), { startImmediately: true })
      )
      yield* pass(300)
      assert.deepStrictEqual(parts, [])
      isDown = false
      yield* pass(300)
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.lengthOf(parts, 20)
    })
  )
})

describe("strict-budget", () => {
  const local = Call.asEffect(() => Effect.fail(down)).pipe(Plan.to("gpu/llama3.1:8b"))
  const strict = (prices: Budget.Options["prices"]) =>
    Preset.make({ ...Preset.strictBudget, budget: { ...Preset.strictBudget.budget, prices: prices! } })
  const hosted = (sent: Array<Question.Question>, end: Effect.Effect<void, SpillwayError> = Effect.void) =>
    Call.asEffect<SpillwayError, never>((asked, attempt) => {
      sent.push(asked)
      void attempt.emit(Part.text("The dam"))
      return Effect.as(Effect.delay(end, "1 second"), Summary.make({ usage: { input: 0, output: 10 } }))
    }).pipe(Plan.to("openai/gpt-4o-mini"))
  const asked = Question.chat("llama3.1:8b", "How high?", { maxTokens: 10 })

  it.effect("asks nothing that nobody has priced, also behind a model that is free", () =>
    Effect.gen(function* () {
      const sent: Array<Question.Question> = []
      const ask = yield* strict({ "llama3.1:8b": "free" })
      const fiber = yield* Effect.forkChild(Effect.flip(Answer.collect(ask([local, hosted(sent)]), asked)))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Unpriced")
      assert.deepStrictEqual(sent, [])
    })
  )

  it.effect("spends no more than was allowed, however many ask at once, and bounds what it sends", () =>
    Effect.gen(function* () {
      const sent: Array<Question.Question> = []
      // A token costs a tenth of a cent, and each answer may have 10 of them.
      const ask = yield* strict({ "llama3.1:8b": "free", "openai/gpt-4o-mini": { input: 0, output: 1_000 } })
      for (let round = 0; round < 4; round++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 40 }), () =>
          Effect.forkChild(Effect.exit(Answer.collect(ask([local, hosted(sent)]), asked)), { startImmediately: true })
        )
        yield* pass(60)
        for (const fiber of fibers) yield* Fiber.join(fiber)
      }
      assert.isAtMost(sent.length, 100)
      assert.isAbove(sent.length, 60)
      const unbound = yield* strict({ "openai/gpt-4o-mini": { input: 0, output: 1 } })
      const fiber = yield* Effect.forkChild(
        Answer.collect(unbound([hosted(sent)]), Question.chat("llama3.1:8b", "How high?"))
      )
      yield* pass(5)
      yield* Fiber.join(fiber)
      assert.deepInclude(sent.at(-1), { model: "gpt-4o-mini", settings: { maxTokens: 1_024 } })
    })
  )

  it.effect("does not pay again for what was heard", () =>
    Effect.gen(function* () {
      const sent: Array<Question.Question> = []
      const ask = yield* strict({ default: "free", m: "free", "gpt-4o-mini": "free" })
      const first = says("gpu1/m", ["The dam "], Effect.fail(cut))
      const exit = yield* Effect.exit(Answer.collect(ask([first, hosted(sent)]), question))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(sent, [])
    })
  )
})

describe("a target that hangs", () => {
  const hangs = (words: ReadonlyArray<string>) =>
    Call.asEffect<SpillwayError, never>((_, attempt) => {
      for (const word of words) void attempt.emit(Part.text(word))
      return Effect.never
    }).pipe(Plan.to("gpu1/m"))

  it.effect("leaves time for another one, before the first word and in the midst of an answer", () =>
    Effect.gen(function* () {
      for (const [name, preset] of Object.entries(presets)) {
        if (name === "batch") continue
        for (const words of [[], ["The dam"]]) {
          const ask = yield* Preset.make(preset)
          const other = says("gpu2/m", ["The dam", " is high."])
          const fiber = yield* Effect.forkChild(Effect.exit(Answer.collect(ask([hangs(words), other]), question)), {
            startImmediately: true
          })
          yield* pass(60)
          const exit = yield* Fiber.join(fiber)
          const isRescued = words.length === 0 || name !== "strict-budget"
          assert.strictEqual(Exit.isSuccess(exit), isRescued, `${name} ${words[0]}`)
        }
      }
    })
  )

  it.effect("is tried again in a batch, as what fails at one and may pass at another", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make(Preset.batch)
      let tries = 0
      const flaky = Effect.suspend(() =>
        ++tries < 3 ? hangs(tries === 1 ? [] : ["The"]) : says("gpu1/m", ["The dam"])
      )
      const missing = Call.asEffect<SpillwayError, never>(() =>
        Effect.fail(refusal({ _tag: "ModelNotFound", model: "m" }))
      ).pipe(Plan.to("gpu2/m"))
      const fiber = yield* Effect.forkChild(Answer.collect(ask([flaky.pipe(Plan.to("gpu1/m")), missing]), question), {
        startImmediately: true
      })
      yield* pass(1_200, 5)
      assert.strictEqual((yield* Fiber.join(fiber)).text, "The dam")
    })
  )
})

describe("multi-tenant", () => {
  it.effect("gives a caller who floods what is his, and everybody else theirs", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make({ ...Preset.multiTenant, queue: { ...Preset.multiTenant.queue, slots: 4 } })
      const answer = Effect.sleep("10 seconds").pipe(Plan.to("gpu1/m"))
      const by = (caller: string) =>
        Effect.forkChild(Effect.exit(ask([answer]).pipe(Policy.about({ caller }))), { startImmediately: true })
      const flood = yield* Effect.forEach(Array.from({ length: 100 }), () => by("flood"))
      yield* pass(1)
      // Ten may come at once, the others are told so, and two of them run.
      assert.strictEqual(flood.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 90)
      const quiet = yield* Effect.forEach(["ann", "bob"], by)
      yield* pass(11)
      for (const fiber of quiet) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      for (const fiber of flood) yield* Fiber.interrupt(fiber)
    })
  )
})
