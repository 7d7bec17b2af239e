/**
 * What the lines of an Ollama's answer say.
 *
 * A stream that ends well may still be broken: only a frame that says `done` ends an answer. An error in its midst is a
 * line like any other, behind a status of 200.
 */
import { Part, Summary, type Usage } from "@spillway/core"
import { among, exactObjectIn, type Fields, fieldsOf, isVector, listOf, numberOf, objectIn, textOf } from "../Fields.ts"
import { Words } from "../Likelihoods.ts"
import { type Emit, InLines, InOnePiece } from "../Readings.ts"
import { type Asked, type End, inputsOf, type Reading } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** A reading of the answer to a question. */
export const reading = (asked: Asked): Reading =>
  asked.question.kind === "embed" ? new Vectors(asked) : new Frames(asked)

class Frames extends InLines {
  private readonly words = new Words(this.asked)
  private toolCalls = 0

  read(line: string, emit: Emit): End | undefined {
    const frame = objectIn(line)
    if (frame === undefined) return this.malformed()
    if ("error" in frame) return Failures.said(frame, this.asked)
    const message = fieldsOf(frame["message"]) ?? {}
    const { content = frame["response"], thinking = frame["thinking"], tool_calls: calls } = message
    if (typeof thinking === "string" && thinking !== "") emit(Part.thinking(thinking))
    const said = textOf(content) ?? ""
    // Of what is only thought nobody asks how likely it was.
    const refused = this.words.say(said, said === "" && thinking !== undefined ? undefined : frame["logprobs"], emit)
    if (refused !== undefined) return refused
    if (Array.isArray(calls)) this.call(line, emit)
    return frame["done"] === true ? this.summary(frame) : undefined
  }

  /** What was an object there is a text here, whose numbers are as they were written. */
  private call(line: string, emit: Emit): void {
    for (const call of listOf(fieldsOf(exactObjectIn(line)?.["message"])?.["tool_calls"])) {
      const { arguments: given = {}, name } = fieldsOf(call["function"]) ?? {}
      const id = textOf(call["id"])
      emit({
        _tag: "ToolCall",
        index: this.toolCalls++,
        ...(id !== undefined && { id }),
        ...(typeof name === "string" && { name }),
        arguments: typeof given === "string" ? given : JSON.stringify(given)
      })
    }
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
      finish:
        this.toolCalls > 0 && reason !== "length"
          ? "tool-calls"
          : (among(finishes, textOf(reason) ?? "stop") ?? "unknown"),
      ...(typeof model === "string" && model !== "" && { model }),
      ...(usage && { usage }),
      ...(timings && { timings })
    })
  }
}

/** One that says no reason has stopped, and so has one that only loaded. */
const finishes: Readonly<Record<string, Summary.Finish>> = { stop: "stop", load: "stop", length: "length" }

class Vectors extends InOnePiece {
  read(body: string, emit: Emit): End {
    const frame = objectIn(body) ?? {}
    if ("error" in frame) return Failures.said(frame, this.asked)
    const { embeddings, model, ...counts } = frame
    if (!isVectors(embeddings) || embeddings.length !== inputsOf(this.asked)) return this.over()
    for (const [index, vector] of embeddings.entries()) emit({ _tag: "Embedding", index, vector })
    const input = numberOf(counts["prompt_eval_count"]) ?? 0
    return Summary.make({ ...(typeof model === "string" && { model }), usage: { input, output: 0 } })
  }
}

/** What is nothing is left out by Ollama; where neither is said, nothing is known. */
const usageOf = (frame: Fields): Usage.Usage | undefined => {
  const input = numberOf(frame["prompt_eval_count"])
  const output = numberOf(frame["eval_count"])
  const cached = numberOf(frame["prompt_eval_cached_count"])
  if (input === undefined && output === undefined) return undefined
  return { input: input ?? 0, output: output ?? 0, ...(cached !== undefined && { cached }) }
}

const isVectors = (value: unknown): value is ReadonlyArray<ReadonlyArray<number>> =>
  Array.isArray(value) && value.every(isVector)
