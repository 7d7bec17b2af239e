/** Models that run elsewhere: what befalls one of their callers is felt by no other, and by no model that is here. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../../src/Virtual.ts"
import { all, asking } from "../asked.ts"

const speed = { kind: "plain", load: "1s", prefill: 1_000, decode: 100, context: 8_192 } as const
const models = [
  { name: "a", ...speed },
  { name: "big:cloud", ...speed }
]
const inCloud = { model: "big:cloud" }

describe("a model that runs in the cloud", () => {
  it.effect("answers the next although what answered before him died", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models, faults: ["die at=0 x1"] })
      const reasons: Array<string | undefined> = []
      for (const _ of [1, 2, 3]) {
        const asked = yield* asking(virtual, "[[sim tokens=2]]", inCloud)
        yield* TestClock.adjust("1 minute")
        const told = asked.pollUnsafe()
        yield* Fiber.interrupt(asked)
        reasons.push(told === undefined ? "still waiting" : (yield* told).reason)
      }
      assert.deepStrictEqual(reasons, ["RunnerDied", undefined, undefined])
    })
  )

  it.effect("breaks one answer where its runner dies, and none beside it", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models })
      const fibers = yield* Effect.forEach(["die_after=2", "", ""], (more) =>
        asking(virtual, `[[sim tokens=9 ${more}]]`, inCloud)
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        (yield* all(fibers)).map(({ reason }) => reason),
        ["RunnerDied", undefined, undefined]
      )
    })
  )

  it.effect("reads the long prompt of one while it answers another, and is no slower for many", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models, context: 8_192 })
      const prompt = Array.from({ length: 5_000 }, (_, each) => `w${each}`).join(" ")
      const long = yield* asking(virtual, prompt, inCloud)
      const short = yield* Effect.forEach([...Array(300).keys()], () =>
        asking(virtual, "[[sim tokens=10]]", { ...inCloud, after: 100 })
      )
      yield* TestClock.adjust("1 minute")
      const took = (yield* all(short)).map(({ tookMillis }) => tookMillis)
      assert.isBelow(Math.max(...took), 150)
      assert.isAtLeast((yield* Fiber.join(long)).firstMillis!, 5_000)
    })
  )

  it.effect("unloads nothing here where it runs out of memory there", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models, faults: ["runner-memory model=*:cloud"] })
      const local = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(local)
      const remote = yield* asking(virtual, "[[sim tokens=1]]", inCloud)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(remote)).reason, "OutOfMemory")
      assert.deepStrictEqual(
        virtual.ollama.loaded.map(({ model: { name } }) => name),
        ["a"]
      )
    })
  )

  it.effect("is not found in a version from before there was a cloud", () =>
    Effect.gen(function* () {
      const reason = Effect.fnUntraced(function* (version: string) {
        const virtual = yield* Virtual.make("gpu", { models, version })
        const asked = yield* asking(virtual, "[[sim tokens=1]]", inCloud)
        yield* TestClock.adjust("1 second")
        return (yield* Fiber.join(asked)).reason
      })
      assert.strictEqual(yield* reason("0.11.4"), "ModelNotFound")
      assert.strictEqual(yield* reason("0.17.9"), "ModelNotFound")
      assert.isUndefined(yield* reason("0.18.0"))
    })
  )
})
