/**
 * Writes an answer down so that two servers can be compared: every byte, without what no two can have in common.
 *
 * Times, spans, ids, digests, sizes, ports and what lies in a model's file are named instead of told, ids by their
 * order, so that one id in all chunks of an answer is not the same as another in each. Numbers with a fraction are
 * rounded, since vectors are made with other roundings.
 */
import { ordered } from "./order.ts"
import type { Heard } from "./wire.ts"

/** An answer as lines: its head, its body chunk by chunk, and how it ended. */
export const written = (heard: Heard): ReadonlyArray<string> => {
  const hide = hiding()
  const { end, headers, headWithBody, status } = heard
  const chunks = heard.chunks.map(ordered)
  const bodies = chunks.map(hide)
  // A length that nothing was sent of is the length of something that may be masked.
  const isSame = bodies.every((body, index) => body === chunks[index]) && (end !== "no body" || !isLong(headers))
  const head = headers.map((header) =>
    header.replace(/^Date: .*/, "Date: <date>").replace(/^(Content-Length:) .*/, isSame ? "$&" : "$1 <length>")
  )
  // What is long comes in as many packets as it takes.
  const isShort = (chunks[0]?.length ?? Infinity) < 1_500
  const together = headWithBody && isShort ? ["(the head and the beginning of the body in one packet)"] : []
  const body = bodies.map((each) => `| ${each.replaceAll("\n", String.raw`\n`)}`)
  return [status, ...head, ...together, ...body, `(${end})`]
}

const isLong = (headers: ReadonlyArray<string>): boolean =>
  headers.some((header) => Number(/^Content-Length: (\d+)/.exec(header)?.[1] ?? 0) > 100)

/** The last object of a body that has one a line, or the object that it is. */
export const lastOf = ({ chunks }: Heard): Readonly<Record<string, unknown>> => {
  const line = chunks.join("").trimEnd().split("\n").at(-1) ?? ""
  try {
    return JSON.parse(line.replace(/^data: /, "")) as Record<string, unknown>
  } catch {
    return {}
  }
}

const hiding = (): ((body: string) => string) => {
  const seen: Array<string> = []
  const nameOf = (kind: string, id: string): string => {
    if (!seen.includes(id)) seen.push(id)
    return `"${kind}<${seen.indexOf(id) + 1}>"`
  }
  return (body) =>
    body
      .replaceAll(/"(chatcmpl-|cmpl-|call_|toolu_|msg_|resp_|req_|fc_|rs_)(\w+)"/g, (_, kind: string, id: string) =>
        nameOf(kind, id)
      )
      .replaceAll(/"expires_at":"([^"]*)"/g, (_, time: string) => `"expires_at":"<${until(time)}>"`)
      .replaceAll(/"((?:created|modified|completed)_at)":"2[^"]*Z"/g, '"$1":"<time>"')
      .replaceAll(/"((?:created|completed)(?:_at)?)":[1-9]\d*/g, '"$1":<time>')
      .replaceAll(/"(\w+_duration)":[1-9]\d*/g, '"$1":<span>')
      .replaceAll(/"(size|size_vram)":\d+/g, '"$1":<bytes>')
      .replaceAll(/"context":\[([\d,]+)\]/g, (_, tokens: string) => `"context":[<${tokens.split(",").length} tokens>]`)
      .replaceAll(/"embedding":"([^"]+)"/g, (_, bytes: string) => `"embedding":"${floatsIn(bytes).join(" ")}"`)
      .replace(/FROM \S*blobs/, "FROM <folder>")
      .replace(/"model_info":\{[^}]*\}/, '"model_info":<of its file>')
      .replace(/"tensors":\[.*\]\}$/, '"tensors":<of its file>}')
      .replaceAll(/"parameter_size":"[^"]*"/g, '"parameter_size":"<of its file>"')
      .replaceAll(/\b[0-9a-f]{64}\b/g, "<digest>")
      .replaceAll(/\b(127\.0\.0\.1|localhost):\d+/g, "$1:<port>")
      .replaceAll(/-?\d+\.\d+(?:e[-+]?\d+)?/g, (number) => rounded(Number(number)))
}

const rounded = (value: number): string => String(Number(value.toFixed(4)) || 0)

const floatsIn = (base64: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(base64, "base64")
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => rounded(bytes.readFloatLE(index * 4)))
}

/** When that is, seen from now and roughly: to ten seconds, which no scenario takes. */
const until = (time: string): string => {
  const seconds = (Date.parse(time) - Date.now()) / 1_000
  if (Number.isNaN(seconds) || seconds > 1e8) return "never"
  if (seconds < -1) return "over"
  return `in ${Math.round(seconds / 10) * 10} s`
}
