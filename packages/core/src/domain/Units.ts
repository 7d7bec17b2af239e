/**
 * Reads and prints the notations of Spillway: durations, rates, money, allowances, percentages, ranges and clocks.
 *
 * All of them are read with whole numbers (nanoseconds, micro-dollars, millionths), never with floating point: what is
 * printed reads back as the same value, and a budget of `$0.1` is not off by a rounding. What cannot be said in whole
 * steps is refused.
 */
import { Duration, Option, Result, Schema } from "effect"
import { type Look, make, no, notNegative, type Read, type Unit } from "./Notation.ts"

export { shown, type Unit, UnitRefused } from "./Notation.ts"

/** So many requests or tokens in every such time. */
export interface Rate<Of extends "requests" | "tokens"> {
  readonly amount: number
  readonly unit: Of
  readonly per: Duration.Duration
}

const Amount = Schema.Struct({ amount: Schema.Int, unit: Schema.Literals(["micro-dollars", "tokens"]) })

/** So much money, in whole micro-dollars, or so many tokens. */
export type Amount = typeof Amount.Type

const Allowance = Schema.Struct({
  ...Amount.fields,
  per: Schema.Union([Schema.Duration, Schema.Literal("month")])
})

/** So much money or so many tokens in every such time; a calendar month is no duration. */
export type Allowance = typeof Allowance.Type

const Range = Schema.Struct({ from: Schema.Duration, to: Schema.Duration })

/** A shortest and a longest duration. */
export type Range = typeof Range.Type

const Scaled = Schema.Struct({ base: Schema.Duration, per: Schema.Duration, tokens: Schema.Int })

/** A duration that grows by `per` for every `tokens` tokens. */
export type Scaled = typeof Scaled.Type

/** The longest duration that a number of nanoseconds can say exactly, about 104 days. */
const longestNanos = BigInt(Number.MAX_SAFE_INTEGER)

/** `1.5` at a scale of 1,000 is 1,500; undefined is what is not whole at that scale. */
const whole = (digits: string, scale: bigint): bigint | undefined => {
  const [before = "", after = ""] = digits.split(".")
  const steps = BigInt(before + after) * scale
  const grain = 10n ** BigInt(after.length)
  return steps % grain === 0n ? steps / grain : undefined
}

/** The inverse of `whole` for a scale of ten to some power. */
const decimal = (steps: number, power: number): string => {
  const digits = String(Math.round(steps)).padStart(power + 1, "0")
  return `${digits.slice(0, -power)}.${digits.slice(-power)}`.replace(/\.?0+$/, "")
}

const safe = (steps: bigint | undefined, smallest: string, largest: string): Read<number> => {
  if (steps === undefined) return no(`write it in steps of ${smallest}`)
  return steps <= longestNanos ? Result.succeed(Number(steps)) : no(`write at most ${largest}`)
}

const times: ReadonlyArray<readonly [nanos: bigint, words: ReadonlyArray<string>]> = [
  [604_800_000_000_000n, ["w", "wk", "week"]],
  [86_400_000_000_000n, ["d", "day"]],
  [3_600_000_000_000n, ["h", "hr", "hour"]],
  [60_000_000_000n, ["m", "min", "minute"]],
  [1_000_000_000n, ["s", "sec", "second"]],
  [1_000_000n, ["ms", "msec", "milli", "millisecond"]],
  [1_000n, ["us", "µs", "micro", "microsecond"]],
  [1n, ["ns", "nano", "nanosecond"]]
]

const nanosOf = (word: string): bigint | undefined =>
  times.find(([, words]) => words.includes(word) || (word.length > 2 && words.includes(word.replace(/s$/, ""))))?.[0]

const readNanos = (nanos: bigint | undefined): Read<Duration.Duration> =>
  Result.map(safe(nanos, "1ns", "104 days"), (count) => Duration.nanos(BigInt(count)))

const readDuration = (text: string): Read<Duration.Duration> => {
  if (!/^(?:\d+(?:\.\d+)?\s*[a-zµ]+\s*)+$/.test(text)) return no()
  let total: bigint | undefined = 0n
  let last = Infinity as bigint | number
  for (const [, digits = "", word = ""] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]+)/g)) {
    const nanos = nanosOf(word)
    // The parts must shrink: `1m1h` is more likely a slip than a wish.
    if (nanos === undefined || nanos >= last) return no()
    const part = whole(digits, nanos)
    total = total === undefined || part === undefined ? undefined : total + part
    last = nanos
  }
  return readNanos(total)
}

const readMillis = (millis: number): Read<Duration.Duration> =>
  millis < 0 ? no(notNegative) : readNanos(BigInt(Math.round(Math.min(millis, 1e12) * 1e6)))

const printDuration = (value: Duration.Duration): string => {
  let rest = Option.getOrUndefined(Duration.toNanos(value))
  if (rest === undefined) return String(value)
  let text = ""
  for (const [nanos, [symbol]] of times.slice(1)) {
    if (rest >= nanos) text += `${rest / nanos}${symbol}`
    if (rest >= nanos) rest %= nanos
  }
  return text || "0s"
}

/** Splits at the first separator; undefined without one. */
const split = (text: string, separator: string): readonly [before: string, after: string] | undefined => {
  const at = text.indexOf(separator)
  return at < 0 ? undefined : [text.slice(0, at).trim(), text.slice(at + separator.length).trim()]
}

const requestWords = /^(?:req(?:uest)?s?|calls?)?$/
const tokenWords = /^tok(?:en)?s?$/

const readAmount = (text: string, words: RegExp): Read<number> => {
  const [, digits, suffix, word] = /^(\d+(?:\.\d+)?)\s*([kM]?)\s*([a-z]*)$/.exec(text) ?? []
  if (digits === undefined || word === undefined || !words.test(word)) return no()
  return safe(whole(digits, suffix === "M" ? 1_000_000n : suffix === "k" ? 1_000n : 1n), "1", "9007199254740991")
}

const printAmount = (amount: number): string =>
  String(amount).replace(/(?<=\d)(000)?000$/, (_, more) => (more === undefined ? "k" : "M"))

const readCount = (read: number): Read<number> => (Number.isSafeInteger(read) && read > 0 ? Result.succeed(read) : no())

const readSteps = (digits: string | undefined, scale: bigint, smallest: string, largest: string): Read<number> =>
  digits === undefined ? no() : safe(whole(digits, scale), smallest, largest)

const readMoney = (text: string): Read<number> =>
  readSteps(/^\$\s*(\d+(?:\.\d+)?)$/.exec(text)?.[1], 1_000_000n, "$0.000001", "$9007199254")

const readShare = (text: string): Read<number> =>
  Result.flatMap(readSteps(/^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1], 10_000n, "0.0001%", "100%"), (millionths) =>
    millionths > 1e6 ? no("write at most 100%") : Result.succeed(millionths / 1e6)
  )

const printMoney = (microDollars: number): string => `$${decimal(microDollars, 6)}`

/** `min`, `10s`: the second half of a rate. */
const readPer = (text: string): Read<Duration.Duration> => {
  if (/^\d*\s*months?$/.test(text)) return no("write it per day or per week, a month has no fixed length")
  return Result.flatMap(readDuration(/^\d/.test(text) ? text : `1${text}`), (per) =>
    Duration.isZero(per) ? no("write a time longer than nothing") : Result.succeed(per)
  )
}

const named: Readonly<Record<string, string>> = { "1s": "s", "1m": "min", "1h": "hour", "1d": "day", "7d": "week" }

const printPer = (per: Duration.Duration): string => named[printDuration(per)] ?? printDuration(per)

const readEither = (text: string): Read<Amount> =>
  text.startsWith("$")
    ? Result.map(readMoney(text), (amount) => ({ amount, unit: "micro-dollars" }))
    : Result.map(readAmount(text, tokenWords), (amount) => ({ amount, unit: "tokens" }))

const printEither = ({ amount, unit }: Amount): string =>
  unit === "tokens" ? `${printAmount(amount)} tok` : printMoney(amount)

const readAllowance = (text: string): Read<Allowance> =>
  Result.gen(function* () {
    const [left, right] = split(text, "/") ?? [text, ""]
    const what = yield* readEither(left)
    return { ...what, per: /^(?:calendar )?month$/.test(right) ? "month" : yield* readPer(right) }
  })

const printAllowance = ({ per, ...what }: Allowance): string =>
  `${printEither(what)}/${per === "month" ? per : printPer(per)}`

const readRange = (text: string): Read<Range> =>
  Result.gen(function* () {
    const [left, right] = split(text, "..") ?? [text, ""]
    const from = yield* readDuration(left)
    const to = yield* readDuration(right)
    if (Duration.isLessThanOrEqualTo(from, to)) return { from, to }
    return yield* no(`write the shorter first, as ${printDuration(to)}..${printDuration(from)}`)
  })

const notNothing = (read: Read<Duration.Duration>): Read<Duration.Duration> =>
  Result.flatMap(read, (time) =>
    Duration.isZero(time) ? no("write a time longer than 0, as 30s") : Result.succeed(time)
  )

const readScaled = (text: string): Read<Scaled> =>
  Result.gen(function* () {
    const [left, right] = split(text, "+") ?? [text]
    const base = yield* notNothing(readDuration(left))
    if (right === undefined) return { base, per: Duration.zero, tokens: 1 }
    const [time, amount] = split(right, "/") ?? [right, ""]
    const per = yield* readDuration(time)
    const tokens = yield* readAmount(/^\d/.test(amount) ? amount : `1${amount}`, tokenWords)
    if (tokens < 1) return yield* no("write an amount of at least 1 token")
    return { base, per, tokens: Duration.isZero(per) ? 1 : tokens }
  })

const printScaled = ({ base, per, tokens }: Scaled): string =>
  printDuration(base) + (Duration.isZero(per) ? "" : ` + ${printDuration(per)}/${printAmount(tokens)}tok`)

const written = (name: string, ...examples: Array<string>) => ({ name, examples, encoded: Schema.String })

const textOrMillis = Schema.Union([Schema.String, Schema.Finite])
const timed = (name: string, ...examples: Array<string>) => ({ name, examples, encoded: textOrMillis, millis: true })

/** How long: `200ms`, `1m30s`, `2 hours`, or a number of milliseconds. */
export const duration: Unit<Duration.Duration, string | number> = make(timed("duration", "200ms", "5s", "1m30s"), {
  read: readDuration,
  number: readMillis,
  print: printDuration,
  value: Schema.Duration
})

/** How long, where no time at all would make no sense: a window, a lease, a clock. */
export const span: Unit<Duration.Duration, string | number> = make(timed("duration", "200ms", "5s", "1m30s"), {
  read: (text) => notNothing(readDuration(text)),
  number: (millis) => notNothing(readMillis(millis)),
  print: printDuration,
  value: Schema.Duration
})

const makeRate = <Of extends "requests" | "tokens">(unit: Of, words: RegExp, label: string, look: Look<string>) =>
  make<Rate<Of>, string>(look, {
    read: (text) =>
      Result.gen(function* () {
        const [left, right] = split(text, "/") ?? [text, ""]
        const amount = yield* readAmount(left, words)
        if (amount < 1) return yield* no("write an amount of at least 1")
        return { amount, unit, per: yield* readPer(right) }
      }),
    print: ({ amount, per }) => `${printAmount(amount)}${label}/${printPer(per)}`,
    value: Schema.Struct({ amount: Schema.Int, unit: Schema.Literal(unit), per: Schema.Duration })
  })

/** How many requests in how long: `10/min`, `100/10s`. */
export const rate = makeRate("requests", requestWords, "", written("rate", "10/min", "100/10s"))

/** How many tokens in how long: `50k tok/min`, `2M tok/day`. */
export const tokenRate = makeRate("tokens", tokenWords, " tok", written("token rate", "50k tok/min", "2M tok/day"))

/** An amount of money in dollars, read as whole micro-dollars: `$10`, `$0.05`. */
export const money: Unit<number> = make(written("amount of money", "$10", "$0.05"), {
  read: readMoney,
  print: printMoney,
  value: Schema.Int
})

/** An amount of money or of tokens: `$10`, `2M tok`. */
export const amount: Unit<Amount> = make(written("amount", "$10", "2M tok"), {
  read: readEither,
  print: printEither,
  value: Amount
})

/** What may be spent in how long: `$10/day`, `$100/month`, `2M tok/day`. */
export const allowance: Unit<Allowance> = make(written("allowance", "$10/day", "$100/month", "2M tok/day"), {
  read: readAllowance,
  print: printAllowance,
  value: Allowance
})

/** A share of at most the whole, in steps of 0.0001%: `20%` is 0.2. */
export const percent: Unit<number> = make(written("percentage", "20%", "12.5%"), {
  read: readShare,
  print: (share) => `${decimal(share * 1_000_000, 4)}%`,
  value: Schema.Finite
})

/** A shortest and a longest duration: `2s..10s`. */
export const range: Unit<Range> = make(written("range", "2s..10s"), {
  read: readRange,
  print: ({ from, to }) => `${printDuration(from)}..${printDuration(to)}`,
  value: Range
})

/** A duration, more than none, that may grow with the tokens: `5s`, `5s + 1s/500tok`, or a number of milliseconds. */
export const scaled: Unit<Scaled, string | number> = make(timed("clock", "5s", "5s + 1s/500tok"), {
  read: readScaled,
  number: (millis) => Result.map(notNothing(readMillis(millis)), (base) => ({ base, per: Duration.zero, tokens: 1 })),
  print: printScaled,
  value: Scaled
})

const natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** A whole number of at least 1. */
export const count: Unit<number, number> = make<number, number>(
  { name: "whole number from 1", examples: [1, 64], encoded: natural },
  {
    read: (text) => (/^\d+$/.test(text) ? readCount(Number(text)) : no()),
    number: readCount,
    print: Number,
    value: natural
  }
)

/**
 * How long a clock allows for so many tokens, never more than the longest duration that can be written.
 *
 * ```ts
 * import { Units } from "@spillway/core"
 * import { Duration, Result } from "effect"
 *
 * const clock = Result.getOrThrow(Units.scaled.parse("5s + 1s/500tok"))
 * Units.clockOf(clock, 1_000) // => Duration.nanos(7_000_000_000n)
 * ```
 */
export const clockOf = (clock: Scaled, tokens: number): Duration.Duration => {
  const counted = BigInt(Math.ceil(Math.min(Math.max(tokens || 0, 0), Number.MAX_SAFE_INTEGER)))
  const nanos =
    Duration.toNanosUnsafe(clock.base) + (Duration.toNanosUnsafe(clock.per) * counted) / BigInt(clock.tokens)
  return Duration.nanos(nanos < longestNanos ? nanos : longestNanos)
}
