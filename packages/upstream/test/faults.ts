/** Holds a wire to a catalogue of faults: each over a real socket, what becomes of a question, and in time. */
import { assert, describe, it } from "@effect/vitest"
import type { Options, Upstream } from "@spillway/core"
import type { HostedServer, Server } from "@spillway/sim"
import { Effect, type Scope } from "effect"
import { ask } from "./serving.ts"

/** A fault, the end that a question comes to, and how many parts come before. */
export interface Row {
  readonly fault: string
  readonly end: string
  readonly parts?: number
  /** Whether some come, where how many depends on what a packet holds. */
  readonly some?: boolean
}

/** A question that never ends is one that a clock has to end. */
export const silent = "silent"

/** What is asked: a wire to a server in which faults are switched on, and what is under way there. */
export interface Serves {
  readonly upstream: Upstream
  readonly open: () => ReadonlyArray<unknown>
}

type Refused = Server.StartRefused | HostedServer.StartRefused | Options.OptionsRefused

/** Makes a test of every row. */
export const heldTo = (
  title: string,
  catalogue: ReadonlyArray<string>,
  rows: ReadonlyArray<Row>,
  serve: (fault: string) => Effect.Effect<Serves, Refused, Scope.Scope>,
  model: string
): void => {
  describe(title, () => {
    it("is held to every fault there is", () => {
      const held = new Set(rows.map(({ fault }) => fault.split(" ")[0]!))
      assert.deepStrictEqual([...held].toSorted(), catalogue.toSorted())
    })

    for (const { end, fault, parts, some } of rows) {
      it.live(`makes of ${fault}: ${end}`, () =>
        Effect.gen(function* () {
          const { open, upstream } = yield* serve(fault)
          // What marks the end of an answer in the table must not come from a script that breaks it by itself.
          const asked = /^(endless|repeat)/.test(fault) ? "hello" : "hello [[sim tokens=12]]"
          const begun = performance.now()
          const told = yield* Effect.timeoutOption(ask(upstream, asked, model), end === silent ? 400 : 10_000)
          if (end === silent) {
            assert.strictEqual(told._tag, "None")
            yield* Effect.sleep(100)
            // Who has left has closed his connection: nothing is open any more over there.
            assert.deepStrictEqual(open(), [])
            return
          }
          assert.strictEqual(told._tag, "Some")
          if (told._tag === "None") return
          assert.strictEqual(told.value.end, end, told.value.error?.message)
          if (parts !== undefined) assert.strictEqual(told.value.parts.length, parts)
          if (some === true) assert.isAtMost(told.value.parts.length, 12)
          assert.isBelow(performance.now() - begun, 5_000)
        })
      )
    }
  })
}
