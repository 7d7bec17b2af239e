/**
 * A chat answer as the servers of each wire write it, byte for byte and made beforehand.
 *
 * Servers write every token as it comes, so each part is a chunk of HTTP's own, and the reader is called for each. One
 * packet a part would measure the system's sockets and nothing else, and the whole in one packet is what no model
 * sends: 16 go out in one write, which costs the server less than any reader. An answer has at most 70 kB and there is
 * one at a time on a connection, so that what a reader leaves standing is bounded by that.
 */
import * as Bytes from "../../packages/upstream/test/bytes.ts"

/** The kinds of servers. */
export type Dialect = "Ollama" | "OpenAi" | "Anthropic"

/** How many parts an answer has, as many as those that run through policies. */
export const partsCount = 200

const partsPerWrite = 16

const words = Array.from({ length: partsCount }, (_, index) => ` word${index}`)

/** The answer, one buffer for each write. */
export const writesOf = (dialect: Dialect): ReadonlyArray<Buffer> => {
  const { frames, type } = answers[dialect]
  const texts = [Bytes.head(type), ...frames.map(Bytes.piece), Bytes.last]
  return Array.from({ length: Math.ceil(texts.length / partsPerWrite) }, (_, index) =>
    Buffer.from(texts.slice(index * partsPerWrite, (index + 1) * partsPerWrite).join(""))
  )
}

interface Spoken {
  readonly type: string
  readonly frames: ReadonlyArray<string>
}

const ollama = (): Spoken => {
  const frame = (content: string, more: object) => {
    const moment = { model: "llama3.1:8b", created_at: "2026-11-29T15:42:07.123456789Z" }
    return `${JSON.stringify({ ...moment, message: { role: "assistant", content }, ...more })}\n`
  }
  const end = {
    done: true,
    done_reason: "stop",
    total_duration: 4_183_518_583,
    load_duration: 31_250_292,
    prompt_eval_count: 17,
    prompt_eval_duration: 183_009_000,
    eval_count: partsCount,
    eval_duration: 3_967_815_000
  }
  return {
    type: "application/x-ndjson",
    frames: [...words.map((word) => frame(word, { done: false })), frame("", end)]
  }
}

const openai = (): Spoken => {
  const data = (more: object) =>
    `data: ${JSON.stringify({
      id: "chatcmpl-CqWkL0vYx3nq8jJm2TtZ5rBd7hFgA",
      object: "chat.completion.chunk",
      created: 1_795_966_927,
      model: "gpt-4o-mini-2024-07-18",
      service_tier: "default",
      system_fingerprint: "fp_560af6e559",
      ...more,
      obfuscation: "Xk3vQ9"
    })}\n\n`
  const chunk = (delta: object, finish: string | null = null) =>
    data({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null })
  const usage = { prompt_tokens: 17, completion_tokens: partsCount, total_tokens: 17 + partsCount }
  return {
    type: "text/event-stream; charset=utf-8",
    frames: [
      chunk({ role: "assistant", content: "", refusal: null }),
      ...words.map((content) => chunk({ content })),
      chunk({}, "stop"),
      data({ choices: [], usage }),
      "data: [DONE]\n\n"
    ]
  }
}

const anthropic = (): Spoken => {
  const event = (type: string, more: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
  const message = {
    model: "claude-haiku-4-5-20251001",
    id: "msg_01XFDUDYJgAACzvnptvVoYEL",
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 17, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 }
  }
  const end = { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: partsCount } }
  return {
    type: "text/event-stream; charset=utf-8",
    frames: [
      event("message_start", { message }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("ping"),
      ...words.map((text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })),
      event("content_block_stop", { index: 0 }),
      event("message_delta", end),
      event("message_stop")
    ]
  }
}

const answers: Readonly<Record<Dialect, Spoken>> = { Ollama: ollama(), OpenAi: openai(), Anthropic: anthropic() }
