/**
 * The faults there are, as a table and as JSON: what is listed is what a server will take.
 */
import { Faults, HostedServer } from "@spillway/sim"
import type { Paint } from "../terminal/Paint.ts"
import { fitted, line, widthOf } from "../terminal/Text.ts"
import type * as Served from "./Served.ts"

/** A fault there is: where it happens, as far as that is said, and what a caller sees of it. */
export interface Known {
  readonly name: string
  readonly where?: string
  readonly what: string
}

/** Those of the server that is simulated. */
export const of = (face: Served.Face): ReadonlyArray<Known> =>
  face === "ollama"
    ? Object.entries(Faults.catalogue).map(([name, { what, where }]) => ({ name, where, what }))
    : HostedServer.known.map(({ name, says, where }) => ({ name, where, what: says }))

/** A line for each fault, below a heading. */
export const table = (
  catalogue: ReadonlyArray<Known>,
  { columns, paint }: { readonly columns: number; readonly paint: Paint }
): ReadonlyArray<string> => {
  const heading = { name: "fault", where: "where", what: "what a caller sees" }
  const nameWidth = widest([heading, ...catalogue].map(({ name }) => name)) + 2
  const places = catalogue.flatMap(({ where }) => where ?? [])
  const whereWidth = places.length === 0 ? 0 : widest([heading.where, ...places]) + 2
  return [
    line([{ text: cellsOf(heading, nameWidth, whereWidth).join(""), colour: paint.bold }], columns),
    ...catalogue.map((fault) => {
      const [name, where, what] = cellsOf(fault, nameWidth, whereWidth)
      return line([{ text: name, colour: paint.accent }, { text: where, colour: paint.dim }, { text: what }], columns)
    })
  ]
}

const widest = (texts: ReadonlyArray<string>): number => Math.max(...texts.map(widthOf))

const cellsOf = (
  { name, what, where = "" }: Known,
  nameWidth: number,
  whereWidth: number
): readonly [name: string, where: string, what: string] => [fitted(name, nameWidth), fitted(where, whereWidth), what]
