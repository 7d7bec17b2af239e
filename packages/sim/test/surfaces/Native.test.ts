/** Holds `/api/generate` to the bytes of Ollama 0.34.0, whichever way it answers. */
import { describe, expect, it } from "vitest"
import { generate } from "../../src/surfaces/Native.ts"
import { busy, died, type Far, frames, last, played, said } from "./played.ts"

const sent = (stream: boolean, answer: NonNullable<Far["answer"]>) =>
  played(generate, { model: "tiny-a", prompt: "hello", stream }, { answer }).sent

const frame = (text: string, tail = '"done":false') =>
  `{"model":"tiny-a","created_at":"2026-11-20T22:49:34.123456789Z","response":"${text}",${tail}}`
const loaded = frame("", '"done":true,"done_reason":"load"')
const { metrics: _, ...only } = last({ doneReason: "load" })
const counted =
  '"done":true,"done_reason":"length","total_duration":9,"load_duration":1,"prompt_eval_count":13,' +
  '"prompt_eval_cached_count":12,"prompt_eval_duration":3,"eval_count":5,"eval_duration":4'

const lines = { status: 200, headers: ["Content-Type: application/x-ndjson"], isWhole: false, isEnded: true }
const object = {
  status: 200,
  headers: ["Content-Type: application/json; charset=utf-8"],
  isWhole: true,
  isEnded: true
}

describe("a stream", () => {
  it("is a line a frame", () => {
    const packets = [`${frame("a")}\n`, `${frame("", counted)}\n`]
    expect(sent(true, frames(said("a"), last()))).toStrictEqual({ ...lines, packets })
  })

  it("has an error for a line where it breaks", () => {
    const answer = sent(true, (writer) => {
      writer.frame(said("a"))
      writer.fail(died)
    })
    expect(answer).toStrictEqual({ ...lines, packets: [`${frame("a")}\n`, `{"error":"${died.message}"}\n`] })
  })

  it("is an object with a length where it is one frame, or refused", () => {
    expect(sent(true, (writer) => writer.only(only))).toStrictEqual({ ...object, packets: [loaded] })
    const refused = { ...object, status: 503, packets: [`{"error":"${busy.message}"}`] }
    expect(sent(true, (writer) => writer.fail(busy))).toStrictEqual(refused)
  })

  it("has no length where the runner breaks before its first frame", () => {
    expect(sent(true, (writer) => writer.fail(died))).toStrictEqual({
      status: 500,
      headers: ["Content-Type: application/json"],
      packets: [`{"error":"${died.message}"}`],
      isWhole: false,
      isEnded: true
    })
  })

  it("ends without a byte where there is no frame", () => {
    expect(sent(true, frames())).toStrictEqual({ ...lines, packets: [] })
  })
})

describe("an answer in one piece", () => {
  it("is all frames as one", () => {
    const packets = [frame("ab", counted)]
    expect(sent(false, frames(said("a"), said("b"), last()))).toStrictEqual({ ...object, packets })
  })

  it("is refused with a length, also where it has begun", () => {
    const answer = sent(false, (writer) => {
      writer.frame(said("a"))
      writer.fail(died)
    })
    expect(answer).toStrictEqual({ ...object, status: 500, packets: [`{"error":"${died.message}"}`] })
  })
})
