/**
 * What becomes of one answer: how long it is, how fast it comes, and how it breaks.
 *
 * A request can script itself by a marker in its prompt, `[[sim tokens=9 token_ms=20 die_after=2]]`, so that a test
 * says what it wants where it asks for it. The runner that stands in for a real Ollama's reads the same marker, which
 * is how both can be asked the same question. What makes no sense is refused: a test whose script is not read tests
 * something else.
 */

import { Options } from "@spillway/core"

/** How one answer goes. A place is a number of tokens that came before. */
export interface Script {
  /** How many tokens it has, where nothing stops it earlier. */
  readonly tokens?: number
  /** The time of one token of the answer, and of the prompt, in place of what the model takes. */
  readonly tokenMillis?: number
  readonly promptMillis?: number
  /** What it says, in place of its own words: token `n` is `" text<n>"`, or with `repeat` just `text`. */
  readonly text?: string
  readonly repeat?: boolean
  /** Why it says that it stopped. */
  readonly stop?: "eos" | "limit"
  /** The runner dies; falls silent; ends the answer without saying so; sends a line that nobody can read. */
  readonly dieAfter?: number
  readonly hangAfter?: number
  readonly endAfter?: number
  readonly garbageAfter?: number
  /** The runner refuses with a status. */
  readonly status?: number
  /** The tool that is called in place of saying anything, and its arguments as JSON without spaces. */
  readonly tool?: string
  readonly arguments?: string
  /** How many tokens are thought before the answer. */
  readonly thinking?: number
  /** Whether the place at which it breaks was drawn: an answer that is over before it breaks at its end. */
  readonly isDrawn?: boolean
}

/** What a key sets, how its value is read (as nothing where it makes no sense), and what would be right. */
interface Key {
  readonly sets: keyof Script
  readonly read: (value: string) => unknown
  readonly expected: string
}

const oneOf = (sets: keyof Script, values: Readonly<Record<string, unknown>>): Key => ({
  sets,
  read: (value) => (Object.hasOwn(values, value) ? values[value] : undefined),
  expected: Object.keys(values).join(" or ")
})

const word = (sets: keyof Script): Key => ({ sets, read: (value) => value || undefined, expected: "a word" })

/** A number that somebody could live to see. */
const number = (sets: keyof Script, what: string, [least, most]: readonly [number, number], isWhole = true): Key => ({
  sets,
  read: (text) => {
    const value = text === "" ? Number.NaN : Number(text)
    return value >= least && value <= most && (Number.isInteger(value) || !isWhole) ? value : undefined
  },
  expected: `${what} from ${least} to ${most}`
})

const count = (sets: keyof Script): Key => number(sets, "a whole number", [0, 1_000_000_000])
const millis = (sets: keyof Script): Key => number(sets, "milliseconds", [0, 3_600_000], false)

const keys: ReadonlyMap<string, Key> = new Map(
  Object.entries({
    tokens: count("tokens"),
    token_ms: millis("tokenMillis"),
    prompt_ms: millis("promptMillis"),
    text: word("text"),
    repeat: oneOf("repeat", { 0: false, 1: true }),
    stop: oneOf("stop", { eos: "eos", limit: "limit" }),
    die_after: count("dieAfter"),
    hang_after: count("hangAfter"),
    end_after: count("endAfter"),
    garbage_after: count("garbageAfter"),
    status: number("status", "a status", [400, 599]),
    tool: word("tool"),
    arguments: {
      sets: "arguments",
      read: (value) => (isObject(value) ? value : undefined),
      expected: "a JSON object without spaces and without ]"
    },
    thinking: count("thinking")
  } satisfies Record<string, Key>)
)

const isObject = (json: string): boolean => {
  try {
    return json.startsWith("{") && JSON.parse(json) !== null
  } catch {
    return false
  }
}

/** The script that stands in a prompt; without a marker, nothing. What `refusal` tells of is left out. */
export const read = (prompt: string): Script => {
  const script: Record<string, unknown> = {}
  for (const { name, value } of wordsIn(prompt)) {
    const key = keys.get(name)
    const given = key?.read(value)
    if (key !== undefined && given !== undefined) script[key.sets] = given
  }
  return script
}

/** Why the script that stands in a prompt is no good, in a sentence for whoever has written it. */
export const refusal = (prompt: string): string | undefined => {
  const problems: Array<string> = []
  for (const found of wordsIn(prompt)) {
    const problem = problemOf(found)
    if (problem !== undefined) problems.push(problem)
    if (problems.length === problemsMax) break
  }
  return problems.length === 0 ? undefined : `${beginning}${problems.join("; ")}`
}

const beginning = "sim script: "

/** What is wrong with a script, where a sentence is such a refusal. */
export const problemsIn = (sentence: string): string | undefined =>
  sentence.startsWith(beginning) ? sentence.slice(beginning.length) : undefined

const problemsMax = 5
const shownMax = 60

/** A word of a marker; one that stands in a marker without an end is nothing but that. */
interface Found {
  readonly name: string
  readonly value: string
  readonly isOpen?: boolean
}

function* wordsIn(prompt: string): Generator<Found> {
  // Nearly every prompt has none.
  if (!prompt.includes("[[sim ")) return
  for (const [whole, marker = "", end] of prompt.matchAll(/\[\[sim ([^\]]*)(\]\])?/g)) {
    if (end === undefined) yield { name: "", value: whole, isOpen: true }
    else {
      for (const [found] of marker.matchAll(/\S+/g)) {
        const [name = "", value = ""] = found.split(/=(.*)/s)
        yield { name, value }
      }
    }
  }
}

const problemOf = ({ isOpen, name, value }: Found): string | undefined => {
  if (isOpen === true) return `${shown(value)} does not end, write [[sim key=value]] without a ] in it`
  const key = keys.get(name)
  if (key !== undefined) {
    return key.read(value) === undefined
      ? `${shown(`${name}=${value}`)} says nothing, write ${key.expected}`
      : undefined
  }
  const near = Options.nearest(name, [...keys.keys()])
  const advice = near === undefined ? `write one of ${[...keys.keys()].join(", ")}` : `did you mean ${near}`
  return `unknown key ${shown(name)}, ${advice}`
}

const shown = (text: string): string => (text.length > shownMax ? `${text.slice(0, shownMax)}…` : text)
