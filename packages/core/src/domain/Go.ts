/**
 * One go of several: where it goes, and whether it has been heard.
 *
 * Whoever tries again, falls back or races may do so only as long as nobody has heard a word of an answer, and has to
 * know where a go would go before it runs: an Effect says nothing of that, so whoever makes one says it.
 */
import type { Effect } from "effect"
import { about, attemptsWithin, type Facts } from "./Facts.ts"

const targets = new WeakMap<object, string>()

/** The Effect as one that goes to a target, for all inside it and for the plan around it. */
export const to =
  (target: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const go = about(self, { target })
    targets.set(go, target)
    return go
  }

/** Where it goes, as far as somebody said. */
export const targetOf = (go: object): string | undefined => targets.get(go)

/** Where a run began. */
export interface Since {
  readonly facts: Facts | undefined
  /** How many parts had reached the caller, and how many goes had started. */
  readonly deliveredBefore: number
  readonly attemptsBefore: number
}

/** Whether anything of an answer has gone out since; of a plain Effect's answer only its failure can tell. */
export const wasHeard = (
  { attemptsBefore, deliveredBefore, facts }: Since,
  failure: { readonly parts: number }
): boolean => {
  if (facts?.call.question === undefined) return failure.parts > 0
  if (facts.call.delivery.parts !== deliveredBefore) return true
  return attemptsWithin(facts, attemptsBefore).some((attempt) => attempt.parts > 0)
}
