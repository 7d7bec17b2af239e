/** What was learned of a target never kills what is at work there, nor keeps everybody away from it for good. */
import { assert, describe, it } from "@effect/vitest"
import {
  type Attempt,
  Call,
  Part,
  Policy,
  Question,
  type Router,
  Spillway,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { pass } from "../fixtures/routing.ts"

/** So many parts, with so long before the first and between two, and what its server says of them. */
interface Speaks {
  readonly first: number
  readonly parts?: number
  readonly between?: number
  readonly usage?: Summary.Summary["usage"]
  readonly timings?: Summary.Timings
  readonly part?: Part.Part
}

const speaking =
  (speaks: (question: Question.Question) => Speaks): Call.Call<SpillwayError> =>
  (question, attempt: Attempt.Attempt) =>
    Effect.gen(function* () {
      const { between = 0, first, part = Part.text("dam "), parts = 1, timings, usage } = speaks(question)
      yield* Effect.sleep(first)
      for (let each = 0; each < parts; each++) {
        void attempt.emit(part)
        yield* Effect.sleep(between)
      }
      return Summary.make({ ...(usage && { usage }), ...(timings && { timings }) })
    })

const make = (options: Router.Options) =>
  Effect.map(Layer.build(Spillway.layer(options)), (context) => {
    const spillway = Context.get(context, Spillway)
    const ask = (question: Question.Question, about: Policy.About = {}) =>
      Effect.forkChild(Effect.exit(spillway.ask(question)).pipe(Policy.about(about)), { startImmediately: true })
    /** What becomes of it within so many seconds. */
    const told = (question: Question.Question, seconds: number, about: Policy.About = {}) =>
      Effect.gen(function* () {
        const fiber = yield* ask(question, about)
        yield* pass(seconds)
        const ended = fiber.pollUnsafe()
        const exit = ended?._tag === "Success" ? ended.value : undefined
        if (exit === undefined) return "waits"
        if (Exit.isSuccess(exit)) return exit.value.target
        return exit.cause.reasons[0]?._tag === "Fail" ? exit.cause.reasons[0].error.reason._tag : "died"
      })
    return { ask, spillway, told }
  })

/** One that is asked once for each call. */
const once = { deadline: "10m", retry: { attempts: 1 } } as const

const alone = (call: Call.Call<SpillwayError>) =>
  make({ upstreams: { mine: { upstream: { call }, slots: 1 } }, routes: { chat: { targets: ["mine/m"], ...once } } })

const all = (told: ReadonlyArray<string | undefined>) => assert.deepStrictEqual([...new Set(told)], ["mine/m"])

describe("a target that is silent as it has always been", () => {
  it.effect("between two parts is never given up", () =>
    Effect.gen(function* () {
      const paragraph = Part.text("A paragraph of the dam. ".repeat(60))
      const { told } = yield* alone(speaking(() => ({ first: 100, parts: 4, between: 8_000, part: paragraph })))
      const ends: Array<string | undefined> = []
      for (let each = 0; each < 8; each++) ends.push(yield* told(Question.chat("chat", "How high?"), 40))
      all(ends)
    })
  )

  it.effect("before the first word of a long prompt is not given up because many short ones came", () =>
    Effect.gen(function* () {
      const { told } = yield* alone(speaking(({ prompt }) => ({ first: prompt.likely * 2, parts: 20, between: 20 })))
      const long = Question.chat("chat", "dam ".repeat(15_000))
      const ends = [yield* told(long, 60)]
      for (let each = 0; each < 35; each++) ends.push(yield* told(Question.chat("chat", "How high?"), 3))
      for (let each = 0; each < 5; each++) ends.push(yield* told(long, 60))
      all(ends)
    })
  )

  it.effect("while it reads is not given up because it had read the same before, without a word of that", () =>
    Effect.gen(function* () {
      let known: number | undefined
      const call = speaking(({ prompt, settings }) => {
        const fresh = settings.seed === known ? 20 : prompt.likely
        known = settings.seed
        const timings = { total: 0, load: 0, prompt: fresh * 1e7, output: 5e8 }
        return { first: fresh * 10, parts: 10, between: 50, usage: { input: prompt.likely, output: 10 }, timings }
      })
      const { told } = yield* alone(call)
      const asks = (seed: number, each: number) => {
        const system = { role: "system", text: `${seed} ${"The dam is high. ".repeat(800)}` } as const
        return Question.chat("chat", [system, { role: "user", text: `Question ${each}` }], { seed })
      }
      const ends: Array<string | undefined> = []
      for (let each = 0; each < 20; each++) ends.push(yield* told(asks(1, each), each === 0 ? 70 : 3))
      for (let seed = 2; seed < 6; seed++) ends.push(yield* told(asks(seed, 0), 70))
      all(ends)
    })
  )

  it.effect("while it writes a call of a tool is not given up because those before were short", () =>
    Effect.gen(function* () {
      const part: Part.Part = { _tag: "ToolCall", index: 0, name: "write", arguments: "{}" }
      const call = speaking(({ settings: { seed: output = 10 } }) => ({
        first: 200 + output * 50,
        usage: { input: 1_000, output },
        timings: { total: 0, load: 0, prompt: 2e8, output: output * 5e7 },
        part
      }))
      const { told } = yield* alone(call)
      const asks = (seed: number) =>
        Question.make(
          "chat",
          {
            kind: "chat",
            messages: [{ role: "user", text: "Write it. ".repeat(100) }],
            tools: [{ name: "write", parameters: {} }]
          },
          { seed }
        )
      const ends: Array<string | undefined> = []
      for (let each = 0; each < 20; each++) ends.push(yield* told(asks(50), 4))
      for (let each = 0; each < 3; each++) ends.push(yield* told(asks(2_000), 110))
      all(ends)
    })
  )
})

describe("a target that hangs", () => {
  it.effect("leaves a caller the time for another one, also where his deadline is shorter than the route's", () =>
    Effect.gen(function* () {
      const { told } = yield* make({
        upstreams: {
          bad: { upstream: { call: () => Effect.never }, slots: 9 },
          good: { upstream: { call: speaking(() => ({ first: 500 })) }, slots: 9 }
        },
        routes: { chat: { targets: ["bad/m", "good/m"] } },
        callers: { ann: { deadline: "10s" } }
      })
      for (let each = 0; each < 2; each++) {
        assert.strictEqual(yield* told(Question.chat("chat", "How high?"), 11, { caller: "ann" }), "good/m")
      }
    })
  )

  it.effect("is not blamed for those who came with little time", () =>
    Effect.gen(function* () {
      const { told } = yield* alone(speaking(() => ({ first: 3_000 })))
      for (let each = 0; each < 12; each++) yield* told(Question.chat("chat", "How high?"), 2, { deadline: "1s" })
      yield* pass(20)
      assert.strictEqual(yield* told(Question.chat("chat", "How high?"), 5), "mine/m")
    })
  )
})

describe("callers who give it little time", () => {
  it.effect("do not make others wait longer until a hang is found out", () =>
    Effect.gen(function* () {
      let takes = 200
      const { told } = yield* alone(speaking(() => ({ first: takes })))
      const question = Question.chat("chat", "How high?")
      assert.strictEqual(yield* told(question, 1), "mine/m")
      takes = 3_000
      for (let each = 0; each < 18; each++) yield* told(question, 4, { deadline: "1s" })
      takes = 600_000
      // A quarter of a minute for who tells nothing, and as much for somebody who may come first.
      assert.strictEqual(yield* told(question, 35), "TimedOut")
    })
  )
})

describe("a caller", () => {
  it.effect("whose answers were long is let in where a place is free, and learns that they are short", () =>
    Effect.gen(function* () {
      const call = speaking(({ settings: { seed: parts = 10 } }) => ({ first: 0, parts, between: 50 }))
      const { spillway, told } = yield* make({
        upstreams: { mine: { upstream: { call }, slots: 4 } },
        routes: { chat: { targets: ["mine/m"] } }
      })
      const asks = (seed: number) => Question.chat("chat", "How high?", { seed })
      assert.strictEqual(yield* told(asks(1_000), 55, { caller: "ann" }), "mine/m")
      const others = yield* Effect.forEach(["ben", "cem"], (caller) =>
        Effect.forkChild(Effect.forever(spillway.ask(asks(20)).pipe(Policy.about({ caller }))), {
          startImmediately: true
        })
      )
      yield* pass(3)
      const ends: Array<string | undefined> = []
      for (let each = 0; each < 10; each++) {
        ends.push(yield* told(asks(10), 4, { caller: "ann", deadline: "30s" }))
      }
      all(ends)
      for (const fiber of others) yield* Fiber.interrupt(fiber)
    })
  )
})

describe("a target whose first answer was slow", () => {
  it.effect("is tried again after some minutes, and then asked as it deserves", () =>
    Effect.gen(function* () {
      let asked = 0
      const quick = speaking(() => ({ first: asked++ === 0 ? 20_000 : 100 }))
      const slow = speaking(() => ({ first: 3_000 }))
      const { told } = yield* make({
        upstreams: { quick: { upstream: { call: quick }, slots: 1 }, slow: { upstream: { call: slow }, slots: 1 } },
        routes: { chat: { targets: ["quick/m", "slow/m"] } }
      })
      for (let each = 0; each < 60; each++) yield* told(Question.chat("chat", "How high?"), each < 3 ? 25 : 5)
      const last: Array<string | undefined> = []
      for (let each = 0; each < 5; each++) last.push(yield* told(Question.chat("chat", "How high?"), 5))
      assert.deepStrictEqual([...new Set(last)], ["quick/m"])
    })
  )
})
