/**
 * The one error of every door: a reason with its facts, whether and when to come back, and a sentence that says what to
 * do.
 *
 * A refusal is the answer to overload, so it has to be as cheap as a call: `refusal` makes the same error without
 * capturing a stack, which alone costs more than everything else a policy does. `new SpillwayError` keeps the stack,
 * for what is broken.
 */
import { Data, Duration, type Redacted } from "effect"
import * as Failure from "./Failure.ts"

/** The phases a clock can run out in. */
export type Phase = "queue" | "connect" | "load" | "firstToken" | "idle" | "reader" | "total"

interface Facts {
  readonly RateLimited: { readonly key: string; readonly limit: string; readonly retryAfter: Duration.Duration }
  readonly BudgetSpent: {
    readonly budget: string
    /** What the answer may cost, where that is more than there ever is. */
    readonly needs?: string
    readonly retryAfter?: Duration.Duration
    /** What there is to do where no time helps. */
    readonly instead?: string
  }
  readonly Unpriced: { readonly model: string }
  readonly QueueFull: {
    readonly queued: number
    readonly queuedMax: number
    /** How large the question is, and what may wait together, where it is for its size. */
    readonly bytes?: number
    readonly bytesMax?: number
    readonly retryAfter?: Duration.Duration
  }
  readonly DeadlineUnmeetable: {
    readonly expected: Duration.Duration
    /** How long whoever asks waits for a first word, as far as it was learned, where no deadline is named. */
    readonly patience?: Duration.Duration
    readonly retryAfter?: Duration.Duration
  }
  readonly Unavailable: { readonly target?: string; readonly retryAfter?: Duration.Duration }
  readonly BadRequest: {
    readonly field: string
    readonly read: string
    /** What would be right; where only a server knows that, the cause holds what it said. */
    readonly expected?: string
  }
  readonly Unsupported: { readonly capability: string; readonly target?: string }
  readonly ContextTooLong: { readonly tokens: number; readonly context?: number; readonly target?: string }
  readonly Unauthorized: {}
  readonly Forbidden: { readonly what: string }
  readonly ModelNotFound: {
    readonly model: string
    /** A model or a route that there is, and that has nearly this name. */
    readonly near?: string
    readonly target?: string
  }
  readonly Overloaded: { readonly target: string; readonly retryAfter?: Duration.Duration }
  readonly UpstreamRateLimited: { readonly target: string; readonly retryAfter?: Duration.Duration }
  readonly QuotaSpent: { readonly target: string; readonly retryAfter?: Duration.Duration }
  readonly Unreachable: { readonly target: string; readonly problem: string; readonly parts: number }
  readonly Cut: { readonly target: string; readonly parts: number }
  readonly Malformed: { readonly target: string; readonly parts: number; readonly problem?: string }
  readonly RunnerDied: { readonly target: string; readonly parts: number }
  readonly LoadFailed: { readonly target: string }
  readonly OutOfMemory: { readonly target: string }
  readonly Truncated: { readonly target: string; readonly expected: number; readonly counted: number }
  readonly UpstreamUnauthorized: { readonly target: string; readonly problem?: string }
  readonly TimedOut: { readonly phase: Phase; readonly after: Duration.Duration; readonly parts: number }
  readonly ContentRefused: { readonly target: string }
  readonly Cancelled: {}
  readonly Unknown: { readonly target?: string }
}

/** Why a call did not succeed: a name of the failure table and the facts that belong to it. */
export type Reason = { readonly [Name in Failure.Name]: { readonly _tag: Name } & Facts[Name] }[Failure.Name]

/** The error that every public boundary fails with. */
export class SpillwayError extends Data.TaggedError("SpillwayError")<{
  readonly reason: Reason
  /** What was thrown, where a foreign thing threw: it may quote what was asked, so no printer shows it. */
  readonly cause?: Redacted.Redacted<unknown>
}> {
  /** What the failure table says of this reason. */
  get failure(): Failure.Failure {
    return Failure.table[this.reason._tag]
  }

  /** Whether the same call may succeed when it comes back. */
  get retryable(): boolean {
    const again = this.failure.again
    const isHeard = "parts" in this.reason && this.reason.parts > 0
    // Whoever had no turn in our line may have one when he comes back.
    return again === "yes" || (!isHeard && (again === "before-first-part" || isOfOurLine(this.reason)))
  }

  /** Whether it speaks against its target's health: not what our queue, the reader or the caller's time made of it. */
  get blamesTarget(): boolean {
    if (this.reason._tag !== "TimedOut") return this.failure.breaker
    return this.failure.breaker && !oursToBlame.has(this.reason.phase)
  }

  /** When it makes sense to come back, where that is known. */
  get retryAfter(): Duration.Duration | undefined {
    return "retryAfter" in this.reason ? this.reason.retryAfter : undefined
  }

  /** What happened and what to do, in a sentence that holds no prompt, answer or secret. */
  override get message(): string {
    const [happened, advice] = sentence(this.reason)
    return advice === undefined ? `${happened}.` : `${happened}: ${advice}.`
  }

  /** What happened, in the same words: for a door whose callers can do something else about it. */
  get happened(): string {
    return sentence(this.reason)[0]
  }

  /** What a log may hold: everything but the cause, which may quote what was asked. */
  override toJSON(): unknown {
    const { message, reason, retryable } = this
    return { _tag: this._tag, message, retryable, reason }
  }
}

const oursToBlame: ReadonlySet<Phase> = new Set(["queue", "reader", "total"])

/** Whether somebody has waited for his turn in vain, and so was never sent. */
export const isOfOurLine = (reason: Reason): boolean => reason._tag === "TimedOut" && reason.phase === "queue"

/** Makes the error without a stack: for refusals, which have to cost hardly anything. */
export const refusal = (reason: Reason): SpillwayError => {
  const error = Object.create(SpillwayError.prototype)
  error._tag = "SpillwayError"
  error.reason = reason
  // Its own, so that Node prints it as an error when nobody has handled it.
  error.stack = undefined
  return error
}

/** What happened, and what to do, each without the point at its end. */
type Sentence = readonly [happened: string, advice?: string]

const sentence = <Name extends Failure.Name>(reason: Extract<Reason, { readonly _tag: Name }>): Sentence =>
  (sentences as { readonly [N in Failure.Name]: (facts: never) => Sentence })[reason._tag](reason as never)

const sentences: { readonly [Name in Failure.Name]: (facts: Facts[Name]) => Sentence } = {
  RateLimited: (_) => [`"${_.key}" has reached its limit of ${_.limit}`, comeBack(_.retryAfter)],
  BudgetSpent: (_) =>
    _.needs === undefined
      ? [`The budget of ${_.budget} is spent`, _.instead ?? comeBack(_.retryAfter, "when its window turns")]
      : [`The answer may cost ${_.needs}, more than the budget of ${_.budget} ever holds`, "lower its maxTokens"],
  Unpriced: (_) => [
    `Nobody has said what "${_.model}" costs`,
    "name it in prices, or say in unpriced what it counts as"
  ],
  QueueFull: (_) => [
    _.queuedMax === 0
      ? "Every slot is in use, and nobody waits for one here"
      : _.bytesMax === undefined
        ? `The queue is full (${_.queued} of ${_.queuedMax})`
        : `The question has ${_.bytes} bytes, all that wait may have ${_.bytesMax}`,
    comeBack(_.retryAfter)
  ],
  DeadlineUnmeetable: (_) => [
    _.patience === undefined
      ? `The answer would take about ${seconds(_.expected)}, longer than the deadline allows`
      : `The answer would begin in about ${seconds(_.expected)}, and this caller has often left ` +
        `after ${seconds(_.patience)}`,
    comeBack(_.retryAfter)
  ],
  Unavailable: (_) => [
    `${_.target ?? "Whatever could answer"} is down, draining or resting after failures`,
    comeBack(_.retryAfter)
  ],
  BadRequest: (_) => [
    `${_.field} was ${_.read}`,
    _.expected === undefined ? "Redacted.value(error.cause) tells why" : `it has to be ${_.expected}`
  ],
  Unsupported: (_) => [`${_.target ?? "Every target there is"} cannot carry ${_.capability}`, "ask without it"],
  ContextTooLong: (_) => [
    `The prompt is about ${_.tokens} tokens and ${_.target ?? "the model"} reads ${most(_.context)}`,
    "shorten it"
  ],
  Unauthorized: () => ["No caller is known by this key", "send the key that the configuration names"],
  Forbidden: (_) => [`This caller may not ${_.what}`, "ask whoever runs this gateway"],
  ModelNotFound: (_) => [
    `There is no model "${_.model}"${at(_.target?.split("/")[0])}${didYouMean(_.near)}`,
    "ask for one that is listed, or pull it there"
  ],
  Overloaded: (_) => [`${_.target} is overloaded`, comeBack(_.retryAfter)],
  UpstreamRateLimited: (_) => [`${_.target} limits our rate`, comeBack(_.retryAfter)],
  QuotaSpent: (_) => [
    `The quota at ${_.target} is spent`,
    comeBack(_.retryAfter, "when it turns, or use another target")
  ],
  Unreachable: (_) => [
    `${_.target} could not be reached (${_.problem})`,
    "see whether it runs and its address is right"
  ],
  Cut: (_) =>
    _.parts === 0
      ? [`${_.target} broke off before it had answered`, "ask again"]
      : [`${_.target} broke off after ${_.parts} parts`, "what has come is not all of its answer"],
  Malformed: (_) => [
    `${_.target} answered with ${_.problem ?? "what is no answer"}`,
    "see whether it is what it is configured as"
  ],
  RunnerDied: (_) => [
    `The model at ${_.target} died while answering`,
    `see its log, ${_.parts === 0 ? "and ask again" : "for what has come is not all of its answer"}`
  ],
  LoadFailed: (_) => [`${_.target} could not load the model`, "see its log"],
  OutOfMemory: (_) => [`${_.target} ran out of memory`, "use a smaller model or context there"],
  Truncated: (_) => [
    `${_.target} read ${_.counted} tokens of a prompt of about ${_.expected} and cut the rest`,
    "use a larger context"
  ],
  UpstreamUnauthorized: (_) => [
    `${_.target} ${_.problem ?? "does not accept our key"}`,
    "see the key of its upstream, and what that key may do"
  ],
  TimedOut: (_) => [
    ranOut[_.phase](seconds(_.after)),
    _.parts > 0
      ? "what has come is not all of the answer, so allow more time"
      : _.phase === "queue"
        ? "come back later, or allow more time"
        : "allow more time, or ask another target"
  ],
  ContentRefused: (_) => [`${_.target} refuses to answer this`, "change what is asked"],
  Cancelled: () => ["The caller left before the answer was complete"],
  Unknown: (_) => [
    `${_.target ?? "The guarded work"} failed in a way that has no name here`,
    "Redacted.value(error.cause) tells it"
  ]
}

const ranOut: { readonly [Name in Phase]: (time: string) => string } = {
  queue: (time) => `No turn came within ${time}`,
  connect: (time) => `The server was not reached within ${time}`,
  load: (time) => `The model was not loaded within ${time}`,
  firstToken: (time) => `No answer began within ${time}`,
  idle: (time) => `The answer fell silent for ${time}`,
  reader: (time) => `Nobody read on for ${time}`,
  total: (time) => `The call was not over within ${time}`
}

const most = (context: number | undefined): string => (context === undefined ? "fewer" : `${context} at most`)

const at = (target: string | undefined): string => (target === undefined ? "" : ` at ${target}`)

const didYouMean = (near: string | undefined): string => (near === undefined ? "" : ` (did you mean "${near}"?)`)

const comeBack = (after: Duration.Duration | undefined, otherwise = "later"): string =>
  `come back ${after === undefined ? otherwise : `in ${seconds(after)}`}`

const seconds = (duration: Duration.Duration): string => {
  const millis = Duration.toMillis(duration)
  if (millis < 1_000) return `${Math.ceil(millis)} ms`
  if (millis < 120_000) return `${Math.ceil(millis / 100) / 10} s`
  const minutes = Math.ceil(millis / 60_000)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.ceil(minutes / 60)
  return minutes < 1_440
    ? `${Math.floor(minutes / 60)} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
