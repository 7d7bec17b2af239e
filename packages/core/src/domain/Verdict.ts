/**
 * What a failure means to a policy: read off the failure table, or as the program says.
 *
 * A foreign failure has no row of its own. Around a plain Effect it counts as passing, like a connection that broke,
 * because that is what people guard; `classify` names another row for what is known better. So there is one table and
 * one notion of what a failure is, whoever fails.
 */
import { type Cause, Duration, type Exit, Redacted, Schema } from "effect"
import * as Alarm from "./Alarm.ts"
import * as Failure from "./Failure.ts"
import { aFunction } from "./Options.ts"
import * as RetryAfter from "./RetryAfter.ts"
import { isOfOurLine, SpillwayError } from "./SpillwayError.ts"

/** A row of the failure table, by its name; with when to come back, where the failure says so. */
export type Named =
  | Failure.Name
  | {
      readonly reason: Failure.Name
      /** A Duration, or the text of a Retry-After header in any of its forms. */
      readonly retryAfter?: Duration.Duration | string | null | undefined
    }

/**
 * Says which row a foreign failure belongs to; nothing leaves it where it would stand anyway. What fails with a
 * SpillwayError has its row, so nobody is asked about it: a guard further in that refuses is not taken for the work.
 */
export type Classify = (error: any) => Named | undefined

/** The option that takes it. */
export const classifying = Schema.optionalKey(aFunction<Classify>())

/** Options that take it, as TypeScript writes them. */
export interface Classifying {
  /** Which row of the failure table a foreign failure belongs to. */
  readonly classify?: Classify
}

/** What a failure means. */
export interface Verdict {
  readonly failure: Failure.Failure
  /** Whether it speaks against the health of its target. */
  readonly blamesTarget: boolean
  /** How long from now it makes sense to come back, in nanoseconds. */
  readonly retryAfter: number | undefined
  /** How many parts of its answer had gone out, as far as it says so itself. */
  readonly parts: number
  /** Whether a guard of ours said no, so that nothing was tried. */
  readonly isRefusal: boolean
  /** Whether it is known to have used nothing. */
  readonly isUnused: boolean
}

/** The typed failure of a cause that holds nothing else: a defect or an interrupt beside it outweighs it. */
export const failureOf = (cause: Cause.Cause<unknown>): { readonly error: unknown } | undefined => {
  let found: { readonly error: unknown } | undefined
  for (const reason of cause.reasons) {
    if (reason._tag !== "Fail") return undefined
    found ??= { error: reason.error }
  }
  return found
}

/** What the typed failure of a cause means; nothing where it holds anything else. */
export const ofCause = (
  cause: Cause.Cause<unknown>,
  classified: Classify | undefined,
  nowMillis?: () => number
): Verdict | undefined => {
  const failure = failureOf(cause)
  return failure === undefined ? undefined : of(failure.error, classified, nowMillis)
}

/** Whether a guard further in has refused, so that nothing was sent. */
export const wasRefused = (exit: Exit.Exit<unknown, unknown>): boolean => {
  const error = exit._tag === "Failure" ? failureOf(exit.cause)?.error : undefined
  return error instanceof SpillwayError && error.failure.class === "refusal"
}

/** Whether it was turned away, or never arrived, so that nothing was used. */
export const failedUnused = (exit: Exit.Exit<unknown, unknown>, classify?: Classify): boolean => {
  const failure = exit._tag === "Failure" ? failureOf(exit.cause) : undefined
  return failure !== undefined && of(failure.error, classify).isUnused
}

const noWhen = (): number => 0

/**
 * Judges a typed failure; `nowMillis` is the wall clock, which a Retry-After may name a moment of, for who asks when to
 * come back.
 */
export const of = (error: unknown, classify: Classify | undefined, nowMillis = noWhen): Verdict => {
  if (!(error instanceof SpillwayError)) {
    const named = classify?.(error)
    return named === undefined ? passing : ofName(named, nowMillis)
  }
  // What a foreign source threw, which whoever knows it may name.
  if (error.reason._tag === "Unknown" && error.cause !== undefined) {
    const named = classify?.(Redacted.value(error.cause))
    if (named !== undefined) return ofName(named, nowMillis)
  }
  const { blamesTarget, failure, reason, retryAfter } = error
  const parts = "parts" in reason ? reason.parts : 0
  return {
    failure,
    blamesTarget,
    retryAfter: retryAfter && Alarm.nanos(retryAfter),
    parts,
    isRefusal: failure.class === "refusal",
    isUnused: (failure.unused || isOfOurLine(reason)) && parts === 0
  }
}

const passing: Verdict = {
  failure: Failure.table.Unreachable,
  blamesTarget: true,
  retryAfter: undefined,
  parts: 0,
  isRefusal: false,
  isUnused: false
}

const ofName = (named: Named, nowMillis: () => number): Verdict => {
  const { reason, retryAfter } = typeof named === "string" ? { reason: named, retryAfter: undefined } : named
  const failure: Failure.Failure | undefined = Failure.table[reason]
  if (failure === undefined)
    throw new TypeError(`classify named ${reason as string}, which is no row of the failure table`)
  const after = typeof retryAfter === "string" ? RetryAfter.parse(retryAfter, nowMillis()) : (retryAfter ?? undefined)
  return {
    failure,
    blamesTarget: failure.breaker,
    retryAfter: after && Alarm.nanos(after),
    parts: 0,
    isRefusal: false,
    isUnused: failure.unused
  }
}
