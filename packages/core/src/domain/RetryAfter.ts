/**
 * Reads how long a server asks to wait, from the headers in which servers say it.
 *
 * A header is the word of a stranger: what cannot be read says nothing, and nobody guesses what was meant. What can be
 * read is rounded up to whole milliseconds, since whoever comes back early is refused again, and of several values the
 * longest counts. Weekdays are not read, so a comma may part two values or a weekday from its date alike.
 */
import { DateTime, Duration, Option } from "effect"

/**
 * The longest wait that is told, 31 days. Whether to wait is for the caller's own bound to say: this one is above all
 * that servers mean, and below the 104 days up to which nanoseconds are exact in a number.
 */
export const longest: Duration.Duration = Duration.days(31)

/** The wait in a `retry-after` header: seconds, whole or not, or any date of RFC 9110, of which past ones are zero. */
export const parse = (header: unknown, nowMillis: number): Duration.Duration | undefined =>
  longestOf(header, (text) => decimal(text, perSecond) ?? until(text, nowMillis))

/** The wait in a `retry-after-ms` header, as OpenAI and Azure send it: milliseconds, whole or not. */
export const parseMillis = (header: unknown): Duration.Duration | undefined =>
  longestOf(header, (text) => decimal(text, perMilli))

/**
 * The wait in a header such as `x-ratelimit-reset-tokens`, written as Go does: `6m0s`, `20ms`, `1h2m3.5s`. A number
 * without a unit says nothing: it is seconds at one server and a date at the next.
 */
export const parseSpan = (header: unknown): Duration.Duration | undefined => longestOf(header, span)

/** More than any value that means something; what is longer is not looked at. */
const charactersMax = 100

const perMilli = 1_000_000n
const perSecond = 1_000n * perMilli

/** How many nanoseconds a text says; undefined where it says nothing. */
type Reader = (text: string) => bigint | undefined

const isReadable = (value: unknown): value is string => typeof value === "string" && value.length <= charactersMax

const longestOf = (header: unknown, read: Reader): Duration.Duration | undefined => {
  const values: ReadonlyArray<unknown> = Array.isArray(header) ? header : [header]
  let longestNanos: bigint | undefined
  for (const text of values.filter(isReadable).flatMap((value) => value.split(","))) {
    const nanos = read(text.trim())
    if (nanos !== undefined && (longestNanos === undefined || nanos > longestNanos)) longestNanos = nanos
  }
  return longestNanos === undefined ? undefined : waitOf(longestNanos)
}

const waitOf = (nanos: bigint): Duration.Duration => {
  const wait = Duration.millis(Number((nanos + perMilli - 1n) / perMilli))
  return Duration.clamp(wait, { minimum: Duration.zero, maximum: longest })
}

/** `1.5` of a unit in nanoseconds, rounded up; with whole numbers, since `16.1 * 1000` is a little more than 16,100. */
const decimal = (text: string, unit: bigint): bigint | undefined => {
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const grain = 10n ** BigInt(fraction.length)
  return (BigInt(whole + fraction) * unit + grain - 1n) / grain
}

/** A map and no record, since a record also knows the unit `constructor`. */
const units: ReadonlyMap<string, bigint> = new Map([
  ["h", 3_600n * perSecond],
  ["m", 60n * perSecond],
  ["s", perSecond],
  ["ms", perMilli],
  ["us", 1_000n],
  // Go writes the first of these, the micro sign, and reads the Greek letter as well.
  ["\u00b5s", 1_000n],
  ["\u03bcs", 1_000n],
  ["ns", 1n]
])

const span: Reader = (text) => {
  if (!/^(?:[\d.]+[^\d.]+)+$/.test(text)) return undefined
  let total = 0n
  for (const [, digits = "", unit = ""] of text.matchAll(/([\d.]+)([^\d.]+)/g)) {
    const nanos = decimal(digits, units.get(unit) ?? 0n)
    if (nanos === undefined || !units.has(unit)) return undefined
    total += nanos
  }
  return total
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** `06 Nov 1994 08:49:37 GMT`, and `06-Nov-94 08:49:37 GMT` as RFC 850 had it. */
const dayFirst =
  /^(?<day>\d\d)[ -](?<month>\w{3})[ -](?<year>\d{4}|\d\d) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) GMT$/

/** `Sun Nov  6 08:49:37 1994`, as asctime of C writes it. */
const monthFirst =
  /^\w{3} (?<month>\w{3}) {1,2}(?<day>\d\d?) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) (?<year>\d{4})$/

type Parts = Readonly<Record<string, string>>

const until = (text: string, nowMillis: number): bigint | undefined => {
  const parts = (dayFirst.exec(text) ?? monthFirst.exec(text))?.groups
  const now = Option.getOrUndefined(DateTime.make(nowMillis))
  if (parts === undefined || now === undefined) return undefined
  const moment = parts["year"]?.length === 2 ? nearestTo(now, parts) : momentOf(parts, Number(parts["year"]))
  return moment === undefined ? undefined : BigInt(Math.ceil(moment - nowMillis)) * perMilli
}

/** A year of two digits is the last one with these digits that is not more than 50 years ahead, as RFC 9110 has it. */
const nearestTo = (now: DateTime.Utc, parts: Parts): number | undefined => {
  const ahead = DateTime.add(now, { years: 50 })
  const lastYear = DateTime.getPartUtc(ahead, "year")
  const year = lastYear - ((lastYear - Number(parts["year"])) % 100)
  const moment = momentOf(parts, year)
  return moment !== undefined && moment > DateTime.toEpochMillis(ahead) ? momentOf(parts, year - 100) : moment
}

/** The moment that a date names; undefined for one that is in no calendar. A leap second is the one after it. */
const momentOf = (parts: Parts, year: number): number | undefined => {
  const month = months.indexOf(parts["month"] ?? "") + 1
  const [day = 0, hour = 0, minute = 0, second = 0] = [
    parts["day"],
    parts["hour"],
    parts["minute"],
    parts["second"]
  ].map(Number)
  if (month === 0 || hour > 23 || minute > 59 || second > 60) return undefined
  const date = Option.getOrUndefined(DateTime.make({ year, month, day }))
  // A day that its month does not have becomes one of the next month.
  if (date === undefined || DateTime.getPartUtc(date, "day") !== day) return undefined
  return DateTime.toEpochMillis(date) + ((hour * 60 + minute) * 60 + second) * 1_000
}
