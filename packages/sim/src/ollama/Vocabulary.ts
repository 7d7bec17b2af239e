/**
 * The tokens of a loaded model by number, as they come to be known: what `/api/generate` gives back as a context, and
 * is given again to go on from.
 */
import * as Words from "../Words.ts"

/** More than this are forgotten, all at once: a context from before reads as nothing then. */
const knownMax = 200_000

/** Tokens and their numbers. */
export class Vocabulary {
  private tokens: Array<string> = []
  private readonly numbers = new Map<string, number>()

  /** The tokens of a text, by number. */
  numbersOf(text: string): ReadonlyArray<number> {
    if (this.tokens.length > knownMax) {
      this.tokens = []
      this.numbers.clear()
    }
    return Words.split(text).map((token) => this.numberOf(token))
  }

  /** The text of such numbers; what was never given has none. */
  textOf(numbers: ReadonlyArray<number>): string {
    return numbers.map((number) => this.tokens[number] ?? "").join("")
  }

  private numberOf(token: string): number {
    const known = this.numbers.get(token)
    if (known !== undefined) return known
    this.numbers.set(token, this.tokens.length)
    return this.tokens.push(token) - 1
  }
}
