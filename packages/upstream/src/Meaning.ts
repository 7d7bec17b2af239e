/**
 * How a wire's table turns what a server said into a reason, and the reasons that mean the same everywhere.
 *
 * Many failures share a status, and two that share it can mean the opposite: a 429 passes with the next answer or lasts
 * for hours, a 400 is the caller's mistake or a bill that was not paid. The words tell them apart, so a row may ask for
 * both, and the first that fits is what it means. What no row names is `Unknown`, which nobody tries again.
 */
import { type Reason, type SpillwayError, Target } from "@spillway/core"
import { Duration } from "effect"
import { type About, failed } from "./Wire.ts"

/** What a server said. */
export interface Said {
  /** In the midst of an answer it is 200, or what the error itself tells. */
  readonly status: number
  /** Its words, with the names that it has for them; what is echoed of a question is none of them. */
  readonly sentence: string
  /** All that was said, where that is more. */
  readonly body?: string
  readonly isInMidst?: boolean
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
  const { body = said.sentence, status } = said
  // What matters stands at the beginning, and a pattern must not take seconds for what comes after it.
  const sentence = said.sentence.slice(0, wordsMax)
  const row = rows.find(
    ({ says, statuses }) =>
      (statuses === undefined || statuses.includes(status)) && (says === undefined || says.test(sentence))
  )
  const reason = row?.means(about, said) ?? { _tag: "Unknown", target: about.target }
  return failed(
    isPassing(reason) ? lost(about, reason) : reason,
    row?.isPlain === true ? undefined : body.slice(0, bodyMax)
  )
}

/** How much of what was said is looked at, and how much is kept. */
const wordsMax = 2_000
const bodyMax = 8_000

/** What would pass by itself before an answer has lost it in its midst. */
const isPassing = ({ _tag }: Reason): boolean =>
  _tag === "Overloaded" || _tag === "UpstreamRateLimited" || _tag === "Unreachable"

const lost = ({ parts, target }: About, reason: Reason): Reason =>
  parts() > 0 ? { _tag: "RunnerDied", target, parts: parts() } : reason

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
export const unauthorized: Means = ({ target }, { status }) => ({
  _tag: "UpstreamUnauthorized",
  target,
  ...(status === 403 && { problem: "does not let us" })
})

/** What stands before it answered in its place. */
export const unreachable: Means = ({ parts, target }) => ({
  _tag: "Unreachable",
  target,
  problem: "what stands before it did not reach it",
  parts: parts()
})

/** What it said is no answer. */
export const malformed = ({ parts, target }: Pick<About, "parts" | "target">, problem?: string): Reason => ({
  _tag: "Malformed",
  target,
  parts: parts(),
  ...(problem !== undefined && { problem })
})

/** The answer has ended before its end. */
export const cut = ({ parts, target }: Pick<About, "parts" | "target">): Reason => ({
  _tag: "Cut",
  target,
  parts: parts()
})

/** Something broke over there: before an answer nothing was begun, in its midst what was begun is lost. */
export const broken: Means = (about, said) =>
  said.isInMidst === true ? { _tag: "RunnerDied", target: about.target, parts: about.parts() } : overloaded(about, said)

/** A filter has refused what was asked, or what would have been answered. */
export const contentRefused: Means = ({ target }) => ({ _tag: "ContentRefused", target })

/** Nothing is paid for any more, or too much is asked at once: how long it asks to wait tells. */
export const quotaOrRate: Means = (about, said) =>
  said.retryAfter === undefined ? quotaSpent(about, said) : limited(about, said)

/** The caller has made a mistake. */
export const badRequest: Means = (_, { sentence }) => ({
  _tag: "BadRequest",
  field: oneOf(fields, sentence) ?? "The question",
  read: "refused by its server"
})

/** The model, or the server, has no place for what was asked. */
export const unsupported: Means = ({ question, target }, { sentence }) => ({
  _tag: "Unsupported",
  capability: oneOf(capabilities, Target.withoutModel(sentence, question?.model ?? "")) ?? "what was asked",
  target
})

/** What servers say, and what it is called here: the first that is found in a sentence. */
type Named = ReadonlyArray<readonly [words: RegExp, name: string]>

const oneOf = (names: Named, sentence: string): string | undefined =>
  names.find(([words]) => words.test(sentence.slice(0, wordsMax)))?.[1]

const fields: Named = [
  [/max_(completion_)?tokens|num_predict/i, "maxTokens"],
  [/logprobs/i, "logprobs"],
  [/response_format|format|schema/i, "format"],
  [/image|base64/i, "An image"],
  [/temperature/i, "temperature"],
  [/top_p/i, "topP"],
  [/tool/i, "A tool"],
  [/stop/i, "stop"],
  [/messages|\binput\b/i, "The conversation"]
]

const capabilities: Named = [
  [/temperature|top_p|sampl/i, "that temperature or topP"],
  [/think|reason/i, "thinking"],
  [/logprob/i, "how likely its tokens are"],
  [/image|vision|multimodal/i, "images"],
  [/tool/i, "tools"],
  [/insert|suffix/i, "a suffix"],
  [/embed/i, "vectors"],
  [/chat|generat|completion/i, "words: it is no model for them"],
  [/format|schema|json/i, "that format"],
  [/system/i, "a turn of the system in that place"]
]

/** There is no such path: the address is that of something else. */
const noSuchPath: Means = ({ target }) => ({
  _tag: "Unsupported",
  capability: "questions at the path of its address, which it answers with 404",
  target
})

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

/** What stands before it gave it up: it may be at work all the same. */
const givenUp: Means = (about) => cut(about)

/** What statuses mean whatever is said with them. */
export const usual: ReadonlyArray<Row> = [
  { statuses: [401, 403], means: unauthorized },
  { statuses: [402], means: quotaSpent },
  { statuses: [429], means: limited, isPlain: true },
  { statuses: [503, 529], means: overloaded, isPlain: true },
  // What stands before a server answers so when it does not reach it, or hears nothing for too long.
  { statuses: [502, 520, 521, 523, 525, 526, 530], means: unreachable },
  { statuses: [408, 499, 504, 522, 524], means: givenUp }
]

/** What statuses mean where no words have told more. */
export const otherwise: ReadonlyArray<Row> = [
  { statuses: [404], means: noSuchPath },
  { statuses: [400, 405, 409, 413, 415, 422], means: badRequest },
  { statuses: [501], means: unsupported }
]
