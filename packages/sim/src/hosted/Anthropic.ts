/**
 * The face of api.anthropic.com: messages, models.
 *
 * A stream is a row of named events around blocks of content, with pings wherever it pauses. A conversation that ends
 * in the assistant's turn is not answered anew: its last turn is the beginning of the answer.
 */
import { DateTime } from "effect"
import { perMilli } from "../Agenda.ts"
import type { Handler, Headers } from "../Exchange.ts"
import * as Words from "../Words.ts"
import type { Question } from "./Answer.ts"
import { refusal, said as saidOf } from "./AnthropicRefusal.ts"
import { conversation, type Fields, said, texts, toolNames, turns } from "./Body.ts"
import type { Pieces } from "./Delivery.ts"
import * as Face from "./Face.ts"
import type { Hosted } from "./Hosted.ts"
import * as Letters from "./Letters.ts"
import type { Refusal } from "./Refusal.ts"

const messagesPath = "/v1/messages"

/** Where faults of each kind can strike. */
export const paths = Face.pathsOf([messagesPath])

/** Answers as api.anthropic.com does. */
export const make = (hosted: Hosted): Handler =>
  Face.make(hosted, {
    keyOf: ({ headers }) => headers["x-api-key"] ?? /^Bearer\s+(.+)$/i.exec(headers["authorization"] ?? "")?.[1],
    idOf: ({ key }) => `req_011C${Letters.mixed(key, 20)}`,
    headers: (_, __, id) => [
      ...limits(hosted),
      ["request-id", id],
      ["anthropic-organization-id", "00000000-0000-4000-8000-000000000000"]
    ],
    refusal,
    check: ({ headers }) =>
      (headers["anthropic-version"] ?? "") === "" ? invalid("anthropic-version: header is required") : undefined,
    unread: invalid("The request body is not valid JSON: expected value: line 1 column 1 (char 0)"),
    posts: { [messagesPath]: messages },
    models: () => models(hosted.options.models),
    model,
    json: (value) => JSON.stringify(value)
  })

const invalid = (message: string): Refusal => ({ reason: "invalid", message })

const model = (id: string) => ({ type: "model", id, display_name: id, created_at: "2025-01-01T00:00:00Z" })

const models = (names: ReadonlyArray<string>): string =>
  JSON.stringify({
    data: names.map(model),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null
  })

const limits = (hosted: Hosted): Headers => {
  const { requests, tokens } = hosted.limits
  const named = [["requests", requests] as const, ["tokens", tokens] as const, ["input-tokens", tokens] as const]
  return named.flatMap(([of, view]) => {
    if (view === undefined) return []
    // Whole seconds, rounded up: a moment that is told must not be one at which it is still too early.
    const seconds = Math.ceil((hosted.wall + view.reset / perMilli) / 1_000)
    return [
      [`anthropic-ratelimit-${of}-limit`, `${view.limit}`] as const,
      [`anthropic-ratelimit-${of}-remaining`, `${view.remaining}`] as const,
      [`anthropic-ratelimit-${of}-reset`, isoOf(seconds)] as const
    ]
  })
}

const isoOf = (seconds: number): string =>
  DateTime.formatIso(DateTime.makeUnsafe(seconds * 1_000)).replace(/\.\d+Z$/, "Z")

const messages = (call: Face.Call, fields: Fields): void => {
  const isStream = fields["stream"] === true
  const voice = Face.voiceOf(call, questionOf(fields), isStream)
  if (voice === undefined) return
  if (isStream) return call.hosted.stream(voice.visit, streamed(voice))
  const headers = (): Headers => [["content-type", "application/json"], ...call.headers()]
  const error = refusal({ reason: "internal" }, call.id, call.headers())
  return call.hosted.whole(voice.visit, { headers, body: JSON.stringify(message(voice, contentOf(voice))) }, error)
}

const questionOf = (fields: Fields): Question | Refusal => {
  const { max_tokens: max, messages: given, model: name, stop_sequences: stops, system, tools } = fields
  if (typeof name !== "string" || name === "") return invalid("model: Field required")
  if (max === undefined) return invalid("max_tokens: Field required")
  if (typeof max !== "number" || max < 1) return invalid("max_tokens: Input should be greater than or equal to 1")
  const all = turns(given)
  if (all === undefined) return invalid("messages: Field required")
  if (all.length === 0) return invalid("messages: at least one message is required")
  const last = all.at(-1)!
  const prefill = last["role"] === "assistant" ? said(last["content"]) : ""
  if (/\s$/.test(prefill)) return invalid("messages: final assistant content cannot end with trailing whitespace")
  const before = last["role"] === "assistant" ? all.slice(0, -1) : all
  const prompt = conversation(system === undefined ? before : [{ role: "system", content: system }, ...before])
  return { model: name, prompt, prefill, max: Math.floor(max), stops: texts(stops), tools: toolNames(tools) }
}

const finishes = { stop: "end_turn", length: "max_tokens", tool: "tool_use" } as const

const ending = ({ answer }: Face.Voice) => ({
  stop_reason: answer.stopped === undefined ? finishes[answer.finish] : "stop_sequence",
  stop_sequence: answer.stopped ?? null
})

const usageOf = ({ answer }: Face.Voice, told: number) => ({
  input_tokens: answer.promptTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: told,
  service_tier: "standard"
})

const tool = ({ answer, call }: Face.Voice, input: unknown) => ({
  type: "tool_use",
  id: `toolu_01${Letters.mixed(call.arrival.key + 1, 22)}`,
  name: answer.tool,
  input
})

const contentOf = (voice: Face.Voice): ReadonlyArray<unknown> => {
  const { pieces, tool: name } = voice.answer
  const text = pieces.join("")
  if (name !== undefined) return [tool(voice, JSON.parse(text))]
  return pieces.length === 0 ? [] : [{ type: "text", text }]
}

const message = (voice: Face.Voice, content: ReadonlyArray<unknown>) => ({
  model: voice.model,
  id: `msg_01${Letters.mixed(voice.call.arrival.key, 22)}`,
  type: "message",
  role: "assistant",
  content,
  ...ending(voice),
  usage: usageOf(voice, voice.answer.pieces.length)
})

const ping = 'event: ping\ndata: {"type": "ping"}\n\n'

const streamed = (voice: Face.Voice): Pieces => {
  const { answer, call } = voice
  const { length } = answer.pieces
  // Spaces before the last brace hide how long the words are.
  const event = (place: number, data: { readonly type: string } & Fields): string => {
    const padding = " ".repeat(Words.drawn(answer.key, place, 16))
    return `event: ${data.type}\ndata: ${JSON.stringify(data).slice(0, -1)}${padding}}\n\n`
  }
  const start = {
    ...message(voice, []),
    stop_reason: null,
    stop_sequence: null,
    usage: usageOf(voice, Math.min(length, 1))
  }
  const isTool = answer.tool !== undefined
  const block = isTool ? tool(voice, {}) : { type: "text", text: "" }
  const delta = (place: number, text: string) => {
    const inner = isTool ? { type: "input_json_delta", partial_json: text } : { type: "text_delta", text }
    return event(place, { type: "content_block_delta", index: 0, delta: inner })
  }
  const starts = length === 0 ? "" : event(-3, { type: "content_block_start", index: 0, content_block: block })
  const stops = length === 0 ? "" : event(-4, { type: "content_block_stop", index: 0 })
  const { cache_creation: _, service_tier: __, ...usage } = usageOf(voice, length)
  return {
    headers: () => [
      ["content-type", "text/event-stream; charset=utf-8"],
      ["cache-control", "no-cache"],
      ...call.headers()
    ],
    open: event(-2, { type: "message_start", message: start }) + starts + ping + (isTool ? delta(-6, "") : ""),
    count: length,
    piece: (place) => delta(place, answer.pieces[place]!),
    close: stops + event(-5, { type: "message_delta", delta: ending(voice), usage }),
    marker: event(-7, { type: "message_stop" }),
    warm: ping,
    isWarm: true,
    error: `event: error\ndata: ${JSON.stringify(saidOf({ reason: "overloaded" }, call.id))}\n\n`
  }
}
