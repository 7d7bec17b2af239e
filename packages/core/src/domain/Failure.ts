/**
 * The one table of what each failure means: for the caller, for a retry, for another target, for a breaker, for the
 * forecast.
 *
 * Every policy and every surface reads its decision here and nowhere else, so that the doors cannot disagree. The rows
 * are the reasons of `SpillwayError`; what a wire cannot name is `Unknown` and is not retried.
 */

/** Whether coming back later can help the caller. */
export type Again = "yes" | "no" | "before-first-part" | "elsewhere" | "elsewhere-before-first-part"

/** Whose affair a failure is. */
export type Class =
  /** We said no before anything was sent. */
  | "refusal"
  /** The question is at fault: it fails the same way everywhere. */
  | "caller"
  /** The target is well but busy, or has had enough of us for now. */
  | "busy"
  /** The target, its server or the way to it is broken. */
  | "broken"
  /** The caller has left. */
  | "left"

/** What one failure means for everybody who has to decide about it. */
export interface Failure {
  readonly code: string
  readonly status: number
  readonly class: Class
  readonly again: Again
  /** Another attempt at the same target may succeed. */
  readonly here: boolean
  /** Another target may succeed. */
  readonly elsewhere: boolean
  /** It speaks against the target's health. */
  readonly breaker: boolean
  /** It says how long the target takes: at least as long as was waited. */
  readonly forecast: boolean
  /** It was turned away, or never arrived: no model did any work for it, and nobody bills it. */
  readonly unused: boolean
}

const row = (
  code: string,
  status: number,
  kind: Class,
  again: Again,
  ...marks: ReadonlyArray<"here" | "elsewhere" | "breaker" | "forecast" | "unused">
): Failure => ({
  code,
  status,
  class: kind,
  again,
  here: marks.includes("here"),
  elsewhere: marks.includes("elsewhere"),
  breaker: marks.includes("breaker"),
  forecast: marks.includes("forecast"),
  unused: kind === "refusal" || marks.includes("unused")
})

/** The table, by reason. */
export const table = {
  RateLimited: row("rate_limited", 429, "refusal", "yes", "here", "elsewhere"),
  BudgetSpent: row("budget_spent", 429, "refusal", "no", "elsewhere"),
  Unpriced: row("unpriced", 403, "refusal", "no", "elsewhere"),
  QueueFull: row("queue_full", 503, "refusal", "yes", "here", "elsewhere"),
  DeadlineUnmeetable: row("deadline_unmeetable", 503, "refusal", "yes", "elsewhere"),
  Unavailable: row("unavailable", 503, "refusal", "yes", "here", "elsewhere"),
  BadRequest: row("bad_request", 400, "caller", "no", "unused"),
  Unsupported: row("unsupported", 400, "caller", "no", "elsewhere", "unused"),
  ContextTooLong: row("context_too_long", 400, "caller", "no", "elsewhere", "unused"),
  Unauthorized: row("unauthorized", 401, "caller", "no", "unused"),
  Forbidden: row("forbidden", 403, "caller", "no", "unused"),
  ModelNotFound: row("model_not_found", 404, "caller", "no", "elsewhere", "unused"),
  Overloaded: row("overloaded", 503, "busy", "yes", "here", "elsewhere", "breaker", "unused"),
  UpstreamRateLimited: row("upstream_rate_limited", 503, "busy", "yes", "here", "elsewhere", "unused"),
  QuotaSpent: row("quota_spent", 503, "busy", "no", "elsewhere", "unused"),
  Unreachable: row("unreachable", 502, "broken", "before-first-part", "here", "elsewhere", "breaker", "unused"),
  Cut: row("cut", 502, "broken", "before-first-part", "here", "elsewhere", "breaker"),
  Malformed: row("malformed", 502, "broken", "before-first-part", "here", "elsewhere", "breaker"),
  RunnerDied: row("runner_died", 502, "broken", "before-first-part", "here", "elsewhere", "breaker"),
  LoadFailed: row("load_failed", 502, "broken", "elsewhere", "elsewhere", "breaker", "unused"),
  OutOfMemory: row("out_of_memory", 502, "broken", "elsewhere", "elsewhere", "breaker"),
  Truncated: row("truncated", 502, "broken", "elsewhere", "elsewhere"),
  UpstreamUnauthorized: row("upstream_unauthorized", 502, "broken", "elsewhere", "elsewhere", "breaker", "unused"),
  TimedOut: row("timed_out", 504, "broken", "elsewhere-before-first-part", "elsewhere", "breaker", "forecast"),
  ContentRefused: row("content_refused", 400, "caller", "no"),
  Cancelled: row("cancelled", 499, "left", "no"),
  Unknown: row("unknown", 502, "broken", "no", "breaker")
} satisfies Record<string, Failure>

/** The name of a row. */
export type Name = keyof typeof table
