/**
 * Reads what is sent to a hosted provider, from bodies that may be anything.
 */

/** The fields of an object, each of them unread. */
export type Fields = Readonly<Record<string, unknown>>

/** The fields of a body; nothing where it is no JSON object. */
export const read = (body: string): Fields | undefined => {
  try {
    return fieldsOf(JSON.parse(body))
  } catch {
    return undefined
  }
}

/** The fields of a value; nothing where it is no object. */
export const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

/** The texts of a value that is one or has several. */
export const texts = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : []
}

/** What a turn says: its text, and of whatever else it holds that it was there. */
export const said = (content: unknown): string => {
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  return content.map((part) => partOf(fieldsOf(part) ?? {})).join("")
}

/** A conversation as one text, which is what names its answer. */
export const conversation = (turns: ReadonlyArray<Fields>): string =>
  turns.map((turn) => `${String(turn["role"])}: ${said(turn["content"])}`).join("\n")

/** The turns of a conversation; nothing where it is no list. */
export const turns = (value: unknown): ReadonlyArray<Fields> | undefined =>
  Array.isArray(value) ? value.map((each) => fieldsOf(each) ?? {}) : undefined

/** The names of the tools that are offered, each of them in a field of its own or at the top. */
export const toolNames = (value: unknown, field?: string): ReadonlyArray<string> =>
  (turns(value) ?? []).flatMap((tool) => {
    const { name } = (field === undefined ? tool : fieldsOf(tool[field])) ?? {}
    return typeof name === "string" ? [name] : []
  })

const partOf = (part: Fields): string => {
  const { content, text, type } = part
  if (typeof text === "string") return text
  // What a tool answered stands in a part of its own.
  return content === undefined ? `[${String(type)}]` : said(content)
}
