/**
 * Colours for a terminal, or none where nobody sees them or somebody asked for none.
 *
 * They are named for what they mean, and nothing is said by colour alone.
 */

/** Paints a text by what it means. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly accent: (text: string) => string
  readonly good: (text: string) => string
  readonly fair: (text: string) => string
  readonly bad: (text: string) => string
}

const wrap = (on: number, off: number) => (text: string) => (text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`)

/** Paints with the terminal's own sixteen colours, which its user has chosen to be readable. */
export const coloured: Paint = {
  bold: wrap(1, 22),
  dim: wrap(2, 22),
  accent: wrap(36, 39),
  good: wrap(32, 39),
  fair: wrap(33, 39),
  bad: wrap(31, 39)
}

const asItIs = (text: string) => text

/** Paints nothing. */
export const plain: Paint = { bold: asItIs, dim: asItIs, accent: asItIs, good: asItIs, fair: asItIs, bad: asItIs }
