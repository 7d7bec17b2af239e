/**
 * Where a JSON text breaks Go's syntax, and what Go says of it.
 *
 * JSON.parse accepts the same texts but words its complaints for people who read JavaScript, so the text is walked
 * here. The walk keeps its own stack, since Go allows ten thousand nested values and JavaScript's stack may not.
 */
import { quoteCharacter } from "./Quote.ts"

/** A place that cannot be JSON; it lies at the end of a text that was cut. */
export interface Fault {
  readonly at: number
  /** What Go was about to read. */
  readonly context: string
  /** Whether a space could have stood there: Go takes the end of a text for one. */
  readonly allowsSpace: boolean
}

/** The end of the value that begins at or after a place, or what is wrong with it. Whatever follows is not read. */
export const scan = (text: string, from: number): number | Fault => {
  /** Of each value that is still open, whether it is an object. */
  const open: Array<boolean> = []
  let next: "value" | "first element" | "key" | "first key" | "colon" | "comma" = "value"
  for (let at = from; ;) {
    at = skipSpace(text, at)
    const code = text.charCodeAt(at)
    const isObject = open[open.length - 1] === true
    const mayClose = next === "comma" || next === "first element" || next === "first key"
    if (mayClose && code === (isObject ? closeObject : closeArray)) {
      open.pop()
      at++
      next = "comma"
    } else if (next === "comma") {
      if (code !== comma) return fault(at, isObject ? "after object key:value pair" : "after array element")
      at++
      next = isObject ? "key" : "value"
    } else if (next === "colon") {
      if (code !== colon) return fault(at, "after object key")
      at++
      next = "value"
    } else if (next === "key" || next === "first key") {
      if (code !== quote) return fault(at, "looking for beginning of object key string")
      const end = stringEnd(text, at)
      if (typeof end !== "number") return end
      at = end
      next = "colon"
    } else if (code === openObject || code === openArray) {
      if (open.push(code === openObject) > depthMax) return fault(at, "exceeded max depth")
      at++
      next = code === openObject ? "first key" : "first element"
    } else {
      const end = literalEnd(text, at, code)
      if (typeof end !== "number") return end
      at = end
      next = "comma"
    }
    if (open.length === 0) return at
  }
}

/** The first place, at or after the given one, that is no space. */
export const skipSpace = (text: string, from: number): number => {
  let at = from
  for (let code = text.charCodeAt(at); isSpace(code); code = text.charCodeAt(++at));
  return at
}

/** What Go says of a fault, with the character that it met there. */
export const complaint = (text: string, { at, context }: Fault): string =>
  `invalid character ${quoteCharacter(characterAt(text, at))} ${context}`

const depthMax = 10_000

const space = 0x20
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openArray = 0x5b
const backslash = 0x5c
const closeArray = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

const fault = (at: number, context: string, allowsSpace = true): Fault => ({ at, context, allowsSpace })

const isSpace = (code: number): boolean => code === space || code === 0x0a || code === 0x0d || code === 0x09

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const literalEnd = (text: string, at: number, code: number): number | Fault => {
  if (code === quote) return stringEnd(text, at)
  if (code === 0x2d || isDigit(code)) return numberEnd(text, at)
  if (code === 0x74) return wordEnd(text, at, "true")
  if (code === 0x66) return wordEnd(text, at, "false")
  if (code === 0x6e) return wordEnd(text, at, "null")
  return fault(at, "looking for beginning of value")
}

const stringEnd = (text: string, from: number): number | Fault => {
  for (let at = from + 1; ; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code === backslash) {
      const end = escapeEnd(text, at + 1)
      if (typeof end !== "number") return end
      at = end - 1
    } else if (!(code >= 0x20)) return fault(at, "in string literal")
  }
}

const escapeEnd = (text: string, at: number): number | Fault => {
  if (text[at] !== "u") return isIn('bfnrt\\/"', text[at]) ? at + 1 : fault(at, "in string escape code", false)
  for (let digit = at + 1; digit <= at + 4; digit++) {
    if (!isIn("0123456789abcdefABCDEF", text[digit])) return fault(digit, "in \\u hexadecimal character escape", false)
  }
  return at + 5
}

const isIn = (characters: string, character: string | undefined): boolean =>
  character !== undefined && characters.includes(character)

const numberEnd = (text: string, from: number): number | Fault => {
  let at = text[from] === "-" ? from + 1 : from
  if (!isDigit(text.charCodeAt(at))) return fault(at, "in numeric literal", false)
  at = text[at] === "0" ? at + 1 : digitsEnd(text, at)
  if (text[at] === ".") {
    if (!isDigit(text.charCodeAt(at + 1))) return fault(at + 1, "after decimal point in numeric literal", false)
    at = digitsEnd(text, at + 1)
  }
  if (isIn("eE", text[at])) {
    at += isIn("+-", text[at + 1]) ? 2 : 1
    if (!isDigit(text.charCodeAt(at))) return fault(at, "in exponent of numeric literal", false)
    at = digitsEnd(text, at)
  }
  return at
}

const digitsEnd = (text: string, from: number): number => {
  let at = from
  while (isDigit(text.charCodeAt(at))) at++
  return at
}

const wordEnd = (text: string, from: number, word: string): number | Fault => {
  for (let index = 1; index < word.length; index++) {
    if (text[from + index] !== word[index]) {
      return fault(from + index, `in literal ${word} (expecting '${word[index]}')`, false)
    }
  }
  return from + word.length
}

/** Go reads bytes: of a character outside ASCII it names the first one alone, as though that were Latin-1. */
const characterAt = (text: string, at: number): string => {
  const code = text.codePointAt(at) ?? space
  if (code < 0x80) return String.fromCharCode(code)
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6))
  return String.fromCharCode(code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18))
}
