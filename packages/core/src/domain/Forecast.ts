/**
 * The port of the one forecast that serves the router's choice, refusals, waits and clocks.
 *
 * It answers in spans from now rather than in moments, because that is what a Retry-After, a clock and a progress line
 * need.
 */
import { Context, type Duration } from "effect"
import type { Attempt } from "./Attempt.ts"
import type { Question } from "./Question.ts"
import type { Target } from "./Target.ts"

/** When a question would be served, counted from now. */
export interface Expectation {
  readonly startsIn: Duration.Duration
  readonly firstTokenIn: Duration.Duration
  readonly endsIn: Duration.Duration
  /** How long it is silent between two parts, once it speaks. */
  readonly pauses: Duration.Duration
}

/** Says how long a question would take at a target, and learns from how long it did. */
export interface Forecast {
  /** Nothing while the target has shown nothing to go by. */
  readonly of: (question: Question, target: Target) => Expectation | undefined
  readonly learn: (question: Question, target: Target, attempt: Attempt) => void
}

/** The forecast of a program; where none is provided, nothing is known beforehand. */
export const Known = Context.Reference<Forecast | undefined>("spillway/Forecast", { defaultValue: () => undefined })
