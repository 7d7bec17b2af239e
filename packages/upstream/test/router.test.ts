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
      parallel: 4
    })
    const layer = Spillway.layer({
      upstreams: { gpu: { upstream: Ollama.make("gpu", { url: server.url }), slots: 4 } },
      routes: { a: { targets: ["gpu/a"] }, b: { targets: ["gpu/b"] } },
      defaults: { dwell }
    })
    const spillway = Context.get(yield* Layer.build(layer), Spillway)
    const ask = (model: string, tokens = 10) => spillway.ask({ model, prompt: `How high? [[sim tokens=${tokens}]]` })
    let answers = 0
    // Of such lengths some of them always run, however slow the machine is.
    const busy = yield* Effect.forEach([10, 13, 17, 23, 29, 31], (tokens) =>
      Effect.forkChild(Effect.forever(Effect.tap(ask("a", tokens), () => Effect.sync(() => answers++))))
    )
    // Once it is loaded, and whoever asks for it follows closely upon the one before him.
    yield* Effect.repeat(Effect.sleep("20 millis"), { until: () => answers >= 6 })
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
