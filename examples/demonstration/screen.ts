/**
 * Redraws some lines of a terminal in place while something runs, and leaves the terminal as it was.
 *
 * It works in the ordinary screen and not in the alternate one, so that what was shown last stays there to be read.
 */
import { Effect } from "effect"

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const frameMillis = 80

/** Where lines are drawn: a terminal's stream. */
export type Terminal = Pick<NodeJS.WriteStream, "write" | "rows">

/** Runs the Effect and draws what `lines` says several times a second, and once more at the end. */
export const live = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  terminal: Terminal,
  lines: () => ReadonlyArray<string>
): Effect.Effect<A, E, R> => {
  let height = 0
  const draw = Effect.sync(() => {
    const drawn = lines()
    const back = height === 0 ? "" : `\x1b[${height}A`
    height = drawn.length
    // Line by line, each cleared only behind what it says: clearing all of it first would flicker.
    terminal.write(`${back}\r${drawn.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`)
  })
  return Effect.acquireUseRelease(
    Effect.sync(() => terminal.write(hideCursor)),
    () => Effect.raceFirst(self, Effect.forever(Effect.andThen(draw, Effect.sleep(frameMillis)))),
    () =>
      Effect.andThen(
        draw,
        Effect.sync(() => terminal.write(showCursor))
      )
  )
}
