/**
 * An answer in Anthropic's events, as its reference has them: a message, blocks within it, and pings between them.
 *
 * A thought is signed at its end, and one that is sealed is a block of its own. The counts are told at the beginning,
 * and either once more at the end or only what has been written.
 */
import type { Part } from "@spillway/core"
import { demand, type Dialect, type Fields } from "./Dialect.ts"

/** Writes it. */
export const write: Dialect["write"] = (parts, { finish, model, usage }) => {
  const { cached, input = 0, output = 0 } = usage ?? {}
  const isOdd = parts.length % 2 === 1
  const written = cached === undefined ? null : 3
  const counts = {
    input_tokens: input - (cached ?? 0) - (written ?? 0),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached ?? null
  }
  const message = {
    model: model ?? "a",
    id: "msg_01XFDUDYJgAACzvnptvVoYEL",
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...counts, output_tokens: 1, service_tier: "standard" }
  }
  const stop = { stop_reason: (isOdd ? odd : finishes)[finish] ?? "end_turn", stop_sequence: null }
  return [
    event("message_start", { message }),
    event("ping", {}),
    ...blocksOf(parts),
    event("message_delta", { delta: stop, usage: { ...(isOdd && counts), output_tokens: output } }),
    event("message_stop", {})
  ].join("")
}

const event = (type: string, data: Fields): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`

const finishes: Readonly<Record<string, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  refused: "refusal"
}

/** The rarer names for the same. */
const odd: Readonly<Record<string, string>> = {
  ...finishes,
  stop: "stop_sequence",
  length: "model_context_window_exceeded"
}

/** The events of all blocks: parts of one kind in a row are one, and a thought that is signed or sealed is over. */
const blocksOf = (parts: ReadonlyArray<Part.Part>): ReadonlyArray<string> => {
  const events: Array<string> = []
  let index = -1
  let open: string | undefined
  const close = (): void => {
    if (open !== undefined) events.push(event("content_block_stop", { index }))
    open = undefined
  }
  const say = (kind: string, block: Fields, delta: Fields | undefined): void => {
    if (open !== kind) {
      close()
      events.push(event("content_block_start", { index: ++index, content_block: block }))
      open = kind
    }
    if (delta !== undefined) events.push(event("content_block_delta", { index, delta }))
  }
  for (const part of parts) {
    if (part._tag === "Text") {
      say("text", { type: "text", text: "" }, { type: "text_delta", text: part.text })
    } else if (part._tag === "ToolCall") {
      const { arguments: written, id, name } = part
      const block = { type: "tool_use", id, name, input: {} }
      say(`tool ${part.index}`, block, { type: "input_json_delta", partial_json: written })
    } else {
      demand(part._tag === "Thinking", "a message has no vectors")
      const { sealed, signature, text: thinking } = part
      if (sealed !== undefined) close()
      const block = sealed === undefined ? { type: "thinking", thinking: "", signature: "" } : undefined
      const delta = thinking === "" ? undefined : { type: "thinking_delta", thinking }
      say("thinking", block ?? { type: "redacted_thinking", data: sealed }, delta)
      if (signature !== undefined) say("thinking", {}, { type: "signature_delta", signature })
      if (sealed !== undefined || signature !== undefined) close()
    }
    if (events.length % 7 === 0) events.push(event("ping", {}))
  }
  close()
  return events
}
