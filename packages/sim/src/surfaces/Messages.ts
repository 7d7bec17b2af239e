/**
 * `/v1/messages`: Anthropic's chat, translated to the native one and back.
 *
 * A stream begins before anything is counted, so that its first event estimates the input at four bytes a token, and
 * only its last one tells the truth, with what came from the cache apart. An error in mid-stream is not said at all.
 */
import type { Handler, Reply } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import type { Frame, ToolCall } from "../ollama/Frame.ts"
import { chatOf, estimateOf, request } from "./MessagesRequest.ts"
import * as Writing from "./Writing.ts"

/** Answers `POST /v1/messages`. */
export const handler =
  (daemon: Daemon, draw: () => number): Handler =>
  (asked, reply) => {
    const decoded = Json.decode(request, asked.body)
    if (decoded.error !== undefined) return refuse(reply, decoded.error, idOf("req_", draw))
    const chat = chatOf(decoded.value)
    if ("error" in chat) return refuse(reply, chat.error, idOf("req_", draw))
    const { model, stream } = chat.value
    const events = new Events(idOf("msg_", draw), model, estimateOf(decoded.value))
    const wording: Writing.Wording = {
      manner: Writing.flushed,
      stream,
      frame: (frame) => events.frame(frame),
      broken: () => [],
      whole: (frame) => Json.encode(messageOf(events.id, frame)),
      refusal: ({ message, status }) => errorOf(status, message, idOf("req_", draw))
    }
    daemon.chat(chat.value, Writing.make(reply, wording), reply)
  }

/** An id of twelve bytes. */
const idOf = (prefix: string, draw: () => number): string =>
  prefix + [draw(), draw(), draw()].map((part) => part.toString(16).padStart(8, "0")).join("")

/** The events of one stream. */
class Events {
  readonly id: string
  private readonly model: string
  private readonly estimate: number
  private isStarted = false
  /** The kind of the block that is open, and how many came before it. */
  private open: "text" | "thinking" | undefined
  private index = 0
  private hasThought = false
  private readonly called = new Set<string>()

  constructor(id: string, model: string, estimate: number) {
    this.id = id
    this.model = model
    this.estimate = estimate
  }

  /** The events of a frame, each a packet. */
  frame(frame: Frame): ReadonlyArray<string> {
    const { content, thinking = "", toolCalls = [] } = frame
    return [
      ...this.start(frame),
      ...(thinking === "" || this.hasThought ? [] : this.delta("thinking", thinking)),
      ...(content === "" ? [] : this.delta("text", content)),
      ...toolCalls.flatMap((call) => this.call(call)),
      ...(frame.done ? this.finish(frame) : [])
    ]
  }

  private start(frame: Frame): ReadonlyArray<string> {
    if (this.isStarted) return []
    this.isStarted = true
    const counted = usageOf(frame)
    const isCounted = counted.input_tokens > 0 || (counted.cache_read_input_tokens ?? 0) > 0
    const usage = { ...counted, ...(isCounted ? {} : { input_tokens: this.estimate }), output_tokens: 0 }
    const { id, model } = this
    const message = { id, type: "message", role: "assistant", model, content: [], usage }
    return [event("message_start", { message })]
  }

  private delta(kind: "text" | "thinking", said: string): ReadonlyArray<string> {
    const isNew = this.open !== kind
    const before = isNew ? this.close() : []
    this.open = kind
    const { index } = this
    return [
      ...before,
      ...(isNew ? [event("content_block_start", { index, content_block: { type: kind, [kind]: "" } })] : []),
      event("content_block_delta", { index, delta: { type: `${kind}_delta`, [kind]: said } })
    ]
  }

  private call({ function: { arguments: given, name }, id }: ToolCall): ReadonlyArray<string> {
    if (this.called.has(id)) return []
    this.called.add(id)
    const before = this.close()
    const index = this.index++
    return [
      ...before,
      event("content_block_start", { index, content_block: { type: "tool_use", id, name, input: {} } }),
      event("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: Json.encode(given) } }),
      event("content_block_stop", { index })
    ]
  }

  private close(): ReadonlyArray<string> {
    if (this.open === undefined) return []
    // Whoever has begun to speak thinks no more: later thoughts are dropped.
    this.hasThought ||= this.open === "thinking"
    this.open = undefined
    return [event("content_block_stop", { index: this.index++ })]
  }

  private finish(frame: Frame): ReadonlyArray<string> {
    const delta = stopOf(frame, this.called.size > 0)
    return [...this.close(), event("message_delta", { delta, usage: usageOf(frame) }), event("message_stop", {})]
  }
}

const event = (type: string, data: Readonly<Record<string, unknown>>): string =>
  `event: ${type}\ndata: ${Json.encode({ type, ...data })}\n\n`

/** The answer as one message; whoever said nothing has no content at all. */
const messageOf = (id: string, frame: Frame) => {
  const { content, model, thinking = "", toolCalls = [] } = frame
  const blocks = [
    ...(thinking === "" ? [] : [{ type: "thinking", thinking }]),
    ...(content === "" ? [] : [{ type: "text", text: content }]),
    ...toolCalls.map((call) => ({
      type: "tool_use",
      id: call.id,
      name: call.function.name,
      input: call.function.arguments
    }))
  ]
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: blocks.length > 0 ? blocks : null,
    ...stopOf(frame, toolCalls.length > 0),
    usage: usageOf(frame)
  }
}

const stopOf = ({ doneReason }: Frame, hasCalled: boolean): { readonly stop_reason?: string } => {
  if (hasCalled) return { stop_reason: "tool_use" }
  return doneReason === undefined ? {} : { stop_reason: stopReasons[doneReason] ?? "stop_sequence" }
}

const stopReasons: Readonly<Record<string, string>> = { stop: "end_turn", length: "max_tokens" }

const usageOf = ({ metrics }: Frame) => {
  if (metrics === undefined) return { input_tokens: 0, output_tokens: 0 }
  const cached = Math.min(metrics.promptEvalCachedCount, metrics.promptEvalCount)
  return {
    input_tokens: metrics.promptEvalCount - cached,
    cache_read_input_tokens: cached,
    output_tokens: metrics.evalCount
  }
}

const refuse = (reply: Reply, message: string, id: string): void =>
  reply.whole(400, [["Content-Type", "application/json; charset=utf-8"]], errorOf(400, message, id))

const errorOf = (status: number, message: string, id: string): string =>
  Json.encode({ type: "error", error: { type: errorTypes[status] ?? "api_error", message }, request_id: id })

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  503: "overloaded_error",
  529: "overloaded_error"
}
