/**
 * A plan makes one Effect out of several of a kind: fallback, hedge, rescue.
 *
 * Each of them is one go, and goes must not share a sink: what a loser still says would stand in the winner's answer.
 * `go` gives an Effect an attempt of its own, and everything that repeats or races wraps each try in it.
 */
import type { Effect } from "effect"

export { go } from "./domain/Facts.ts"
export { to } from "./domain/Go.ts"

/** Makes one Effect out of several of a kind. */
export interface Plan<out E = never> {
  <A, E1, R>(goes: readonly [Effect.Effect<A, E1, R>, ...Array<Effect.Effect<A, E1, R>>]): Effect.Effect<A, E | E1, R>
}
