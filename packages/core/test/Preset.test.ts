/** Presets: plain values that keep the laws of plans, and what each of them is for. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
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
      for (const [preset, of] of [
        [{ ...Preset.interactive, deadline: { deadline: "soon" } }, "Deadline"],
        [{ ...Preset.interactive, plan: { rescue: { mode: "half" as "whole" } } }, "Rescue"],
        [{ ...Preset.interactive, queue: { max: -1 } }, "Queue"]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(Preset.make(preset))).of, of)
      }
    })
  )

  it.effect("knows where each go goes, for the circuit of each target and for the plan", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make({ why: "", plan: { fallback: {} }, circuitBreaker: { failures: 1 } })
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
      const ask = yield* Preset.make({ why: "" })
      assert.strictEqual(yield* Effect.flip(ask([Effect.fail(down), Effect.succeed(1)])), down)
    })
  )

  it.effect("may hedge", () =>
    Effect.gen(function* () {
      const ask = yield* Preset.make({ why: "", plan: { hedge: { after: "1s", budget: "100%" } } })
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
  it.effect("asks nothing that nobody has priced, and spends no more than was allowed, however many ask at once", () =>
    Effect.gen(function* () {
      const unpriced = yield* Preset.make({
        ...Preset.strictBudget,
        budget: { ...Preset.strictBudget.budget, prices: { other: "free" } }
      })
      const go = says("openai/gpt-4o-mini", ["The dam"])
      const { reason } = yield* Effect.flip(Answer.collect(unpriced([go]), question))
      assert.strictEqual(reason._tag, "Unpriced")
      const prices = { "openai/gpt-4o-mini": { input: 0, output: 1_000 } }
      const ask = yield* Preset.make({ ...Preset.strictBudget, budget: { ...Preset.strictBudget.budget, prices } })
      let sent = 0
      // A token costs a tenth of a cent, and each may have 10 of them.
      const counted = Effect.suspend(() => {
        sent++
        return Effect.delay(go, "1 second")
      }).pipe(Plan.to("openai/gpt-4o-mini"))
      const asked = Question.chat("gpt-4o-mini", "How high?", { maxTokens: 10 })
      const fibers = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(
          Effect.exit(Answer.collect(ask([counted]), asked)).pipe(Policy.about({ target: "openai/gpt-4o-mini" })),
          {
            startImmediately: true
          }
        )
      )
      yield* pass(120)
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.isAtMost(sent, 100)
      let spent = 0
      for (let each = 0; each < 100; each++) {
        const fiber = yield* Effect.forkChild(
          Effect.exit(Answer.collect(ask([counted]), asked)).pipe(Policy.about({ target: "openai/gpt-4o-mini" })),
          { startImmediately: true }
        )
        yield* pass(2)
        if (Exit.isFailure(yield* Fiber.join(fiber))) spent++
      }
      assert.isAtMost(sent, 100)
      assert.isAbove(spent, 0)
    })
  )

  it.effect("does not pay again for what was heard", () =>
    Effect.gen(function* () {
      const preset = { ...Preset.strictBudget, budget: { ...Preset.strictBudget.budget, unpriced: "free" as const } }
      const ask = yield* Preset.make(preset)
      let second = 0
      const other = Effect.suspend(() => {
        second++
        return says("gpu2/m", ["The dam is high."])
      }).pipe(Plan.to("gpu2/m"))
      const exit = yield* Effect.exit(
        Answer.collect(ask([says("gpu1/m", ["The dam "], Effect.fail(cut)), other]), question)
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(second, 0)
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
