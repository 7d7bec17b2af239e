/**
 * What a call may come to and what it came to: an upper bound that holds, and a bill for every way to end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Attempt, type Facts, Part, Price, Question, Tokens } from "@spillway/core"
import * as Spending from "../../src/domain/Spending.ts"
import * as Random from "../laws/random.ts"

const price = Price.perMillion(0.15, 0.6)
const asked = (maxTokens?: number) =>
  Question.chat("gpt", "How high is the dam?", maxTokens === undefined ? {} : { maxTokens })
const prompt = asked().prompt.most

const callOf = (said: Partial<Facts.CallFacts>) =>
  ({ question: undefined, tokens: undefined, ...said }) as Facts.CallFacts

const attempt = Effect.map(Clock.Clock, (clock) => new Attempt.Attempt(clock, { emit: () => undefined }))

describe("What a call may come to", () => {
  it("is its prompt at most and the bound of its answer, in tokens and in money", () => {
    const call = callOf({ question: asked(100) })
    assert.strictEqual(Spending.mostOf("tokens", price, call, 4_096), prompt + 100)
    assert.strictEqual(Spending.mostOf("micro-dollars", price, call, 4_096), Math.ceil(prompt * 0.15 + 60))
  })

  it("is bounded where the caller names no bound, or a greater one", () => {
    for (const bound of [undefined, 501, Infinity, Number.NaN, -Infinity, -7, 0, 0.9]) {
      assert.strictEqual(Spending.mostOf("tokens", price, callOf({ question: asked(bound) }), 500), prompt + 500)
    }
    assert.strictEqual(Spending.outputMost(asked(), 500), 500)
    assert.strictEqual(Spending.outputMost(asked(20), 500), 20)
    assert.strictEqual(Spending.outputMost(asked(20.9), 500), 20)
  })

  it("has no words where vectors are asked for", () => {
    const question = Question.make("embedder", { kind: "embed", inputs: ["How high is the dam?"] })
    assert.strictEqual(Spending.outputMost(question, 500), 0)
    assert.strictEqual(Spending.mostOf("tokens", price, callOf({ question }), 500), question.prompt.most)
  })

  it("is what a plain Effect says it needs at most, all of it as the dearer, in whole tokens", () => {
    const call = callOf({ tokens: { likely: 10, most: 99.2 } })
    assert.strictEqual(Spending.mostOf("tokens", price, call, 4_096), 100)
    assert.strictEqual(Spending.mostOf("micro-dollars", price, call, 4_096), 60)
    assert.strictEqual(Spending.mostOf("micro-dollars", Price.perMillion(0.6, 0.15), call, 4_096), 60)
    assert.strictEqual(Spending.mostOf("tokens", price, callOf({}), 4_096), 1)
    assert.strictEqual(Spending.mostOf("tokens", price, callOf({ tokens: Tokens.exactly(0) }), 4_096), 0)
  })

  it("is never less than what it comes to, if its bound is kept", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = Random.make(seed)
      const some = Price.perMillion(random.next() * 20, random.next() * 80)
      const bound = 1 + random.below(5_000)
      const most = Spending.mostOf("micro-dollars", some, callOf({ question: asked(bound) }), 4_096)
      const usage = { input: random.below(prompt + 1), output: random.below(Math.min(bound, 4_096) + 1) }
      assert.isAtMost(Spending.amountOf("micro-dollars", some, usage), most, `seed ${seed}`)
    }
  })
})

describe("What a usage comes to", () => {
  it("is its tokens, or their price, of which what was cached is a part", () => {
    const usage = { input: 100, output: 50, cached: 80 }
    assert.strictEqual(Spending.amountOf("tokens", price, usage), 150)
    assert.strictEqual(Spending.amountOf("micro-dollars", price, usage), 45)
    assert.strictEqual(Spending.amountOf("micro-dollars", Price.free, usage), 0)
    assert.strictEqual(Spending.amountOf("tokens", price, { input: 0.1, output: 0 }), 1)
  })

  it("sums exactly, to the micro-dollar, after a million of $0.0000015", () => {
    let sum = 0
    for (let index = 0; index < 1_000_000; index++) {
      sum += Spending.amountOf("micro-dollars", Price.perMillion(1.5, 0), { input: 1, output: 0 })
    }
    assert.strictEqual(sum, 2_000_000)
  })
})

describe("What a go has used", () => {
  it.effect("is nothing where nothing was sent", () =>
    Effect.gen(function* () {
      const go = yield* attempt
      assert.deepStrictEqual(Spending.usageOf(go, asked()), { input: 0, output: 0 })
      go.start("gpu1/llama").sent = false
      go.usage = { input: 5, output: 5 }
      assert.deepStrictEqual(Spending.usageOf(go, asked()), { input: 0, output: 0 })
    })
  )

  it.effect("is what its server said, however it ended, if that can be", () =>
    Effect.gen(function* () {
      const go = (yield* attempt).start(undefined)
      go.usage = { input: 5, output: 7 }
      assert.deepStrictEqual(Spending.usageOf(go, asked()), { input: 5, output: 7 })
      go.left = true
      go.end()
      assert.deepStrictEqual(Spending.usageOf(go, asked()), { input: 5, output: 7 })
      go.usage = { input: -5, output: 7 }
      assert.deepStrictEqual(Spending.usageOf(go, asked()), { input: prompt, output: 0 })
    })
  )

  it.effect("is not known of one that was sent and failed, or has not ended", () =>
    Effect.gen(function* () {
      const failed = (yield* attempt).start(undefined)
      void failed.emit(Part.text("a"))
      failed.end()
      assert.isUndefined(Spending.usageOf(failed, asked()))
      const running = (yield* attempt).start(undefined)
      running.left = true
      assert.isUndefined(Spending.usageOf(running, asked()))
    })
  )

  it.effect("is its prompt and what came, of one that its caller left", () =>
    Effect.gen(function* () {
      for (const [parts, output] of [
        [[], 0],
        [["a", "b", "c"], 3],
        [["four", "four"], 3],
        [["x".repeat(301)], 101]
      ] as const) {
        const go = (yield* attempt).start(undefined)
        for (const part of parts) void go.emit(Part.text(part))
        void go.emit({ _tag: "ToolCall", index: 0, arguments: "" })
        go.left = true
        go.end()
        assert.deepStrictEqual(Spending.usageOf(go, asked()), {
          input: prompt,
          output: Math.max(output, parts.length + 1)
        })
        assert.strictEqual(Spending.usageOf(go, undefined)!.input, 0)
      }
    })
  )

  it.effect("is also what it went on from, of one that was to finish an answer", () =>
    Effect.gen(function* () {
      const go = (yield* attempt).start(undefined)
      go.goOn("The dam is 243 metres high")
      go.left = true
      go.end()
      const begun = Tokens.ofText("The dam is 243 metres high").most
      assert.strictEqual(Spending.usageOf(go, asked())!.input, prompt + begun)
    })
  )
})
