/**
 * What Timeout says of its options, and how long its clocks run where nobody says anything.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Answer, Timeout } from "@spillway/core"
import { ask, clocks, enter, leaf, question, say, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("Timeout's options", () => {
  it.effect("are refused when the policy is made, all at once, with what was read and what would be right", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(
        Timeout.make({ connect: "soon", firstToken: "5s + 1s", idle: "never", reader: -5, laod: 5 } as Timeout.Options)
      )
      assert.deepStrictEqual(
        refused.problems.map(({ path, read }) => [path, read]),
        [
          ["connect", '"soon"'],
          ["firstToken", '"5s + 1s"'],
          ["idle", '"never"'],
          ["reader", "-5"],
          ["laod", ""]
        ]
      )
      for (const word of ["5s + 1s/500tok", "auto", "did you mean load?"]) assert.include(refused.message, word)
    })
  )

  it.effect("refuse a limit of nothing, which would end every attempt, or turn nothing off", () =>
    Effect.gen(function* () {
      for (const clock of ["connect", "firstToken", "idle", "reader", "load"]) {
        const refused = yield* Effect.flip(Timeout.make({ [clock]: 0 }))
        assert.deepStrictEqual(
          refused.problems.map(({ path }) => path),
          [clock]
        )
        assert.include(refused.message, "longer than 0")
      }
      const { problems } = yield* Effect.flip(Timeout.make({ firstToken: 0, idle: 0 }))
      assert.lengthOf(problems, 2, "one does not hide the other")
      yield* Timeout.make({ firstToken: "0s + 1s/500tok" }).pipe(Effect.flip)
    })
  )

  it.effect("take the same limit as a string, a number of milliseconds, Effect's words and a Duration", () =>
    Effect.gen(function* () {
      for (const firstToken of ["20ms", 20, "20 millis", Duration.millis(20)]) {
        const guard = yield* clocks({ firstToken })
        assert.strictEqual(yield* toldOf(guard(Effect.never)), "firstToken after 20, 0 parts, at 20")
      }
    })
  )

  it.effect("allow 2 s to connect and 30 s to a reader, where nobody names anything", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Timeout.make())
      const connecting = leaf((attempt) => Effect.andThen(enter(attempt, "connect"), Effect.never))
      assert.strictEqual(yield* toldOf(ask(guard(connecting))), "connect after 2000, 0 parts, at 2000")
      const unread = Answer.toSink(guard(leaf((attempt) => Effect.andThen(say(attempt), Effect.never))), question, {
        emit: () => new Promise<void>(() => {})
      })
      assert.strictEqual(yield* toldOf(unread), "reader after 30000, 1 parts, at 30000")
    })
  )

  it.effect("wait for the first token as long as a model may load, where nobody names anything", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Timeout.make())
      assert.strictEqual(yield* toldOf(guard(Effect.never)), "firstToken after 300000, 0 parts, at 300000")
      const shorter = yield* Effect.orDie(Timeout.make({ load: "1m" }))
      assert.strictEqual(yield* toldOf(shorter(Effect.never)), "firstToken after 60000, 0 parts, at 60000")
    })
  )
})
