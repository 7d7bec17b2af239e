/**
 * The answers of a store: values go on at once, Effects are waited for.
 *
 * That a value never leaves the fiber is what makes one policy as fast in memory as if there were no other store. What
 * a store promises about tickets is in laws/testStore.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { refusal, Store } from "@spillway/core"

describe("an answer of a store", () => {
  it("goes on at once with a value, and hands back the very Effect that comes next", () => {
    const next = Effect.succeed("next")
    assert.strictEqual(
      Store.andThen(Store.started, (decision) => (assert.strictEqual(decision, Store.started), next)),
      next
    )
  })

  it.effect("is waited for where it is an Effect, and its failure is the policy's", () =>
    Effect.gen(function* () {
      const away = refusal({ _tag: "Unavailable", target: "the store" })
      assert.strictEqual(
        yield* Store.andThen(Effect.delay(Effect.succeed(20), 0), (value) => Effect.succeed(value + 1)),
        21
      )
      const failed = yield* Effect.flip(Store.andThen(Effect.fail(away), () => Effect.void))
      assert.strictEqual(failed, away)
    })
  )
})
