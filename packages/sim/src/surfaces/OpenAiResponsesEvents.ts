/**
 * The events of a stream at `/v1/responses`, numbered from zero.
 *
 * A text that is followed by a call of a tool is never closed, and shares its place with the call: so Ollama has it.
 */
import * as Json from "../go/Json.ts"
import type { Frame, ToolCall } from "../ollama/Frame.ts"
import { toolCallsOf } from "./OpenAiParts.ts"
import { secondsOf } from "./Writing.ts"

/** What was thought, as an item. */
export const reasoningOf = (id: string, thinking: string) => ({
  id,
  type: "reasoning",
  summary: [{ type: "summary_text", text: thinking }],
  encrypted_content: thinking
})

/** What was said, as an item. */
export const messageOf = (id: string, text: string) => ({
  id,
  type: "message",
  status: "completed",
  role: "assistant",
  content: [partOf(text)]
})

/** A call of a tool, as an item. */
export const functionCallOf = (id: string, call_id: string, name: object, given: string, status = "completed") => ({
  id,
  type: "function_call",
  status,
  call_id,
  ...name,
  arguments: given
})

/** What was counted. */
export const usageOf = ({ metrics }: Frame) => {
  const { evalCount = 0, promptEvalCachedCount = 0, promptEvalCount = 0 } = metrics ?? {}
  return {
    input_tokens: promptEvalCount,
    output_tokens: evalCount,
    total_tokens: promptEvalCount + evalCount,
    input_tokens_details: { cached_tokens: promptEvalCachedCount },
    output_tokens_details: { reasoning_tokens: 0 }
  }
}

const partOf = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] })

/** What a stream is about. */
export interface Stream {
  /** The id of what is said. */
  readonly item: string
  /** The whole answer as it stands. */
  readonly told: (more: {
    readonly createdAt: number
    readonly completedAt?: number
    readonly output: ReadonlyArray<unknown> | null
    readonly usage: unknown
  }) => unknown
  readonly draw: () => number
  /** The name that a tool has for the caller. */
  readonly nameOf: (name: string) => object
}

/** The events of one stream. */
export class Events {
  private readonly stream: Stream
  private sequence = 0
  private index = 0
  private text: string | undefined
  private thought: { readonly id: string; text: string } | undefined
  private hasCalled = false
  private readonly items: Array<unknown> = []

  constructor(stream: Stream) {
    this.stream = stream
  }

  /** The events of a frame, each a packet. */
  frame(frame: Frame): ReadonlyArray<string> {
    const { content, done, thinking = "", toolCalls = [] } = frame
    const events = this.sequence === 0 ? this.begin(frame) : []
    if (thinking !== "") events.push(...this.think(thinking))
    if (toolCalls.length > 0) events.push(...this.stopThinking(), ...this.call(toolCalls))
    else if (content !== "" && !this.hasCalled) events.push(...this.stopThinking(), ...this.say(content))
    if (done) events.push(...this.finish(frame))
    return events
  }

  private event(type: string, data: Readonly<Record<string, unknown>>): string {
    const sequence_number = this.sequence++
    return `event: ${type}\ndata: ${Json.encode({ ...data, sequence_number, type })}\n\n`
  }

  private begin(frame: Frame): Array<string> {
    const response = this.stream.told({ createdAt: secondsOf(frame), output: [], usage: null })
    return ["response.created", "response.in_progress"].map((type) => this.event(type, { response }))
  }

  private think(thinking: string): ReadonlyArray<string> {
    const events: Array<string> = []
    if (this.thought === undefined) {
      this.thought = { id: `rs_${this.stream.draw() % 999_999}`, text: "" }
      events.push(this.added({ id: this.thought.id, type: "reasoning", summary: [] }))
    }
    this.thought.text += thinking
    const delta = { item_id: this.thought.id, output_index: this.index, summary_index: 0, delta: thinking }
    return [...events, this.event("response.reasoning_summary_text.delta", delta)]
  }

  private stopThinking(): ReadonlyArray<string> {
    if (this.thought === undefined) return []
    const { id: item_id, text } = this.thought
    this.thought = undefined
    const done = { item_id, output_index: this.index, summary_index: 0, text }
    const events = [this.event("response.reasoning_summary_text.done", done), this.done(reasoningOf(item_id, text))]
    this.index++
    return events
  }

  private call(toolCalls: ReadonlyArray<ToolCall>): ReadonlyArray<string> {
    this.hasCalled = true
    return toolCallsOf(toolCalls).flatMap((call, place) => {
      const id = `fc_${this.stream.draw() % 999_999}_${place}`
      const { arguments: given, name } = call.function
      const item = (text: string, status: string) => functionCallOf(id, call.id, this.stream.nameOf(name), text, status)
      const at = { item_id: id, output_index: this.index }
      const events = [
        this.added(item("", "in_progress")),
        this.event("response.function_call_arguments.delta", { ...at, delta: given }),
        this.event("response.function_call_arguments.done", { ...at, arguments: given }),
        this.done(item(given, "completed"))
      ]
      this.index++
      return events
    })
  }

  private say(content: string): ReadonlyArray<string> {
    const { item } = this.stream
    const events: Array<string> = []
    const at = { item_id: item, output_index: this.index, content_index: 0 }
    if (this.text === undefined) {
      this.text = ""
      events.push(
        this.added({ id: item, type: "message", status: "in_progress", role: "assistant", content: [] }),
        this.event("response.content_part.added", { ...at, part: partOf("") })
      )
    }
    this.text += content
    return [...events, this.event("response.output_text.delta", { ...at, delta: content, logprobs: [] })]
  }

  private finish(frame: Frame): ReadonlyArray<string> {
    const events = [...this.stopThinking()]
    const { item } = this.stream
    const { text } = this
    if (text !== undefined && !this.hasCalled) {
      const at = { item_id: item, output_index: this.index, content_index: 0 }
      events.push(
        this.event("response.output_text.done", { ...at, text, logprobs: [] }),
        this.event("response.content_part.done", { ...at, part: partOf(text) }),
        this.event("response.output_item.done", { output_index: this.index, item: messageOf(item, text) })
      )
    }
    const items = [...this.items, ...(text === undefined ? [] : [messageOf(item, text)])]
    const now = secondsOf(frame)
    const output = items.length > 0 ? items : null
    const response = this.stream.told({ createdAt: now, completedAt: now, output, usage: usageOf(frame) })
    return [...events, this.event("response.completed", { response })]
  }

  private added(item: unknown): string {
    return this.event("response.output_item.added", { output_index: this.index, item })
  }

  /** An item that is complete, and stays so. */
  private done(item: unknown): string {
    this.items.push(item)
    return this.event("response.output_item.done", { output_index: this.index, item })
  }
}
