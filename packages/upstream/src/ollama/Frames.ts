/**
 * What the lines of an Ollama's answer say.
 *
 * A stream that ends well may still be broken: only a frame that says `done` ends an answer. An error in its midst is a
 * line like any other, behind a status of 200.
 */
import { Part, type SpillwayError, Summary, type Usage } from "@spillway/core"
import { type Fields, fieldsOf, numberOf, objectIn, sentenceOf } from "../Fields.ts"
import { type Asked, type End, failed, type Reading } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** A reading of the answer to a question. */
export const reading = (asked: Asked): Reading =>
  asked.question.kind === "embed" ? new Vectors(asked) : new Frames(asked)

class Frames implements Reading {
  readonly isWhole = false
  private readonly asked: Asked
  private toolCalls = 0

  constructor(asked: Asked) {
    this.asked = asked
  }

  read(line: string, emit: (part: Part.Part) => void): End | undefined {
    const frame = objectIn(line)
    if (frame === undefined) return malformed(this.asked)
    const { error } = frame
    if (error !== undefined) return Failures.said(sentenceOf(error), 200, this.asked)
    const message = fieldsOf(frame["message"]) ?? {}
    const { content = frame["response"], thinking = frame["thinking"], tool_calls: calls } = message
    if (typeof thinking === "string" && thinking !== "") emit(Part.thinking(thinking))
    if (typeof content === "string" && content !== "") emit(Part.text(content))
    if (Array.isArray(calls)) for (const call of calls) this.call(fieldsOf(call), emit)
    return frame["done"] === true ? this.summary(frame) : undefined
  }

  over(): End {
    return failed({ _tag: "Cut", target: this.asked.target, parts: this.asked.parts() })
  }

  private call(call: Fields | undefined, emit: (part: Part.Part) => void): void {
    const { arguments: given = {}, name } = fieldsOf(call?.["function"]) ?? {}
    const id = call?.["id"]
    emit({
      _tag: "ToolCall",
      index: this.toolCalls++,
      ...(typeof id === "string" && id !== "" && { id }),
      ...(typeof name === "string" && { name }),
      arguments: JSON.stringify(given)
    })
  }

  private summary(frame: Fields): Summary.Summary {
    const { done_reason: reason, model } = frame
    const usage = usageOf(frame)
    const total = numberOf(frame["total_duration"])
    const timings = total !== undefined && {
      total,
      load: numberOf(frame["load_duration"]) ?? 0,
      prompt: numberOf(frame["prompt_eval_duration"]) ?? 0,
      output: numberOf(frame["eval_duration"]) ?? 0
    }
    return Summary.make({
      finish: reason === "length" ? "length" : this.toolCalls > 0 ? "tool-calls" : "stop",
      ...(typeof model === "string" && model !== "" && { model }),
      ...(usage && { usage }),
      ...(timings && { timings })
    })
  }
}

class Vectors implements Reading {
  readonly isWhole = true
  private readonly asked: Asked

  constructor(asked: Asked) {
    this.asked = asked
  }

  read(body: string, emit: (part: Part.Part) => void): End {
    const { embeddings, error, model, ...counts } = objectIn(body) ?? {}
    if (error !== undefined) return Failures.said(sentenceOf(error), 200, this.asked)
    if (!Array.isArray(embeddings) || !embeddings.every(isVector)) return malformed(this.asked)
    for (let index = 0; index < embeddings.length; index++) {
      emit({ _tag: "Embedding", index, vector: embeddings[index] as ReadonlyArray<number> })
    }
    const input = numberOf(counts["prompt_eval_count"]) ?? 0
    return Summary.make({ ...(typeof model === "string" && { model }), usage: { input, output: 0 } })
  }

  over(): SpillwayError {
    return malformed(this.asked)
  }
}

const malformed = ({ parts, target }: Asked): SpillwayError => failed({ _tag: "Malformed", target, parts: parts() })

/** What is nothing is left out by Ollama; where neither is said, nothing is known. */
const usageOf = (frame: Fields): Usage.Usage | undefined => {
  const input = numberOf(frame["prompt_eval_count"])
  const output = numberOf(frame["eval_count"])
  const cached = numberOf(frame["prompt_eval_cached_count"])
  if (input === undefined && output === undefined) return undefined
  return { input: input ?? 0, output: output ?? 0, ...(cached !== undefined && { cached }) }
}

const isVector = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === "number" && Number.isFinite(each))
