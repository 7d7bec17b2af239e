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

/** The same, whose numbers keep the text that they were written in where no number of ours is the same. */
export const exactObjectIn = (text: string): Fields | undefined => {
  if (!/[\d.]{16}|\d[eE]/.test(text)) return objectIn(text)
  try {
    return fieldsOf(parse(text, (_, value, { source }) => (isInexact(value, source) ? rawJSON(source!) : value)))
  } catch {
    return undefined
  }
}

/** What the engine knows and the library of types does not: the text of a number, and a number that is a text. */
const { parse, rawJSON } = JSON as unknown as {
  readonly parse: (
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown
  ) => unknown
  readonly rawJSON: (text: string) => unknown
}

const isInexact = (value: unknown, source: string | undefined): boolean =>
  typeof value === "number" && source !== undefined && (source.length > 15 || !Number.isFinite(value))

/** A text that says something. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** The objects of a list; what is no object says nothing. */
export const listOf = (value: unknown): ReadonlyArray<Fields> =>
  Array.isArray(value) ? value.map((each) => fieldsOf(each) ?? {}) : []

/** A count or a span. */
export const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

/** What a table says of a word of a stranger, who may also know the names that every object has. */
export const among = <A>(table: Readonly<Record<string, A>>, word: string | undefined): A | undefined =>
  word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined

/** Only what was said. */
export const given = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const said: Record<string, unknown> = {}
  for (const name in fields) if (fields[name] !== undefined) said[name] = fields[name]
  return said
}

/** Whether a value is a list of numbers. */
export const isVector = (value: unknown): value is ReadonlyArray<number> =>
  Array.isArray(value) && value.every((each) => typeof each === "number" && Number.isFinite(each))
