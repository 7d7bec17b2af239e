/** Holds `/v1/chat/completions` to the bytes of Ollama 0.34.0. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/OpenAiChat.ts"
import { busy, call, died, type Far, frames, last, played, said } from "./played.ts"

const hello = { model: "tiny-a", messages: [{ role: "user", content: "hello there" }] }
const streamed = { ...hello, stream: true }

const sent = (body: unknown, far?: Far) => played(handler, body, far).sent

const head = '"id":"chatcmpl-271","object":"chat.completion.chunk","created":1795214974'
const chunk = (choices: string, more = "", model = "tiny-a"): string =>
  `data: {${head},"model":"${model}","system_fingerprint":"fp_ollama","choices":[${choices}]${more}}\n\n`
const delta = (text: string, finish = "null", more = ""): string =>
  `{"index":0,"delta":{${text}},"finish_reason":${finish}${more}}`
const done = "data: [DONE]\n\n"

const stream = (packets: ReadonlyArray<string>) => ({
  status: 200,
  headers: ["Content-Type: text/event-stream"],
  packets,
  isWhole: false,
  isEnded: true
})

describe("a stream", () => {
  it("tells the role once, and ends with the finish and [DONE] in one packet", () => {
    expect(sent(streamed, { answer: frames(said("a"), said("F"), last()) })).toStrictEqual(
      stream([
        chunk(delta('"role":"assistant","content":"a"')),
        chunk(delta('"content":"F"')),
        chunk(delta("", '"length"')) + done
      ])
    )
  })

  it("counts in a chunk of its own, where usage was asked for", () => {
    const body = { ...streamed, stream_options: { include_usage: true } }
    const usage =
      ',"usage":{"prompt_tokens":13,"prompt_tokens_details":{"cached_tokens":12},' +
      '"completion_tokens":5,"total_tokens":18}'
    expect(sent(body, { answer: frames(said("a"), last()) }).packets.at(-1)).toBe(
      chunk(delta("", '"length"')) + chunk("", usage) + done
    )
  })

  it("bears the time of its first frame in every chunk", () => {
    const later = said("b", { createdAt: 1_795_214_999_000_000_000n })
    expect(sent(streamed, { answer: frames(said("a"), later) }).packets[1]).toBe(chunk(delta('"content":"b"')))
  })

  it("calls a tool in one chunk, and finishes for that reason", () => {
    const told =
      '"role":"assistant","content":"","tool_calls":[{"id":"call_g3inu6ja","index":0,"type":"function",' +
      '"function":{"name":"f","arguments":"{\\"a\\":\\"x\\"}"}}]'
    const answer = frames(said("", { toolCalls: [call] }), last({ doneReason: "stop" }))
    expect(sent(streamed, { answer }).packets).toStrictEqual([
      chunk(delta(told)),
      chunk(delta("", '"tool_calls"')) + done
    ])
  })

  it("keeps its length for a reason also where a tool was called", () => {
    const answer = frames(said("", { toolCalls: [call] }), last())
    expect(sent(streamed, { answer }).packets[1]).toBe(chunk(delta("", '"length"')) + done)
  })

  it("thinks in `reasoning`, beside an empty content", () => {
    const answer = frames(said("", { thinking: "Hm" }), said("Yes"))
    expect(sent(streamed, { answer }).packets).toStrictEqual([
      chunk(delta('"role":"assistant","content":"","reasoning":"Hm"')),
      chunk(delta('"content":"Yes"'))
    ])
  })

  it("takes a frame apart that both thinks and says, and sends both at once", () => {
    expect(sent(streamed, { answer: frames(said("Yes", { thinking: "Hm" })) }).packets).toStrictEqual([
      chunk(delta('"role":"assistant","reasoning":"Hm"')) + chunk(delta('"content":"Yes"'))
    ])
  })

  it("tells how likely tokens were, with their bytes", () => {
    const top = [{ token: "U", logprob: -0.25 }]
    const told =
      ',"logprobs":{"content":[{"token":"é","logprob":-6.5,"bytes":[195,169],' +
      '"top_logprobs":[{"token":"U","logprob":-0.25,"bytes":[85]}]}]}'
    const answer = frames(said("é", { logprobs: [{ token: "é", logprob: -6.5, top }] }))
    expect(sent(streamed, { answer }).packets).toStrictEqual([
      chunk(delta('"role":"assistant","content":"é"', "null", told))
    ])
  })

  it("has a chunk for how likely the last tokens were, where nothing else is left to say", () => {
    const answer = frames(said("a"), last({ logprobs: [{ token: "a", logprob: -1, top: [] }] }))
    const told = ',"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97]}]}'
    expect(sent(streamed, { answer }).packets[1]).toBe(
      chunk(delta('"content":""', "null", told)) + chunk(delta("", '"length"')) + done
    )
  })

  it("escapes what Go escapes", () => {
    expect(sent(streamed, { answer: frames(said("<&>")) }).packets[0]).toBe(
      chunk(delta('"role":"assistant","content":"\\u003c\\u0026\\u003e"'))
    )
  })

  it("breaks off with an empty chunk of no model, and neither finish nor [DONE]", () => {
    const answer = { answer: frames(said(" w0"), said(" w1")) }
    const broken = sent(streamed, {
      answer: (writer) => {
        writer.frame(said(" w0"))
        writer.frame(said(" w1"))
        writer.fail(died)
      }
    })
    expect(broken).toStrictEqual(stream([...sent(streamed, answer).packets, chunk(delta('"content":""'), "", "")]))
  })

  it("ends cleanly and without a finish where the runner just ends", () => {
    expect(sent(streamed, { answer: frames(said(" w0")) })).toStrictEqual(
      stream([chunk(delta('"role":"assistant","content":" w0"'))])
    )
  })

  it("is an empty answer of the native kind where nothing was said", () => {
    expect(sent(streamed)).toStrictEqual({ ...stream([]), headers: ["Content-Type: application/x-ndjson"] })
  })

  it("opens with a role also where the first frame is the last", () => {
    expect(sent(streamed, { answer: frames(last({ doneReason: "stop" })) }).packets).toStrictEqual([
      chunk(delta('"role":"assistant","content":""')) + chunk(delta("", '"stop"')) + done
    ])
  })

  it("has a length where a model was only loaded", () => {
    const answer: Far["answer"] = (writer) => writer.only(said("", { done: true, doneReason: "load" }))
    expect(sent({ ...streamed, messages: [{ role: "user", content: [] }] }, { answer })).toStrictEqual({
      ...stream([chunk(delta('"role":"assistant","content":""')) + chunk(delta("", '"load"')) + done]),
      isWhole: true
    })
  })

  it("says when there is no room", () => {
    const rooms: Array<boolean> = []
    const answer: Far["answer"] = (writer) => rooms.push(writer.frame(said("a")))
    sent(streamed, { answer, hasRoom: false })
    sent(streamed, { answer })
    expect(rooms).toStrictEqual([false, true])
  })
})

describe("a whole answer", () => {
  const whole = (message: string, finish: string, usage: string, model = "tiny-a", created = "1795214974") => ({
    status: 200,
    headers: ["Content-Type: application/json"],
    packets: [
      `{"id":"chatcmpl-271","object":"chat.completion","created":${created},"model":"${model}",` +
        `"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{${message}},"finish_reason":${finish}}],` +
        `"usage":{${usage}}}\n`
    ],
    isWhole: true,
    isEnded: true
  })
  const zeros = '"prompt_tokens":0,"completion_tokens":0,"total_tokens":0'
  const counted =
    '"prompt_tokens":13,"prompt_tokens_details":{"cached_tokens":12},"completion_tokens":5,"total_tokens":18'

  it("is all that was said, with what was counted", () => {
    expect(sent(hello, { answer: frames(said("aFG"), said("FG"), last()) })).toStrictEqual(
      whole('"role":"assistant","content":"aFGFG"', '"length"', counted)
    )
  })

  it("tells how likely all its tokens were", () => {
    const likely = (token: string) => said(token, { logprobs: [{ token, logprob: -1, top: [] }] })
    const { packets } = sent(hello, { answer: frames(likely("a"), likely("b")) })
    const told = '{"token":"a","logprob":-1,"bytes":[97]},{"token":"b","logprob":-1,"bytes":[98]}'
    expect(packets[0]).toContain(`"finish_reason":null,"logprobs":{"content":[${told}]}`)
  })

  it("has no reason to finish and counts nothing where the runner just ends", () => {
    expect(sent(hello, { answer: frames(said(" w0"), said(" w1")) })).toStrictEqual(
      whole('"role":"assistant","content":" w0 w1"', "null", zeros)
    )
  })

  it("is of no model, by nobody, in the year 1, where the runner ends before its first token", () => {
    expect(sent(hello)).toStrictEqual(whole('"role":"","content":""', "null", zeros, "", "-62135596800"))
  })

  it("has calls of tools as its reason to finish", () => {
    const answer = frames(said("", { toolCalls: [call], thinking: "Hm" }), last({ doneReason: "stop" }))
    const calls =
      '"role":"assistant","content":"","reasoning":"Hm","tool_calls":[{"id":"call_g3inu6ja","index":0,' +
      '"type":"function","function":{"name":"f","arguments":"{\\"a\\":\\"x\\"}"}}]'
    expect(sent(hello, { answer })).toStrictEqual(whole(calls, '"tool_calls"', counted))
  })

  it("fails with its status, whatever was said before", () => {
    const answer: Far["answer"] = (writer) => {
      writer.frame(said(" w0"))
      writer.fail(died)
    }
    expect(sent(hello, { answer })).toStrictEqual({
      status: 500,
      headers: ["Content-Type: application/json"],
      packets: [`{"error":{"message":"${died.message}","type":"api_error","param":null,"code":null}}\n`],
      isWhole: true,
      isEnded: true
    })
  })
})

describe("a refusal", () => {
  const refusal = (status: number, message: string, type: string, more: object) => ({
    status,
    headers: ["Content-Type: application/json"],
    packets: [`{"error":{"message":${JSON.stringify(message)},"type":"${type}","param":null,"code":null}}\n`],
    isWhole: true,
    isEnded: true,
    ...more
  })
  it("of the daemon is passed on with a length and a newline, also where a stream was asked for", () => {
    const answer: Far["answer"] = (writer) => writer.fail(busy)
    expect(sent(streamed, { answer })).toStrictEqual(refusal(503, busy.message, "api_error", {}))
    expect(sent(hello, { answer })).toStrictEqual(refusal(503, busy.message, "api_error", {}))
  })

  it("of the runner comes in chunks where a stream was asked for", () => {
    const message = '{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}'
    const answer: Far["answer"] = (writer) => writer.fail({ ...died, status: 400, message })
    expect(sent(streamed, { answer })).toStrictEqual(refusal(400, message, "invalid_request_error", { isWhole: false }))
  })

  it("without a word is given one", () => {
    const answer: Far["answer"] = (writer) => writer.fail({ ...busy, message: "" })
    const message = "something went wrong, please see the ollama server logs for details"
    expect(sent(hello, { answer })).toStrictEqual(refusal(503, message, "api_error", {}))
  })

  it("of a model that is not there has its own type", () => {
    const answer: Far["answer"] = (writer) => writer.fail({ ...busy, status: 404, message: "model 'nope' not found" })
    expect(sent(hello, { answer })).toStrictEqual(refusal(404, "model 'nope' not found", "not_found_error", {}))
  })
})
