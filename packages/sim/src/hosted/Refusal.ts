/**
 * Why a hosted provider gives no answer, before any of them has put it into its own words.
 */
import type { Headers } from "../Exchange.ts"

/** The fact that is refused for. */
export type Reason =
  | "invalid"
  | "no-key"
  | "unauthorized"
  | "forbidden"
  | "unknown-model"
  | "no-such-path"
  | "no-such-method"
  | "too-large"
  | "rate-limited"
  | "quota"
  | "internal"
  | "overloaded"

/** A refusal. */
export interface Refusal {
  readonly reason: Reason
  /** What is wrong with the request, and where, for one that is invalid. */
  readonly message?: string
  readonly code?: string
  readonly param?: string
  /** The model that was asked for. */
  readonly model?: string
  /** How long to wait, in nanoseconds. */
  readonly retryAfter?: number
  /** The limit that was met. */
  readonly limit?: Met
  /** The status that a script wants in place of the usual one. */
  readonly status?: number
}

/** A limit that a request does not fit in any more. */
export interface Met {
  readonly of: "requests" | "tokens" | "running"
  readonly limit: number
  readonly used: number
  readonly requested: number
}

/** An answer in one piece. */
export interface Sent {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** The refusal that has a status, where a script asks for one. */
export const ofStatus = (status: number, model: string): Refusal => ({
  reason: reasons[status] ?? (status < 500 ? "invalid" : "internal"),
  model,
  status,
  ...(status === 429 && { retryAfter: 20_000_000_000 })
})

const reasons: Readonly<Record<number, Reason>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "unknown-model",
  413: "too-large",
  429: "rate-limited",
  503: "overloaded",
  529: "overloaded"
}
