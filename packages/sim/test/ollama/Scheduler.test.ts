/** The scheduler: who waits for a load, who goes past, and who starves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Failure } from "../../src/ollama/Frame.ts"
import { type Given } from "../../src/ollama/Model.ts"
import * as Virtual from "../../src/Virtual.ts"
import { all, ask, asking } from "../asked.ts"

const model = (name: string, load = "1s"): Given => ({ name, load, kind: "plain", prefill: 1e6, decode: 100 })
const two = { models: [model("a"), model("b")] }

describe("Scheduler", () => {
  it.effect("loads in steps of 250 ms, and takes half a second more the first time", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model("a", "10ms"), model("b", "600ms")] })
      const first = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(first)).summary!.load, 750)
      const second = yield* asking(virtual, "[[sim tokens=1]]", { model: "b" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(second)).summary!.load, 750)
      const third = yield* asking(virtual, "[[sim tokens=1]]", { model: "b" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(third)).summary!.load, 0)
    })
  )

  it.effect("refuses at once who finds the queue full while a model loads, those for that model too", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, queueMax: 2 })
      const fibers = yield* Effect.forEach([...Array(6).keys()], () => asking(virtual, "[[sim tokens=1]]"))
      yield* TestClock.adjust("10 seconds")
      const told = yield* all(fibers)
      assert.deepStrictEqual(
        told.map(({ reason }) => reason),
        [undefined, undefined, undefined, "Overloaded", "Overloaded", "Overloaded"]
      )
      assert.deepStrictEqual(
        told.slice(3).map(({ tookMillis }) => tookMillis),
        [0, 0, 0]
      )
    })
  )

  it.effect("lets everybody in where the model is loaded, however many they are", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, queueMax: 2 })
      const warm = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(warm)
      const fibers = yield* Effect.forEach([...Array(700).keys()], (each) =>
        asking(virtual, `${each} [[sim tokens=1]]`)
      )
      yield* TestClock.adjust("10 seconds")
      const told = yield* all(fibers)
      assert.strictEqual(
        told.every(({ reason }) => reason === undefined),
        true
      )
      // One after the other, in the order in which they came.
      assert.deepStrictEqual(
        told.map(({ endedAt }) => endedAt),
        told.map(({ endedAt }) => endedAt).toSorted((a, b) => a - b)
      )
    })
  )

  it.effect("starves a cold model while a busy one has traffic, and overtakes whoever waits for it", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, modelsMax: 1 })
      // Two callers who ask for a again as soon as they are answered, for eight seconds: there is always one.
      const busy = yield* Effect.forEach([0, 300], (after) =>
        Effect.forkChild(
          Effect.gen(function* () {
            yield* Effect.sleep(after)
            for (let each = 0; each < 16; each++) yield* ask(virtual, `${each} [[sim tokens=50]]`)
          })
        )
      )
      const cold = yield* asking(virtual, "[[sim tokens=1]]", { model: "b", after: 2_000 })
      yield* TestClock.adjust("60 seconds")
      yield* Effect.forEach(busy, Fiber.join)
      const told = yield* Fiber.join(cold)
      assert.strictEqual(told.reason, undefined)
      assert.isAbove(told.tookMillis, 12_000)
    })
  )

  it.effect("evicts an idle model first, then the one that would go soonest, and only for whom there is no room", () =>
    Effect.gen(function* () {
      const models = ["a", "b", "c"].map((name) => model(name, "10ms"))
      const virtual = yield* Virtual.make("gpu", { models, modelsMax: 2 })
      for (const each of ["a", "b", "c"]) {
        const fiber = yield* asking(virtual, "[[sim tokens=1]]", { model: each })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(fiber)
      }
      assert.strictEqual(virtual.ollama.loaded.map((each) => each.model.name).toSorted().length, 2)
      assert.include(
        virtual.ollama.loaded.map((each) => each.model.name),
        "c"
      )
    })
  )

  it.effect("counts memory: what does not fit into four fifths of what is free evicts", () =>
    Effect.gen(function* () {
      const large = (name: string): Given => ({ name, load: "10ms", bytes: 4_000_000_000 })
      const virtual = yield* Virtual.make("gpu", { models: ["a", "b", "c"].map(large), memory: 10_000_000_000 })
      const loaded: Array<number> = []
      for (const each of ["a", "b", "c"]) {
        const fiber = yield* asking(virtual, "[[sim tokens=1]]", { model: each })
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(fiber)
        loaded.push(virtual.ollama.loaded.length)
      }
      assert.deepStrictEqual(loaded, [1, 2, 2])
    })
  )

  it.effect("unloads a model that nobody uses for as long as it is kept", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, keepAlive: "1m" })
      const fiber = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("50 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(virtual.ollama.loaded.length, 1)
      const again = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("59 seconds")
      yield* Fiber.join(again)
      assert.strictEqual(virtual.ollama.loaded.length, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(virtual.ollama.loaded.length, 0)
    })
  )

  it.effect("never finishes a load for callers who leave before it is over", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model("a", "1500ms")] })
      for (let each = 0; each < 5; each++) {
        const fiber = yield* asking(virtual, "[[sim tokens=1]]")
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("250 millis")
        assert.strictEqual(virtual.ollama.loaded.length, 0)
      }
    })
  )

  it.effect("keeps the place of who left while waiting for a load, so that the queue stays full of nobody", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model("a", "10s"), model("b")], queueMax: 2 })
      const holder = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("10 millis")
      const waiting = yield* Effect.forEach([0, 1], () => asking(virtual, "[[sim tokens=1]]", { model: "b" }))
      yield* TestClock.adjust("10 millis")
      yield* Effect.forEach(waiting, Fiber.interrupt)
      const refused = yield* asking(virtual, "[[sim tokens=1]]", { model: "b" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(refused)).reason, "Overloaded")
      assert.strictEqual((yield* Fiber.join(holder)).reason, undefined)
      assert.deepStrictEqual(
        virtual.ollama.loaded.map((each) => each.model.name),
        ["a"]
      )
    })
  )

  it.effect("serves whoever waited for one load, though they are ten thousand", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, queueMax: 20_000, parallel: 100 })
      const fibers = yield* Effect.forEach([...Array(10_000).keys()], () => asking(virtual, "[[sim tokens=1]]"))
      yield* TestClock.adjust("1 minute")
      assert.isTrue((yield* all(fibers)).every(({ reason }) => reason === undefined))
    })
  )

  it.effect("gives up a load that does not end when its time is over", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, loadTimeout: "2s", faults: ["load-hang x1"] })
      const fiber = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(fiber), { reason: "LoadFailed", tookMillis: 2_500 })
      const again = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(again)).reason, undefined)
    })
  )

  it.effect("loads nothing, and meets no fault, for who has left while a model was evicted for him", () =>
    Effect.gen(function* () {
      const options = { ...two, modelsMax: 1, faults: ["load-exit model=b x1"] }
      const virtual = yield* Virtual.make("gpu", options)
      const holder = yield* asking(virtual, "[[sim tokens=300]]")
      const leaving = yield* asking(virtual, "[[sim tokens=1]]", { model: "b", after: 3_000 })
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.interrupt(leaving)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(holder)).reason, undefined)
      const next = yield* asking(virtual, "[[sim tokens=1]]", { model: "b" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(next)).reason, "LoadFailed")
    })
  )

  it.effect.each([
    ["0.11.4", "timed out waiting for llama runner to start - progress 0.00 - "],
    ["0.34.0", "timed out waiting for llama-server to start - "]
  ] as const)("says in the words of v%s that a load took too long", ([version, message]) =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { ...two, version, loadTimeout: "2s", faults: ["load-hang"] })
      const said: Array<string> = []
      const writer = { frame: () => true, fail: (failure: Failure) => void said.push(failure.message) }
      const request = { model: "a", messages: [{ role: "user", content: "hi" }], tools: [], options: {}, stream: false }
      const caller = { onRoom: () => {}, onGone: () => {} }
      virtual.ollama.chat(request, { ...writer, only: () => {}, end: () => {} }, caller)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(said, [message])
    })
  )
})
