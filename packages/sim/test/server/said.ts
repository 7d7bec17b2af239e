/**
 * What a simulated Ollama says to one question on three surfaces, spelt out: the answer that faults are told from.
 *
 * Times, ids and what was counted on the way differ from one run to the next, so that `plain` takes them away.
 */
import * as Words from "../../src/Words.ts"

/** The model that is asked, and what it is asked. */
export const model = "mini"
export const question = "hi [[sim tokens=6]]"

/** The surfaces, and how one asks there. */
export const surfaces = {
  native: { path: "/api/chat", more: {} },
  whole: { path: "/api/chat", more: { stream: false } },
  openAi: { path: "/v1/chat/completions", more: { stream: true } },
  messages: { path: "/v1/messages", more: { stream: true, max_tokens: 1_000 } }
} as const

/** The name of a surface. */
export type Surface = keyof typeof surfaces

/** The tokens of the answer to a question of a user alone. */
export const tokensOf = (content: string, count: number, seed = 1): ReadonlyArray<string> => {
  const key = Words.keyOf(seed, `<user>${content}`)
  return Array.from({ length: count }, (_, place) => Words.at(key, place))
}

/** The same text without what differs from run to run. */
export const plain = (text: string): string =>
  text
    .replaceAll(/"created_at":"[^"]*"/g, '"created_at":"then"')
    .replaceAll(/"created":\d+/g, '"created":0')
    .replaceAll(/"(chatcmpl|msg|req)[-_][0-9a-f]+"/g, '"$1"')
    .replaceAll(/,"(total|load|prompt_eval|eval)_duration":\d+/g, "")
    .replaceAll(/,"prompt_eval_cached_count":\d+/g, "")
    .replaceAll(/"input_tokens":\d+(,"cache_read_input_tokens":\d+)?/g, '"input_tokens":0')

const head = `"model":"${model}","created_at":"then"`

const frameOf = (content: string): string =>
  `{${head},"message":{"role":"assistant","content":"${content}"},"done":false}\n`

const doneOf = (count: number, reason: string, isDone = true): string =>
  `{${head},"message":{"role":"assistant","content":""},"done":${isDone},"done_reason":"${reason}",` +
  `"prompt_eval_count":3,"eval_count":${count}}\n`

const chunkOf = (of: string, choice: string): string =>
  `data: {"id":"chatcmpl","object":"chat.completion.chunk","created":0,"model":"${of}",` +
  `"system_fingerprint":"fp_ollama","choices":[{"index":0,${choice}}]}\n\n`

const eventOf = (type: string, data: string): string =>
  `event: ${type}\ndata: {"type":"${type}"${data === "" ? "" : `,${data}`}}\n\n`

/** How an answer goes on after its tokens: to its end, as that of a length, or not at all. */
export type After = "stop" | "length" | "nothing"

/** The tokens as a stream of each surface, and whatever comes after them. */
export const streamed = {
  native: (tokens: ReadonlyArray<string>, after: After = "nothing"): string =>
    tokens.map(frameOf).join("") + (after === "nothing" ? "" : doneOf(tokens.length, after)),
  openAi: (tokens: ReadonlyArray<string>, after: After = "nothing"): string =>
    tokens
      .map((token, place) => {
        const role = place === 0 ? '"role":"assistant",' : ""
        return chunkOf(model, `"delta":{${role}"content":"${token}"},"finish_reason":null`)
      })
      .join("") +
    (after === "nothing" ? "" : `${chunkOf(model, `"delta":{},"finish_reason":"${after}"`)}data: [DONE]\n\n`),
  messages: (tokens: ReadonlyArray<string>, after: After = "nothing"): string => {
    const events = eventsOf(tokens)
    if (after === "nothing") return events.join("")
    const reason = after === "stop" ? "end_turn" : "max_tokens"
    return [
      ...events,
      eventOf("content_block_stop", '"index":0'),
      eventOf(
        "message_delta",
        `"delta":{"stop_reason":"${reason}"},"usage":{"input_tokens":0,"output_tokens":${tokens.length}}`
      ),
      eventOf("message_stop", "")
    ].join("")
  }
} as const

/** The events of `/v1/messages` for tokens, of which two come before the first. */
export const eventsOf = (tokens: ReadonlyArray<string>): ReadonlyArray<string> => [
  eventOf(
    "message_start",
    `"message":{"id":"msg","type":"message","role":"assistant","model":"${model}","content":[],` +
      '"usage":{"input_tokens":0,"output_tokens":0}}'
  ),
  eventOf("content_block_start", '"index":0,"content_block":{"type":"text","text":""}'),
  ...tokens.map((token) => eventOf("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"${token}"}`))
]

/** What `/v1` makes of a failure in the midst of a stream. */
export const brokenChunk = chunkOf("", '"delta":{"content":""},"finish_reason":null')

/** The last frame that does not say that it is one. */
export const unmarked = (count: number): string => doneOf(count, "stop", false)
/** The same on `/v1`. */
export const unmarkedChunk = chunkOf(model, '"delta":{"content":""},"finish_reason":null')

/** The whole answer of the native surface. */
export const wholeOf = (tokens: ReadonlyArray<string>, reason: "stop" | "length" = "stop"): string =>
  doneOf(tokens.length, reason)
    .replace('"content":""', `"content":"${tokens.join("")}"`)
    .trimEnd()

/** An error in the words of each surface. */
export const errorOf = {
  native: (message: string): string => JSON.stringify({ error: message }),
  openAi: (message: string): string =>
    `${JSON.stringify({ error: { message, type: "api_error", param: null, code: null } })}\n`,
  messages: (message: string, type = "api_error"): string =>
    `${JSON.stringify({ type: "error", error: { type, message }, request_id: "req" })}\n`
} as const
