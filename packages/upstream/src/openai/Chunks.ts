/**
 * What an OpenAI-shaped answer says: its chunks, or the one object of a server that does not stream.
 *
 * Only `[DONE]` ends a stream well: that a reason to stop came before says nothing of what should have come after it.
 */
import { Part, Summary, type Usage } from "@spillway/core"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import { dataOf, isOnePiece } from "../Events.ts"
import { type Fields, fieldsOf, isVector, listOf, numberOf, objectIn, textOf } from "../Fields.ts"
import { Words } from "../Likelihoods.ts"
import { type Emit, InLines, InOnePiece } from "../Readings.ts"
import { type Asked, type End, inputsOf, type Reading } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** A reading of the answer to a question. */
export const reading = (asked: Asked, headers: IncomingHttpHeaders): Reading => {
  if (asked.question.kind === "embed") return new Vectors(asked)
  return isOnePiece(headers) ? new Completion(asked) : new Chunks(asked)
}

/** What has been said so far, whichever way it comes. */
class Answer {
  private readonly asked: Asked
  private readonly words: Words
  private readonly calls: Array<{ readonly given: number; id: string | undefined }> = []
  private finish: string | undefined
  private hasDeclined = false
  private model: string | undefined
  private usage: Usage.Usage | undefined

  constructor(asked: Asked) {
    this.asked = asked
    this.words = new Words(asked)
  }

  /** Takes a chunk, whose choice has its piece in one of two fields. */
  take(chunk: Fields, field: "delta" | "message", emit: Emit): End | undefined {
    if (Failures.isError(chunk)) return Failures.said(chunk, 200, this.asked)
    this.model ??= textOf(chunk["model"])
    this.usage = usageOf(fieldsOf(chunk["usage"])) ?? this.usage
    const choice = listOf(chunk["choices"])[0]
    if (choice === undefined) return undefined
    this.finish = textOf(choice["finish_reason"]) ?? this.finish
    return this.say(fieldsOf(choice[field]) ?? {}, fieldsOf(choice["logprobs"])?.["content"], emit)
  }

  get hasFinished(): boolean {
    return this.finish !== undefined
  }

  get summary(): Summary.Summary {
    const finish = finishes[this.finish ?? ""] ?? "unknown"
    return Summary.make({
      finish: this.hasDeclined ? "refused" : finish === "stop" && this.calls.length > 0 ? "tool-calls" : finish,
      ...(this.model !== undefined && { model: this.model }),
      ...(this.usage && { usage: this.usage })
    })
  }

  private say(piece: Fields, likelihoods: unknown, emit: Emit): End | undefined {
    const thought = textOf(piece["reasoning_content"]) ?? textOf(piece["reasoning"])
    if (thought !== undefined) emit(Part.thinking(thought))
    const refused = this.words.say(textOf(piece["content"]) ?? "", likelihoods, emit)
    if (refused !== undefined) return refused
    const declined = textOf(piece["refusal"])
    if (declined !== undefined) {
      this.hasDeclined = true
      emit(Part.text(declined))
    }
    for (const [place, call] of listOf(piece["tool_calls"]).entries()) this.call(call, place, emit)
    return undefined
  }

  private call(call: Fields, place: number, emit: Emit): void {
    const { arguments: written, name: called } = fieldsOf(call["function"]) ?? {}
    const id = textOf(call["id"])
    const name = textOf(called)
    emit({
      _tag: "ToolCall",
      index: this.indexOf(numberOf(call["index"]) ?? place, id),
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      arguments: typeof written === "string" ? written : written === undefined ? "" : JSON.stringify(written)
    })
  }

  /** Which call a fragment belongs to: some servers number all of them alike, and only their ids tell them apart. */
  private indexOf(given: number, id: string | undefined): number {
    const index = this.calls.findLastIndex((call) => call.given === given)
    const known = this.calls[index]
    if (known !== undefined && (id === undefined || known.id === undefined || known.id === id)) {
      known.id ??= id
      return index
    }
    return this.calls.push({ given, id }) - 1
  }
}

const finishes: Readonly<Record<string, Summary.Finish>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "refused"
}

class Chunks extends InLines {
  private readonly answer = new Answer(this.asked)

  read(line: string, emit: Emit): End | undefined {
    const data = dataOf(line)
    if (data === undefined) return undefined
    if (data === "[DONE]") return this.answer.hasFinished ? this.answer.summary : this.over()
    const chunk = objectIn(data === false ? line : data)
    if (chunk === undefined || (data === false && !Failures.isError(chunk))) return this.malformed()
    return this.answer.take(chunk, "delta", emit)
  }
}

class Completion extends InOnePiece {
  read(body: string, emit: Emit): End {
    const answer = new Answer(this.asked)
    const object = objectIn(body)
    const end = object && answer.take(object, "message", emit)
    return end ?? (answer.hasFinished ? answer.summary : this.over())
  }
}

class Vectors extends InOnePiece {
  read(body: string, emit: Emit): End {
    const object = objectIn(body) ?? {}
    if (Failures.isError(object)) return Failures.said(object, 200, this.asked)
    const vectors = listOf(object["data"]).toSorted((one, other) => placeOf(one) - placeOf(other))
    if (vectors.length !== inputsOf(this.asked) || !vectors.every(({ embedding }) => isVector(embedding))) {
      return this.over()
    }
    for (const [index, { embedding }] of vectors.entries()) {
      emit({ _tag: "Embedding", index, vector: embedding as ReadonlyArray<number> })
    }
    const model = textOf(object["model"])
    const usage = usageOf(fieldsOf(object["usage"])) ?? { input: 0, output: 0 }
    return Summary.make({ ...(model !== undefined && { model }), usage })
  }
}

const placeOf = ({ index }: Fields): number => numberOf(index) ?? 0

const usageOf = (usage: Fields | undefined): Usage.Usage | undefined => {
  const input = numberOf(usage?.["prompt_tokens"])
  if (usage === undefined || input === undefined) return undefined
  const cached = numberOf(fieldsOf(usage["prompt_tokens_details"])?.["cached_tokens"])
  return { input, output: numberOf(usage["completion_tokens"]) ?? 0, ...(cached !== undefined && { cached }) }
}
