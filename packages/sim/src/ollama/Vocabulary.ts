/**
 * The tokens of a loaded model by number, as they come to be known: what `/api/generate` gives back as a context, and
 * is given again to go on from.
 */
import * as Words from "../Words.ts"

/** More than this are forgotten, all at once: a context from before reads as nothing then. */
const knownMax = 200_000

/** So are more characters than this. */
const charactersMax = 4_000_000

/** The number of what one text alone has too much of: it reads as nothing. */
const unknown = knownMax

/** Tokens and their numbers. */
export class Vocabulary {
  private tokens: Array<string> = []
  private readonly numbers = new Map<string, number>()
  private characters = 0

  /** The tokens of a text, by number. */
  numbersOf(text: string): ReadonlyArray<number> {
    const tokens = Words.split(text)
    const fresh = new Set(tokens.filter((token) => !this.numbers.has(token)))
    const characters = [...fresh].reduce((sum, token) => sum + token.length, 0)
    if (this.tokens.length + fresh.size > knownMax || this.characters + characters > charactersMax) {
      this.tokens = []
      this.numbers.clear()
      this.characters = 0
    }
    return tokens.map((token) => this.numberOf(token))
  }

  /** The text of such numbers; what was never given has none. */
  textOf(numbers: ReadonlyArray<number>): string {
    return numbers.map((number) => this.tokens[number] ?? "").join("")
  }

  private numberOf(token: string): number {
    const known = this.numbers.get(token)
    if (known !== undefined) return known
    if (this.tokens.length >= knownMax || this.characters + token.length > charactersMax) return unknown
    this.characters += token.length
    this.numbers.set(token, this.tokens.length)
    return this.tokens.push(token) - 1
  }
}
