/**
 * What a server's JSON holds: it is the word of a stranger, of which only what has the right kind is taken.
 */

/** An object, as far as anybody knows. */
export type Fields = Readonly<Record<string, unknown>>

/** The object that a value is. */
export const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

/** The object that a text holds. */
export const objectIn = (text: string): Fields | undefined => {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A count or a span. */
export const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

/** What an error says, which is mostly a sentence. */
export const sentenceOf = (error: unknown): string => (typeof error === "string" ? error : JSON.stringify(error))
