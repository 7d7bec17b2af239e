/** Two models on one simulated Ollama that has the memory for one: neither keeps the other out. */
import { assert, describe, it } from "@effect/vitest"
import { Spillway } from "@spillway/core"
import { Context, Effect, Fiber, Layer } from "effect"
import { Ollama } from "@spillway/upstream"
import { quick, serving } from "./serving.ts"

/** How long, in milliseconds, who asks for the other model waits beside many who ask for the first. */
const waitBeside = (dwell: string) =>
  Effect.gen(function* () {
    const { server } = yield* serving({
      models: [quick("a", { decode: 100 }), quick("b", { decode: 100 })],
      modelsMax: 1,
      parallel: 2
    })
    const layer = Spillway.layer({
      upstreams: { gpu: { upstream: Ollama.make("gpu", { url: server.url }), slots: 2 } },
      routes: { a: { targets: ["gpu/a"] }, b: { targets: ["gpu/b"] } },
      defaults: { dwell }
    })
    const spillway = Context.get(yield* Layer.build(layer), Spillway)
    const ask = (model: string) => spillway.ask({ model, prompt: "How high? [[sim tokens=10]]" })
    let answers = 0
    const busy = yield* Effect.forEach([1, 2, 3, 4], () =>
      Effect.forkChild(Effect.forever(Effect.tap(ask("a"), () => Effect.sync(() => answers++))))
    )
    yield* Effect.sleep("300 millis")
    const began = performance.now()
    yield* Effect.timeoutOption(ask("b"), "4 seconds")
    const waited = performance.now() - began
    const before = answers
    yield* Effect.sleep("1500 millis")
    for (const fiber of busy) yield* Fiber.interrupt(fiber)
    return { waited, answers, after: answers - before }
  })

describe("a model that is not loaded", () => {
  it.live("has its turn after a while although another one is busy, which goes on after it", () =>
    Effect.gen(function* () {
      const { after, waited } = yield* waitBeside("500ms")
      assert.isBelow(waited, 2_500)
      assert.isAtLeast(waited, 400)
      assert.isAbove(after, 0)
    })
  )

  it.live("waits for as long as the other one is busy, where it may", () =>
    Effect.gen(function* () {
      const { answers, waited } = yield* waitBeside("1m")
      assert.isAbove(waited, 3_500)
      assert.isAbove(answers, 10)
    })
  )
})
