/** Two runs with one seed are one run: every word, moment and fault of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../src/Virtual.ts"
import { all, asking } from "./asked.ts"

const models = ["a", "b"].map((name) => ({ name, kind: "plain", load: "1s", prefill: 1_000, decode: 50 }) as const)
const faults = [
  "die 10%",
  "overloaded 10%",
  "cut 10%",
  "stall 3% x2",
  "slow-load 20% span=3s",
  "slow-tokens 5% span=50ms"
]

/** Two hundred questions to two models that share a place, with whatever goes wrong, as one text. */
const run = (seed: number) =>
  Effect.gen(function* () {
    const virtual = yield* Virtual.make("gpu", { models, faults, modelsMax: 1, parallel: 2, seed })
    const fibers = yield* Effect.forEach([...Array(200).keys()], (each) =>
      asking(virtual, `question ${each}`, { model: each % 3 === 0 ? "b" : "a", after: each * 400 })
    )
    yield* TestClock.adjust("2 hours")
    // Who fell silent is never told anything.
    const told = yield* all(fibers.filter((fiber) => fiber.pollUnsafe() !== undefined))
    return JSON.stringify([told.length, told, virtual.faults.on])
  }).pipe(Effect.provide(TestClock.layer()))

describe("a seed", () => {
  it.live("decides everything: two runs are the same to the byte, and with another seed they are not", () =>
    Effect.gen(function* () {
      const [one, same, other] = [yield* run(7), yield* run(7), yield* run(8)]
      assert.isAbove(one.length, 20_000)
      assert.strictEqual(one, same)
      assert.notStrictEqual(one, other)
    })
  )
})
