/**
 * The port of the one forecast that serves the router's choice, refusals, waits and clocks.
 *
 * It answers in spans from now rather than in moments, because that is what a Retry-After, a clock and a progress line
 * need.
 */
import { Context } from "effect"
import type { Question } from "./Question.ts"
import type { Range } from "./Spread.ts"
import type { Target } from "./Target.ts"

/** For how long a target may say nothing, before its first word and between two, and still be at work. */
export interface Quiet {
  readonly first: number
  readonly between: number
}

/** When a question would be served, counted from now, in nanoseconds. */
export interface Expectation {
  readonly startsIn: Range
  readonly firstTokenIn: Range
  readonly endsIn: Range
  /** How long it is silent between two parts, once it speaks. */
  readonly pauses: Range
  readonly quiet?: Quiet
}

/** Says how long a question of somebody would take at a target. */
export interface Forecast {
  /** Nothing while the target has shown nothing to go by. */
  readonly of: (question: Question, target: Target, caller?: string) => Expectation | undefined
}

/** The forecast of a program; where none is provided, nothing is known beforehand. */
export const Known = Context.Reference<Forecast | undefined>("spillway/Forecast", { defaultValue: () => undefined })
