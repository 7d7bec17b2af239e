/**
 * A piece of an answer, in the order in which the model produced it.
 *
 * Every wire and every surface speaks in these four kinds, so that any question can be answered by any target. Parts
 * hold what the model said: they are handed to the caller and appear in no log, metric, trace or error.
 */

/** What the model says. */
export interface Text {
  readonly _tag: "Text"
  readonly text: string
  /** How likely each of its tokens was, where that was asked for. */
  readonly logprobs?: ReadonlyArray<Logprob>
}

/** The natural logarithm of how likely a token was, and its bytes where a token is no whole character. */
export interface Likelihood {
  readonly token: string
  readonly logprob: number
  readonly bytes?: ReadonlyArray<number>
}

/** A token that was chosen, and the likeliest at its place, itself among them. */
export interface Logprob extends Likelihood {
  readonly top: ReadonlyArray<Likelihood>
}

/**
 * What the model thinks before it speaks, where the server tells it apart.
 *
 * A server may sign a thought, at its end, or seal it so that nobody can read it: it takes either back only as it was.
 */
export interface Thinking {
  readonly _tag: "Thinking"
  readonly text: string
  readonly signature?: string
  readonly sealed?: string
}

/** A call of a tool, whole or in fragments: fragments with the same `index` belong together, in order. */
export interface ToolCall {
  readonly _tag: "ToolCall"
  readonly index: number
  readonly id?: string
  readonly name?: string
  readonly arguments: string
}

/** The vector of one input of an embedding question. */
export interface Embedding {
  readonly _tag: "Embedding"
  readonly index: number
  readonly vector: ReadonlyArray<number>
}

/** One piece of an answer. */
export type Part = Text | Thinking | ToolCall | Embedding

/** Makes a piece of text. */
export const text = (words: string): Text => ({ _tag: "Text", text: words })

/** Makes a piece of thinking. */
export const thinking = (words: string): Thinking => ({ _tag: "Thinking", text: words })

/** The text of the parts, without thinking, tool calls and vectors. */
export const textOf = (parts: ReadonlyArray<Part>): string =>
  parts.reduce((whole, part) => (part._tag === "Text" ? whole + part.text : whole), "")

/** A call of a tool whose fragments have been put together. */
export interface WholeCall {
  readonly id?: string
  readonly name: string
  readonly arguments: string
}

/** The calls of tools, each put together from its fragments. */
export const toolCallsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<WholeCall> => {
  const calls = new Map<number, WholeCall>()
  for (const part of parts) {
    if (part._tag !== "ToolCall") continue
    const known = calls.get(part.index)
    const id = part.id ?? known?.id
    const call = {
      name: part.name ?? known?.name ?? "",
      arguments: (known?.arguments ?? "") + part.arguments
    }
    calls.set(part.index, id === undefined ? call : { id, ...call })
  }
  return [...calls.values()]
}

/** What a model thought: its words, signed where its server signs them, or sealed. */
export type Thought = { readonly text: string; readonly signature?: string } | { readonly sealed: string }

/** The thoughts, each put together from its pieces: a signature ends one. */
export const thoughtsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Thought> => {
  const thoughts: Array<Thought> = []
  let words = ""
  const end = (signature?: string): void => {
    if (words !== "" || signature !== undefined)
      thoughts.push({ text: words, ...(signature !== undefined && { signature }) })
    words = ""
  }
  for (const part of parts) {
    if (part._tag !== "Thinking") continue
    words += part.text
    if (part.signature !== undefined) end(part.signature)
    if (part.sealed !== undefined) {
      end()
      thoughts.push({ sealed: part.sealed })
    }
  }
  end()
  return thoughts
}

/** The vectors, in the order of what was asked. */
export const vectorsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<ReadonlyArray<number>> =>
  parts
    .filter((part) => part._tag === "Embedding")
    .toSorted((one, other) => one.index - other.index)
    .map(({ vector }) => vector)

/** How many characters a part holds that a model has written. */
export const lengthOf = (part: Part): number =>
  part._tag === "ToolCall"
    ? part.arguments.length
    : part._tag === "Embedding"
      ? 0
      : part.text.length + (part._tag === "Thinking" ? (part.sealed?.length ?? 0) : 0)

/** About how many characters it takes to keep a part, all of it. */
export const sizeOf = (part: Part): number => {
  if (part._tag === "Embedding") return sizeMin + 8 * part.vector.length
  if (part._tag === "ToolCall") {
    return sizeMin + part.arguments.length + (part.name?.length ?? 0) + (part.id?.length ?? 0)
  }
  const more =
    part._tag === "Thinking"
      ? (part.signature?.length ?? 0) + (part.sealed?.length ?? 0)
      : (part.logprobs ?? []).reduce((sum, { top }) => sum + sizeMin * (1 + top.length), 0)
  return sizeMin + part.text.length + more
}

const sizeMin = 32
