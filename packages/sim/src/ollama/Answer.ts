/**
 * What a model says to a prompt: its tokens one by one, from the seed, the prompt and the script in it.
 */
import type { Script } from "../Script.ts"
import * as Words from "../Words.ts"

/** An answer, not yet given. */
export interface Answer {
  /** The token at a place; nothing where it is over. */
  readonly token: (place: number) => string | undefined
}

/** What is asked for beside words. */
export interface Wanted {
  readonly seed: number
  /** What was answered already, where the conversation ends in the middle of an answer. */
  readonly prefix: string
  /** How many tokens it has where no script says so, on average. */
  readonly tokens: number
  readonly format: unknown
  readonly stop: ReadonlyArray<string>
}

/** The answer to a prompt. */
export const to = (prompt: string, script: Script, wanted: Wanted): Answer => {
  const key = Words.keyOf(wanted.seed, prompt)
  const usual = Math.ceil(wanted.tokens / 2) + Words.drawn(key, -2, Math.max(wanted.tokens, 1))
  if (script.text !== undefined) {
    const { repeat = false, text } = script
    return bounded((place) => (repeat ? text : ` ${text}${place}`), script.tokens ?? usual, wanted.stop)
  }
  if (script.tool !== undefined || isFormatted(wanted.format)) {
    const said =
      script.tool === undefined
        ? JSON.stringify(valueOf(wanted.format, key))
        : `{"name":${JSON.stringify(script.tool)},"arguments":${script.arguments ?? "{}"}}`
    const pieces = Words.split(said.replaceAll(",", ", "))
    return bounded((place) => pieces[place], Math.min(pieces.length, script.tokens ?? Infinity), wanted.stop)
  }
  const from = placeAfter(key, wanted.prefix)
  return bounded((place) => Words.at(key, from + place), (script.tokens ?? usual) - from, wanted.stop)
}

/** Where an answer goes on, if this is how it begins; an answer to something else begins anew. */
const placeAfter = (key: number, prefix: string): number => {
  const tokens = Words.count(prefix)
  return tokens > 0 && Words.text(key, tokens) === prefix.trimEnd() ? tokens : 0
}

/** Ends before the first token in which a stop word is complete. */
const bounded = (token: Answer["token"], tokens: number, stop: ReadonlyArray<string>): Answer => {
  if (stop.length === 0) return { token: (place) => (place < tokens ? token(place) : undefined) }
  let said = ""
  let isOver = false
  return {
    token: (place) => {
      const next = place < tokens && !isOver ? token(place) : undefined
      said += next ?? ""
      isOver ||= next === undefined || stop.some((each) => said.includes(each))
      return isOver ? undefined : next
    }
  }
}

const isFormatted = (format: unknown): boolean => format === "json" || (typeof format === "object" && format !== null)

/** How deep such a value goes. */
const depthMax = 16

/** A value that a JSON Schema describes, as far as it says; an object with an answer where none is given. */
const valueOf = (schema: unknown, key: number, depth = 0): unknown => {
  if (depth > depthMax) return null
  if (typeof schema !== "object" || schema === null) return { answer: Words.text(key, 3) }
  const { enum: options, items, properties, type } = schema as Record<string, unknown>
  if (Array.isArray(options) && options.length > 0) return options[Words.drawn(key, 0, options.length)]
  if (typeof properties === "object" && properties !== null) {
    return Object.fromEntries(
      Object.entries(properties).map(([name, each], index) => [
        name,
        valueOf(each, Words.drawn(key, index, 2 ** 31), depth + 1)
      ])
    )
  }
  if (type === "array") return [valueOf(items ?? { type: "string" }, key, depth + 1)]
  if (type === "integer" || type === "number") return Words.drawn(key, 0, 100)
  if (type === "boolean") return Words.drawn(key, 0, 2) === 1
  if (type === "null") return null
  return type === "object" ? {} : Words.text(key, 2)
}

/** A vector of length one for a text, in single precision. */
export const vectorOf = (seed: number, text: string, dimensions: number): ReadonlyArray<number> => {
  const key = Words.keyOf(seed, text)
  const raw = Array.from({ length: dimensions }, (_, place) => Words.drawn(key, place, 2_001) / 1_000 - 1)
  const length = Math.hypot(...raw) || 1
  return raw.map((each) => Math.fround(each / length))
}

/** The same direction, with length one, as single precision computes it. */
export const normal = (vector: ReadonlyArray<number>): ReadonlyArray<number> => {
  const sum = vector.reduce((total, each) => Math.fround(total + Math.fround(each * each)), 0)
  const scale = Math.fround(1 / Math.max(Math.sqrt(sum), 1e-12))
  return vector.map((each) => Math.fround(each * scale))
}
