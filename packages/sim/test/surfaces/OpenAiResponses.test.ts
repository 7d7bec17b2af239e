/** Holds `/v1/responses` to the bytes of Ollama 0.34.0. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/OpenAiResponses.ts"
import { busy, call, died, type Far, frames, last, metrics, played, said } from "./played.ts"

const hello = { model: "tiny-a", input: "hello there" }
const streamed = { ...hello, stream: true }

const sent = (body: unknown, far?: Far) => played(handler, body, far).sent

/** Each packet as the kind of its event and its data, after a look at its form. */
const events = (body: unknown, far?: Far) =>
  sent(body, far).packets.map((packet) => {
    const [, type, data = ""] = /^event: (.+)\ndata: (.+)\n\n$/.exec(packet) ?? []
    return { ...(JSON.parse(data) as Record<string, unknown> & { type: string }), event: type }
  })

const usage = {
  input_tokens: 13,
  output_tokens: 5,
  total_tokens: 18,
  input_tokens_details: { cached_tokens: 12 },
  output_tokens_details: { reasoning_tokens: 0 }
}
const zeros = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 0 }
}

const response = (more: object) => ({
  id: "resp_271",
  object: "response",
  created_at: 1_795_214_974,
  completed_at: 1_795_214_974,
  status: "completed",
  incomplete_details: null,
  model: "tiny-a",
  previous_response_id: null,
  instructions: null,
  error: null,
  tools: [],
  tool_choice: "auto",
  truncation: "disabled",
  parallel_tool_calls: true,
  text: { format: { type: "text" } },
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  top_logprobs: 0,
  temperature: 1,
  reasoning: null,
  usage,
  max_output_tokens: null,
  max_tool_calls: null,
  store: false,
  background: false,
  service_tier: "default",
  metadata: {},
  safety_identifier: null,
  prompt_cache_key: null,
  ...more
})

const part = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] })
const message = (text: string) => ({
  id: "msg_31",
  type: "message",
  status: "completed",
  role: "assistant",
  content: [part(text)]
})
const functionCall = (id: string, status = "completed", given = '{"a":"x"}') => ({
  id,
  type: "function_call",
  status,
  call_id: "call_g3inu6ja",
  name: "f",
  arguments: given
})

const begun = response({ status: "in_progress", completed_at: null, output: [], usage: null })
const event = (sequence_number: number, type: string, more: object) => ({ event: type, type, sequence_number, ...more })
const opening = [
  event(0, "response.created", { response: begun }),
  event(1, "response.in_progress", { response: begun })
]
const at = { item_id: "msg_31", output_index: 0, content_index: 0 }

describe("a stream", () => {
  const spoken = [
    ...opening,
    event(2, "response.output_item.added", {
      output_index: 0,
      item: { id: "msg_31", type: "message", status: "in_progress", role: "assistant", content: [] }
    }),
    event(3, "response.content_part.added", { ...at, part: part("") }),
    event(4, "response.output_text.delta", { ...at, delta: "U", logprobs: [] })
  ]

  it("opens and closes the item and the part of what is said, and is completed", () => {
    expect(events(streamed, { answer: frames(said("U"), said("z5"), last()) })).toStrictEqual([
      ...spoken,
      event(5, "response.output_text.delta", { ...at, delta: "z5", logprobs: [] }),
      event(6, "response.output_text.done", { ...at, text: "Uz5", logprobs: [] }),
      event(7, "response.content_part.done", { ...at, part: part("Uz5") }),
      event(8, "response.output_item.done", { output_index: 0, item: message("Uz5") }),
      event(9, "response.completed", { response: response({ output: [message("Uz5")] }) })
    ])
  })

  it("is not to be kept, and its connection is", () => {
    expect(sent(streamed, { answer: frames(said("U")) })).toMatchObject({
      status: 200,
      headers: ["Cache-Control: no-cache", "Connection: keep-alive", "Content-Type: text/event-stream"],
      isWhole: false,
      isEnded: true
    })
  })

  it("ends without a word where the runner dies or just ends", () => {
    const dying: Far["answer"] = (writer) => {
      writer.frame(said("U"))
      writer.fail(died)
    }
    expect(events(streamed, { answer: dying })).toStrictEqual(spoken)
    expect(events(streamed, { answer: frames(said("U")) })).toStrictEqual(spoken)
  })

  it("calls a tool whole, and says nothing after it", () => {
    const answer = frames(said("", { toolCalls: [call] }), said("No"), last())
    const id = "fc_402883_0"
    const place = { item_id: id, output_index: 0 }
    expect(events(streamed, { answer })).toStrictEqual([
      ...opening,
      event(2, "response.output_item.added", { output_index: 0, item: functionCall(id, "in_progress", "") }),
      event(3, "response.function_call_arguments.delta", { ...place, delta: '{"a":"x"}' }),
      event(4, "response.function_call_arguments.done", { ...place, arguments: '{"a":"x"}' }),
      event(5, "response.output_item.done", { output_index: 0, item: functionCall(id) }),
      event(6, "response.completed", { response: response({ output: [functionCall(id)] }) })
    ])
  })

  it("never closes a text that a call of a tool follows, which has the same place", () => {
    const all = events(streamed, { answer: frames(said("So"), said("", { toolCalls: [call] }), last()) })
    expect(all.map(({ type }) => type).slice(5)).toStrictEqual([
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed"
    ])
    expect(all[5]).toMatchObject({ output_index: 0 })
    expect(all.at(-1)).toMatchObject({ response: { output: [functionCall("fc_402883_0"), message("So")] } })
  })

  it("closes what is thought before anything is said", () => {
    const id = "rs_402883"
    const place = { item_id: id, output_index: 0, summary_index: 0 }
    const summary = [{ type: "summary_text", text: "Hm!" }]
    const thought = { id, type: "reasoning", summary, encrypted_content: "Hm!" }
    const answer = frames(said("", { thinking: "Hm" }), said("", { thinking: "!" }), said("Yes"), last())
    const all = events(streamed, { answer })
    expect(all.slice(0, 7)).toStrictEqual([
      ...opening,
      event(2, "response.output_item.added", { output_index: 0, item: { id, type: "reasoning", summary: [] } }),
      event(3, "response.reasoning_summary_text.delta", { ...place, delta: "Hm" }),
      event(4, "response.reasoning_summary_text.delta", { ...place, delta: "!" }),
      event(5, "response.reasoning_summary_text.done", { ...place, text: "Hm!" }),
      event(6, "response.output_item.done", { output_index: 0, item: thought })
    ])
    expect(all[7]).toMatchObject({ event: "response.output_item.added", output_index: 1 })
    expect(all.at(-1)).toMatchObject({ response: { output: [thought, message("Yes")] } })
  })

  it("closes what is thought also where nothing is said", () => {
    const all = events(streamed, { answer: frames(said("", { thinking: "Hm" }), last()) })
    expect(all.map(({ type }) => type).slice(-3)).toStrictEqual([
      "response.reasoning_summary_text.done",
      "response.output_item.done",
      "response.completed"
    ])
  })

  it("has no output where a model was only loaded", () => {
    const answer: Far["answer"] = (writer) => writer.only(said("", { done: true, doneReason: "load" }))
    expect(events({ ...streamed, input: "" }, { answer })).toStrictEqual([
      ...opening,
      event(2, "response.completed", { response: response({ output: null, usage: zeros }) })
    ])
  })

  it("tells what was asked for again, also what of the reasoning was not", () => {
    const format = { type: "json_schema", name: "x", schema: { type: "string" }, strict: true }
    const body = { ...streamed, text: { format }, reasoning: { summary: "auto" }, max_output_tokens: 3 }
    expect(events(body, { answer: frames(said("U")) })[0]).toMatchObject({
      response: { text: { format }, reasoning: { effort: null, summary: "auto" }, max_output_tokens: 3 }
    })
  })
})

describe("a whole answer", () => {
  const whole = (body: unknown, far?: Far) => {
    const { packets, ...rest } = sent(body, far)
    expect(rest).toStrictEqual({
      status: 200,
      headers: ["Content-Type: application/json"],
      isWhole: true,
      isEnded: true
    })
    expect(packets[0]).toMatch(/^\{.*\}\n$/)
    return JSON.parse(packets[0]!) as unknown
  }

  it("is a message, with what was counted", () => {
    expect(whole(hello, { answer: frames(said("Uc"), said("E3"), last()) })).toStrictEqual(
      response({ output: [message("UcE3")] })
    )
  })

  it("is completed also where the runner just ends", () => {
    expect(whole(hello, { answer: frames(said(" w0"), said(" w1")) })).toStrictEqual(
      response({ output: [message(" w0 w1")], usage: zeros })
    )
  })

  it("is completed also where the runner ends before its first token, of the year 1", () => {
    expect(whole(hello)).toStrictEqual(
      response({ created_at: -62_135_596_800, completed_at: 1_795_214_945, output: [message("")], usage: zeros })
    )
  })

  it("has calls of tools in place of what was said", () => {
    const summary = [{ type: "summary_text", text: "Hm" }]
    const counted = { ...metrics, promptEvalCachedCount: 0 }
    const answer = frames(said("So", { thinking: "Hm", toolCalls: [call] }), last({ metrics: counted }))
    const given = { type: "function", name: "f", parameters: { type: "object" }, description: "" }
    const tools = [{ ...given, execution: "", unknown: 1 }]
    expect(whole({ ...hello, tools }, { answer })).toStrictEqual(
      response({
        tools: [given],
        output: [
          { id: "rs_resp_271", type: "reasoning", summary, encrypted_content: "Hm" },
          functionCall("fc_resp_271_0")
        ],
        usage: { ...usage, input_tokens_details: { cached_tokens: 0 } }
      })
    )
  })

  it("names a tool of a namespace as its caller does", () => {
    const space = { type: "namespace", name: "files", tools: [{ type: "function", name: "read" }] }
    const called = { ...call, function: { ...call.function, name: "files.read" } }
    const answer = frames(said("", { toolCalls: [called] }), last())
    expect(whole({ ...hello, tools: [space] }, { answer })).toMatchObject({
      output: [{ namespace: "files", name: "read" }]
    })
  })

  it("tells of the reasoning only what was asked for", () => {
    const body = { ...hello, instructions: "x", reasoning: { effort: "low" }, temperature: 0, top_p: 0.5 }
    expect(whole(body)).toMatchObject({ instructions: "x", temperature: 0, top_p: 0.5 })
    expect(whole(body)).toHaveProperty("reasoning", { effort: "low" })
  })
})

describe("a refusal", () => {
  const error = (text: string): string =>
    `{"error":{"message":${JSON.stringify(text)},"type":"api_error","param":null,"code":null}}`

  it("of the daemon is passed on, with the headers of a stream where one was asked for", () => {
    expect(sent(hello, { answer: (writer) => writer.fail(busy) })).toStrictEqual({
      status: 503,
      headers: ["Content-Type: application/json"],
      packets: [`${error(busy.message)}\n`],
      isWhole: true,
      isEnded: true
    })
    expect(sent(streamed, { answer: (writer) => writer.fail(died) })).toMatchObject({
      status: 500,
      headers: ["Cache-Control: no-cache", "Connection: keep-alive", "Content-Type: application/json"],
      packets: [`${error(died.message)}\n`],
      isWhole: false
    })
  })
})
