/**
 * How many tokens a model counts for each that the estimate expects, learned from what its servers report.
 *
 * The estimate knows no model, so for one of them it may be too high or too low all the time, and for one text by
 * chance. Both are learned, newer counts more; and since nobody may be refused who could fit, what is used is the low
 * end of it: what the estimate would be if it were as far off as it has ever been measured to be.
 *
 * Measured as tokens counted for each expected, by o200k, cl100k, Llama 3 and Llama 1 (`test/domain/Ratio.test.ts`
 * holds the figures to the fixtures): the worst is 0.11 for empty lines and 0.23 for prose (Georgian). Of text in Latin
 * or Cyrillic letters the worst is 0.69 among the fixtures, 0.55 among 1,841 files of source code and documents, 0.41
 * for a stack trace of Java, 0.26 for a list of words of a dozen letters and more. For one tokenizer such texts lie as
 * low as 0.53 of its highest among the fixtures, and a stack trace at 0.45 of its English.
 */
import type { Forgettable } from "./Keyed.ts"
import type { Loggable } from "./Question.ts"
import type { Tokens } from "./Tokens.ts"

/** The lowest ratio of any text at all, before anything is known of the model. */
export const lowest = 0.1

/** The lowest ratio of a text in Latin or Cyrillic letters. */
export const lowestOfLetters = 0.25

/**
 * Whether a text is one in Latin or Cyrillic letters, as far as its sizes tell: few tokens for its length, and none of
 * the long runs of nothing that cost one tokenizer hundreds and another a few.
 */
export const isLetters = ({ bytes, prompt }: { readonly bytes: number; readonly prompt: Tokens }): boolean =>
  prompt.likely <= densest * bytes && prompt.most <= emptiest * prompt.likely

/** Whether its count teaches anything: what is sent beside the words weighs little then, and pictures are guesses. */
export const teaches = (question: Loggable): boolean =>
  question.images === 0 && question.tools === 0 && question.prompt.likely >= taughtFrom && isLetters(question)

const densest = 0.5
const emptiest = 2.8

/** From how many tokens on: a template adds some dozens to every prompt. */
const taughtFrom = 500

/** What has been learned of one model. */
export class Ratio implements Forgettable {
  seen = 0
  private mean = 1
  private variance = 0
  private seenAt = 0

  /** What it counts for each token expected. */
  get ratio(): number {
    return this.mean
  }

  /** How far off that is, as a standard deviation. */
  get spread(): number {
    return Math.sqrt(this.variance)
  }

  /** What it counts at least, for a text in Latin or Cyrillic letters. */
  get low(): number {
    const { seen, spread } = this
    const ratio = Math.min(this.mean, ratioMax)
    const learned = ratio - Math.max(ratio * wrongBy, spreads * spread)
    return Math.max(seen < seenMin ? Math.min(learned, lowestOfLetters) : learned, lowest)
  }

  /** It counted so many where so many were expected. */
  learn(counted: number, expected: number, now: number): void {
    const weight = Math.max(1 / ++this.seen, weightMin)
    const off = counted / expected - this.mean
    this.mean += weight * off
    // Of what has been seen once there is no spread.
    this.variance = (1 - weight) * (this.variance + weight * off * off)
    this.seenAt = now
  }

  isIdle(now: number): boolean {
    return now - this.seenAt >= idleFor
  }
}

/** How many tokens a prompt has that is longer than that, as far as is known of the model. */
export const told = (likely: number, known: Ratio | undefined, longerThan: number): number =>
  Math.max(Math.round(likely * Math.min(known?.ratio ?? 1, ratioMax)), longerThan + 1)

/** How much of its ratio one text may be off from the others of the same model. */
const wrongBy = 0.6

/** How many standard deviations it may be off where they are wide. */
const spreads = 3

/** After so many it is believed that a model counts more than the least. */
const seenMin = 8

/** No ratio of prose is higher: more is what is sent beside the words, or no prose. */
const ratioMax = 1.3

/** The last fifty say what it is like now. */
const weightMin = 1 / 50

/** A day. */
const idleFor = 86_400_000_000_000
