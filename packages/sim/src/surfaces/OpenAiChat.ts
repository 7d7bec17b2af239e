/**
 * `/v1/chat/completions`: OpenAI's chat, translated to the native one and back.
 *
 * The oddities are those of the translation: an error in mid-stream is read as an answer without anything in it, so
 * that it becomes an empty chunk of no model, with no finish and no `[DONE]` after it.
 */
import type { Handler } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import type { Frame } from "../ollama/Frame.ts"
import type { Chat } from "../ollama/Request.ts"
import { chatOf, request } from "./OpenAiChatRequest.ts"
import { refusal, refuse } from "./OpenAiErrors.ts"
import { logprobsOf, toolCallsOf, usageOf } from "./OpenAiParts.ts"
import * as Writing from "./Writing.ts"

/** Answers `POST /v1/chat/completions`. */
export const handler =
  (daemon: Daemon, draw: () => number): Handler =>
  (asked, reply) => {
    const decoded = Json.decode(request, asked.body)
    if (decoded.error !== undefined) return refuse(reply, decoded.error)
    const { messages, stream_options: options } = decoded.value
    if ((messages ?? []).length === 0) return refuse(reply, "[] is too short - 'messages'")
    const chat = chatOf(decoded.value)
    if ("error" in chat) return refuse(reply, chat.error)
    const id = `chatcmpl-${draw() % 999}`
    const wording = wordingOf(id, chat.value, options?.include_usage === true)
    daemon.chat(chat.value, Writing.make(reply, wording), reply)
  }

const wordingOf = (id: string, { stream }: Chat, hasUsage: boolean): Writing.Wording => {
  const chunks = new Chunks(id, hasUsage)
  return {
    manner: Writing.translated,
    stream,
    frame: (frame) => [chunks.frame(frame)],
    broken: () => [chunks.frame(Writing.nothing)],
    whole: (frame) => Json.encode(completionOf(id, frame)),
    refusal
  }
}

type Delta = Readonly<Record<string, unknown>>

/** The chunks of one stream, which all bear the time of the first. */
class Chunks {
  private readonly id: string
  private readonly hasUsage: boolean
  private created: number | undefined
  private hasCalled = false

  constructor(id: string, hasUsage: boolean) {
    this.id = id
    this.hasUsage = hasUsage
  }

  /** What leaves for one frame, in one packet. */
  frame(frame: Frame): string {
    const isFirst = this.created === undefined
    this.created ??= Writing.secondsOf(frame)
    const said = frame.done && !isFirst && isEmpty(frame) ? "" : this.said(frame, isFirst ? { role: "assistant" } : {})
    return frame.done ? said + this.finish(frame) : said
  }

  private said(frame: Frame, role: Delta): string {
    const { content, model, thinking = "" } = frame
    const calls = toolCallsOf(frame.toolCalls)
    this.hasCalled ||= calls.length > 0
    const tools = calls.length > 0 ? { tool_calls: calls } : {}
    const logprobs = logprobsOf(frame.logprobs)
    const choice = (delta: Delta, more: Delta): string =>
      this.chunk(model, [{ index: 0, delta, finish_reason: null, ...more }])
    if (thinking === "") return choice({ ...role, content, ...tools }, logprobs)
    if (content === "" && calls.length === 0) return choice({ ...role, content, reasoning: thinking }, logprobs)
    return choice({ ...role, reasoning: thinking }, logprobs) + choice({ content, ...tools }, {})
  }

  private finish(frame: Frame): string {
    const reason = frame.doneReason ?? "stop"
    const finish_reason = reason === "stop" && this.hasCalled ? "tool_calls" : reason
    const finish = this.chunk(frame.model, [{ index: 0, delta: {}, finish_reason }])
    const usage = this.hasUsage ? this.chunk(frame.model, [], { usage: usageOf(frame) }) : ""
    return `${finish}${usage}data: [DONE]\n\n`
  }

  private chunk(model: string, choices: ReadonlyArray<Delta>, more: Delta = {}): string {
    const { created, id } = this
    const head = { id, object: "chat.completion.chunk", created, model, system_fingerprint: "fp_ollama" }
    return `data: ${Json.encode({ ...head, choices, ...more })}\n\n`
  }
}

const isEmpty = ({ content, logprobs = [], thinking = "", toolCalls = [] }: Frame): boolean =>
  content === "" && thinking === "" && toolCalls.length === 0 && logprobs.length === 0

const completionOf = (id: string, frame: Frame) => {
  const calls = toolCallsOf(frame.toolCalls)
  const reason = frame.doneReason ?? null
  return {
    id,
    object: "chat.completion",
    created: Writing.secondsOf(frame),
    model: frame.model,
    system_fingerprint: "fp_ollama",
    choices: [
      {
        index: 0,
        message: {
          role: frame === Writing.nothing ? "" : "assistant",
          content: frame.content,
          ...(frame.thinking && { reasoning: frame.thinking }),
          ...(calls.length > 0 && { tool_calls: calls })
        },
        finish_reason: reason === "stop" && calls.length > 0 ? "tool_calls" : reason,
        ...logprobsOf(frame.logprobs)
      }
    ],
    usage: usageOf(frame)
  }
}
