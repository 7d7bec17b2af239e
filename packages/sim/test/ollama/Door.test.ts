/**
 * What a fault on the wire makes of an answer when it is told by time: only its timer breaks anything.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { make as makeAgenda, perSecond } from "../../src/Agenda.ts"
import type { Reply } from "../../src/Exchange.ts"
import * as Door from "../../src/ollama/Door.ts"
import { Recorder } from "../hosted/recorder.ts"

/** What comes of an answer that is over after some seconds, where a fault is to break it after five. */
const answered = (name: string, seconds: number, isWhole: boolean) =>
  Effect.gen(function* () {
    const agenda = yield* makeAgenda
    const begun = agenda.now
    const fault = { name, draw: 3, at: undefined, span: 5 * perSecond }
    const reply = Object.assign(new Recorder(() => (agenda.now - begun) / perSecond), { fault })
    const ending = (to: Reply): void => {
      if (isWhole) return to.whole(200, [], "the whole of it")
      to.write("last")
      to.end()
    }
    const answer = Door.struck(agenda, (_, to) => {
      if (!isWhole) {
        to.begin(200, [])
        to.write("first")
      }
      agenda.after(seconds * perSecond, () => ending(to))
    })
    answer({ method: "POST", path: "/api/chat", query: new URLSearchParams(), headers: {}, body: "" }, reply)
    yield* TestClock.adjust("1 minute")
    return { ended: reply.ended, packets: reply.packets.map(([, text]) => text) }
  })

const faults = [
  ["cut", "close"],
  ["cut-reset", "reset"],
  ["silence", "silence"],
  ["garble", undefined]
] as const

for (const [name, ended] of faults) {
  describe(`${name} with a span`, () => {
    it.effect("lets an answer pass that is over before, in packets and in one piece, and stays still after it", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* answered(name, 1, false), { ended: "end", packets: ["first", "last"] })
        assert.deepStrictEqual(yield* answered(name, 1, true), { ended: "whole", packets: ["the whole of it"] })
      })
    )

    it.effect("breaks one that takes longer", () =>
      Effect.gen(function* () {
        const streamed = yield* answered(name, 9, false)
        const whole = yield* answered(name, 9, true)
        if (ended === undefined) {
          assert.deepStrictEqual(streamed, { ended: "end", packets: ["first", '{"model":"\n', "last"] })
          assert.deepStrictEqual(whole, { ended: "whole", packets: ["the whol"] })
        } else {
          assert.deepStrictEqual(streamed, { ended, packets: ["first"] })
          assert.deepStrictEqual(whole, { ended, packets: [] })
        }
      })
    )
  })
}
