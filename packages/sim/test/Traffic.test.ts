/** What is written down of requests whose callers do not stay. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { make as makeAgenda } from "../src/Agenda.ts"
import { Traffic } from "../src/Traffic.ts"
import { Recorder } from "./hosted/recorder.ts"

const asked = { method: "POST", path: "/api/chat", query: new URLSearchParams(), headers: {}, body: "" }

const followed = Effect.map(makeAgenda, (agenda) => {
  const traffic = new Traffic(agenda)
  const recorder = new Recorder(() => agenda.now)
  const reply = traffic.follow(asked, recorder)
  return { recorder, reply, passage: traffic.passages[0]! }
})

describe("a caller who left", () => {
  it.effect("before the first byte got none, and no status", () =>
    Effect.gen(function* () {
      for (const isWhole of [true, false]) {
        const { passage, recorder, reply } = yield* followed
        recorder.leave()
        if (isWhole) reply.whole(500, [], "context canceled")
        else {
          reply.begin(200, [])
          reply.write("late")
          reply.end()
        }
        const { bytes, end, firstMillis, packets, status } = passage
        assert.deepStrictEqual(
          { bytes, end, firstMillis, packets, status },
          { bytes: 0, end: "left", firstMillis: undefined, packets: 0, status: undefined }
        )
      }
    })
  )

  it.effect("in the midst of an answer got what came before", () =>
    Effect.gen(function* () {
      const { passage, recorder, reply } = yield* followed
      reply.begin(200, [])
      reply.write("early")
      recorder.leave()
      reply.write("late")
      const { bytes, end, packets, status } = passage
      assert.deepStrictEqual({ bytes, end, packets, status }, { bytes: 5, end: "left", packets: 1, status: 200 })
    })
  )
})
