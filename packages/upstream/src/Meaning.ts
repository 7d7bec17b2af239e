/**
 * How a wire's table turns what a server said into a reason, and the reasons that mean the same everywhere.
 *
 * Many failures share a status, and two that share it can mean the opposite: a 429 passes with the next answer or lasts
 * for hours, a 400 is the caller's mistake or a bill that was not paid. The words tell them apart, so a row may ask for
 * both, and the first that fits is what it means. What no row names is `Unknown`, which nobody tries again.
 */
import type { Reason, SpillwayError } from "@spillway/core"
import { Duration } from "effect"
import { type About, failed } from "./Wire.ts"

/** What a server said. */
export interface Said {
  /** In the midst of an answer it is 200. */
  readonly status: number
  /** Its words, with the names that it has for them. */
  readonly sentence: string
  readonly retryAfter?: Duration.Duration
  /** How long a prompt is and how long it may be, where that is told. */
  readonly tokens?: number
  readonly context?: number
}

/** What statuses and words mean together; where one of the two is missing, any will do. */
export interface Row {
  readonly statuses?: ReadonlyArray<number>
  readonly says?: RegExp
  readonly means: Means
  /** Whether its words say nothing that the reason does not. */
  readonly isPlain?: boolean
}

/** The reason of a row. */
export type Means = (about: About, said: Said) => Reason

/** The error that a table makes of what was said. */
export const errorOf = (rows: ReadonlyArray<Row>, said: Said, about: About): SpillwayError => {
  const row = rows.find(
    ({ says, statuses }) =>
      (statuses === undefined || statuses.includes(said.status)) && (says === undefined || says.test(said.sentence))
  )
  const reason = row?.means(about, said) ?? { _tag: "Unknown", target: about.target }
  return failed(reason, row?.isPlain === true ? undefined : said.sentence)
}

const waiting = ({ retryAfter }: Said) => (retryAfter === undefined ? {} : { retryAfter })

/** It has too much to do. */
export const overloaded: Means = ({ target }, said) => ({ _tag: "Overloaded", target, ...waiting(said) })

/** What was paid for, or given away, is used up. */
export const quotaSpent: Means = ({ target }, said) => ({ _tag: "QuotaSpent", target, ...waiting(said) })

/** What asks for longer than this is no limit of a rate. */
const quotaFrom = Duration.minutes(15)

/** Too many at once or within a minute; one who asks for longer means a quota. */
export const limited: Means = (about, said) =>
  said.retryAfter !== undefined && Duration.isGreaterThanOrEqualTo(said.retryAfter, quotaFrom)
    ? quotaSpent(about, said)
    : { _tag: "UpstreamRateLimited", target: about.target, ...waiting(said) }

/** It does not know us, or does not let us. */
const unauthorized: Means = ({ target }) => ({ _tag: "UpstreamUnauthorized", target })

/** What stands before it answered in its place. */
export const unreachable: Means = ({ parts, target }) => ({
  _tag: "Unreachable",
  target,
  problem: "what stands before it did not reach it",
  parts: parts()
})

/** What it said is no answer. */
export const malformed = ({ parts, target }: Pick<About, "parts" | "target">): Reason => ({
  _tag: "Malformed",
  target,
  parts: parts()
})

/** The answer has ended before its end. */
export const cut = ({ parts, target }: Pick<About, "parts" | "target">): Reason => ({
  _tag: "Cut",
  target,
  parts: parts()
})

/** Something broke over there: before an answer it was never begun, in its midst it is lost. */
export const broken: Means = (about, said) =>
  about.parts() > 0 ? { _tag: "RunnerDied", target: about.target, parts: about.parts() } : overloaded(about, said)

/** The caller has made a mistake. */
export const badRequest: Means = () => ({
  _tag: "BadRequest",
  field: "The question",
  read: "refused by the server",
  expected: "what it takes"
})

/** The model, or the server, has no place for what was asked. */
export const unsupported: Means = ({ target }) => ({ _tag: "Unsupported", capability: "what was asked", target })

/** The prompt is longer than the model reads. */
export const contextTooLong: Means = ({ question, target }, { context, tokens }) => ({
  _tag: "ContextTooLong",
  tokens: tokens ?? question?.prompt.likely ?? 0,
  target,
  ...(context !== undefined && { context })
})

/** There is no such model. */
export const modelNotFound: Means = ({ question, target }) => ({
  _tag: "ModelNotFound",
  model: question?.model ?? "",
  target
})

/** What statuses mean whatever is said with them. */
export const usual: ReadonlyArray<Row> = [
  { statuses: [401, 403], means: unauthorized },
  { statuses: [429], means: limited, isPlain: true },
  { statuses: [503, 529], means: overloaded, isPlain: true },
  // What stands before a server answers so when it does not reach it.
  { statuses: [408, 502, 504, 520, 521, 522, 523, 524], means: unreachable },
  { statuses: [499], means: () => ({ _tag: "Cancelled" }), isPlain: true }
]

/** What statuses mean where no words have told more. */
export const otherwise: ReadonlyArray<Row> = [
  { statuses: [404], means: malformed },
  { statuses: [400, 405, 409, 413, 415, 422], means: badRequest },
  { statuses: [501], means: unsupported }
]
