/** Which answers are not whole though they end as if they were: every surface says so, streamed and not. */
import { describe, expect, it } from "vitest"
import * as Messages from "../../src/surfaces/Messages.ts"
import * as Native from "../../src/surfaces/Native.ts"
import * as OpenAiChat from "../../src/surfaces/OpenAiChat.ts"
import * as OpenAiCompletions from "../../src/surfaces/OpenAiCompletions.ts"
import * as OpenAiResponses from "../../src/surfaces/OpenAiResponses.ts"
import { busy, died, type Far, frames, last, played, said } from "./played.ts"

const messages = [{ role: "user", content: "hello" }]
const surfaces = {
  "/api/chat": [Native.chat, { messages }],
  "/api/generate": [Native.generate, { prompt: "hello" }],
  "/v1/chat/completions": [OpenAiChat.handler, { messages }],
  "/v1/completions": [OpenAiCompletions.handler, { prompt: "hello" }],
  "/v1/messages": [Messages.handler, { messages, max_tokens: 9 }],
  "/v1/responses": [OpenAiResponses.handler, { input: "hello" }]
} as const

type Said = NonNullable<Far["answer"]>

const brokenOff: Said = (writer) => {
  writer.frame(said("a"))
  writer.fail(died)
}

/** How an answer goes, and whether it is spoilt: streamed, and whole. */
const answers: ReadonlyArray<readonly [how: string, answer: Said, streamed: boolean, whole: boolean]> = [
  ["ends with its last frame", frames(said("a"), last()), false, false],
  ["is one frame", (writer) => writer.only(last({ doneReason: "load" })), false, false],
  ["ends without its last frame", frames(said("a")), true, true],
  ["has a last frame that does not say so", frames(said("a"), last({ done: false })), true, true],
  ["ends without a frame", frames(), true, true],
  // Who has not begun to be answered is told by the status.
  ["breaks off", brokenOff, true, false],
  ["breaks before its first frame", (writer) => writer.fail(died), false, false],
  ["breaks there without a status", (writer) => writer.fail({ ...died, isLate: true }), true, false],
  ["is refused", (writer) => writer.fail(busy), false, false]
]

for (const [path, [handler, body]] of Object.entries(surfaces)) {
  describe(path, () => {
    for (const [how, answer, streamed, whole] of answers) {
      it(`says of an answer that ${how} whether it is whole`, () => {
        const isSpoilt = (stream: boolean): boolean =>
          played(handler, { model: "tiny-a", ...body, stream }, { answer }).isSpoilt
        expect([isSpoilt(true), isSpoilt(false)]).toStrictEqual([streamed, whole])
      })
    }
  })
}

describe("an answer that is gathered", () => {
  it("has room for a million frames, and asks whoever goes on after that to wait", () => {
    const rooms: Array<boolean> = []
    const answer: Said = (writer) => {
      const frame = said("a")
      for (let each = 1; each <= 1_000_001; each++) {
        const hasRoom = writer.frame(frame)
        if (each >= 999_999) rooms.push(hasRoom)
      }
    }
    played(Native.chat, { model: "tiny-a", messages, stream: false }, { answer })
    expect(rooms).toStrictEqual([true, false, false])
  })
})
