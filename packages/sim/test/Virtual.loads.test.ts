/** A call in virtual time says when it waits for a model, so that clocks tell a load from a hang. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Question, Timeout } from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../src/Virtual.ts"

const model = { name: "a", kind: "plain", load: "20s", prefill: 1e6, decode: 100 } as const

/** Asks under clocks; answers how it ended, and when. */
const guarded = (options: Timeout.Options, more: Parameters<typeof Virtual.make>[1] = {}) =>
  Effect.gen(function* () {
    const { upstream } = yield* Virtual.make("gpu", { models: [model], ...more })
    const guard = yield* Timeout.make(options)
    const question = Question.chat("a", "Why? [[sim tokens=3]]")
    const asking = yield* Effect.forkChild(Effect.exit(Answer.collect(guard(Call.asEffect(upstream.call)), question)))
    yield* TestClock.adjust("10 minutes")
    const exit = yield* Fiber.join(asking)
    return Exit.isSuccess(exit) ? "answered" : Exit.findErrorOption(exit)
  })

describe("Virtual, of a load", () => {
  it.effect("is measured by the clock of loads while it loads, and by that of the first token only after it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* guarded({ firstToken: "2s", load: "1m" }), "answered")
    })
  )

  it.effect("ends as one that took too long to load", () =>
    Effect.gen(function* () {
      const timedOut = { _tag: "Some", value: { reason: { _tag: "TimedOut", phase: "load" } } }
      assert.containSubset(yield* guarded({ firstToken: "2m", load: "10s" }), timedOut)
      assert.containSubset(yield* guarded({ firstToken: "2m", load: "1m" }, { faults: ["load-hang"] }), timedOut)
    })
  )

  it.effect("ends as one whose token did not come where that is what it waits for once it has loaded", () =>
    Effect.gen(function* () {
      const hung = yield* guarded({ firstToken: "2s", load: "1m" }, { faults: ["stall at=0"] })
      assert.containSubset(hung, { _tag: "Some", value: { reason: { _tag: "TimedOut", phase: "firstToken" } } })
    })
  )
})
