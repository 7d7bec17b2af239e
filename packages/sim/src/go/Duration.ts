/**
 * Spans of time as Go writes them, and as Ollama's `keep_alive` has them.
 *
 * Go counts nanoseconds in 64 bits and refuses what has no room there, so the counting is done in bigints; what is
 * given is a number, which a year cannot make inexact by more than two nanoseconds.
 */
import * as Json from "./Json.ts"

/** Nanoseconds from a text like `1h30m`, as time.ParseDuration reads it. */
export const parse = (text: string): Json.Decoded<number> => {
  const invalid = { error: `time: invalid duration ${quoted(text)}` }
  const unsigned = text.replace(/^[-+]/, "")
  if (unsigned === "0") return { value: 0 }
  if (unsigned === "") return invalid
  let sum = 0n
  for (let rest = unsigned; rest !== "";) {
    const [all, whole = "", fraction = "", unit = ""] = /^(\d*)(?:\.(\d*))?([^.\d]*)/.exec(rest)!
    if (whole === "" && fraction === "") return invalid
    if (isPastWord(whole)) return invalid
    if (unit === "") return { error: `time: missing unit in duration ${quoted(text)}` }
    const nanos = nanosOf.get(unit)
    if (nanos === undefined) return { error: `time: unknown unit ${quoted(unit)} in duration ${quoted(text)}` }
    const part = BigInt(whole) * nanos + fractionOf(fraction, nanos)
    // Go's sum runs over where two parts fill 64 bits.
    sum = BigInt.asUintN(64, sum + part)
    if (part > wordMax || sum > wordMax) return invalid
    rest = rest.slice(all.length)
  }
  if (text.startsWith("-")) return { value: Number(-sum) }
  return sum === wordMax ? invalid : { value: Number(sum) }
}

/** Nanoseconds from what `keep_alive` may be: a number of seconds, or a text. -1 is for ever, as all below zero is. */
export const keepAlive = (value: unknown): Json.Decoded<number> => {
  if (typeof value === "number") return { value: value < 0 ? -1 : withinWord(Math.trunc(value * 1e9)) }
  if (typeof value !== "string") return { error: `Unsupported type: '${typeOf(value)}'` }
  const parsed = parse(value)
  return parsed.error === undefined && parsed.value < 0 ? { value: -1 } : parsed
}

/** The shape of a `keep_alive`. */
export const keepAliveShape: Json.Shape<number> = Json.custom((_, text) => {
  const value = Json.unmarshal(Json.any, text)
  return value.error === undefined ? keepAlive(value.value) : value
})

const wordMax = 2n ** 63n

const nanosOf: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["\u00b5s", 1_000n],
  ["\u03bcs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n]
])

/** Told before a bigint is made, as one of a million digits takes its time. */
const isPastWord = (digits: string): boolean => {
  const significant = digits.replace(/^0+/, "")
  return significant.length > 19 || BigInt(significant) > wordMax
}

/** Go reads as many digits as fit and multiplies in floating point, and so must this. */
const fractionOf = (digits: string, nanos: bigint): bigint => {
  let count = 0n
  let scale = 1
  for (const digit of digits) {
    const next = count * 10n + BigInt(digit)
    if (count > (wordMax - 1n) / 10n || next > wordMax) break
    count = next
    scale *= 10
  }
  return BigInt(Math.trunc(Number(count) * (Number(nanos) / scale)))
}

/** Seconds past what 64 bits hold come out below zero on most processors, which the daemon takes for no time at all. */
const withinWord = (nanos: number): number => (nanos >= 2 ** 63 ? 1 : nanos)

const typeOf = (value: unknown): string => {
  if (value === null || value === undefined) return "%!s(<nil>)"
  if (typeof value === "boolean") return "bool"
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}"
}

/** Go's time package quotes in its own way: bytes outside of ASCII one by one. */
const quoted = (text: string): string => {
  let quote = ""
  for (const character of text) {
    if (character === '"' || character === "\\") quote += `\\${character}`
    else if (character >= " " && character < "\u0080") quote += character
    else for (const byte of Buffer.from(character)) quote += `\\x${byte.toString(16).padStart(2, "0")}`
  }
  return `"${quote}"`
}
