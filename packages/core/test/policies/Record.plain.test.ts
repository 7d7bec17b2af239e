/** What is on record of a plain Effect: what it says of itself, and what became of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Policy, Queue, Retry } from "@spillway/core"
import { recording } from "../fixtures/recording.ts"

describe("a record of a plain Effect", () => {
  it.effect("has what the Effect says of itself", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording({ prices: { "gpt-4o": { input: 1, output: 2 } } })
      const work = Effect.andThen(Effect.sleep(5), Policy.used({ input: 7, output: 3 }))
      const about = { caller: "ada", target: "openai/gpt-4o" }
      const fiber = yield* Effect.forkChild(record(work).pipe(Policy.about(about)))
      yield* TestClock.adjust(5)
      yield* Fiber.join(fiber)
      assert.deepInclude((yield* read)[0], {
        caller: "ada",
        model: undefined,
        target: "openai/gpt-4o",
        attempts: [{ target: "openai/gpt-4o", outcome: "ok" }],
        queueMs: 0,
        ttftMs: undefined,
        latencyMs: 5,
        inputTokens: 7,
        outputTokens: 3,
        costUsd: 0.000013
      })
    })
  )

  it.effect("names the goes that were sent and lost before", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const retry = yield* Retry.make({ base: 0, classify: () => "Cut" })
      let goes = 0
      yield* record(retry(Effect.suspend(() => (++goes < 3 ? Effect.fail("broken") : Effect.void))))
      assert.deepStrictEqual(
        (yield* read)[0]?.attempts.map(({ outcome }) => outcome),
        ["lost", "lost", "ok"]
      )
    })
  )

  it.effect("counts how long it waited in a line inside, and only then", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const queue = yield* Queue.make()
      const both = Effect.andThen(record(queue(Effect.sleep(10))), record(queue(Effect.void)))
      yield* Effect.forkChild(queue(Effect.sleep(30)), { startImmediately: true })
      const fiber = yield* Effect.forkChild(both.pipe(Policy.about({ caller: "ada" })), { startImmediately: true })
      yield* TestClock.adjust(40)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        (yield* read).map(({ latencyMs, queueMs }) => [queueMs, latencyMs]),
        [
          [30, 40],
          [0, 0]
        ]
      )
    })
  )
})
