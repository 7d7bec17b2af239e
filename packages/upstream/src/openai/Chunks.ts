/**
 * What an OpenAI-shaped answer says: its chunks, or the one object of a server that does not stream.
 *
 * Only `[DONE]` ends a stream well: that a reason to stop came before says nothing of what should have come after it.
 */
import { Part, Summary, type Usage } from "@spillway/core"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import { dataOf, isOnePiece, isStream } from "../Events.ts"
import { among, type Fields, fieldsOf, isVector, listOf, numberOf, objectIn, textOf } from "../Fields.ts"
import { Words } from "../Likelihoods.ts"
import { malformed } from "../Meaning.ts"
import { type Emit, InLines, InOnePiece, readLines } from "../Readings.ts"
import { type Asked, type End, failed, inputsOf, type Reading } from "../Wire.ts"
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
  private readonly calls: Array<Fragment> = []
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
    if (Failures.isError(chunk)) return Failures.said(chunk, this.asked)
    this.model ??= textOf(chunk["model"])
    this.usage = usageOf(fieldsOf(chunk["usage"])) ?? this.usage
    const choice = listOf(chunk["choices"])[0]
    if (choice === undefined) return undefined
    this.finish = textOf(choice["finish_reason"])?.toLowerCase() ?? this.finish
    const refused = this.say(fieldsOf(choice[field]) ?? {}, fieldsOf(choice["logprobs"])?.["content"], emit)
    if (refused !== undefined) return refused
    if (Failures.isError(choice)) return Failures.said(choice, this.asked)
    // Some say that they broke in the place of a reason.
    return this.finish !== undefined && breaks.has(this.finish)
      ? Failures.said({ error: { message: this.finish, type: "server_error" } }, this.asked)
      : undefined
  }

  get hasFinished(): boolean {
    return this.finish !== undefined
  }

  get summary(): Summary.Summary {
    const finish = among(finishes, this.finish) ?? "unknown"
    return Summary.make({
      finish: this.hasDeclined ? "refused" : finish === "stop" && this.calls.length > 0 ? "tool-calls" : finish,
      ...(this.model !== undefined && { model: this.model }),
      ...(this.usage && { usage: this.usage })
    })
  }

  private say(piece: Fields, likelihoods: unknown, emit: Emit): End | undefined {
    const thought = textOf(piece["reasoning_content"]) ?? textOf(piece["reasoning"])
    if (thought !== undefined) emit(Part.thinking(thought))
    const { content } = piece
    const refused = Array.isArray(content)
      ? this.listed(content, emit)
      : this.words.say(textOf(content) ?? "", likelihoods, emit)
    if (refused !== undefined) return refused
    const declined = textOf(piece["refusal"])
    if (declined !== undefined) {
      this.hasDeclined = true
      emit(Part.text(declined))
    }
    const { function_call: single } = piece
    const calls = single === undefined || single === null ? piece["tool_calls"] : [{ index: 0, function: single }]
    for (const [place, call] of listOf(calls).entries()) this.call(call, place, emit)
    return undefined
  }

  /** What is said in blocks, as Mistral does while it thinks; of other kinds there is nothing that we could keep. */
  private listed(blocks: ReadonlyArray<unknown>, emit: Emit): End | undefined {
    for (const block of listOf(blocks)) {
      const { text, thinking, type } = block
      const texts = type === "thinking" ? listOf(thinking).map((each) => textOf(each["text"])) : [textOf(text)]
      if (type !== "thinking" && type !== "text") return failed(malformed(this.asked))
      for (const each of texts) {
        if (each !== undefined) emit(type === "thinking" ? Part.thinking(each) : Part.text(each))
      }
    }
    return undefined
  }

  private call(call: Fields, place: number, emit: Emit): void {
    const { arguments: written, name: called } = fieldsOf(call["function"]) ?? {}
    const id = textOf(call["id"])
    const name = textOf(called)
    const text = typeof written === "string" ? written : written ? JSON.stringify(written) : ""
    emit({
      _tag: "ToolCall",
      index: this.indexOf({ given: numberOf(call["index"]) ?? place, id, name, written: text }),
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      arguments: text
    })
  }

  /**
   * Which call a fragment belongs to. Some servers number all of them alike, some name them anew with each fragment: a
   * new one has a name, where the last of its number has one already, and either another id or nothing more to say.
   */
  private indexOf(fragment: Fragment): number {
    const { given, id, name, written } = fragment
    const index = this.calls.findLastIndex((call) => call.given === given)
    const known = this.calls[index]
    const isNew =
      known === undefined ||
      (name !== undefined && known.name !== undefined && (id === undefined ? isWhole(known.written) : id !== known.id))
    if (isNew) return this.calls.push({ ...fragment }) - 1
    known.id ??= id
    known.name ??= name
    known.written += written
    return index
  }
}

/** What has come of a call: as many of its arguments as it takes to see whether they are whole. */
interface Fragment {
  readonly given: number
  id: string | undefined
  name: string | undefined
  written: string
}

const isWhole = (written: string): boolean => objectIn(written) !== undefined

/** In which places of a reason some servers say that they broke. */
const breaks = new Set(["error", "abort", "insufficient_system_resource"])

const finishes: Readonly<Record<string, Summary.Finish>> = {
  stop: "stop",
  eos: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "refused",
  safety: "refused"
}

class Chunks extends InLines {
  private readonly answer = new Answer(this.asked)

  read(line: string, emit: Emit): End | undefined {
    const data = dataOf(line)
    if (data === undefined) return undefined
    if (data !== false && data.trim() === "[DONE]") return this.answer.hasFinished ? this.answer.summary : this.over()
    const chunk = objectIn(data === false ? line : data)
    if (chunk === undefined || (data === false && !Failures.isError(chunk))) return this.malformed()
    return this.answer.take(chunk, "delta", emit)
  }
}

class Completion extends InOnePiece {
  read(body: string, emit: Emit): End {
    if (isStream(body)) return readLines(body, new Chunks(this.asked), emit)
    const answer = new Answer(this.asked)
    const object = objectIn(body)
    const end = object && answer.take(object, "message", emit)
    return end ?? (answer.hasFinished ? answer.summary : this.over())
  }
}

class Vectors extends InOnePiece {
  read(body: string, emit: Emit): End {
    const object = objectIn(body) ?? {}
    if (Failures.isError(object)) return Failures.said(object, this.asked)
    const vectors = listOf(object["data"]).toSorted((one, other) => placeOf(one) - placeOf(other))
    const isEach =
      new Set(vectors.map(placeOf)).size === vectors.length || vectors.every(({ index }) => index === undefined)
    const isAll = vectors.length === inputsOf(this.asked)
    if (!isAll || !isEach || !vectors.every(({ embedding }) => isVector(embedding) && embedding.length > 0)) {
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
