/**
 * What a call may come to at most, and what each of its goes came to, in tokens or in money.
 *
 * An upper bound is what a budget reserves, and a wrong one is found out by the bill: so the prompt counts with the
 * most it can have, and the answer with the bound that is sent along. A go that was cut off has produced what came from
 * it, and a go that nobody heard of again may have produced everything: the two are told apart here.
 */
import type { Attempt } from "./Attempt.ts"
import type { CallFacts } from "./Facts.ts"
import * as Price from "./Price.ts"
import * as Tokens from "./Tokens.ts"
import type { Question } from "./Question.ts"
import type { Amount } from "./Units.ts"
import * as Usage from "./Usage.ts"

/** What a usage comes to. */
export const amountOf = (unit: Amount["unit"], price: Price.Price, usage: Usage.Usage): number =>
  // Rounded up: a server may report parts of a token.
  Math.ceil(unit === "tokens" ? Usage.total(usage) : Price.cost(price, usage))

/** What one go of a call comes to at most, when its answer is bounded to so many tokens. */
export const mostOf = (
  unit: Amount["unit"],
  price: Price.Price,
  call: CallFacts | undefined,
  maxTokens: number
): number => {
  const question = call?.question
  if (question !== undefined) {
    return amountOf(unit, price, { input: question.prompt.most, output: outputMost(question, maxTokens) })
  }
  // What a plain Effect reads and what it writes is not told apart: all of it may be the dearer.
  const all = Math.ceil(call?.tokens?.most ?? 1)
  return Math.max(amountOf(unit, price, { input: all, output: 0 }), amountOf(unit, price, { input: 0, output: all }))
}

/** The most tokens that the answer of a question may have: what is no number of them from one on is no bound. */
export const outputMost = ({ kind, settings }: Question, maxTokens: number): number => {
  if (kind === "embed") return 0
  const { maxTokens: asked = maxTokens } = settings
  return asked >= 1 && asked < maxTokens ? Math.floor(asked) : maxTokens
}

/** What a go has used, or nothing where it was sent and lost. */
export const usageOf = (attempt: Attempt, question: Question | undefined): Usage.Usage | undefined => {
  if (!attempt.sent || attempt.unused) return unused
  if (attempt.usage !== undefined && Usage.isCounted(attempt.usage)) return attempt.usage
  if (!attempt.left || attempt.endedAt === undefined) return undefined
  const begun = attempt.goesOnFrom === undefined ? 0 : Tokens.ofText(attempt.goesOnFrom).most
  return {
    input: (question?.prompt.most ?? 0) + begun,
    output: Math.max(attempt.parts, Math.ceil(attempt.length / lengthMin))
  }
}

const unused: Usage.Usage = { input: 0, output: 0 }

/** A token has hardly ever fewer characters than this, on average. */
const lengthMin = 3
