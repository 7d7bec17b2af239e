/** Slots that somebody holds who is not served: a reader who does not read, and one who took his slot with him. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../../src/Virtual.ts"
import { asking } from "../asked.ts"

const models = [{ name: "a", kind: "plain", load: "1s", prefill: 1e6, decode: 100 } as const]

/** One who leaves in the midst of his answer, and what becomes of the next. */
const next = (faults: ReadonlyArray<string>, keepAlive = "5m") =>
  Effect.gen(function* () {
    const virtual = yield* Virtual.make("gpu", { models, faults, keepAlive })
    const leaving = yield* asking(virtual, "[[sim tokens=500]]")
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.interrupt(leaving)
    const after = yield* asking(virtual, "[[sim tokens=1]]")
    yield* TestClock.adjust("1 hour")
    const told = after.pollUnsafe()
    yield* Fiber.interrupt(after)
    const [resident] = virtual.ollama.scheduler.residents.values()
    return { isServed: told !== undefined, running: resident?.runner.running, uses: resident?.uses }
  })

describe("a slot", () => {
  it.effect("comes free when its caller leaves, and the model with it once it was idle", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* next([]), { isServed: true, running: undefined, uses: undefined })
    })
  )

  it.effect("never comes free again once it is lost, and its model stays for good", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* next(["lost-slot x1"]), { isServed: false, running: 1, uses: 1 })
    })
  )

  it.effect("is lost only by who leaves in mid-answer", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models, faults: ["lost-slot"] })
      for (const _ of [1, 2, 3]) {
        const asked = yield* asking(virtual, "[[sim tokens=3]]")
        yield* TestClock.adjust("5 seconds")
        assert.isUndefined((yield* Fiber.join(asked)).reason)
      }
      assert.strictEqual(virtual.ollama.scheduler.residents.values().next().value?.runner.running, 0)
    })
  )
})
