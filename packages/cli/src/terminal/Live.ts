/**
 * Redraws some lines of a terminal in place as long as it runs, and leaves the terminal as it was.
 *
 * It works in the ordinary screen and not in the alternate one, so that what was shown last stays there to be read.
 */
import { Effect, Terminal } from "effect"

/** How many columns and rows there are. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

const everyMillis = 250

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const clearScreen = "\x1b[2J\x1b[H"

/** Draws what `lines` says whenever that is something else, at most four times a second, and once more at the end. */
export const live = (lines: (size: Size) => ReadonlyArray<string>): Effect.Effect<never, never, Terminal.Terminal> =>
  Effect.flatMap(Terminal.Terminal, (terminal) => {
    const write = (text: string) => (text === "" ? Effect.void : Effect.ignore(terminal.display(text)))
    const redraw = drawing(lines)
    const draw = Effect.flatMap(sizeOf(terminal), (size) => write(redraw(size)))
    return Effect.acquireUseRelease(
      write(hideCursor),
      () => Effect.forever(Effect.andThen(draw, Effect.sleep(everyMillis))),
      () => Effect.andThen(draw, write(showCursor))
    )
  })

/** A terminal that does not say its size gets the usual one. */
const sizeOf = ({ columns, rows }: Terminal.Terminal): Effect.Effect<Size> =>
  Effect.zipWith(columns, rows, (across, down) => ({ columns: across || 80, rows: down || 24 }))

/** What has to be written so that the lines stand where they stood before: nothing if they stand there already. */
export const drawing = (lines: (size: Size) => ReadonlyArray<string>): ((size: Size) => string) => {
  let shown = ""
  let height = 0
  let last: Size | undefined
  return (size) => {
    const drawn = lines(size)
    // What was drawn has been wrapped anew by now, and nobody knows where it begins.
    const isResized = last !== undefined && (last.columns !== size.columns || last.rows !== size.rows)
    // Line by line, each cleared only behind what it says: clearing all of it first would flicker.
    const text = drawn.map((line) => `${line}\x1b[K\n`).join("")
    if (text === shown && !isResized) return ""
    const back = isResized ? clearScreen : height === 0 ? "" : `\x1b[${height}A`
    shown = text
    height = drawn.length
    last = size
    return `${back}\r${text}\x1b[J`
  }
}
