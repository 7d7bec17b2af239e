/** Slots that somebody holds who is not served: a reader who does not read, and one who took his slot with him. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../../src/Virtual.ts"
import { asking } from "../asked.ts"

const model = { name: "a", kind: "plain", load: "1s", prefill: 1e6, decode: 100 } as const
const models = [model]

/** So many tokens to read. */
const words = (count: number): string => Array.from({ length: count }, (_, each) => `w${each}`).join(" ")

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

  it.effect("is lost by nobody who leaves in line, or while his prompt is read", () =>
    Effect.gen(function* () {
      const slow = [{ ...model, prefill: 500 }]
      const virtual = yield* Virtual.make("gpu", { models: slow, faults: ["lost-slot"] })
      const first = yield* asking(virtual, "[[sim tokens=100]]")
      const inLine = yield* asking(virtual, "[[sim tokens=1]]", { after: 1_900 })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(inLine)
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined((yield* Fiber.join(first)).reason)
      const reads = yield* asking(virtual, words(500))
      yield* TestClock.adjust("200 millis")
      yield* Fiber.interrupt(reads)
      const other = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(other.pollUnsafe())
      yield* Fiber.interrupt(other)
      const [resident] = virtual.ollama.scheduler.residents.values()
      assert.deepStrictEqual([resident?.runner.running, resident?.uses], [0, 0])
    })
  )

  it.effect("comes free when the batch is read whose only caller has left, and at once where he left an answer", () =>
    Effect.gen(function* () {
      const waited = Effect.fnUntraced(function* (prompt: string) {
        const slow = [{ ...model, prefill: 500, decode: 1 }]
        const virtual = yield* Virtual.make("gpu", { models: slow })
        const first = yield* asking(virtual, "[[sim tokens=0]]")
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(first)
        const leaving = yield* asking(virtual, prompt)
        yield* TestClock.adjust("200 millis")
        yield* Fiber.interrupt(leaving)
        const other = yield* asking(virtual, "next [[sim tokens=1 token_ms=1]]")
        yield* TestClock.adjust("10 seconds")
        return (yield* Fiber.join(other)).firstMillis!
      })
      const read = yield* waited(words(500))
      assert.isAtLeast(read, 790)
      assert.isBelow(read, 850)
      assert.isBelow(yield* waited("[[sim tokens=9]]"), 50)
    })
  )
})
