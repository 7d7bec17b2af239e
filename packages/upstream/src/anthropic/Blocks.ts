/**
 * What an Anthropic answer says: its events, or the one message of a server that does not stream.
 *
 * Only `message_stop` ends a stream well. What was read is told at the beginning and what was written at the end, so
 * that the counts of both are taken, the later where they differ.
 */
import { Part, Summary } from "@spillway/core"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import { dataOf, isOnePiece, isStream } from "../Events.ts"
import { among, exactObjectIn, type Fields, fieldsOf, listOf, numberOf, objectIn, textOf } from "../Fields.ts"
import { type Emit, InLines, InOnePiece, readLines } from "../Readings.ts"
import type { Asked, End, Reading } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** A reading of the answer to a question. */
export const reading = (asked: Asked, headers: IncomingHttpHeaders): Reading =>
  isOnePiece(headers) ? new Message(asked) : new Events(asked)

/** What has been told so far, whichever way it comes. */
class Answer {
  private readonly calls = new Map<unknown, number>()
  private reason: string | undefined
  private model: string | undefined
  private counts: Fields = {}

  /** Takes a message, or the beginning of one, without its blocks. */
  open(message: Fields): void {
    this.model ??= textOf(message["model"])
    this.close(message, message["usage"])
  }

  /** Takes why it ended, and what it took. */
  close(delta: Fields, usage: unknown): void {
    this.reason = textOf(delta["stop_reason"]) ?? this.reason
    const counted = Object.entries(fieldsOf(usage) ?? {}).filter(([, count]) => numberOf(count) !== undefined)
    this.counts = { ...this.counts, ...Object.fromEntries(counted) }
  }

  /** Begins a block, which may have its content already. */
  block(index: unknown, block: Fields, emit: Emit): void {
    switch (block["type"]) {
      case "text":
        return this.say(block["text"], emit)
      case "thinking":
        return this.think(block["thinking"], block["signature"], emit)
      case "redacted_thinking":
        return emit({ ...Part.thinking(""), sealed: textOf(block["data"]) ?? "" })
      case "tool_use": {
        const input = fieldsOf(block["input"]) ?? {}
        const written = Object.keys(input).length === 0 ? "" : JSON.stringify(input)
        this.calls.set(index, this.calls.size)
        return this.call(index, written, emit, textOf(block["id"]), textOf(block["name"]))
      }
    }
  }

  /** Goes on with a block. */
  delta(index: unknown, delta: Fields, emit: Emit): void {
    switch (delta["type"]) {
      case "text_delta":
        return this.say(delta["text"], emit)
      case "thinking_delta":
        return this.think(delta["thinking"], undefined, emit)
      case "signature_delta":
        return this.think("", delta["signature"], emit)
      case "input_json_delta":
        return this.calls.has(index) ? this.call(index, textOf(delta["partial_json"]) ?? "", emit) : undefined
    }
  }

  get hasFinished(): boolean {
    return this.reason !== undefined
  }

  get summary(): Summary.Summary {
    const { cache_creation_input_tokens: written, cache_read_input_tokens: cached, input_tokens: input } = this.counts
    const read = numberOf(cached)
    const usage = (numberOf(input) ?? numberOf(this.counts["output_tokens"])) !== undefined && {
      input: (numberOf(input) ?? 0) + (numberOf(written) ?? 0) + (read ?? 0),
      output: numberOf(this.counts["output_tokens"]) ?? 0,
      ...(read !== undefined && { cached: read })
    }
    return Summary.make({
      finish: among(finishes, this.reason) ?? "unknown",
      ...(this.model !== undefined && { model: this.model }),
      ...(usage && { usage })
    })
  }

  private say(text: unknown, emit: Emit): void {
    const said = textOf(text)
    if (said !== undefined) emit(Part.text(said))
  }

  private think(text: unknown, signature: unknown, emit: Emit): void {
    const [thought, signed] = [textOf(text), textOf(signature)]
    if (thought === undefined && signed === undefined) return
    emit({ ...Part.thinking(thought ?? ""), ...(signed !== undefined && { signature: signed }) })
  }

  private call(block: unknown, written: string, emit: Emit, id?: string, name?: string): void {
    const index = this.calls.get(block)!
    emit({
      _tag: "ToolCall",
      index,
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      arguments: written
    })
  }
}

const finishes: Readonly<Record<string, Summary.Finish>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  refusal: "refused"
}

class Events extends InLines {
  private readonly answer = new Answer()

  read(line: string, emit: Emit): End | undefined {
    const data = dataOf(line)
    if (data === undefined) return undefined
    const text = data === false ? line : data
    // The digits of what a tool is called with are kept; nothing else here has so many.
    const event = text.includes('"tool_use"') ? exactObjectIn(text) : objectIn(text)
    if (event === undefined || (data === false && !Failures.isError(event))) return this.malformed()
    return this.take(event, emit)
  }

  /** Kinds of events that nobody knows yet say nothing. */
  private take(event: Fields, emit: Emit): End | undefined {
    const { answer } = this
    if (Failures.isError(event)) return Failures.said(event, this.asked)
    switch (event["type"]) {
      case "message_start":
        answer.open(fieldsOf(event["message"]) ?? {})
        break
      case "content_block_start":
        answer.block(event["index"], fieldsOf(event["content_block"]) ?? {}, emit)
        break
      case "content_block_delta":
        answer.delta(event["index"], fieldsOf(event["delta"]) ?? {}, emit)
        break
      case "message_delta":
        answer.close(fieldsOf(event["delta"]) ?? {}, event["usage"])
        break
      case "message_stop":
        return answer.hasFinished ? answer.summary : this.over()
    }
    return undefined
  }
}

class Message extends InOnePiece {
  read(body: string, emit: Emit): End {
    if (isStream(body)) return readLines(body, new Events(this.asked), emit)
    const message = exactObjectIn(body) ?? {}
    if (Failures.isError(message)) return Failures.said(message, this.asked)
    const answer = new Answer()
    answer.open(message)
    if (!answer.hasFinished) return this.over()
    for (const [index, block] of listOf(message["content"]).entries()) answer.block(index, block, emit)
    return answer.summary
  }
}
