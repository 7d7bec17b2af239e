/**
 * What a caller has heard of an answer, and whether another answer repeats it.
 *
 * A model that is asked again says the same or something else, and nobody can tell which before it has. So what it says
 * is held to what was heard, letter by letter, until all of that was said again; what comes then goes on from there.
 * Calls of tools, vectors, and thoughts that are signed or sealed are no words: none of them can be said again.
 */
import type { Begun } from "./Attempt.ts"
import type { Part } from "./Part.ts"

type Kind = "Text" | "Thinking"

/** Words of one kind, as they came one after the other. */
interface Piece {
  readonly kind: Kind
  words: string
}

/** What was heard so far. */
export class Heard {
  /** How many characters. */
  length = 0
  /** In how many parts. */
  parts = 0
  /** Whether all of it is words, and not more of them than are remembered. */
  isRepeatable = true
  private readonly most: number
  private pieces: Array<Piece> = []

  constructor(most: number) {
    this.most = most
  }

  get isNothing(): boolean {
    return this.length === 0 && this.isRepeatable
  }

  add(part: Part): void {
    if (!this.isRepeatable) return
    this.parts++
    const words = wordsOf(part)
    this.length += words?.length ?? 0
    if (words === undefined || this.length > this.most) {
      this.isRepeatable = false
      this.pieces = []
      return
    }
    const last = this.pieces.at(-1)
    if (last?.kind === part._tag) last.words += words
    else if (words !== "") this.pieces.push({ kind: part._tag as Kind, words })
  }

  /** What another go is to finish, where anything of it was heard. */
  get begun(): Begun | undefined {
    if (this.isNothing) return undefined
    const [first, ...more] = this.pieces
    const isText = first?.kind === "Text" && more.length === 0
    return { text: isText ? first.words : undefined, parts: this.parts }
  }

  /** Another answer that has to begin with all of it. */
  again(): Repeat {
    return new Repeat(this.isRepeatable ? this.pieces.map((piece) => ({ ...piece })) : undefined)
  }
}

/** Another answer, held to what was heard. */
export class Repeat {
  /** Nothing where none can be the same. */
  private readonly pieces: ReadonlyArray<Piece> | undefined
  private piece = 0
  private at = 0

  constructor(pieces: ReadonlyArray<Piece> | undefined) {
    this.pieces = pieces
  }

  /** Whether all of it was said again, but for space at the end. */
  get isSaid(): boolean {
    if (this.isThrough) return true
    const last = this.pieces?.at(-1)
    return last !== undefined && this.piece === this.pieces!.length - 1 && last.words.slice(this.at).trim() === ""
  }

  private get isThrough(): boolean {
    return this.piece === this.pieces?.length
  }

  /** What of the part is new: all, some or nothing of it; or that it is another answer. */
  take(part: Part): Part | undefined | "differs" {
    if (this.isThrough) return part
    const words = wordsOf(part)
    if (words === undefined && this.isSaid) return part
    if (words === undefined || this.pieces === undefined) return "differs"
    let from = 0
    while (from < words.length) {
      const piece = this.pieces[this.piece]
      if (piece === undefined) return { _tag: part._tag as Kind, text: words.slice(from) }
      const count = Math.min(piece.words.length - this.at, words.length - from)
      if (piece.kind !== part._tag || !piece.words.startsWith(words.slice(from, from + count), this.at)) {
        return "differs"
      }
      from += count
      this.at += count
      if (this.at < piece.words.length) continue
      this.piece++
      this.at = 0
    }
    return undefined
  }
}

/** The words of a part; nothing where it is none, or more than that: a signature belongs to one thought alone. */
const wordsOf = (part: Part): string | undefined =>
  part._tag === "Text" || (part._tag === "Thinking" && part.sealed === undefined && part.signature === undefined)
    ? part.text
    : undefined
