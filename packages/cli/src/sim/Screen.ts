/**
 * Draws a simulated server as lines that fit a terminal: what it is, its models, the faults that are on, and the last
 * requests.
 *
 * Where there is little room, the requests keep most of it: they are what one looks at while something is tried out.
 */
import type { Size } from "../terminal/Live.ts"
import type { Paint } from "../terminal/Paint.ts"
import { clean, counted, cut, fitted, line, type Piece, widthOf } from "../terminal/Text.ts"
import type { ModelState } from "./ModelState.ts"
import { type FaultOn, type Snapshot, wordsOf } from "./Snapshot.ts"
import { table } from "./Table.ts"

/** Where it is drawn, and in which colours. */
export interface Look extends Size {
  readonly paint: Paint
}

/** The server as at most so many lines of at most so many columns; the last line of a terminal stays free. */
export const screen = (snapshot: Snapshot, look: Look): ReadonlyArray<string> => {
  const room = Math.max(1, look.rows - 1)
  const isRoomy = room >= 14
  const gap = isRoomy ? [""] : []
  const head = header(snapshot, look)
  const foot = room >= 8 ? [...gap, footer(snapshot, look)] : []
  const spare = room - head.length - foot.length - 3 * gap.length - 1
  const models = shortened(modelLines(snapshot.models, look), Math.max(1, Math.floor(spare / 3)), look)
  const faults = shortened(faultLines(snapshot.faults, look), Math.max(1, Math.floor(spare / 3)), look)
  const rows = Math.max(0, spare - models.length - faults.length)
  const requests = rows === 0 ? [] : table(snapshot.passages.slice(-rows), look)
  return [...head, ...gap, ...models, ...gap, ...faults, ...gap, ...requests, ...foot].slice(0, room)
}

const header = ({ count, face, open, url, version }: Snapshot, { columns, paint }: Look): ReadonlyArray<string> => {
  const title: ReadonlyArray<Piece> = [{ text: " " }, { text: url, colour: paint.accent }]
  const what: Piece = { text: `  a simulated ${face ?? `Ollama ${clean(version)}`}`, colour: paint.bold }
  const counts: ReadonlyArray<Piece> = [
    { text: ` ${counted(count, "request")}`, colour: paint.dim },
    { text: open === 0 ? "" : `, ${open} open`, colour: paint.accent }
  ]
  return [line([...title, what], columns), line(counts, columns)]
}

const modelLines = (models: ReadonlyArray<ModelState>, look: Look): ReadonlyArray<string> => {
  const { columns, paint } = look
  const most = Math.max(12, Math.floor(columns * 0.4))
  const nameWidth = Math.min(most, Math.max(...models.map(({ name }) => widthOf(name)), 0))
  return models.map((model) => {
    const { name, state, waiting, waitingForLoad } = model
    const colour = { cold: paint.dim, waiting: paint.fair, loading: paint.accent, loaded: paint.good }[state]
    return line(
      [
        { text: " " },
        { text: fitted(clean(name), nameWidth), colour: paint.bold },
        { text: `  ${fitted(state, 7)}  `, colour },
        ...slots(model, look),
        { text: waiting === 0 ? "" : `  ${waiting} in line`, colour: paint.fair },
        { text: waitingForLoad === 0 ? "" : `  ${waitingForLoad} waiting for a load`, colour: paint.fair }
      ],
      columns
    )
  })
}

const barMost = 16

/** Slots that are used and free as a bar, a cell for each as long as there are few. */
const slots = ({ running, slots: all, state }: ModelState, { columns, paint }: Look): ReadonlyArray<Piece> => {
  if (state !== "loaded") return []
  const cells = Math.min(all, columns < 60 ? 4 : barMost)
  const used = Math.min(cells, Math.ceil((running / all) * cells))
  return [
    { text: "█".repeat(used), colour: running === all ? paint.fair : paint.good },
    { text: "░".repeat(cells - used), colour: paint.dim },
    { text: ` ${running}/${all}` }
  ]
}

const faultLines = (faults: ReadonlyArray<FaultOn>, { columns, paint }: Look): ReadonlyArray<string> => {
  if (faults.length === 0) return [line([{ text: " no fault is on", colour: paint.dim }], columns)]
  const told = faults.map((fault) => ({ ...fault, words: clean(wordsOf(fault)), name: clean(fault.fault) }))
  const widest = Math.max(...told.map(({ name, words }) => widthOf(`${name} ${words}`)))
  const width = Math.min(widest, Math.max(8, columns - 20))
  return told.map(({ name, phase, struck, words }) => {
    const shownWords = cut(` ${words}`, width - widthOf(name))
    const space = " ".repeat(Math.max(0, width - widthOf(name + shownWords)))
    const often = struck === 0 ? "not yet" : struck === 1 ? "struck once" : `struck ${counted(struck, "time")}`
    return line(
      [
        { text: " " },
        { text: name, colour: phase === "now" ? paint.fair : paint.dim },
        { text: shownWords },
        { text: `${space}  ${often}`, colour: struck === 0 ? paint.dim : paint.bad },
        ...(phase === "now" ? [] : [{ text: `, ${phase === "over" ? "over" : "not now"}`, colour: paint.dim }])
      ],
      columns
    )
  })
}

/** How it is stopped and, where there is room to say so, how a fault is switched on. */
const footer = ({ url }: Snapshot, { columns, paint }: Look): string => {
  const stop = " Ctrl-C stops it"
  const saying = (fault: string): string => `${stop}; a fault on: curl -d ${fault} ${url}/_sim/faults`
  const fits = [saying('"overloaded 20%"'), saying("busy")].find((text) => widthOf(text) <= columns)
  return line([{ text: fits ?? stop, colour: paint.dim }], columns)
}

/** At most so many lines, the last of which says how many there are beside. */
const shortened = (lines: ReadonlyArray<string>, most: number, { columns, paint }: Look): ReadonlyArray<string> => {
  if (lines.length <= most) return lines
  const more = ` and ${lines.length - most + 1} more`
  return [...lines.slice(0, most - 1), line([{ text: more, colour: paint.dim }], columns)]
}
