/**
 * How the tokens of one answer become frames: what is thought, what is said, what is a call of a tool.
 *
 * The answer of a model that cuts its own prompts also ends when it says one thing over and over: Ollama stops it there
 * without a word, and its callers see a stream that has no end.
 */
import * as Words from "../Words.ts"
import type { Frame, Logprob, ToolCall, Writer } from "./Frame.ts"
import type { Finished } from "./Runner.ts"

/** What the frames of one answer have in common. */
export interface Told {
  readonly model: string
  readonly createdAt: () => bigint
  /** How many of its first tokens are thought and not said. */
  readonly thinking: number
  /** The names of the tools that it may call, and the next id of such a call. */
  readonly tools: ReadonlyArray<string>
  readonly toolId: () => string
  /** How many likely tokens are told beside each; nothing where none are wanted. */
  readonly logprobs: number | undefined
  readonly stopsRepeats: boolean
  /** Whether all that was said is asked for at the end. */
  readonly isKept: boolean
}

/** The same thing in a row so often is the end. */
const repeatsMax = 30

/** How much of what was said is kept, in characters: an answer may have no end. */
const keptMax = 4_000_000

/** Makes frames of tokens. */
export class Telling {
  /** All that came, thought or said, where it is kept. */
  text = ""
  private readonly told: Told
  private readonly writer: Writer
  private place = 0
  private last: string | undefined
  private repeats = 0
  /** What may still turn out to be a call of a tool. */
  private held = ""

  constructor(told: Told, writer: Writer) {
    this.told = told
    this.writer = writer
  }

  /** One token: whether there is room for more, or that this is the end. */
  token(text: string): boolean | "over" {
    const { told } = this
    const trimmed = text.trim()
    this.repeats = trimmed === this.last ? this.repeats + 1 : 0
    this.last = trimmed
    if (told.stopsRepeats && this.repeats > repeatsMax) return "over"
    if (told.isKept && this.text.length < keptMax) this.text += text
    if (this.place++ < told.thinking) return this.writer.frame({ ...this.plain(""), thinking: text })
    if (told.tools.length > 0 && this.mayBeCall(text)) return this.hold(text)
    return this.writer.frame(this.plain(text))
  }

  /** The last frame. */
  finish(finished: Finished, more: Pick<Frame, "metrics" | "context">, isMarked: boolean): void {
    if (this.held !== "") this.writer.frame(this.plain(this.held))
    this.writer.frame({
      model: this.told.model,
      createdAt: this.told.createdAt(),
      content: "",
      done: isMarked,
      doneReason: finished.reason,
      ...more
    })
    this.writer.end()
  }

  private plain(content: string): Frame {
    const { logprobs, model } = this.told
    const frame: Frame = { model, createdAt: this.told.createdAt(), content, done: false }
    return logprobs === undefined ? frame : { ...frame, logprobs: [logprobOf(content, logprobs)] }
  }

  private mayBeCall(text: string): boolean {
    return (this.held + text).trimStart().startsWith("{")
  }

  private hold(text: string): boolean {
    this.held += text
    const call = callIn(this.held, this.told)
    if (call === undefined) return true
    this.held = ""
    return this.writer.frame({ ...this.plain(""), toolCalls: [call] })
  }
}

const callIn = (text: string, { toolId, tools }: Told): ToolCall | undefined => {
  const { arguments: given, name, parameters } = parsed(text)
  if (typeof name !== "string" || !tools.includes(name)) return undefined
  return {
    id: toolId(),
    function: { index: 0, name, arguments: (parameters ?? given ?? {}) as Record<string, unknown> }
  }
}

const parsed = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

const logprobOf = (token: string, others: number): Logprob => {
  const key = Words.keyOf(1, token)
  const logprob = -(1 + Words.drawn(key, 0, 1_000)) / 10_000
  const top = Array.from({ length: others }, (_, place) =>
    place === 0 ? { token, logprob } : { token: Words.at(key, place), logprob: logprob - place }
  )
  return { token, logprob, top }
}
