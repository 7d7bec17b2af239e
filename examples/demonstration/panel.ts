/**
 * Draws a scene as lines of text, at any moment of it: both sides in two columns, and time as a rule above them.
 *
 * While it is played nothing is drawn but what changes, so that it fits on a small terminal; the guard's source and its
 * result follow when it is over.
 */
import { type Frame, type Row, said, wrapped } from "./draw.ts"
import type { Paint } from "./paint.ts"
import { broken, type Played, type Scene } from "./scene.ts"
import { guardIn } from "./source.ts"

/** How it is to look. */
export interface Look {
  readonly columns: number
  readonly paint: Paint
}

/** The narrowest terminal it fits in. */
export const columnsMin = 76

const columnsMax = 118

const labelWidth = 26

const whoWidth = 9

const widthOf = ({ columns }: Look): number => Math.min(columns, columnsMax) - 2

/** The scene, so many milliseconds after it began; `place` says which one it is of how many. */
export const panel = (
  scene: Scene,
  played: Played,
  { elapsed, place }: { readonly elapsed: number; readonly place: string },
  look: Look
): ReadonlyArray<string> => {
  const { paint } = look
  const columns = widthOf(look)
  const sideWidth = Math.floor((columns - labelWidth) / 2)
  const passed = Math.min(elapsed, scene.millis)
  const frame: Frame = { paint, cells: sideWidth - 3, millis: scene.millis, elapsed: passed }
  const title = `${scene.policy}: ${scene.title}`
  const line = ({ bare, guarded, what, who = "" }: Row): string => {
    const label = paint.bold(who.padEnd(whoWidth)) + paint.dim(what.padEnd(labelWidth - whoWidth))
    return ` ${label}${bare.text}${" ".repeat(sideWidth - bare.width)}${guarded.text}`
  }
  return [
    "",
    ` ${paint.bold(title)}${" ".repeat(columns - title.length - place.length)}${paint.dim(place)}`,
    ...wrapped(scene.about, columns).map((text) => ` ${paint.dim(text)}`),
    "",
    ` ${" ".repeat(labelWidth)}${paint.bold(scene.heads.bare.padEnd(sideWidth) + scene.heads.guarded)}`,
    ` ${ruler(passed / scene.millis, columns, paint)}`,
    ...played.rows(frame).flatMap((group, index) => [...(index === 0 ? [] : gap(group)), ...group.map(line)]),
    "",
    ` ${scene.legend(paint)}`
  ]
}

/** Groups of one or two rows stand close: there are many of them. */
const gap = (group: ReadonlyArray<Row>): ReadonlyArray<string> => (group.length > 1 ? [""] : [])

/** The rule under the head, which fills up as time passes. */
const ruler = (share: number, columns: number, paint: Paint): string => {
  const done = Math.round(share * columns)
  return paint.accent("━".repeat(done)) + paint.dim("─".repeat(columns - done))
}

/** What follows when a scene is over: the guard as it stands in its file, and what it did. */
export const ending = (scene: Scene, played: Played, look: Look): ReadonlyArray<string> => {
  const { paint } = look
  return [
    "",
    ` ${paint.dim(`examples/demonstration/${scene.file}`)}`,
    ...guardIn(scene.file).map((text) => `  ${paint.accent(text)}`),
    "",
    ...verdict(scene, played, look, "")
  ]
}

/** What the guard did, or what did not come true. */
const verdict = (scene: Scene, played: Played, look: Look, name: string): ReadonlyArray<string> => {
  const { paint } = look
  const failed = broken(played)
  const mark = failed.length === 0 ? said("✓", paint.good) : said("×", paint.bad)
  const indent = " ".repeat(3 + name.length)
  const lines = [played.result(), ...failed.map((claim) => `This did not come true: ${claim}.`)].flatMap((text) =>
    wrapped(text, widthOf(look) - indent.length)
  )
  return lines.map((text, index) => (index === 0 ? ` ${mark.text} ${paint.bold(name)}${text}` : indent + text))
}

/** All the scenes' results, one below the other, and where to look next. */
export const summary = (
  shown: ReadonlyArray<{ readonly scene: Scene; readonly played: Played }>,
  look: Look
): ReadonlyArray<string> => {
  const { paint } = look
  const nameWidth = Math.max(...shown.map(({ scene }) => scene.policy.length)) + 2
  const next = "The guards stand in examples/demonstration; packages/core/README.md says how to make yours."
  return [
    "",
    ` ${paint.bold("What the guards did")}`,
    "",
    ...shown.flatMap(({ played, scene }) => verdict(scene, played, look, scene.policy.padEnd(nameWidth))),
    "",
    ...wrapped(next, widthOf(look)).map((text) => ` ${paint.dim(text)}`)
  ]
}
