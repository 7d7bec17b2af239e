/**
 * One go of several: where it goes, and whether it has been heard.
 *
 * Whoever tries again, falls back or races may do so only as long as nobody has heard a word of an answer, and has to
 * know where a go would go before it runs: an Effect says nothing of that, so whoever makes one says it.
 */
import { Effect } from "effect"
import { about, attemptsWithin, type Facts } from "./Facts.ts"
import type { Failure } from "./Failure.ts"

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

/** Whether it makes sense to ask a go, with what is known by now and what the last one failed with. */
type Condition = (facts: Facts | undefined, failure: Failure) => boolean

const conditions = new WeakMap<object, Condition>()

/** The Effect as a go that a plan passes over where it makes no sense to ask it any more. */
export const onlyIf =
  (condition: Condition) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const go = Effect.suspend(() => self)
    conditions.set(go, condition)
    return go
  }

/** Whether it does. */
export const makesSense = (go: object, facts: Facts | undefined, failure: Failure): boolean =>
  conditions.get(go)?.(facts, failure) ?? true

/** Where a run began. */
export interface Since {
  readonly facts: Facts | undefined
  /** How many parts had reached the caller, and how many goes had started. */
  readonly deliveredBefore: number
  /** How many parts plans inside had let through. */
  readonly passedBefore: number
  readonly attemptsBefore: number
}

/** How many parts plans inside have let through, of those that they hold back or compare. */
export const passedBy = (facts: Facts | undefined): number =>
  facts?.call.question === undefined ? 0 : facts.attempt.passed

/**
 * Whether anything of an answer has gone out since; of a plain Effect's answer only its failure can tell. What a plan
 * inside has held back to the end is not out, however much of it a model has said.
 */
export const wasHeard = (
  { attemptsBefore, deliveredBefore, facts, passedBefore }: Since,
  failure: { readonly parts: number }
): boolean => {
  if (facts?.call.question === undefined) return failure.parts > 0
  if (facts.call.delivery.parts !== deliveredBefore || facts.attempt.passed !== passedBefore) return true
  const { destination } = facts.attempt
  return attemptsWithin(facts, attemptsBefore).some((each) => each.parts > 0 && each.destination === destination)
}
