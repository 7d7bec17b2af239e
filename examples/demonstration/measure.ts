/**
 * What every scene measures: calls, from when they were made until they ended, and how.
 *
 * Moments are milliseconds since the scene began, on the monotonic clock, so that both sides share one axis.
 */
import { SpillwayError } from "@spillway/core"
import { Clock, Effect } from "effect"

/** How a call ended: refused is what a guard has said no to. */
export type End = "answered" | "refused" | "timed-out" | "failed"

/** A call that was made, in milliseconds since the scene began; one without an end is still waiting. */
export interface Made {
  readonly at: number
  endedAt?: number
  end?: End
}

/** Makes a call and notes what becomes of it. */
export const noted = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  log: Array<Made>,
  now: () => number
): Effect.Effect<void, never, R> =>
  Effect.suspend(() => {
    const made: Made = { at: now() }
    log.push(made)
    const end = (how: End) =>
      Effect.sync(() => {
        made.end = how
        made.endedAt = now()
      })
    return Effect.matchEffect(call, {
      onSuccess: () => end("answered"),
      onFailure: (error) => end(endOf(error))
    })
  })

const endOf = (error: unknown): End => {
  if (!(error instanceof SpillwayError)) return "failed"
  if (error.reason._tag === "TimedOut") return "timed-out"
  return error.failure.class === "refusal" ? "refused" : "failed"
}

/** One call after another, so many milliseconds apart, whether or not the last one has been answered. */
export const steadily = <R>(
  call: Effect.Effect<void, never, R>,
  { calls, everyMillis }: { readonly calls: number; readonly everyMillis: number }
): Effect.Effect<void, never, R> =>
  Effect.forEach(
    Array.from({ length: calls }, (_, index) => index),
    (index) => Effect.delay(call, index * everyMillis),
    { concurrency: "unbounded", discard: true }
  )

/** The calls that ended so. */
export const ended = (log: ReadonlyArray<Made>, how: End): ReadonlyArray<Made> => log.filter(({ end }) => end === how)

/** A stopwatch on the clock of the fiber. */
export const stopwatch: Effect.Effect<() => number> = Clock.clockWith((clock) =>
  Effect.sync(() => {
    const began = clock.monotonicTimeNanosUnsafe()
    return () => Number(clock.monotonicTimeNanosUnsafe() - began) / 1_000_000
  })
)

/** How long the calls took in the middle, or NaN where there were none. */
export const medianOf = (log: ReadonlyArray<Made>): number => {
  const took = log.flatMap(({ at, endedAt }) => (endedAt === undefined ? [] : [endedAt - at]))
  return took.toSorted((a, b) => a - b)[Math.ceil(took.length / 2) - 1] ?? Number.NaN
}
