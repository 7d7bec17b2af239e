/**
 * The face of api.openai.com: chat completions, embeddings, models.
 *
 * A stream is a row of `data:` lines padded to lengths that tell nothing of the words in them, which is why each has a
 * field of random letters. It ends with `[DONE]`, and an error in its midst is one more line.
 */
import { Base64 } from "effect/encoding"
import type { Handler, Headers } from "../Exchange.ts"
import { vectorOf } from "../ollama/Answer.ts"
import * as Words from "../Words.ts"
import type { Answer, Question } from "./Answer.ts"
import { conversation, type Fields, fieldsOf, texts, toolNames, turns } from "./Body.ts"
import type { Pieces } from "./Delivery.ts"
import * as Face from "./Face.ts"
import type { Hosted, Visit } from "./Hosted.ts"
import * as Letters from "./Letters.ts"
import { refusal, said, span } from "./OpenAiRefusal.ts"
import type { Refusal } from "./Refusal.ts"

const completionsPath = "/v1/chat/completions"
const embeddingsPath = "/v1/embeddings"

/** Where faults of each kind can strike. */
export const paths = Face.pathsOf([completionsPath], [embeddingsPath])

/** Answers as api.openai.com does. */
export const make = (hosted: Hosted): Handler =>
  Face.make(hosted, {
    keyOf: ({ headers }) => /^Bearer\s+(.+)$/i.exec(headers["authorization"] ?? "")?.[1],
    idOf: ({ key }) => `req_${Letters.hex(key, 32)}`,
    headers: (_, arrival, id) => [
      ["access-control-expose-headers", "X-Request-ID"],
      ["openai-organization", "org-sim"],
      ["openai-processing-ms", `${hosted.millisSince(arrival)}`],
      ["openai-version", "2020-10-01"],
      ...limits(hosted),
      ["x-request-id", id]
    ],
    refusal,
    check: () => undefined,
    unread: {
      reason: "invalid",
      message:
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP " +
        "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
    },
    posts: { [completionsPath]: chat, [embeddingsPath]: embeddings },
    models: () => json({ object: "list", data: hosted.options.models.map(model) }),
    model,
    json
  })

const model = (id: string) => ({ id, object: "model", created: 1_735_689_600, owned_by: "system" })

/** Its whole bodies are printed for people. */
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const limits = ({ limits: { requests, tokens } }: Hosted): Headers => {
  const named = [["requests", requests] as const, ["tokens", tokens] as const]
  return named.flatMap(([of, view]) =>
    view === undefined
      ? []
      : [
          [`x-ratelimit-limit-${of}`, `${view.limit}`] as const,
          [`x-ratelimit-remaining-${of}`, `${view.remaining}`] as const,
          [`x-ratelimit-reset-${of}`, span(view.reset)] as const
        ]
  )
}

const chat = (call: Face.Call, fields: Fields): void => {
  const isStream = fields["stream"] === true
  const asked = Face.voiceOf(call, questionOf(fields), isStream)
  if (asked === undefined) return
  const voice = { ...asked, created: Math.floor(call.hosted.wall / 1_000) }
  if (isStream) return call.hosted.stream(voice.visit, streamed(voice, fieldsOf(fields["stream_options"]) ?? {}))
  return finishWhole(call, voice.visit, completion(voice))
}

const finishWhole = (call: Face.Call, visit: Visit, body: unknown): void => {
  const headers = (): Headers => [["content-type", "application/json"], ...call.headers()]
  const error = refusal({ reason: "internal" }, call.id, call.headers())
  call.hosted.whole(visit, { headers, body: json(body) }, error)
}

const missing = (param: string): Refusal => ({
  reason: "invalid",
  message: `Missing required parameter: '${param}'.`,
  code: "missing_required_parameter",
  param
})

const questionOf = (fields: Fields): Question | Refusal => {
  const { max_completion_tokens: most, max_tokens: older, messages, model: name, stop, tools } = fields
  if (typeof name !== "string" || name === "") {
    return { reason: "invalid", message: "you must provide a model parameter" }
  }
  const conversed = turns(messages)
  if (conversed === undefined) return missing("messages")
  if (conversed.length === 0) {
    const message =
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return { reason: "invalid", message, code: "empty_array", param: "messages" }
  }
  const max = most ?? older
  if (typeof max === "number" && max < 1) {
    const param = most === undefined ? "max_tokens" : "max_completion_tokens"
    const message = `Invalid '${param}': integer below minimum value. Expected a value >= 1, but got ${max} instead.`
    return { reason: "invalid", message, code: "integer_below_min_value", param }
  }
  const limit = typeof max === "number" ? Math.floor(max) : undefined
  return {
    model: name,
    prompt: conversation(conversed),
    prefill: "",
    max: limit,
    stops: texts(stop),
    tools: toolNames(tools, "function")
  }
}

/** One answer on its way out. */
interface Voice extends Face.Voice {
  readonly created: number
}

const finishes = { stop: "stop", length: "length", tool: "tool_calls" } as const

const commonOf = ({ call: { arrival }, created, model: name }: Voice, object: string) => ({
  id: `chatcmpl-${Letters.mixed(arrival.key, 29)}`,
  object,
  created,
  model: name
})

const service = (voice: Voice) => ({
  service_tier: "default",
  system_fingerprint: `fp_${Letters.hex(Words.keyOf(0, voice.model), 10)}`
})

const usageOf = ({ pieces, promptTokens }: Answer) => ({
  prompt_tokens: promptTokens,
  completion_tokens: pieces.length,
  total_tokens: promptTokens + pieces.length,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0
  }
})

const toolCall = ({ answer, call }: Voice, given: string) => ({
  id: `call_${Letters.mixed(call.arrival.key + 1, 24)}`,
  type: "function",
  function: { name: answer.tool, arguments: given }
})

const completion = (voice: Voice) => {
  const { answer } = voice
  const text = answer.pieces.join("")
  const message =
    answer.tool === undefined
      ? { role: "assistant", content: text, refusal: null, annotations: [] }
      : { role: "assistant", content: null, tool_calls: [toolCall(voice, text)], refusal: null, annotations: [] }
  return {
    ...commonOf(voice, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishes[answer.finish] }],
    usage: usageOf(answer),
    ...service(voice)
  }
}

const streamed = (voice: Voice, options: Fields): Pieces => {
  const { answer, call } = voice
  const isCounted = options["include_usage"] === true
  const common = { ...commonOf(voice, "chat.completion.chunk"), ...service(voice) }
  const line = (place: number, more: object): string => {
    const chunk = { ...common, ...more }
    if (options["include_obfuscation"] === false) return `data: ${JSON.stringify(chunk)}\n\n`
    return `data: ${JSON.stringify({ ...chunk, obfuscation: paddingFor(chunk, answer.key + place) })}\n\n`
  }
  const chunk = (place: number, delta: object, finish: string | null = null) =>
    line(place, {
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(isCounted && { usage: null })
    })
  const first =
    answer.tool === undefined
      ? { role: "assistant", content: "", refusal: null }
      : { role: "assistant", content: null, tool_calls: [{ index: 0, ...toolCall(voice, "") }], refusal: null }
  const last = chunk(-2, {}, finishes[answer.finish])
  return {
    headers: () => [["content-type", "text/event-stream; charset=utf-8"], ...call.headers()],
    open: chunk(-1, first),
    count: answer.pieces.length,
    piece: (place) => {
      const text = answer.pieces[place]!
      const isTool = answer.tool !== undefined
      return chunk(place, isTool ? { tool_calls: [{ index: 0, function: { arguments: text } }] } : { content: text })
    },
    close: isCounted ? last + line(-3, { choices: [], usage: usageOf(answer) }) : last,
    marker: "data: [DONE]\n\n",
    warm: ": keep-alive\n\n",
    isWarm: false,
    error: `data: ${JSON.stringify(said({ reason: "internal" }, call.id))}\n\n`
  }
}

/** Letters that bring the line of a chunk to one more than a multiple of 16, whatever is said in it. */
const paddingFor = (chunk: object, key: number): string => {
  const { length } = JSON.stringify({ ...chunk, obfuscation: "" })
  return Letters.mixed(key, (16 - ((length + 15) % 16)) % 16)
}

const dimensionsMax = 3_072

const embeddings = (call: Face.Call, fields: Fields): void => {
  const { dimensions = 1_536, encoding_format: format, input, model: name } = fields
  if (typeof name !== "string" || name === "") {
    return call.refuse({ reason: "invalid", message: "you must provide a model parameter" })
  }
  if (input === undefined) return call.refuse(missing("input"))
  const inputs = inputsOf(input)
  if (inputs.length === 0 || inputs.includes("")) {
    const message =
      "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
    return call.refuse({ reason: "invalid", message })
  }
  if (typeof dimensions !== "number" || !(dimensions >= 1 && dimensions <= dimensionsMax)) {
    const message = `Invalid value for 'dimensions' = ${String(dimensions)}. Must be from 1 to ${dimensionsMax}.`
    return call.refuse({ reason: "invalid", message, param: "dimensions" })
  }
  const tokens = inputs.reduce((sum, each) => sum + Words.count(each), 0)
  const visit = call.enter({ shape: "whole", model: name, tokens })
  if (visit === undefined) return
  const given = visit.struck?.name === "empty-answer" ? [] : inputs
  const data = given.map((each, index) => {
    const vector = vectorOf(call.hosted.options.seed, each, Math.floor(dimensions))
    return { object: "embedding", index, embedding: format === "base64" ? base64(vector) : vector }
  })
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  finishWhole(call, visit, { object: "list", data, model: name, usage })
}

/** What is embedded: texts, or tokens by their numbers. */
const inputsOf = (input: unknown): ReadonlyArray<string> => {
  if (!Array.isArray(input)) return texts(input)
  if (input.length > 0 && input.every((each) => typeof each === "number")) return [input.join(" ")]
  return input.map((each) => (Array.isArray(each) ? each.join(" ") : String(each)))
}

/** Singles, the least byte first: what the official client asks for. */
const base64 = (vector: ReadonlyArray<number>): string => {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  for (const [index, value] of vector.entries()) view.setFloat32(index * 4, value, true)
  return Base64.encode(new Uint8Array(view.buffer))
}
