/**
 * Text in quotes, as Go's strconv.Quote and its `%q` write it: Ollama's complaints hold such text.
 */

/** A text in double quotes. */
export const quote = (text: string): string => `"${Array.from(text, inQuotes).join("")}"`

/** A character in single quotes, as Go's JSON reader names it. */
export const quoteCharacter = (character: string): string => {
  if (character === '"') return `'"'`
  return character === "'" ? `'\\''` : `'${inQuotes(character)}'`
}

const inQuotes = (character: string): string => {
  const short = shortEscapes[character]
  if (short !== undefined) return short
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, "0")}`
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`
}

const shortEscapes: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\"
}
