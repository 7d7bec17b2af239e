/**
 * Reads what anybody may have written: fields of an object, a text, a number, a list, or nothing.
 *
 * Models of LangChain come from many packages and types say little of what they really hand over.
 */

/** The fields of an object. */
export type Fields = Readonly<Record<string, unknown>>

/** The fields, where it is an object and no list. */
export const fieldsOf = (given: unknown): Fields | undefined =>
  typeof given === "object" && given !== null && !Array.isArray(given) ? (given as Fields) : undefined

/** The text, where it is one that says anything. */
export const textOf = (given: unknown): string | undefined =>
  typeof given === "string" && given !== "" ? given : undefined

/** The number, where it is one. */
export const numberOf = (given: unknown): number | undefined =>
  typeof given === "number" && Number.isFinite(given) ? given : undefined

/** The list, or an empty one. */
export const listOf = (given: unknown): ReadonlyArray<unknown> => (Array.isArray(given) ? given : [])

/** The same without what is undefined: that must not stand in the way of what was said before. */
export const known = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A
