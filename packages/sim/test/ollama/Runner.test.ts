/** The runner by itself: what one of its callers does must not be felt by the next. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Agenda from "../../src/Agenda.ts"
import * as Model from "../../src/ollama/Model.ts"
import * as Version from "../../src/ollama/Version.ts"
import { type End, type Listener, type Order, Runner } from "../../src/ollama/Runner.ts"

const order = (tokens: number): Order => ({
  prompt: "hi",
  promptTokens: 1,
  token: (place) => (place < tokens ? " w" : undefined),
  limit: Infinity,
  script: {},
  refusal: undefined
})

const heard = (ends: Array<End["_tag"]>): Listener => ({ token: () => true, ended: ({ _tag }) => void ends.push(_tag) })

describe("Runner", () => {
  it.effect("serves the next although one breaks while he is told", () =>
    Effect.gen(function* () {
      const agenda = yield* Agenda.make
      const broken: Array<unknown> = []
      agenda.onBroken = (thrown) => void broken.push(thrown)
      const runner = new Runner(agenda, yield* Model.make("a"), 1, Version.of("0.34.0"))
      const ends: Array<End["_tag"]> = []
      const breaks = (): never => {
        throw new Error("broken")
      }
      runner.run(order(1), { ...heard(ends), token: breaks })
      runner.run(order(2), heard(ends))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(broken.length, 1)
      assert.deepStrictEqual(ends, ["Finished", "Finished"])
    })
  )

  it.effect("tells nobody of an end who has left, though the runner dies in that very step", () =>
    Effect.gen(function* () {
      const runner = new Runner(yield* Agenda.make, yield* Model.make("a"), 2, Version.of("0.34.0"))
      const left: Array<End["_tag"]> = []
      const stayed: Array<End["_tag"]> = []
      const job = runner.run(order(9), heard(left))
      runner.run({ ...order(9), script: { dieAfter: 0 } }, heard(stayed))
      yield* TestClock.adjust("10 millis")
      job.cancel()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([left, stayed], [[], ["Failed"]])
    })
  )
})
