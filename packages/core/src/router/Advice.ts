/**
 * What a router knows beside a failure that has no answer to what next: when a server that has too much to do may have
 * a place, and what a model that is not there is nearly called.
 *
 * A server seldom says when to come back, and one that does is believed. Where it does not, whoever is refused is told
 * when the line that he stood in expects to have room for him, and not in a second at the same time as all others.
 */
import { Cause, Effect, Random } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { nearest } from "../domain/Options.ts"
import { type Reason, refusal, SpillwayError } from "../domain/SpillwayError.ts"
import { untagged } from "../domain/Target.ts"
import type { Member } from "./Member.ts"
import type { Pool } from "./Pool.ts"

/** The Effect, whose failure says what next as far as its pools know. */
export const advised = <A>(
  self: Effect.Effect<A, SpillwayError>,
  pools: ReadonlyArray<Pool>
): Effect.Effect<A, SpillwayError> =>
  Effect.catchCause(self, (cause) => {
    const [first] = cause.reasons
    if (first === undefined || !Cause.isFailReason(first)) return Effect.failCause(cause)
    const { error } = first
    const { reason } = error
    // Whatever else the cause holds stays as it is, as that it was tried again often enough.
    const told = (more: Reason) =>
      Effect.failCause(Cause.map(cause, (each) => (each === error ? as(error, more) : each)))
    if (reason._tag === "ModelNotFound" && reason.near === undefined) {
      const near = nearTo(reason.model, reason.target, pools)
      return near === undefined ? Effect.failCause(cause) : told({ ...reason, near })
    }
    const isBusy = reason._tag === "Overloaded" || reason._tag === "UpstreamRateLimited"
    if (!isBusy || reason.retryAfter !== undefined) return Effect.failCause(cause)
    return Effect.withFiber((fiber) => {
      const wait = roomIn(reason.target, pools, Alarm.now(fiber))
      return Effect.flatMap(Random.next, (chance) =>
        told({ ...reason, retryAfter: Alarm.spanOf(wait * (1 + chance / 2)) })
      )
    })
  })

/** The same error with more known of its reason. */
const as = ({ cause }: SpillwayError, reason: Reason): SpillwayError =>
  cause === undefined ? refusal(reason) : new SpillwayError({ reason, cause })

const find = (target: string | undefined, pools: ReadonlyArray<Pool>): Member | undefined =>
  pools.flatMap(({ members }) => members).find((member) => member.target.id === target)

/** In how long there may be room again, in nanoseconds. */
const roomIn = (target: string, pools: ReadonlyArray<Pool>, now: number): number => {
  const member = find(target, pools)
  const free = pools.map((pool) => pool.freeIn(0, now) ?? 0)
  const wait = member?.waitFor(now) ?? 0
  return Math.max(soon, wait < Infinity ? wait : 0, Math.min(...free))
}

/** No server has less to do at once because it has just refused. */
const soon = 1_000_000_000

const nearTo = (model: string, target: string | undefined, pools: ReadonlyArray<Pool>): string | undefined => {
  const { models = [] } = find(target, pools)?.health.seen.inspection ?? {}
  const names = models.map(({ name }) => name)
  return names.includes(model) ? undefined : nearOf(model, names)
}

/** Which of these models was probably meant: a tag says which size, and is left out as often as not. */
export const nearOf = (model: string, names: ReadonlyArray<string>): string | undefined => {
  const compared = names.slice(0, comparedMax)
  const near = nearest(model, compared)
  if (near !== undefined) return near
  const meant = nearest(model, compared.map(untagged))
  return meant === undefined ? undefined : compared.find((name) => untagged(name) === meant)
}

/** A name that nobody has is held against so many at the most: a refusal has to cost hardly anything. */
const comparedMax = 100
