/**
 * How a refusal reaches an agent: as a tool error in plain words, which end with the same facts for a program.
 *
 * It is no error of the protocol, since those are shown to no model. It has no structured content, which clients hold
 * to the tool's schema and then report instead of the refusal. Clients that drop `_meta` still have the facts at the
 * end of the words.
 */
import { type Reason, refusal, type Router, SpillwayError } from "@spillway/core"
import { Cause, Data, Duration } from "effect"
import { millis } from "./Wire.ts"

/** Where the facts stand in `_meta`. */
const metaKey = "dev.spillway/error"

/** What a program reads of a refusal. */
export interface Facts {
  readonly code: string
  readonly retryable: boolean
  readonly retry_after_ms?: number
}

/** Nothing had come when a call was ended, so that its client hears of it before he gives up. */
export class NothingYet extends Data.TaggedError("NothingYet")<{
  readonly stage: Router.Progress["stage"]
  readonly target: string | undefined
  readonly startsIn: Duration.Duration | undefined
  readonly waited: Duration.Duration
}> {
  /** When it makes sense to come back, where anything tells. */
  get retryAfter(): Duration.Duration | undefined {
    if (this.stage === "queue") return this.startsIn ?? soon
    return this.stage === "load" ? soon : undefined
  }

  /** What it waited for, and what to do. */
  override get message(): string {
    const where = this.target ?? "the server"
    if (this.stage === "queue") return `Still in line after ${seconds(this.waited)}: come back in ${again(this)}.`
    if (this.stage === "load") return `The model at ${where} is being loaded, and goes on: ask again in ${again(this)}.`
    return `Nothing had come from ${where} after ${seconds(this.waited)}: ask again, or ask for less.`
  }
}

const again = ({ retryAfter = soon }: NothingYet): string => seconds(retryAfter)

const seconds = (span: Duration.Duration): string => `${Math.ceil(Duration.toSeconds(span))} s`

/** Where nothing tells how long it will take. */
const soon = Duration.seconds(10)

/** Why a tool has no answer. */
export type Refusal = SpillwayError | NothingYet

/** A refusal as the result of a tool. */
export interface Refused {
  readonly isError: true
  readonly content: ReadonlyArray<{ readonly type: "text"; readonly text: string }>
  readonly _meta: { readonly [metaKey]: Facts }
}

/** The result that tells it. */
export const refused = (error: Refusal): Refused => {
  const facts = factsOf(error)
  return {
    isError: true,
    content: [{ type: "text", text: `${sentenceOf(error)} ${JSON.stringify(facts)}` }],
    _meta: { [metaKey]: facts }
  }
}

/** The error of a cause. What broke by itself is `Unknown`: its own words may quote what was asked. */
export const errorOf = (cause: Cause.Cause<Refusal>): Refusal => {
  const error = Cause.squash(cause)
  if (error instanceof SpillwayError || error instanceof NothingYet) return error
  return refusal({ _tag: Cause.hasInterruptsOnly(cause) ? "Cancelled" : "Unknown" })
}

const sentenceOf = (error: Refusal): string => {
  if (error._tag === "NothingYet") return error.message
  const { happened, message, reason, retryable } = inArguments(error)
  const advice = (insteads[reason._tag] as Instead | undefined)?.(reason as never, retryable)
  return advice === undefined ? message : `${happened}: ${advice}.`
}

/** A question has other names for what an agent gives. */
const inArguments = (error: SpillwayError): SpillwayError => {
  const { reason } = error
  const named = reason._tag === "BadRequest" ? names[reason.field] : undefined
  return named === undefined ? error : refusal({ ...(reason as Extract<Reason, { _tag: "BadRequest" }>), field: named })
}

const names: Readonly<Record<string, string>> = { maxTokens: "max_tokens", inputs: "input" }

/** What else to do than the error's own words say; nothing where they are right. */
type Instead<Name = never> = (
  reason: Extract<Reason, { readonly _tag: Name }>,
  retryable: boolean
) => string | undefined

const another = "ask another model, or tell whoever runs it"

const tell: Instead<any> = (_, retryable) => `${retryable ? "ask again later, and " : ""}tell whoever runs it`

/** An agent has no log, no configuration and no error in its hands: it is told what it can do itself. */
const insteads: { readonly [Name in Reason["_tag"]]?: Instead<Name> } = {
  BudgetSpent: ({ needs }) => (needs === undefined ? undefined : "ask with fewer max_tokens, or for less"),
  BadRequest: ({ expected }) => (expected === undefined ? "ask in another way, or tell whoever runs it" : undefined),
  ModelNotFound: () => "ask for one that list_models names",
  Unpriced: () => another,
  LoadFailed: () => another,
  OutOfMemory: () => another,
  QuotaSpent: ({ retryAfter }) => (retryAfter === undefined ? another : undefined),
  Truncated: () => "ask for less, or tell whoever runs it",
  RunnerDied: (_, retryable) => (retryable ? "ask again" : "what has come is not all of its answer"),
  // Only the whole of a call may be longer: all other clocks are the configuration's.
  TimedOut: ({ parts, phase }) =>
    parts > 0
      ? "what has come is not all of the answer"
      : phase === "queue"
        ? "come back later"
        : phase === "total"
          ? "allow more time, or ask another model"
          : another,
  Unreachable: tell,
  Malformed: tell,
  Unauthorized: tell,
  UpstreamUnauthorized: tell,
  Unknown: tell
}

const factsOf = (error: Refusal): Facts => ({ ...kindOf(error), ...againOf(error) })

const kindOf = (error: Refusal): Pick<Facts, "code" | "retryable"> =>
  error._tag === "NothingYet"
    ? { code: "timed_out", retryable: true }
    : { code: error.failure.code, retryable: error.retryable }

const againOf = ({ retryAfter }: Refusal): Pick<Facts, "retry_after_ms"> => ({
  ...(retryAfter !== undefined && { retry_after_ms: millis(retryAfter) })
})
