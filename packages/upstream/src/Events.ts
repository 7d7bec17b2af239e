/**
 * The lines of a stream of events, as browsers know them.
 *
 * Every server that answers so writes each event's data on one line, and within it says of which kind they are. So a
 * line of data is an event, and the rest of what such a stream may hold says nothing: names of events, and comments
 * that keep a connection warm.
 */
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** The data of a line; nothing where it has none, and false where it is no line of such a stream. */
export const dataOf = (line: string): string | undefined | false => {
  if (line.startsWith("data:")) return line.charCodeAt(5) === space ? line.slice(6) : line.slice(5)
  if (line.charCodeAt(0) === mark) return dataOf(line.slice(1))
  return /^(?:$|:|data$|[a-z_-]+:)/i.test(line) ? undefined : false
}

const space = 0x20

/** What some write before everything else, to say how they write. */
const mark = 0xfeff

/** Whether an answer came in one piece, although a stream was asked for; what says nothing of itself is a stream. */
export const isOnePiece = ({ "content-type": type }: IncomingHttpHeaders): boolean =>
  typeof type === "string" && /\b(?:json|html)\b/i.test(type)

/** Whether what came as one piece is a stream all the same, under a wrong label. */
export const isStream = (body: string): boolean => /^\ufeff?(?:data|event|id|retry)?:/.test(body)
