/**
 * How an answer ended: what a call's Effect succeeds with.
 *
 * The parts themselves have gone to the sink by then, so a summary is small and may be logged whole.
 */
import type { Usage } from "./Usage.ts"

/** Why the model stopped. `length` is a bound that was reached, the caller's or the context's. */
export type Finish = "stop" | "length" | "tool-calls" | "refused" | "unknown"

/** Where the time went, in nanoseconds, as the server itself measured it. */
export interface Timings {
  readonly total: number
  readonly load: number
  readonly prompt: number
  readonly output: number
}

/** The end of an answer. */
export interface Summary {
  readonly _tag: "Summary"
  readonly finish: Finish
  /** The model that really answered, where the server says so. */
  readonly model?: string
  readonly usage?: Usage
  readonly timings?: Timings
}

/** Makes a summary; an answer that merely ended has stopped. */
export const make = (given: Partial<Omit<Summary, "_tag">> = {}): Summary => ({
  _tag: "Summary",
  finish: "stop",
  ...given
})

/** Whether a value is a summary: how a pulled source's last word is told from nothing. */
export const is = (value: unknown): value is Summary =>
  typeof value === "object" && value !== null && (value as { _tag?: unknown })._tag === "Summary"
