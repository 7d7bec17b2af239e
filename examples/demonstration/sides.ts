/**
 * The two sides of a scene: each has a server that keeps to the same script, and is asked at the same moments.
 */
import { Effect, type Scope } from "effect"
import { barRow, type Frame, type Row, type Sides } from "./draw.ts"
import { ended, type Made, stopwatch } from "./measure.ts"
import { type Script, type Server, start } from "./server.ts"

/** Both sides, each made around a server of its own, on one stopwatch that starts now. */
export const beside = <Side>(
  script: Script,
  sideOf: (server: Server) => Side
): Effect.Effect<{ readonly now: () => number; readonly sides: Sides<Side> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const now = yield* stopwatch
    const side = Effect.map(start(script, now), sideOf)
    return { now, sides: { bare: yield* side, guarded: yield* side } }
  })

/** When requests came to each server, in another colour where the server was not well. */
export const requestsRow = (
  frame: Frame,
  sides: Sides<{ readonly server: Server }>,
  isIll: (at: number) => boolean
): Row =>
  barRow(
    frame,
    ["server", "requests"],
    sides,
    ({ server }) => server.requests.map(({ at }) => at),
    (cell) => (isIll(((cell + 0.5) * frame.millis) / frame.cells) ? frame.paint.bad : frame.paint.good)
  )

/** When callers were answered. */
export const answersRow = (frame: Frame, sides: Sides<{ readonly log: ReadonlyArray<Made> }>): Row =>
  barRow(
    frame,
    ["callers", "answers"],
    sides,
    ({ log }) => ended(log, "answered").map(({ endedAt }) => endedAt!),
    () => frame.paint.good
  )
