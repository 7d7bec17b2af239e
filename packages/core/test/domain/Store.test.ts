/**
 * The answers of a store: values go on at once, Effects are waited for.
 *
 * That a value never leaves the fiber is what makes one policy as fast in memory as if there were no other store. What
 * a store promises about tickets is in laws/testStore.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
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

describe("what has ended and is settled with a store", () => {
  /** What was logged while it was settled, or nothing where there was nothing to run. */
  const settled = <A>(settle: () => Store.Answer<A>, next?: (value: A) => Effect.Effect<void> | undefined) =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void said.push(String([message].flat()[0])))
      const settling = Store.settling(undefined, settle, next)
      if (settling === undefined) return "at once"
      yield* Effect.provide(settling, Logger.layer([logger]))
      return said
    })

  it.effect("goes on at once where the store answers at once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* settled(() => 1), "at once")
      const seen: Array<unknown> = []
      for (const answer of [1, null, undefined, "text", { _tag: "Started" }, [1]]) {
        assert.strictEqual(
          yield* settled(
            () => answer,
            (value) => void seen.push(value)
          ),
          "at once"
        )
      }
      assert.deepStrictEqual(seen, [1, null, undefined, "text", { _tag: "Started" }, [1]])
    })
  )

  it.effect("goes on later where the store answers later, with what comes next", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      assert.deepStrictEqual(
        yield* settled(
          () => Effect.succeed(1),
          (value) => void seen.push(value)
        ),
        []
      )
      const later = (value: number) => Effect.sync(() => void seen.push(value + 1))
      assert.deepStrictEqual(yield* settled(() => Effect.succeed(2), later), [])
      assert.deepStrictEqual(seen, [1, 3])
    })
  )

  it.effect("stays as it is whatever the store makes of it, and what could not be settled is logged", () =>
    Effect.gen(function* () {
      const warned = ["A store could not settle what has ended: its counters stay as they were until they expire."]
      const broken: ReadonlyArray<() => Store.Answer<void>> = [
        () => Effect.fail(refusal({ _tag: "Unavailable" })),
        () => Effect.die("a bug"),
        () => {
          throw new Error("a bug")
        }
      ]
      for (const settle of broken) assert.deepStrictEqual(yield* settled(settle), warned)
    })
  )
})
