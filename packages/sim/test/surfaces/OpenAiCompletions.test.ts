/** Holds `/v1/completions` to the bytes of Ollama 0.34.0. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/OpenAiCompletions.ts"
import { busy, died, type Far, frames, last, played, said } from "./played.ts"

const hello = { model: "tiny-a", prompt: "hello" }
const streamed = { ...hello, stream: true }

const sent = (body: unknown, far?: Far) => played(handler, body, far).sent
const asked = (body: unknown) => played(handler, body).asked[0]

const chunk = (choices: string, more = "", model = "tiny-a"): string =>
  `data: {"id":"cmpl-271","object":"text_completion","created":1795214974,"choices":[${choices}],` +
  `"model":"${model}","system_fingerprint":"fp_ollama"${more}}\n\n`
const choice = (text: string, finish = "null"): string => `{"text":"${text}","index":0,"finish_reason":${finish}}`
const zeros = '"prompt_tokens":0,"completion_tokens":0,"total_tokens":0'
const counted =
  '"prompt_tokens":13,"prompt_tokens_details":{"cached_tokens":12},"completion_tokens":5,"total_tokens":18'
const done = "data: [DONE]\n\n"

const stream = (packets: ReadonlyArray<string>) => ({
  status: 200,
  headers: ["Content-Type: text/event-stream"],
  packets,
  isWhole: false,
  isEnded: true
})

describe("a stream", () => {
  it("finishes in the chunk of its last frame", () => {
    expect(sent(streamed, { answer: frames(said("A"), said("8"), last()) })).toStrictEqual(
      stream([chunk(choice("A")), chunk(choice("8")), chunk(choice("", '"length"')) + done])
    )
  })

  it("counts nothing in every chunk until the one that counts, where usage was asked for", () => {
    const none = `,"usage":{${zeros}}`
    const body = { ...streamed, stream_options: { include_usage: true } }
    expect(sent(body, { answer: frames(said("A"), last()) }).packets).toStrictEqual([
      chunk(choice("A"), none),
      chunk(choice("", '"length"'), none) + chunk("", `,"usage":{${counted}}`) + done
    ])
  })

  it("breaks off with an empty chunk of no model", () => {
    const answer: Far["answer"] = (writer) => {
      writer.frame(said("A"))
      writer.fail(died)
    }
    expect(sent(streamed, { answer })).toStrictEqual(stream([chunk(choice("A")), chunk(choice(""), "", "")]))
  })

  it("has a length where a model was only loaded", () => {
    const answer: Far["answer"] = (writer) => writer.only(said("", { done: true, doneReason: "load" }))
    expect(sent({ ...streamed, prompt: "" }, { answer })).toStrictEqual({
      ...stream([chunk(choice("", '"load"')) + done]),
      isWhole: true
    })
  })
})

describe("a whole answer", () => {
  const whole = (choices: string, usage: string) => ({
    status: 200,
    headers: ["Content-Type: application/json"],
    packets: [
      '{"id":"cmpl-271","object":"text_completion","created":1795214974,"model":"tiny-a",' +
        `"system_fingerprint":"fp_ollama","choices":[${choices}],"usage":{${usage}}}\n`
    ],
    isWhole: true,
    isEnded: true
  })

  it("is all that was said, with what was counted", () => {
    expect(sent(hello, { answer: frames(said("A8D"), said(" as#"), last()) })).toStrictEqual(
      whole(choice("A8D as#", '"length"'), counted)
    )
  })

  it("has a load for its reason where there is no prompt, and counts nothing", () => {
    const answer: Far["answer"] = (writer) => writer.only(said("", { done: true, doneReason: "load" }))
    expect(sent({ ...hello, prompt: "" }, { answer })).toStrictEqual(whole(choice("", '"load"'), zeros))
  })

  it("has no reason to finish where the runner just ends", () => {
    expect(sent(hello, { answer: frames(said("A")) })).toStrictEqual(whole(choice("A"), zeros))
  })
})

describe("a refusal", () => {
  it("of the daemon is passed on", () => {
    expect(sent(streamed, { answer: (writer) => writer.fail(busy) })).toStrictEqual({
      status: 503,
      headers: ["Content-Type: application/json"],
      packets: [`{"error":{"message":"${busy.message}","type":"api_error","param":null,"code":null}}\n`],
      isWhole: true,
      isEnded: true
    })
  })

  it.each([
    ["", "EOF"],
    ["[1]", "json: cannot unmarshal array into Go value of type openai.CompletionRequest"],
    ['{"prompt":["a"]}', "json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string"],
    [
      '{"top_p":1e99}',
      "json: cannot unmarshal number 1e99 into Go struct field CompletionRequest.top_p of type float32"
    ],
    ['{"stop":["a",[]]}', "invalid type for 'stop' field: []interface {}"],
    ['{"stop":[{}]}', "invalid type for 'stop' field: map[string]interface {}"],
    ['{"stop":[1]}', "invalid type for 'stop' field: float64"]
  ])("of %s says %s", (body, message) => {
    expect(sent(body)).toMatchObject({
      status: 400,
      headers: ["Content-Type: application/json; charset=utf-8"],
      packets: [`{"error":{"message":"${message}","type":"invalid_request_error","param":null,"code":null}}`]
    })
  })
})

describe("a request", () => {
  it("asks for what OpenAI does where nothing is said", () => {
    expect(asked(hello)).toStrictEqual({
      model: "tiny-a",
      prompt: "hello",
      stream: false,
      raw: false,
      images: [],
      options: { temperature: 1, top_p: 1, frequency_penalty: 0, presence_penalty: 0 },
      logprobs: false,
      topLogprobs: 0
    })
  })

  it("hands on what is said, and takes no top_p for all of it", () => {
    const sampling = { max_tokens: 5, seed: 1, stop: "a", temperature: 0, top_p: 0, frequency_penalty: 0.5 }
    expect(asked({ ...hello, ...sampling, logprobs: 2, suffix: "b" })).toMatchObject({
      suffix: "b",
      logprobs: true,
      topLogprobs: 2,
      options: { num_predict: 5, seed: 1, stop: ["a"], temperature: 0, top_p: 1, frequency_penalty: 0.5 }
    })
  })
})
