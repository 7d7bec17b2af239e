/** A runner that dies: who hears of it, in which words, and that nobody waits for it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Agenda from "../../src/Agenda.ts"
import * as Model from "../../src/ollama/Model.ts"
import { type End, type Listener, type Order, Runner } from "../../src/ollama/Runner.ts"
import * as Version from "../../src/ollama/Version.ts"

const order = (dieAfter?: number): Order => ({
  prompt: "hi",
  promptTokens: 1,
  token: (place) => (place < 9 ? " w" : undefined),
  limit: Infinity,
  script: dieAfter === undefined ? {} : { dieAfter },
  refusal: undefined
})

const heard = (ends: Array<string>): Listener => ({
  token: () => true,
  ended: (end: End) => void ends.push("message" in end ? end.message : end._tag)
})

const make = (slots: number, version = "0.34.0") =>
  Effect.gen(function* () {
    return new Runner(yield* Agenda.make, yield* Model.make("a"), slots, Version.of(version))
  })

const broken = "an error was encountered while running the model: unexpected EOF"
const stopped =
  "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama " +
  "server logs for details"

describe("a runner that dies", () => {
  it.effect("tells of it also whoever comes into its line while it does", () =>
    Effect.gen(function* () {
      const runner = yield* make(1)
      const ends: Array<string> = []
      const again = { ...heard(ends), ended: () => void runner.run(order(), heard(ends)) }
      runner.run(order(0), again)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ends, ["llama-server process no longer running: unknown "])
      assert.deepStrictEqual([runner.waiting, runner.running], [0, 0])
    })
  )

  it.effect("tells of it those who wait, though one breaks while he is told", () =>
    Effect.gen(function* () {
      const runner = yield* make(1)
      const ends: Array<string> = []
      const breaks = (): never => {
        throw new Error("broken")
      }
      runner.run(order(), { ...heard(ends), ended: breaks })
      runner.run(order(), heard(ends))
      assert.throws(() => runner.die(), "broken")
      runner.go()
      assert.strictEqual(ends.length, 1)
    })
  )

  it.effect.each([
    ["0.11.4", stopped, "llama runner process no longer running: -1 "],
    ["0.24.0", stopped, "llama runner process no longer running: -1 "],
    ["0.34.0", broken, "llama-server process no longer running: unknown "]
  ])("says so in the words of v%s: before a token, after one, and to who waits", ([version, before, behind]) =>
    Effect.gen(function* () {
      const runner = yield* make(1, version)
      const ends: Array<string> = []
      runner.run(order(0), heard(ends))
      runner.run(order(), heard(ends))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ends, [before, behind])
      const other = yield* make(1, version)
      other.run(order(1), heard(ends))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(ends[2], broken)
    })
  )
})
