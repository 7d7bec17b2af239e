/**
 * What a hosted model answers, whole before any of it is sent: its tokens, why it ends, and how the script in its
 * prompt breaks it.
 *
 * An answer is composed ahead of time since nothing in it depends on time, and since a stop sequence that spans two
 * tokens must not have been half said.
 */
import * as Script from "../Script.ts"
import * as Words from "../Words.ts"

/** What is asked. */
export interface Question {
  readonly model: string
  /** The conversation, without an answer that has begun. */
  readonly prompt: string
  /** How the answer has begun, where the conversation ends in the midst of it. */
  readonly prefill: string
  /** The most tokens it may have. */
  readonly max: number | undefined
  readonly stops: ReadonlyArray<string>
  /** The names of the tools that it may call. */
  readonly tools: ReadonlyArray<string>
}

/** An answer, not yet given. */
export interface Answer {
  /** What comes bit by bit: tokens, or fragments of the arguments of a tool. */
  readonly pieces: ReadonlyArray<string>
  readonly finish: "stop" | "length" | "tool"
  /** The stop sequence that ended it. */
  readonly stopped: string | undefined
  /** The tool that it calls in place of saying anything. */
  readonly tool: string | undefined
  readonly promptTokens: number
  /** Drawn for this answer: two questions have two. */
  readonly key: number
  readonly script: Script.Script
}

/** No answer has more tokens, whatever a script says. */
const tokensMax = 100_000

const lettersOfFragment = 6

/** The answer to a question; how many tokens it has where no script says so is about `usual`. */
export const compose = (question: Question, seed: number, usual: number): Answer => {
  const { model, prefill, prompt } = question
  const script = Script.read(prompt)
  // A key is told from that of another seed only after the first letter, so that one is the same for all.
  const own = Words.keyOf(seed, `\n${model}\n${prompt}`)
  const promptTokens = Words.count(prompt) + Words.count(prefill)
  const common = { promptTokens, key: own, script }
  if (script.tool !== undefined && question.tools.includes(script.tool)) {
    const call = script.arguments ?? JSON.stringify({ query: Words.text(own, 3) })
    const pieces = call.match(new RegExp(`.{1,${lettersOfFragment}}`, "g")) ?? []
    return { ...common, pieces, finish: "tool", stopped: undefined, tool: script.tool }
  }
  const wanted = script.tokens ?? Math.ceil(usual / 2) + Words.drawn(own, -1, usual)
  const rest = restOf(question, script, own, Math.min(Math.max(wanted, 0), tokensMax))
  const { max = tokensMax, stops } = question
  const cut = stopped(rest.slice(0, max), stops)
  const isLong = cut.by === undefined && (rest.length > max || script.stop === "limit")
  return { ...common, pieces: cut.pieces, finish: isLong ? "length" : "stop", stopped: cut.by, tool: undefined }
}

/** What is left to say after a prefill: the rest of this very answer, or all of another one. */
const restOf = (question: Question, script: Script.Script, own: number, tokens: number): ReadonlyArray<string> => {
  const { prefill, prompt } = question
  const tokenOf = (key: number) => (place: number) => {
    if (script.text === undefined) return Words.at(key, place)
    return script.repeat === true ? script.text : ` ${script.text}${place}`
  }
  const all = Array.from({ length: tokens }, (_, place) => tokenOf(own)(place))
  if (prefill === "") return all
  const rest = after(all, prefill)
  if (rest !== undefined) return rest
  const another = tokenOf(Words.keyOf(own, prompt + prefill))
  return Array.from({ length: tokens }, (_, place) => (place === 0 ? ` ${another(0).trimStart()}` : another(place)))
}

/** The tokens after a beginning, which may end inside one; nothing where they do not begin so. */
const after = (tokens: ReadonlyArray<string>, beginning: string): ReadonlyArray<string> | undefined => {
  let rest = beginning
  for (const [place, token] of tokens.entries()) {
    if (rest === "") return tokens.slice(place)
    if (!rest.startsWith(token)) {
      return token.startsWith(rest) ? [token.slice(rest.length), ...tokens.slice(place + 1)] : undefined
    }
    rest = rest.slice(token.length)
  }
  return rest === "" ? [] : undefined
}

/** What comes before the first stop sequence, and which that is. */
const stopped = (
  pieces: ReadonlyArray<string>,
  stops: ReadonlyArray<string>
): { readonly pieces: ReadonlyArray<string>; readonly by: string | undefined } => {
  const text = stops.length === 0 ? "" : pieces.join("")
  const found = stops
    .map((by) => ({ by, at: by === "" ? -1 : text.indexOf(by) }))
    .filter(({ at }) => at >= 0)
    .toSorted((left, right) => left.at - right.at)[0]
  if (found === undefined) return { pieces, by: undefined }
  const kept: Array<string> = []
  let room = found.at
  for (const piece of pieces) {
    if (room <= 0) break
    kept.push(piece.slice(0, room))
    room -= piece.length
  }
  return { pieces: kept, by: found.by }
}
