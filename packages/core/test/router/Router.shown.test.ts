/** What a model can, where its server cannot tell. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ollama, said, scene } from "../fixtures/models.ts"

describe("what a model can", () => {
  it.effect("is asked for once between two looks where its server cannot tell", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { words: { capabilities: ["completion"] }, vectors: { capabilities: ["embedding"] } })
      gpu1.state.failsToShow = true
      const { ask, spillway } = yield* scene({
        upstreams: { gpu1: gpu1.upstream },
        defaults: { health: { every: "5s" } }
      })
      yield* ask(said("How high?"))
      const told = []
      for (let each = 0; each < 3; each++) {
        for (const target of ["gpu1/words", "gpu1/vectors"]) told.push(yield* spillway.capabilities(target))
      }
      assert.deepStrictEqual(told.flat(), [])
      assert.deepStrictEqual(gpu1.state.shows, ["words", "vectors"])
      gpu1.state.failsToShow = false
      for (let each = 0; each < 10; each++) yield* ask(said("How high?"))
      assert.deepStrictEqual(yield* spillway.capabilities("gpu1/words"), ["completion"])
    })
  )
})
