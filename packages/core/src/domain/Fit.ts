/**
 * Whether a prompt fits into a context, and whether a server has cut it, told from estimates and counts alone.
 *
 * Servers leave out of a prompt what its model has no use for, and an estimate that counts it would refuse who could
 * fit: so the thoughts of earlier turns count for nothing, each picture counts for nothing, and of several texts to
 * embed, which are read one by one, the longest stands for all. It is looked at only where the whole is too long.
 */
import { Redacted } from "effect"
import type { Question } from "./Question.ts"
import { thinkingOf } from "./Question.ts"
import * as Ratio from "./Ratio.ts"
import * as Tokens from "./Tokens.ts"

/** How many tokens of a question have to fit together, likely, whatever is left out of it. */
export const certainOf = (question: Question): number => {
  const known = certain.get(question.content)
  if (known !== undefined) return known
  const counted = countOf(question)
  certain.set(question.content, counted)
  return counted
}

/** A question that is too long is asked about once for each target. */
const certain = new WeakMap<Question["content"], number>()

const countOf = (question: Question): number => {
  const content = Redacted.value(question.content)
  if (content.kind === "embed") return Math.max(...content.inputs.map(likelyOf), 0)
  const thoughts =
    content.kind === "chat" ? content.messages.reduce((sum, turn) => sum + likelyOf(thinkingOf(turn)), 0) : 0
  return Math.max(question.prompt.likely - thoughts - question.images * likelyOfImageMost, 0)
}

const likelyOf = (text: string): number => Tokens.ofText(text).likely

/** The most that is likely for one picture: the middle of four formulas of which three end here. */
const likelyOfImageMost = 1_600

/** The least that each of its likely tokens counts, with what is known of the model. */
export const lowOf = (question: Question, known: Ratio.Ratio | undefined): number => {
  if (question.images > 0 || !Ratio.isLetters(question)) return Ratio.lowest
  // Tools are told to a model in its own words, of which nothing is learned.
  if (question.tools > 0) return Math.min(known?.low ?? Infinity, Ratio.lowestOfLetters)
  return known?.low ?? Ratio.lowestOfLetters
}

/** How many tokens a prompt has, where that is too many for a context at the least; else none. */
export const tooMany = (question: Question, known: Ratio.Ratio | undefined, context: number): number => {
  const low = lowOf(question, known)
  if (question.prompt.likely * low <= context) return 0
  const counted = certainOf(question)
  return counted * low > context ? Ratio.told(counted, known, context) : 0
}

/**
 * Whether so many counted tokens of a prompt are what a cut leaves of at least `least`: it cannot have fitted, or it
 * was counted at one of the sizes to which servers cut.
 */
export const isCut = (counted: number, least: number, context: number): boolean =>
  least > context || (counted > 0 && counted < least && cutsTo(context).includes(counted))

/**
 * Ollama cuts to the context (to v0.24), to one less (v0.30.0 to 10), or to half of it and the 4 or 5 tokens that it
 * keeps of the beginning (from v0.30.11).
 */
const cutsTo = (context: number): ReadonlyArray<number> => [
  context,
  context - 1,
  ...[4, 5].map((kept) => context - Math.max(Math.floor((context - kept) / 2), 1))
]
