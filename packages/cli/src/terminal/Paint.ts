/**
 * Colours for a terminal, or none where nobody sees them or somebody asked for none.
 *
 * They are named for what they mean, and nothing is said by colour alone.
 */

/** Paints a text. */
export type Colour = (text: string) => string

/** Paints a text by what it means. */
export interface Paint {
  readonly bold: Colour
  readonly dim: Colour
  readonly accent: Colour
  readonly good: Colour
  readonly fair: Colour
  readonly bad: Colour
}

const wrap =
  (on: number, off: number): Colour =>
  (text) =>
    text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`

/** Paints with the terminal's own sixteen colours, which its user has chosen to be readable. */
export const coloured: Paint = {
  bold: wrap(1, 22),
  dim: wrap(2, 22),
  accent: wrap(36, 39),
  good: wrap(32, 39),
  fair: wrap(33, 39),
  bad: wrap(31, 39)
}

/** Leaves a text as it is. */
export const asItIs: Colour = (text) => text

/** Paints nothing. */
export const plain: Paint = { bold: asItIs, dim: asItIs, accent: asItIs, good: asItIs, fair: asItIs, bad: asItIs }
