/**
 * Says when a budget's window turns, by the wall clock of a time zone.
 *
 * A window is read off the calendar and not counted from a first call, so that every process and every restart agrees
 * on it without having to ask. A day begins when the clocks of its zone first show its date: where they skip midnight
 * that is when they have skipped it, and where they are set back over midnight the day stays begun. So windows follow
 * each other without a gap, and none comes twice.
 */
import { DateTime, Duration, Option } from "effect"

/** A time zone by its IANA name, `UTC`, or its offset as in `+02:00`; undefined for a name that nobody knows. */
export const zone = (name: string): DateTime.TimeZone | undefined =>
  // Effect reads the end of an offset only, and would take +99:99 for one.
  /^(?:GMT)?[+-]/.test(name) && !/^[+-](?:0\d|1[0-4]):?[0-5]\d$/.test(name)
    ? undefined
    : Option.getOrUndefined(DateTime.zoneFromString(name))

/**
 * The moment after now at which the window that holds now is over, in milliseconds of the wall clock.
 *
 * Months turn on their first day, and days in groups counted from Monday 5 January 1970, so that `7d` turns on Mondays.
 * A length that divides a day turns on its multiples from midnight on, and at the next midnight in any case. Any other
 * length turns on its multiples since 1970 in UTC. A length is whole milliseconds, rounded up and at least one; one
 * without end never turns.
 */
export const turnOf = (per: Duration.Duration | "month", timeZone: DateTime.TimeZone, nowMillis: number): number => {
  const today = dayOf(nowMillis, timeZone)
  if (per === "month") return startOf(monthAfter(today), timeZone)
  const length = Math.max(Math.ceil(Duration.toMillis(per)), 1)
  if (length % dayMillis === 0) return startOf(monday + nextMultiple(length / dayMillis, today - monday), timeZone)
  if (dayMillis % length !== 0) return nextMultiple(length, nowMillis)
  const midnight = startOf(today, timeZone)
  return Math.min(midnight + nextMultiple(length, nowMillis - midnight), startOf(today + 1, timeZone))
}

const dayMillis = 86_400_000

/** Days are counted from Thursday 1 January 1970, and this is the first Monday. */
const monday = 4

const nextMultiple = (step: number, after: number): number => (Math.floor(after / step) + 1) * step

/** The last day that has begun, which is not the day on the clocks when they have been set back over midnight. */
const dayOf = (millis: number, timeZone: DateTime.TimeZone): number => {
  const date = DateTime.removeTime(DateTime.makeZonedUnsafe(millis, { timeZone }))
  let day = DateTime.toEpochMillis(date) / dayMillis
  while (startOf(day + 1, timeZone) <= millis) day++
  return day
}

/** When a day begins; a day beyond the calendar's last never does. */
const startOf = (day: number, timeZone: DateTime.TimeZone): number => {
  const midnight = { timeZone, adjustForTimeZone: true, disambiguation: "compatible" } as const
  return Option.match(DateTime.makeZoned(day * dayMillis, midnight), {
    onNone: () => Infinity,
    onSome: DateTime.toEpochMillis
  })
}

const monthAfter = (day: number): number => {
  const first = DateTime.startOf(DateTime.makeUnsafe(day * dayMillis), "month")
  return DateTime.toEpochMillis(DateTime.add(first, { months: 1 })) / dayMillis
}
