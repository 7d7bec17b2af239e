/** What versions of Ollama do differently, as it was measured of three of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Given } from "../../src/ollama/Model.ts"
import * as Version from "../../src/ollama/Version.ts"
import * as Virtual from "../../src/Virtual.ts"
import { all, ask, asking } from "../asked.ts"

const model = (name: string, more: Partial<Exclude<Given, string>> = {}): Given => ({
  name,
  load: "1s",
  kind: "plain",
  prefill: 1e6,
  decode: 100,
  ...more
})
const two = { models: [model("a"), model("b")] }

/** One that has both models loaded. */
const warm = (options: Parameters<typeof Virtual.make>[1]) =>
  Effect.gen(function* () {
    const virtual = yield* Virtual.make("gpu", { ...two, ...options })
    for (const name of ["a", "b"]) {
      const first = yield* asking(virtual, "[[sim tokens=1]]", { model: name })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(first)
    }
    return virtual
  })

describe("Version", () => {
  it("takes what is no version for the newest, and none between two for the later", () => {
    const newest = Version.of("0.34.0")
    for (const name of ["0.0.0", "", "main", "v0.34.0-rc1", "1.0.0"]) assert.deepStrictEqual(Version.of(name), newest)
    assert.deepStrictEqual(Version.of("v0.11.4"), Version.of("0.9.3"))
    assert.notDeepEqual(Version.of("0.11.5"), Version.of("0.11.4"))
    assert.isTrue(Version.of("0.30.10").hasServer)
    assert.isFalse(Version.of("0.30.10").cutsToHalf)
    assert.isTrue(Version.of("0.30.11").cutsToHalf)
  })
})

describe("v0.11.4", () => {
  it.effect("lets nobody past: a burst finds the queue full though the model is loaded, later versions take it", () =>
    Effect.gen(function* () {
      const reasons = Effect.fnUntraced(function* (version: string) {
        const virtual = yield* warm({ queueMax: 2, version })
        const fibers = yield* Effect.forEach([...Array(12).keys()], () => asking(virtual, "[[sim tokens=1]]"))
        yield* TestClock.adjust("10 seconds")
        return (yield* all(fibers)).filter(({ reason }) => reason === "Overloaded").length
      })
      assert.isAbove(yield* reasons("0.11.4"), 0)
      assert.strictEqual(yield* reasons("0.24.0"), 0)
      assert.strictEqual(yield* reasons("0.34.0"), 0)
    })
  )

  it.effect("loads two models at the same time", () =>
    Effect.gen(function* () {
      const ends = Effect.fnUntraced(function* (version: string) {
        const virtual = yield* Virtual.make("gpu", { ...two, version })
        const fibers = yield* Effect.forEach(["a", "b"], (name) => asking(virtual, "[[sim tokens=1]]", { model: name }))
        yield* TestClock.adjust("10 seconds")
        const [first, second] = yield* all(fibers)
        return second!.tookMillis - first!.tookMillis
      })
      assert.isBelow(yield* ends("0.11.4"), 250)
      assert.isAtLeast(yield* ends("0.34.0"), 1_000)
    })
  )

  it.effect("loads no two models at the same time that do not fit together", () =>
    Effect.gen(function* () {
      const large = { bytes: 6e9 }
      const models = [model("a", large), model("b", large)]
      const virtual = yield* Virtual.make("gpu", { models, memory: 10e9, version: "0.11.4" })
      const fibers = yield* Effect.forEach(["a", "b"], (name) => asking(virtual, "[[sim tokens=1]]", { model: name }))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(virtual.ollama.loaded.length, 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(
        (yield* all(fibers)).map(({ reason }) => reason),
        [undefined, undefined]
      )
      assert.strictEqual(virtual.ollama.loaded.length, 1)
    })
  )

  it.effect("holds up a loaded model behind a second request for one that loads, and not behind the first", () =>
    Effect.gen(function* () {
      const waited = Effect.fnUntraced(function* (version: string, loads: number) {
        const virtual = yield* Virtual.make("gpu", { ...two, version })
        const hot = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(hot)
        const cold = yield* Effect.forEach([...Array(loads).keys()], () =>
          asking(virtual, "[[sim tokens=1]]", { model: "b" })
        )
        const next = yield* asking(virtual, "[[sim tokens=1]]", { after: 100 })
        yield* TestClock.adjust("10 seconds")
        yield* all(cold)
        return (yield* Fiber.join(next)).tookMillis
      })
      assert.isBelow(yield* waited("0.11.4", 1), 100)
      assert.isAtLeast(yield* waited("0.11.4", 2), 800)
      assert.isBelow(yield* waited("0.34.0", 2), 100)
    })
  )

  it.effect("keeps the order between models, so that none starves", () =>
    Effect.gen(function* () {
      const order = Effect.fnUntraced(function* (version: string) {
        const virtual = yield* Virtual.make("gpu", { ...two, modelsMax: 1, version })
        const first = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(first)
        const running = yield* asking(virtual, "[[sim tokens=100]]")
        const other = yield* asking(virtual, "[[sim tokens=1]]", { model: "b", after: 100 })
        const again = yield* asking(virtual, "[[sim tokens=1]]", { after: 200 })
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.join(running)
        return (yield* Fiber.join(other)).endedAt < (yield* Fiber.join(again)).endedAt
      })
      assert.isTrue(yield* order("0.11.4"))
      assert.isFalse(yield* order("0.34.0"))
    })
  )

  it.effect("counts a model as there while it loads", () =>
    Effect.gen(function* () {
      for (const [version, count] of [
        ["0.11.4", 1],
        ["0.34.0", 0]
      ] as const) {
        const virtual = yield* Virtual.make("gpu", { ...two, version })
        const asked = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(virtual.ollama.loaded.length, count, version)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(asked)
        assert.strictEqual(virtual.ollama.loaded.length, 1)
      }
    })
  )

  it.effect("goes on when those leave who wait for a load, whichever they are", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, version: "0.11.4" })
      const leaving = yield* Effect.forEach([0, 100, 200], (after) => asking(virtual, "[[sim tokens=1]]", { after }))
      const staying = yield* asking(virtual, "[[sim tokens=1]]", { model: "b", after: 300 })
      yield* TestClock.adjust("400 millis")
      yield* Fiber.interruptAll(leaving)
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined((yield* Fiber.join(staying)).reason)
      assert.deepStrictEqual(virtual.ollama.scheduler.waiting, [])
    })
  )

  it.effect("loads nothing for who has left while he waited for another's load", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, version: "0.11.4" })
      const leaving = yield* Effect.forEach([0, 100], (after) => asking(virtual, "[[sim tokens=1]]", { after }))
      yield* TestClock.adjust("600 millis")
      yield* Fiber.interruptAll(leaving)
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(virtual.ollama.scheduler.loading, [])
    })
  )
})

describe("v0.24.0", () => {
  it.effect("never gives up a load that comes to nothing, which others do", () =>
    Effect.gen(function* () {
      const reason = Effect.fnUntraced(function* (version: string) {
        const virtual = yield* Virtual.make("gpu", { ...two, version, loadTimeout: "2s", faults: ["load-hang"] })
        const asked = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("1 hour")
        const told = asked.pollUnsafe()
        yield* Fiber.interrupt(asked)
        return told === undefined ? "still waiting" : (yield* told).reason
      })
      assert.strictEqual(yield* reason("0.11.4"), "LoadFailed")
      assert.strictEqual(yield* reason("0.24.0"), "still waiting")
      assert.strictEqual(yield* reason("0.34.0"), "LoadFailed")
    })
  )

  it.effect("reads a prompt to its end though its caller has left, where others stop after a batch", () =>
    Effect.gen(function* () {
      // Five thousand tokens at a thousand a second.
      const prompt = Array.from({ length: 5_000 }, (_, each) => `w${each}`).join(" ")
      const waited = Effect.fnUntraced(function* (version: string) {
        const models = [model("a", { prefill: 1_000, context: 8_192 })]
        const virtual = yield* Virtual.make("gpu", { models, version, context: 8_192 })
        const first = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(first)
        const leaving = yield* asking(virtual, prompt)
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(leaving)
        const next = yield* Effect.forkChild(ask(virtual, "next [[sim tokens=1]]"))
        yield* TestClock.adjust("20 seconds")
        return (yield* Fiber.join(next)).tookMillis
      })
      assert.isAtLeast(yield* waited("0.24.0"), 3_900)
      assert.isBelow(yield* waited("0.34.0"), 600)
    })
  )
})

describe("a model that runs in the cloud", () => {
  it.effect("is neither loaded here nor waits for anybody, and is called by its name there", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model("a"), model("big:120b-cloud")], modelsMax: 1 })
      const fibers = yield* Effect.forEach([...Array(20).keys()], (each) =>
        asking(virtual, `${each} [[sim tokens=10]]`, { model: "big:120b-cloud" })
      )
      yield* TestClock.adjust("200 millis")
      const told = yield* all(fibers)
      assert.deepStrictEqual([...new Set(told.map(({ reason }) => reason))], [undefined])
      assert.deepStrictEqual(virtual.ollama.loaded, [])
    })
  )

  it.effect("meets the faults of the cloud where they are for it alone", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", {
        models: [model("a"), model("big:cloud")],
        faults: ["overloaded model=*:cloud"]
      })
      const fibers = yield* Effect.forEach(["a", "big:cloud"], (name) =>
        asking(virtual, "[[sim tokens=1]]", { model: name })
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(
        (yield* all(fibers)).map(({ reason }) => reason),
        [undefined, "Overloaded"]
      )
    })
  )
})
