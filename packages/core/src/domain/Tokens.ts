/**
 * Estimates how many tokens a text or a picture comes to, without a tokenizer and without knowing the model.
 *
 * Two numbers, because two questions are asked: `likely` is what to plan with (the mean of the tokenizers it was
 * measured against), `most` is what to reserve (above the worst of them, random letters included, and never above one
 * token per byte, which no byte-level tokenizer exceeds). A table by script and a few rules for ASCII are all there is,
 * so that anybody can review the figures and fit them again: `test/fit-tokens.ts` prints them beside what cl100k,
 * o200k, Llama 3 and Llama 1 make of the fixtures.
 */
import { sizeOf, type Picture, type Size } from "./ImageSize.ts"

/** How many tokens something probably has, and how many it has at most. */
export interface Tokens {
  readonly likely: number
  readonly most: number
}

/** No tokens at all. */
export const none: Tokens = { likely: 0, most: 0 }

/** A number of tokens that is known. */
export const exactly = (tokens: number): Tokens => ({ likely: tokens, most: tokens })

/** The tokens of both. */
export const add = (one: Tokens, other: Tokens): Tokens => ({
  likely: one.likely + other.likely,
  most: one.most + other.most
})

/**
 * The tokens of a text, in one pass over its UTF-16 units.
 *
 * ```ts
 * import { Tokens } from "@spillway/core"
 *
 * Tokens.ofText("The quick brown fox jumps over the lazy dog.") // => { likely: 11, most: 26 }
 * ```
 */
export const ofText = (text: string): Tokens => {
  if (text === "") return none
  let likely = 0
  let most = 0
  let bytes = 0
  let before: number = line
  let last = 0
  let run = 0
  let unbroken = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const row = rowOf[code] as number
    const kind = kindOf[row] as number
    if (kind === before) run += 1
    else {
      if (before === word && run > 1 && isForeignEnd[last] === 1) likely += foreignEnd
      if (before === space && kind !== word) {
        likely += costs.loneSpace[0]
        most += costs.loneSpace[1]
      }
      before = kind
      run = 1
    }
    unbroken = kind === word || kind === digit ? unbroken + 1 : 0
    const cost = code < 0x80 ? asciiCost(kind, code, last, run, unbroken) : scriptCost(row, code, last)
    likely += cost[0]
    most += cost[1]
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : (code & 0xfc00) === 0xdc00 && (last & 0xfc00) === 0xd800 ? 1 : 3
    last = code
  }
  if (before === space) most += costs.loneSpace[1]
  const bound = Math.min(Math.ceil(most / 100), bytes)
  // One more for the space that sentencepiece tokenizers put in front.
  return { likely: Math.min(Math.max(1, Math.round(likely / 100)), bound), most: bound + 1 }
}

/** The tokens of a picture: the middle of what the families charge for its size, and at most the dearest. */
export const ofImage = (picture: Picture): Tokens => {
  const size = sizeOf(picture)
  if (size === undefined) return unreadable
  const costs = [claude(size), gpt4o(size), qwen(size), fixedLikely].toSorted((one, other) => one - other)
  const [, low = 0, high = 0, highest = 0] = costs
  return { likely: Math.round((low + high) / 2), most: Math.max(highest, fixedMost) }
}

// What a unit is. Letters of scripts whose tokens leave the space before a word on its own are `other`.
const word = 0
const digit = 1
const space = 2
const line = 3
const mark = 4
const other = 5

/** Hundredths of a token. */
type Cost = readonly [likely: number, most: number]

const costs = {
  wordStart: [46, 100], // with the space before it
  letter: [16, 30],
  rareLetter: [47, 140],
  unbroken: [60, 100], // a letter in what is longer than words are: base64, hashes, names run together
  digit: [100, 100], // each first of three
  digitMore: [50, 100],
  mark: [73, 100],
  markMore: [30, 100],
  markAgain: [3, 60], // the same once more
  signAgain: [40, 120], // the same beyond ASCII
  freeSpace: [0, 0], // one before a word is part of it
  loneSpace: [30, 100], // before anything else, or at the end
  spaces: [45, 160], // more than one
  spaceMore: [2, 8],
  line: [41, 100], // ends of lines, tabs, control characters
  lineMore: [28, 100]
} as const satisfies Readonly<Record<string, Cost>>

/** What a word that ends in a, i or u costs more: hardly an English one does, and tokenizers know English best. */
const foreignEnd = 100

const asciiCost = (kind: number, code: number, last: number, run: number, unbroken: number): Cost => {
  switch (kind) {
    case word:
      if (unbroken > wordMax) return costs.unbroken
      if (run === 1) return costs.wordStart
      return isRare[code] === 1 ? costs.rareLetter : costs.letter
    case digit:
      return run % 3 === 1 ? costs.digit : costs.digitMore
    case space:
      return run === 1 ? costs.freeSpace : run === 2 ? costs.spaces : costs.spaceMore
    case mark:
      return code === last ? costs.markAgain : run === 1 ? costs.mark : costs.markMore
    default:
      return run === 1 ? costs.line : costs.lineMore
  }
}

const scriptCost = (row: number, code: number, last: number): Cost =>
  code === last && kindOf[row] === mark ? costs.signAgain : (scriptCosts[row] as Cost)

/**
 * From which unit on what a unit costs. The likely one is fitted to prose, or to letters where there is none; the most
 * is what random letters of that script cost the worst tokenizer.
 */
const scripts: ReadonlyArray<readonly [first: number, likely: number, most: number, kind?: number]> = [
  [0x0080, 100, 150, mark], // Latin-1 signs
  [0x00c0, 130, 125, word], // Latin-1 letters
  [0x0100, 143, 190, word], // Latin Extended
  [0x0250, 106, 200], // phonetic, Greek capitals
  [0x03ac, 71, 125], // Greek
  [0x0400, 125, 165, word], // Cyrillic capitals
  [0x0430, 36, 100, word], // Cyrillic
  [0x0450, 134, 200], // other Cyrillic, Armenian
  [0x0590, 95, 155], // Hebrew
  [0x0600, 63, 125], // Arabic
  [0x066e, 94, 200], // Persian, Urdu and others
  [0x0900, 80, 215], // Devanagari
  [0x0980, 115, 260], // Bengali
  [0x0a00, 186, 300], // Gurmukhi, Gujarati, Oriya
  [0x0b80, 115, 270], // Tamil
  [0x0c00, 183, 300], // Telugu, Kannada, Malayalam, Sinhala
  [0x0e00, 75, 195], // Thai
  [0x0e80, 190, 300], // Lao, Tibetan, Burmese
  [0x10a0, 140, 215], // Georgian
  [0x1100, 274, 300], // Ethiopic
  [0x1780, 156, 300], // Khmer
  [0x1e00, 172, 270, word], // Vietnamese
  [0x1f00, 140, 300, mark], // dashes, quotes, symbols
  [0x3000, 91, 175], // Kana
  [0x3100, 107, 300], // ideographs
  [0xac00, 116, 300], // Hangul
  [0xd800, 151, 300, mark] // emoji, full width
]

const ascii: ReadonlyArray<readonly [RegExp, number]> = [
  [/[a-z]/i, word],
  [/\d/, digit],
  [/ /, space],
  [/[!-~]/, mark],
  [/[^]/, line]
]

/** The letters that are rare in English, and capitals inside a word: tokenizers cut there. */
const rareLetters = "jkqvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Longer than words are. */
const wordMax = 12

// Tables of the above, a lookup for each unit.
const rowOf = new Uint8Array(0x10000)
for (const [row, [first]] of scripts.entries()) rowOf.fill(row, first)
const unitsOf = (test: (character: string) => number) =>
  Uint8Array.from({ length: 128 }, (_, code) => test(String.fromCharCode(code)))
rowOf.set(unitsOf((character) => scripts.length + ascii.findIndex(([pattern]) => pattern.test(character))))
const kindOf = Uint8Array.from([...scripts.map(([, , , kind = other]) => kind), ...ascii.map(([, kind]) => kind)])
const scriptCosts = scripts.map(([, likely, most]): Cost => [likely, most])
const isRare = unitsOf((character) => Number(rareLetters.includes(character)))
const isForeignEnd = unitsOf((character) => Number("aiu".includes(character)))

/** What is planned for a picture that cannot be read: one of 1024 x 1024, and at most one of 1568 x 1568 for Qwen. */
const unreadable: Tokens = { likely: 1_000, most: 3_136 }

/** Encoders with a fixed number: 256 (Gemma 3), 576 (LLaVA 1.5), up to about 1,600. */
const fixedLikely = 576
const fixedMost = 1_600

/** Claude: a token for 750 pixels, after scaling to about 1.15 megapixels. */
const claude = ({ height, width }: Size): number => Math.min(Math.ceil((width * height) / 750), 1_600)

/**
 * GPT-4o, high detail: into 2048 x 2048, the short side to 768, then 170 for each tile of 512 and 85. (GPT-4o mini
 * bills 33 times that.)
 */
const gpt4o = ({ height, width }: Size): number => {
  const fit = Math.min(1, 2_048 / Math.max(width, height))
  const scale = fit * Math.min(1, 768 / (Math.min(width, height) * fit))
  return 85 + 170 * Math.ceil((width * scale) / 512) * Math.ceil((height * scale) / 512)
}

/** Qwen2.5-VL: a token for 28 x 28 pixels, 4 to 16,384. */
const qwen = ({ height, width }: Size): number =>
  Math.min(Math.max(Math.ceil(width / 28) * Math.ceil(height / 28), 4), 16_384)
