/**
 * A plan makes one Effect out of several of a kind: fallback, hedge, rescue.
 *
 * Each of them is one go, and goes must not share a sink: what a loser still says would stand in the winner's answer.
 * `go` gives an Effect an attempt of its own, and everything that repeats or races wraps each try in it.
 */
import { Effect } from "effect"

export { go } from "./domain/Facts.ts"
export { to } from "./domain/Go.ts"

/** Makes one Effect out of several of a kind, of which there has to be one at least. */
export interface Plan<out E = never> {
  <const Goes extends ReadonlyArray<Effect.Effect<any, any, any>>>(
    goes: Goes
  ): Effect.Effect<Effect.Success<Goes[number]>, E | Effect.Error<Goes[number]>, Effect.Services<Goes[number]>>
}

/** The goes of a plan: all of one type, and at least one. */
export type Goes<A, E, R> = readonly [Effect.Effect<A, E, R>, ...Array<Effect.Effect<A, E, R>>]

/** Makes a plan from what it does with goes of one type. */
export const make = <E = never>(
  name: string,
  plan: <A, E1, R>(goes: Goes<A, E1, R>) => Effect.Effect<A, E | E1, R>
): Plan<E> => {
  const checked = <A, E1, R>(goes: Goes<A, E1, R>): Effect.Effect<A, E | E1, R> =>
    Array.isArray(goes) && goes.length > 0 ? plan(goes) : Effect.die(new TypeError(`${name} ${needsGoes}`))
  return checked as Plan<E>
}

const needsGoes = "was given nothing to ask: give it a list of Effects, one for each target, and at least one."
