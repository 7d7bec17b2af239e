/**
 * Chunks of LangChain as parts of the core, and back.
 *
 * A part carries the chunks that it was made of, so that what passes unchanged comes out as the very chunk. What was
 * cut anew on its way, because another target has begun an answer again, is made into a chunk here. A chunk that says
 * nothing, a role or an id, waits for the next that does: a target that dies after it can still be replaced. What was
 * used is told once, at the end.
 */
import { AIMessageChunk, type BaseMessage, type UsageMetadata } from "@langchain/core/messages"
import { ChatGenerationChunk } from "@langchain/core/outputs"
import { Part, Summary, Usage } from "@spillway/core"
import { type Fields, fieldsOf, known, listOf, numberOf, textOf } from "./Fields.ts"
import { spokenIn, thoughtIn } from "./Messages.ts"

/** A piece of a call of a tool, as LangChain has it. */
type Calling = NonNullable<AIMessageChunk["tool_call_chunks"]>[number]

const carried: unique symbol = Symbol("spillway/langchain/carried")

/** A part, or the end of an answer, with the chunks that it was made of. */
interface Carrying {
  readonly [carried]?: ReadonlyArray<ChatGenerationChunk>
}

/** The chunks of a part: those that it was made of, or one that says the same. */
export const chunksOf = (part: Part.Part): ReadonlyArray<ChatGenerationChunk> =>
  (part as Carrying)[carried] ?? [chunkOf(part)]

/** The chunk that says what nobody has said in one: what a native wire answers, or what was cut anew. */
const chunkOf = (part: Part.Part): ChatGenerationChunk => {
  if (part._tag === "Text") return saying({ content: part.text })
  if (part._tag === "ToolCall") {
    const { arguments: args, id, index, name } = part
    return saying({ content: "", tool_call_chunks: [{ type: "tool_call_chunk", index, id, name, args }] })
  }
  const { sealed, signature, text } = part._tag === "Thinking" ? part : { text: "" }
  const thought = sealed === undefined ? { text, ...(signature !== undefined && { signature }) } : { sealed }
  const isKept = sealed !== undefined || signature !== undefined
  return saying({
    content: "",
    additional_kwargs: { reasoning_content: text, ...(isKept && { spillway_thoughts: [thought] }) }
  })
}

const saying = (fields: ConstructorParameters<typeof AIMessageChunk>[0] & { readonly content: string }) =>
  new ChatGenerationChunk({ text: fields.content, message: new AIMessageChunk(fields) })

/** The last chunk of an answer: what came after its last word, what it used, and what is told of it. */
export const endingOf = (summary: Summary.Summary, told: Fields): ChatGenerationChunk => {
  const { finish, model, usage } = summary
  const ending = (summary as Carrying)[carried]
  const native = ending === undefined ? known({ model, finish_reason: finish }) : {}
  const counted = ending === undefined && usage !== undefined ? { usage_metadata: usageOf(usage) } : {}
  const own = saying({ content: "", response_metadata: { ...native, ...told }, ...counted })
  return [...(ending ?? []), own].reduce((whole, chunk) => whole.concat(chunk))
}

const usageOf = ({ cached, input, output }: Usage.Usage): UsageMetadata => ({
  input_tokens: input,
  output_tokens: output,
  total_tokens: input + output,
  ...(cached !== undefined && { input_token_details: { cache_read: cached } })
})

/** A chunk that may wait for the one that says anything: so many, and then they go on alone. */
const waitingMax = 1_000

/** Reads the chunks of one attempt. */
export class Reading {
  private waiting: Array<ChatGenerationChunk> = []
  private used: AIMessageChunk | undefined
  private metadata: Fields = {}
  private isCalling = false
  private calls = 0
  private readonly callsAt = new Map<number, { readonly id: string | undefined; readonly index: number }>()

  /** The parts of a chunk. */
  take(given: ChatGenerationChunk): ReadonlyArray<Part.Part> {
    const chunk = this.counted(withoutOurs(given))
    Object.assign(this.metadata, chunk.generationInfo, chunk.message.response_metadata)
    const pieces = this.piecesOf(chunk.message)
    const [first] = pieces
    if (first === undefined) {
      this.waiting.push(chunk)
      return this.waiting.length < waitingMax ? [] : [this.carrying(Part.text(""), this.waiting)]
    }
    if (pieces.length === 1) {
      const [call] = first.call
      // One that was called by the number of another one is called by its own.
      const isRenamed = call !== undefined && call.index !== callsIn(chunk.message)[0]!.index
      const own = isRenamed ? cut(chunk, chunk.message.content, [call], true) : chunk
      return [this.carrying(first.part, [...this.waiting, own])]
    }
    const hasText = pieces.some(({ part }) => part._tag === "Text")
    return pieces.map(({ call, part }, index) => {
      const isSpoken = part._tag === "Text" || (index === 0 && !hasText)
      const piece = cut(chunk, isSpoken ? chunk.message.content : "", call, index === 0)
      return this.carrying(part, index === 0 ? [...this.waiting, piece] : [piece])
    })
  }

  /** What it used so far, where its server has said so. */
  get usage(): Usage.Usage | undefined {
    const metadata = this.used?.usage_metadata
    if (metadata === undefined) return undefined
    const cached = metadata.input_token_details?.cache_read
    const usage = { input: metadata.input_tokens, output: metadata.output_tokens, ...known({ cached }) }
    return Usage.isCounted(usage) ? usage : undefined
  }

  /** The end of the answer. */
  end(): Summary.Summary & Carrying {
    const ending = [...this.waiting]
    if (this.used !== undefined) ending.push(new ChatGenerationChunk({ text: "", message: this.used }))
    const { usage } = this
    return {
      ...Summary.make({
        finish: finishOf(this.metadata, this.isCalling),
        ...known({ usage, model: textOf(this.metadata["model"]) ?? textOf(this.metadata["model_name"]) }),
        ...timingsIn(this.metadata)
      }),
      [carried]: ending
    }
  }

  private carrying(part: Part.Part, chunks: ReadonlyArray<ChatGenerationChunk>): Part.Part {
    this.waiting = []
    return Object.assign(part, { [carried]: chunks })
  }

  /** The chunk without what it says was used; whoever made it may hand it out again, so it stays as it is. */
  private counted(chunk: ChatGenerationChunk): ChatGenerationChunk {
    const { usage_metadata: usage } = chunk.message as AIMessageChunk
    if (usage === undefined) return chunk
    const told = new AIMessageChunk({ content: "", usage_metadata: usage })
    this.used = this.used === undefined ? told : this.used.concat(told)
    return cut(chunk, chunk.message.content, callsIn(chunk.message), true)
  }

  private piecesOf(message: BaseMessage): ReadonlyArray<Piece> {
    const pieces: Array<Piece> = []
    const blocks = listOf(message.content).flatMap((block): ReadonlyArray<Fields> => {
      const fields = fieldsOf(block)
      return fields === undefined ? [] : [fields]
    })
    const thought =
      textOf(message.additional_kwargs["reasoning_content"]) ??
      textOf(blocks.map((block) => thoughtIn(block) ?? "").join(""))
    const text = spokenIn(message.content)
    if (thought !== undefined) pieces.push({ part: Part.thinking(thought), call: [] })
    if (text !== "") pieces.push({ part: Part.text(text), call: [] })
    for (const call of callsIn(message)) {
      const part = this.callOf(call)
      pieces.push({ part, call: [{ ...call, index: part.index }] })
    }
    // What is of another kind, a picture or a citation, can be said by nobody else in its place.
    if (pieces.length === 0 && blocks.length > 0) {
      pieces.push({ part: { _tag: "Thinking", text: "", sealed: "content" }, call: [] })
    }
    return pieces
  }

  /** Some number every call 0: one with another id is another call, and has another number. */
  private callOf({ args = "", id, index: told = 0, name }: Calling): Part.ToolCall {
    this.isCalling = true
    const last = this.callsAt.get(told)
    const isSame = last !== undefined && (id === undefined || last.id === undefined || last.id === id)
    const index = isSame ? last.index : this.calls++
    if (!isSame) this.callsAt.set(told, { id, index })
    return { _tag: "ToolCall", index, arguments: args, ...known({ id, name }) }
  }
}

/** The chunk without what a ChatSpillway further in has told of it: the one that is asked tells it. */
const withoutOurs = (chunk: ChatGenerationChunk): ChatGenerationChunk => {
  const { content, response_metadata: told, usage_metadata } = chunk.message as AIMessageChunk
  if (!("spillway" in told)) return chunk
  const { spillway: _spillway, ...rest } = told
  const cleaned = cut(chunk, content, callsIn(chunk.message), true)
  cleaned.message.response_metadata = rest
  return Object.assign(cleaned, { message: Object.assign(cleaned.message, known({ usage_metadata })) })
}

/** A part, and what of a chunk it is made of. */
interface Piece {
  readonly part: Part.Part
  readonly call: ReadonlyArray<Calling>
}

/** What a message calls, in pieces or whole. */
const callsIn = (message: BaseMessage): ReadonlyArray<Calling> => {
  const { invalid_tool_calls: invalid, tool_call_chunks: pieces, tool_calls: whole } = message as AIMessageChunk
  if (pieces !== undefined && pieces.length > 0) return pieces
  const calls = [
    ...(whole ?? []).map(({ args, id, name }) => ({ id, name, args: JSON.stringify(args ?? {}) })),
    ...(invalid ?? []).map(({ args, id, name }) => ({ id, name, args }))
  ]
  return calls.map((call, index) => ({ type: "tool_call_chunk", index, ...call }))
}

/** A chunk that says only that of another one; what else stands in it goes with the first of them. */
const cut = (
  { generationInfo, message }: ChatGenerationChunk,
  content: BaseMessage["content"],
  calls: ReadonlyArray<Calling>,
  isFirst: boolean
): ChatGenerationChunk => {
  const { additional_kwargs, id, name, response_metadata } = message
  const more = isFirst ? { additional_kwargs, response_metadata, name } : {}
  return new ChatGenerationChunk({
    text: spokenIn(content),
    message: new AIMessageChunk({ content, tool_call_chunks: [...calls], ...known({ id, ...more }) }),
    ...(isFirst && generationInfo !== undefined && { generationInfo })
  })
}

/** A whole message, as the one chunk of an answer. */
export const wholeOf = (message: BaseMessage, more: Fields = {}): ChatGenerationChunk => {
  const { additional_kwargs, id, name, usage_metadata: usage } = message as AIMessageChunk
  const { tokenUsage } = more as { readonly tokenUsage?: { promptTokens?: number; completionTokens?: number } }
  const [input, output] = [numberOf(tokenUsage?.promptTokens), numberOf(tokenUsage?.completionTokens)]
  const told = input === undefined || output === undefined ? undefined : usageOf({ input, output })
  const response_metadata = { ...more, ...message.response_metadata }
  return new ChatGenerationChunk({
    text: spokenIn(message.content),
    message: new AIMessageChunk({
      content: message.content,
      tool_call_chunks: [...callsIn(message)],
      additional_kwargs,
      response_metadata,
      ...known({ id, name, usage_metadata: usage ?? told })
    })
  })
}

const finishes: ReadonlyArray<readonly [words: RegExp, finish: Summary.Finish]> = [
  [/^(length|max_?tokens|max_output_tokens|incomplete)$/i, "length"],
  [/^(tool_?(calls|use)|function_call)$/i, "tool-calls"],
  [/^(content_filter|refusal|safety|recitation|prohibited_content)$/i, "refused"],
  [/^(stop|end_turn|stop_sequence|completed|eos)$/i, "stop"]
]

const finishOf = (metadata: Fields, isCalling: boolean): Summary.Finish => {
  const names = ["finish_reason", "done_reason", "stop_reason", "finishReason", "status"]
  const said = names.map((name) => textOf(metadata[name])).find((word) => word !== undefined)
  if (said === undefined) return isCalling ? "tool-calls" : "stop"
  const finish = finishes.find(([words]) => words.test(said))?.[1] ?? "unknown"
  return finish === "stop" && isCalling ? "tool-calls" : finish
}

/** What an Ollama says of where its time went: a forecast learns from it. */
const timingsIn = (metadata: Fields): Pick<Summary.Summary, "timings"> => {
  const [total, load, prompt, output] = [
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration"
  ].map((name) => numberOf(metadata[name]))
  if (total === undefined || prompt === undefined || output === undefined) return {}
  return { timings: { total, load: load ?? 0, prompt, output } }
}

/**
 * The same chunks as blocks: words are number 0, thoughts 1, calls follow. Where a model numbers its own blocks a call
 * is the block that has its id, or comes after all of them.
 */
export async function* blocksOf(
  chunks: AsyncIterable<ChatGenerationChunk>,
  told: (metadata: Fields) => void
): AsyncGenerator<ChatGenerationChunk> {
  let isNumbered = false
  const blocks = new Map<string, number>()
  const numbers = new Map<number, number>()
  const numberOfCall = ({ id, index = 0 }: Calling): number => {
    const number = numbers.get(index) ?? blocks.get(id ?? "") ?? (isNumbered ? blocksMax : 2) + index
    numbers.set(index, number)
    return number
  }
  for await (const chunk of chunks) {
    const { additional_kwargs: more, content, tool_call_chunks: calls = [] } = chunk.message as AIMessageChunk
    told(chunk.message.response_metadata)
    isNumbered ||= typeof content !== "string" && content.length > 0
    for (const block of listOf(content)) {
      const { id, index } = fieldsOf(block) ?? {}
      if (typeof id === "string" && typeof index === "number") blocks.set(id, index)
    }
    const reasoning = isNumbered ? undefined : textOf(more["reasoning_content"])
    const isPlain = reasoning === undefined && calls.length === 0
    const thoughts = reasoning === undefined ? content : [{ type: "reasoning" as const, reasoning, index: 1 }]
    const numbered = calls.map((call) => ({ ...call, index: numberOfCall(call) }))
    yield isPlain ? chunk : cut(chunk, thoughts, numbered, true)
  }
}

/** No model numbers more blocks of its own. */
const blocksMax = 1_000
