/**
 * The last requests as a table that fits: of all its columns a narrow terminal shows those that matter most.
 */
import { type Colour, type Paint } from "../terminal/Paint.ts"
import { bytes, clean, fitted, line, millis, type Piece, widthOf } from "../terminal/Text.ts"
import { clockOf } from "./Report.ts"
import type { Passage } from "./Snapshot.ts"

/** One column: what it says of a request, and in which colour. */
interface Column {
  readonly title: string
  readonly of: (passage: Passage) => string
  readonly colour?: (passage: Passage, paint: Paint) => Colour
  readonly side?: "right"
  /** How narrow it may become, and how wide; the same where nothing is said. */
  readonly least: number
  readonly most?: number
  /** Who goes first where there is no room: the highest. */
  readonly rank: number
}

const gap = 2

const statusColour = ({ status = 0 }: Passage, paint: Paint): Colour =>
  status >= 500 ? paint.bad : status >= 400 ? paint.fair : status >= 200 ? paint.good : paint.dim

const endColour = ({ end }: Passage, paint: Paint): Colour =>
  ({ open: paint.accent, complete: paint.dim, broken: paint.bad, left: paint.fair, cut: paint.bad })[end]

const dim = (_: Passage, paint: Paint): Colour => paint.dim

const timeOf = (took: number | undefined): string => (took === undefined ? "-" : millis(took))

const columnsOf: ReadonlyArray<Column> = [
  { title: "time", of: ({ at }) => clockOf(at), colour: dim, least: 8, rank: 4 },
  { title: "method", of: ({ method }) => method, colour: dim, least: 6, rank: 9 },
  { title: "path", of: ({ path }) => path, least: 10, most: 28, rank: 0 },
  { title: "model", of: ({ model }) => model || "-", least: 11, most: 32, rank: 3 },
  {
    title: "status",
    of: ({ status }) => String(status ?? "-"),
    colour: statusColour,
    side: "right",
    least: 6,
    rank: 1
  },
  { title: "end", of: ({ end }) => end, colour: endColour, least: 8, rank: 5 },
  { title: "first", of: ({ firstMillis }) => timeOf(firstMillis), side: "right", least: 6, rank: 7 },
  { title: "total", of: ({ tookMillis }) => timeOf(tookMillis), side: "right", least: 6, rank: 2 },
  { title: "bytes", of: (passage) => bytes(passage.bytes), side: "right", least: 7, rank: 8 },
  { title: "fault", of: ({ fault }) => fault ?? "", colour: (_, { fair }) => fair, least: 11, most: 15, rank: 6 }
]

/** The heading and a line for each request, the last one first, in at most so many columns. */
export const table = (
  passages: ReadonlyArray<Passage>,
  { columns, paint }: { readonly columns: number; readonly paint: Paint }
): ReadonlyArray<string> => {
  const shown = wide(chosen(columns), passages, columns)
  const drawn = (pieceOf: (column: Column, width: number) => Piece): string =>
    line([{ text: " " }, ...shown.flatMap(([column, width], at) => [...between(at), pieceOf(column, width)])], columns)
  return [
    drawn(({ side, title }, width) => ({ text: fitted(title, width, side), colour: paint.bold })),
    ...passages.toReversed().map((passage) =>
      drawn(({ colour, of, side }, width) => {
        const text = fitted(clean(of(passage)), width, side)
        return colour === undefined ? { text } : { text, colour: colour(passage, paint) }
      })
    )
  ]
}

const between = (at: number): ReadonlyArray<Piece> => (at === 0 ? [] : [{ text: " ".repeat(gap) }])

/** As many columns as there is room for, the most important ones first. */
const chosen = (columns: number): ReadonlyArray<Column> => {
  let left = columns - 1
  const byRank = columnsOf.toSorted((one, other) => one.rank - other.rank)
  const full = byRank.findIndex((column) => (left -= column.least + gap) + gap < 0)
  const kept = new Set(full < 0 ? byRank : byRank.slice(0, full))
  return columnsOf.filter((column) => kept.has(column))
}

/** What is left over goes to the columns that have more to say, the one that may become widest first. */
const wide = (
  shown: ReadonlyArray<Column>,
  passages: ReadonlyArray<Passage>,
  columns: number
): ReadonlyArray<readonly [Column, number]> => {
  let left = columns - 1 - shown.reduce((sum, { least }) => sum + least + gap, -gap)
  const widths = new Map<Column, number>()
  for (const column of shown.toSorted((one, other) => (other.most ?? 0) - (one.most ?? 0))) {
    const { least, most = least, of } = column
    const wished = passages.reduce((widest, passage) => Math.max(widest, widthOf(clean(of(passage)))), least)
    const width = Math.min(wished, most, least + Math.max(0, left))
    left -= width - least
    widths.set(column, width)
  }
  return shown.map((column) => [column, widths.get(column) ?? column.least])
}
