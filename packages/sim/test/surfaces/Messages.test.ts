/** Holds `/v1/messages` to the bytes of Ollama 0.34.0. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/Messages.ts"
import { busy, call, died, type Far, frames, last, metrics, played, said } from "./played.ts"

const hello = { model: "tiny-a", messages: [{ role: "user", content: "hello there" }], max_tokens: 5 }
const streamed = { ...hello, stream: true }

const sent = (body: unknown, far?: Far) => played(handler, body, far).sent
const event = (type: string, more = ""): string => `event: ${type}\ndata: {"type":"${type}"${more}}\n\n`

const id = "msg_0000010f0000001fabcdef01"
const start = (usage: string): string =>
  event(
    "message_start",
    `,"message":{"id":"${id}","type":"message","role":"assistant","model":"tiny-a","content":[],"usage":{${usage}}}`
  )
const started = start('"input_tokens":3,"output_tokens":0')
const open = (index: number, block: string): string =>
  event("content_block_start", `,"index":${index},"content_block":{${block}}`)
const delta = (index: number, more: string): string =>
  event("content_block_delta", `,"index":${index},"delta":{${more}}`)
const text = (index: number, words: string): string => delta(index, `"type":"text_delta","text":"${words}"`)
const thought = (index: number, words: string): string => delta(index, `"type":"thinking_delta","thinking":"${words}"`)
const stop = (index: number): string => event("content_block_stop", `,"index":${index}`)
const end = (reason: string): ReadonlyArray<string> => [
  event(
    "message_delta",
    `,"delta":{"stop_reason":"${reason}"},` +
      '"usage":{"input_tokens":1,"cache_read_input_tokens":12,"output_tokens":5}'
  ),
  event("message_stop")
]

const unbuffered = ["Cache-Control: no-cache", "Connection: keep-alive"]
const stream = (packets: ReadonlyArray<string>) => ({
  status: 200,
  headers: [...unbuffered, "Content-Type: text/event-stream"],
  packets,
  isWhole: false,
  isEnded: true
})

describe("a stream", () => {
  it("sends each event by itself, estimates the input first and counts it at the end", () => {
    expect(sent(streamed, { answer: frames(said("U"), said("c"), last()) })).toStrictEqual(
      stream([started, open(0, '"type":"text","text":""'), text(0, "U"), text(0, "c"), stop(0), ...end("max_tokens")])
    )
  })

  it("has a block for what is thought before that of what is said", () => {
    const answer = frames(said("", { thinking: "Hm" }), said("", { thinking: "!" }), said("Yes"), last())
    expect(sent(streamed, { answer }).packets).toStrictEqual([
      started,
      open(0, '"type":"thinking","thinking":""'),
      thought(0, "Hm"),
      thought(0, "!"),
      stop(0),
      open(1, '"type":"text","text":""'),
      text(1, "Yes"),
      stop(1),
      ...end("max_tokens")
    ])
  })

  it("drops what is thought after something was said", () => {
    const answer = frames(said("", { thinking: "Hm" }), said("Yes"), said("", { thinking: "No" }), last())
    expect(sent(streamed, { answer }).packets.join("")).not.toContain("No")
  })

  it("calls a tool in a block of its own, and stops for that reason", () => {
    const answer = frames(said("So"), said("", { toolCalls: [call] }), said("", { toolCalls: [call] }), last())
    expect(sent(streamed, { answer }).packets).toStrictEqual([
      started,
      open(0, '"type":"text","text":""'),
      text(0, "So"),
      stop(0),
      open(1, '"type":"tool_use","id":"call_g3inu6ja","name":"f","input":{}'),
      delta(1, '"type":"input_json_delta","partial_json":"{\\"a\\":\\"x\\"}"'),
      stop(1),
      ...end("tool_use")
    ])
  })

  it("says nothing of an error in its midst", () => {
    const answer: Far["answer"] = (writer) => {
      writer.frame(said(" w0"))
      writer.fail(died)
    }
    expect(sent(streamed, { answer })).toStrictEqual(
      stream([started, open(0, '"type":"text","text":""'), text(0, " w0")])
    )
  })

  it("ends without a stop where the runner just ends", () => {
    expect(sent(streamed, { answer: frames(said(" w0")) })).toStrictEqual(
      stream([started, open(0, '"type":"text","text":""'), text(0, " w0")])
    )
  })

  it("is an empty answer of the native kind where nothing was said", () => {
    expect(sent(streamed)).toStrictEqual({
      ...stream([]),
      headers: [...unbuffered, "Content-Type: application/x-ndjson"]
    })
  })

  it("has no content and stops for a stop sequence where a model was only loaded", () => {
    const answer: Far["answer"] = (writer) => writer.only(said("", { done: true, doneReason: "load" }))
    expect(sent({ ...streamed, messages: [{ role: "user", content: [] }] }, { answer })).toStrictEqual(
      stream([
        start('"input_tokens":1,"output_tokens":0'),
        event("message_delta", ',"delta":{"stop_reason":"stop_sequence"},"usage":{"input_tokens":0,"output_tokens":0}'),
        event("message_stop")
      ])
    )
  })

  it("counts at once where its first frame is the last", () => {
    expect(sent(streamed, { answer: frames(last({ doneReason: "stop" })) }).packets).toStrictEqual([
      start('"input_tokens":1,"cache_read_input_tokens":12,"output_tokens":0'),
      ...end("end_turn")
    ])
  })
})

describe("a whole answer", () => {
  const whole = (content: string, more: string, model = "tiny-a") => ({
    status: 200,
    headers: ["Content-Type: application/json"],
    packets: [`{"id":"${id}","type":"message","role":"assistant","model":"${model}","content":${content},${more}}\n`],
    isWhole: true,
    isEnded: true
  })

  it("has a block for all that was said, with what was counted", () => {
    expect(sent(hello, { answer: frames(said("Uzm"), said(" forn"), last()) })).toStrictEqual(
      whole(
        '[{"type":"text","text":"Uzm forn"}]',
        '"stop_reason":"max_tokens","usage":{"input_tokens":1,"cache_read_input_tokens":12,"output_tokens":5}'
      )
    )
  })

  it("has blocks for what was thought and for calls of tools", () => {
    const counted = { ...metrics, promptEvalCachedCount: 0 }
    const answer = frames(said("", { thinking: "Hm" }), said("", { toolCalls: [call] }), last({ metrics: counted }))
    expect(sent(hello, { answer })).toStrictEqual(
      whole(
        '[{"type":"thinking","thinking":"Hm"},{"type":"tool_use","id":"call_g3inu6ja","name":"f","input":{"a":"x"}}]',
        '"stop_reason":"tool_use","usage":{"input_tokens":13,"cache_read_input_tokens":0,"output_tokens":5}'
      )
    )
  })

  it("has no reason to stop where the runner just ends", () => {
    expect(sent(hello, { answer: frames(said(" w0"), said(" w1")) })).toStrictEqual(
      whole('[{"type":"text","text":" w0 w1"}]', '"usage":{"input_tokens":0,"output_tokens":0}')
    )
  })

  it("is of no model and has no content where the runner ends before its first token", () => {
    expect(sent(hello)).toStrictEqual(whole("null", '"usage":{"input_tokens":0,"output_tokens":0}', ""))
  })
})

describe("a refusal", () => {
  const refusal = (status: number, type: string, message: string, drawn: string) => ({
    status,
    headers: ["Content-Type: application/json"],
    packets: [
      `{"type":"error","error":{"type":"${type}","message":${JSON.stringify(message)}},"request_id":"req_${drawn}"}\n`
    ],
    isWhole: true,
    isEnded: true
  })
  const second = "000000070000000800000009"

  it.each([
    [400, "invalid_request_error"],
    [401, "authentication_error"],
    [403, "permission_error"],
    [404, "not_found_error"],
    [429, "rate_limit_error"],
    [500, "api_error"],
    [503, "overloaded_error"],
    [529, "overloaded_error"]
  ])("of status %i is an %s", (status, type) => {
    const answer: Far["answer"] = (writer) => writer.fail({ ...busy, status })
    expect(sent(hello, { answer })).toStrictEqual(refusal(status, type, busy.message, second))
  })

  it("keeps the headers of a stream, and comes in chunks from the runner", () => {
    const answer: Far["answer"] = (writer) => writer.fail(died)
    expect(sent(streamed, { answer })).toStrictEqual({
      ...refusal(500, "api_error", died.message, second),
      headers: [...unbuffered, "Content-Type: application/json"],
      isWhole: false
    })
    const refused = sent(streamed, { answer: (writer) => writer.fail(busy) })
    expect(refused).toMatchObject({ headers: [...unbuffered, "Content-Type: application/json"], isWhole: true })
  })
})
