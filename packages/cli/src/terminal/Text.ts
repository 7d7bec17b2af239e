/**
 * Texts that know how many columns they take, and lines that never take more than there are.
 *
 * What callers have sent stands on the screen too, so whatever would move the cursor is taken out of it first.
 */
import { CliOutput } from "effect/cli"
import { asItIs, type Colour } from "./Paint.ts"

/** A text and its colour, kept apart, since colours take no columns. */
export interface Piece {
  readonly text: string
  readonly colour?: Colour
}

/** The same text without what a terminal would obey. */
export const clean = (text: string): string => text.replace(/\p{Control}|\p{Format}|\p{Line_Separator}/gu, "?")

/** How many columns a text takes. */
export const widthOf = (text: string): number => CliOutput.displayWidth(text)

/** The text, cut where it takes more than so many columns. */
export const cut = (text: string, columns: number): string => {
  if (widthOf(text) <= columns) return text
  let kept = ""
  for (const { segment } of graphemes.segment(text)) {
    if (widthOf(kept + segment) > columns - 1) break
    kept += segment
  }
  return columns < 1 ? "" : `${kept}…`
}

/** The text in exactly so many columns. */
export const fitted = (text: string, columns: number, side: "left" | "right" = "left"): string => {
  const short = cut(text, columns)
  const space = " ".repeat(Math.max(0, columns - widthOf(short)))
  return side === "left" ? short + space : space + short
}

/** A line of pieces, cut where it takes more than so many columns. */
export const line = (pieces: ReadonlyArray<Piece>, columns: number): string => {
  let left = columns
  let drawn = ""
  for (const { colour = asItIs, text } of pieces) {
    if (left <= 0) break
    const short = cut(text, left)
    left -= short === text ? widthOf(text) : left
    drawn += colour(short)
  }
  return drawn
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Milliseconds as people read them. */
export const millis = (of: number): string => {
  if (of < 1_000) return `${Math.round(of)} ms`
  if (of < 100_000) return `${(of / 1_000).toFixed(1)} s`
  const seconds = Math.round(of / 1_000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 100 ? `${minutes}m ${seconds % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`
}

/** Bytes as people read them. */
export const bytes = (of: number): string => {
  if (of < 1_000) return `${of} B`
  return of < 999_500 ? `${short(of / 1_000)} kB` : `${short(of / 1_000_000)} MB`
}

const short = (of: number): string => (of < 99.95 ? of.toFixed(1) : String(Math.round(of)))

/** A number with its noun. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`
