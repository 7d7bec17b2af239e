/**
 * What all scenes are drawn with: texts that know their width, bars, marks on an axis of time, and numbers as people
 * read them.
 *
 * One axis of time runs through all rows of a side, so that an eye can see what happened at the same moment.
 */
import type { Paint } from "./paint.ts"

/** A text and how many columns it takes, since colours take none. */
export interface Said {
  readonly text: string
  readonly width: number
}

/** A row of a scene: who and what it is about, and how it is said on each side. */
export interface Row extends Sides<Said> {
  readonly who?: string
  readonly what: string
}

/** The same thing on each side. */
export interface Sides<Side> {
  readonly bare: Side
  readonly guarded: Side
}

/** What is made of each side. */
export const both = <Side, Made>({ bare, guarded }: Sides<Side>, of: (side: Side) => Made): Sides<Made> => ({
  bare: of(bare),
  guarded: of(guarded)
})

/** What rows are drawn on: so many cells for a scene of so many milliseconds, of which some have passed. */
export interface Frame {
  readonly paint: Paint
  readonly cells: number
  readonly millis: number
  readonly elapsed: number
}

type Colour = (text: string) => string

const uncoloured: Colour = (text) => text

/** A text in a colour. */
export const said = (text: string, colour: Colour = uncoloured): Said => ({ text: colour(text), width: text.length })

/** A row that says the same kind of thing of both sides. */
export const row = <Side>(who: string, what: string, sides: Sides<Side>, of: (side: Side) => Said): Row => ({
  who,
  what,
  ...both(sides, of)
})

/** The cell of a moment, in milliseconds since the scene began. */
export const cellOf = ({ cells, millis }: Frame, at: number): number =>
  Math.min(Math.max(Math.floor((at / millis) * cells), 0), cells - 1)

/** The cells that have passed, each as it is said to be. */
export const timeline = (frame: Frame, markOf: (cell: number) => string): Said => {
  const drawn = Math.min(Math.ceil((frame.elapsed / frame.millis) * frame.cells), frame.cells)
  return { text: Array.from({ length: drawn }, (_, cell) => markOf(cell)).join(""), width: drawn }
}

/** How many of the moments fall into each cell. */
const perCell = (frame: Frame, moments: ReadonlyArray<number>): ReadonlyArray<number> => {
  const counts = Array.from({ length: frame.cells }, () => 0)
  for (const at of moments) counts[cellOf(frame, at)]!++
  return counts
}

const heights = "▁▂▃▄▅▆▇█"

/** A bar for each cell that has passed, against the tallest of both sides; each may have a colour of its own. */
const bars = (frame: Frame, counts: ReadonlyArray<number>, tallest: number, colourOf: (cell: number) => Colour): Said =>
  timeline(frame, (cell) => {
    const count = counts[cell]!
    return count === 0 ? " " : colourOf(cell)(heights[Math.min(Math.ceil((count / tallest) * 8), 8) - 1]!)
  })

/** The same bars on both sides of a row, on one scale. */
export const barRow = <Side>(
  frame: Frame,
  [who, what]: readonly [string, string],
  sides: Sides<Side>,
  momentsOf: (side: Side) => ReadonlyArray<number>,
  colourOf: (cell: number) => Colour
): Row => {
  const counts = both(sides, (side) => perCell(frame, momentsOf(side)))
  const tallest = Math.max(1, ...counts.bare, ...counts.guarded)
  return row(who, what, counts, (each) => bars(frame, each, tallest, colourOf))
}

/** A number with its thousands apart. */
export const count = (of: number): string => of.toLocaleString("en-US")

/** Milliseconds, or seconds from one on. */
export const millis = (of: number): string => {
  if (Number.isNaN(of)) return "-"
  return of < 1_000 ? `${Math.round(of)} ms` : seconds(of)
}

/** Milliseconds as seconds. */
export const seconds = (of: number): string => (of < Infinity ? `${(of / 1_000).toFixed(1)} s` : "no end of time")

/** Micro-dollars as dollars. */
export const dollars = (micro: number): string => `$${(micro / 1_000_000).toFixed(4)}`

/** The text in lines of at most so many columns; a number keeps its unit. */
export const wrapped = (text: string, columns: number): ReadonlyArray<string> =>
  text.split(/ (?!m?s\b)/).reduce<ReadonlyArray<string>>((lines, word) => {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trimStart()
    return lines.length === 0 || longer.length > columns ? [...lines, word] : [...lines.slice(0, -1), longer]
  }, [])

/** A call on the axis of time: its waiting, its parts, and how it ended. */
export const lifeline = (
  frame: Frame,
  call: { readonly at: number; readonly endedAt?: number; readonly end?: string } | undefined,
  parts: ReadonlyArray<number> = [],
  after: (cell: number) => string = () => " "
): Said => {
  const { bad, dim, good } = frame.paint
  const began = call === undefined ? Infinity : cellOf(frame, call.at)
  const ended = call?.endedAt === undefined ? Infinity : cellOf(frame, call.endedAt)
  const heard = new Set(parts.map((at) => cellOf(frame, at)))
  return timeline(frame, (cell) => {
    if (cell < began || cell > ended) return after(cell)
    if (cell === ended) return call!.end === "answered" ? good("●") : bad("×")
    return heard.has(cell) ? good("▪") : dim("·")
  })
}
