/** What a plan of Effect's own does with an answer that breaks in its midst, and what ours do with the same one. */
import { assert, describe, it } from "@effect/vitest"
import { Fallback, Hedge, type Options, Part, type Plan, Rescue } from "@spillway/core"
import { Context, Effect, ExecutionPlan, Layer, Stream } from "effect"
import { ask, cut, errorOf } from "../fixtures/breaking.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const first = ["Hello ", "wor"]
const second = ["Bonjour ", "monde"]

class Words extends Context.Service<Words, { readonly stream: Stream.Stream<string, string> }>()("test/Words") {}

describe("an answer that breaks in its midst", () => {
  it.effect("is spliced to another by Effect's execution plan, as long as nobody forbids it", () =>
    Effect.gen(function* () {
      const breaking = Stream.concat(Stream.fromIterable(first), Stream.fail("cut"))
      const plan = ExecutionPlan.make(
        { provide: Layer.succeed(Words, Words.of({ stream: breaking })) },
        { provide: Layer.succeed(Words, Words.of({ stream: Stream.fromIterable(second) })) }
      )
      const stream = Stream.unwrap(Effect.map(Words, (words) => words.stream))
      const heard = yield* Stream.runCollect(Stream.withExecutionPlan(stream, plan))
      assert.strictEqual(heard.join(""), "Hello worBonjour monde")
    })
  )

  for (const [name, make, expected] of [
    ["a fallback", Fallback.make(), "Hello wor"],
    ["a hedge", Hedge.make({ after: "1s" }), "Hello wor"],
    ["a rescue", Rescue.make(), "Hello wor"],
    ["a rescue of the whole", Rescue.make({ mode: "whole" }), "Bonjour monde"]
  ] as ReadonlyArray<readonly [string, Effect.Effect<Plan.Plan, Options.OptionsRefused>, string]>) {
    it.effect(`is never spliced to another by ${name} of ours`, () =>
      Effect.gen(function* () {
        const { exit, text } = yield* ask(yield* make, [
          { parts: first.map(Part.text), breaks: cut },
          { parts: second.map(Part.text) }
        ])
        assert.strictEqual(text, expected)
        assert.strictEqual(errorOf(exit), expected.startsWith("Hello") ? cut : undefined)
      })
    )
  }
})
