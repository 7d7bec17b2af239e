/**
 * The notations: what they read, what they print, and how they refuse.
 *
 * The tables are the specification; the properties hold for whatever nobody thought of.
 */
import { assert, describe, it } from "@effect/vitest"
import { Units } from "@spillway/core"
import { Arbitrary, Duration, Equal, Result, Schema } from "effect"

const nanos = (value: bigint) => Duration.nanos(value)
const perMinute = Duration.minutes(1)

const units = {
  duration: Units.duration,
  rate: Units.rate,
  tokenRate: Units.tokenRate,
  money: Units.money,
  amount: Units.amount,
  allowance: Units.allowance,
  percent: Units.percent,
  range: Units.range,
  scaled: Units.scaled,
  count: Units.count
}

const anyUnit = (unit: keyof typeof units) => units[unit] as Units.Unit<unknown, string | number>

const parse = (unit: keyof typeof units, read: unknown): unknown => Result.getOrThrow(anyUnit(unit).parse(read))

const message = (unit: keyof typeof units, read: unknown): string =>
  Result.match(anyUnit(unit).parse(read), { onFailure: (refused) => refused.message, onSuccess: () => "accepted" })

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const same = <A, E extends string | number>(unit: Units.Unit<A, E>, value: NoInfer<A>) => {
  const again = Result.getOrThrow(unit.parse(unit.print(value)))
  assert.isTrue(Equal.equals(again, value), unit.print(value))
}

const holds = (read: unknown) => {
  for (const unit of Object.values(units) as ReadonlyArray<Units.Unit<unknown, string | number>>) {
    const found = unit.parse(read)
    if (Result.isSuccess(found)) assert.isTrue(Result.isSuccess(unit.parse(unit.print(found.success))), String(read))
    else assert.isAtMost(found.failure.read.length, 60)
  }
}

const schemaOf = (schema: Schema.Top) => Schema.toJsonSchemaDocument(schema).schema

const again = (schema: Schema.Codec<unknown, unknown>, text: unknown) =>
  Schema.encodeSync(schema)(Schema.decodeUnknownSync(schema)(text))

describe("a notation reads", () => {
  const readings: ReadonlyArray<readonly [keyof typeof units, unknown, unknown]> = [
    ["duration", "200ms", Duration.millis(200)],
    ["duration", "5s", Duration.seconds(5)],
    ["duration", "2m", Duration.minutes(2)],
    ["duration", "1h", Duration.hours(1)],
    ["duration", "1d", Duration.days(1)],
    ["duration", "2 weeks", Duration.weeks(2)],
    ["duration", "1m30s", Duration.seconds(90)],
    ["duration", "1.5s", Duration.millis(1_500)],
    ["duration", "200 millis", Duration.millis(200)],
    ["duration", "5secs", Duration.seconds(5)],
    ["duration", 500, Duration.millis(500)],
    ["duration", 0.1 + 0.2, nanos(300_000n)],
    ["duration", "9007199254740991ns", nanos(9_007_199_254_740_991n)],
    ["rate", "10/min", { amount: 10, unit: "requests", per: perMinute }],
    ["rate", "10 req/minutes", { amount: 10, unit: "requests", per: perMinute }],
    ["rate", "100/10s", { amount: 100, unit: "requests", per: Duration.seconds(10) }],
    ["tokenRate", "50k tok/min", { amount: 50_000, unit: "tokens", per: perMinute }],
    ["tokenRate", "1.5M tokens/day", { amount: 1_500_000, unit: "tokens", per: Duration.days(1) }],
    ["money", "$10", 10_000_000],
    ["money", "$0.05", 50_000],
    ["amount", "$10", { amount: 10_000_000, unit: "micro-dollars" }],
    ["amount", "$ 0.05", { amount: 50_000, unit: "micro-dollars" }],
    ["amount", "2M tok", { amount: 2_000_000, unit: "tokens" }],
    ["amount", "1 token", { amount: 1, unit: "tokens" }],
    ["allowance", "$10/day", { amount: 10_000_000, unit: "micro-dollars", per: Duration.days(1) }],
    ["allowance", "$100/month", { amount: 100_000_000, unit: "micro-dollars", per: "month" }],
    ["allowance", "2M tok/day", { amount: 2_000_000, unit: "tokens", per: Duration.days(1) }],
    ["percent", "20%", 0.2],
    ["percent", "0.07%", 0.0007],
    ["range", "2s..10s", { from: Duration.seconds(2), to: Duration.seconds(10) }],
    ["scaled", "5s + 1s/500tok", { base: Duration.seconds(5), per: Duration.seconds(1), tokens: 500 }],
    ["scaled", 5_000, { base: Duration.seconds(5), per: Duration.zero, tokens: 1 }],
    ["scaled", "5s + 0s/500tok", { base: Duration.seconds(5), per: Duration.zero, tokens: 1 }],
    ["count", 64, 64],
    ["count", "64", 64],
    ["duration", 0, Duration.zero],
    ["rate", "1 call / hour", { amount: 1, unit: "requests", per: Duration.hours(1) }],
    ["percent", "20 %", 0.2],
    ["allowance", "$1/calendar month", { amount: 1_000_000, unit: "micro-dollars", per: "month" }],
    ["range", "2s .. 10s", { from: Duration.seconds(2), to: Duration.seconds(10) }],
    ["scaled", "5s + 1s/tok", { base: Duration.seconds(5), per: Duration.seconds(1), tokens: 1 }]
  ]
  for (const [unit, read, value] of readings) {
    it(`${JSON.stringify(read)} as a ${unit}`, () => {
      const found = parse(unit, read)
      assert.isTrue(Equal.equals(found, value), `read ${String(found)}`)
    })
  }
})

describe("a notation refuses", () => {
  const refusals: ReadonlyArray<readonly [keyof typeof units, unknown, string]> = [
    ["rate", "10 per min", `"10 per min" is not a rate: write it as 10/min`],
    ["rate", "10/fortnight", `"10/fortnight" is not a rate: write it as 10/min or 100/10s`],
    ["rate", "50k tok/min", `"50k tok/min" is not a rate: write it as 10/min or 100/10s`],
    ["rate", "0/min", `"0/min" is not a rate: write an amount of at least 1`],
    ["rate", "1.5/min", `"1.5/min" is not a rate: write it in steps of 1`],
    ["rate", "10/0s", `"10/0s" is not a rate: write a time longer than nothing`],
    ["rate", "10/month", `"10/month" is not a rate: write it per day or per week, a month has no fixed length`],
    ["tokenRate", "2m tok/day", `"2m tok/day" is not a token rate: write it as 2M tok/day`],
    ["tokenRate", "50k/min", `"50k/min" is not a token rate: write it as 50k tok/min`],
    ["duration", "5 m/s", `"5 m/s" is not a duration: write it as 5ms`],
    ["duration", "5M", `"5M" is not a duration: write it as 5m`],
    ["duration", "1,5s", `"1,5s" is not a duration: write it as 1s500ms`],
    ["duration", "500", `"500" is not a duration: write it as 200ms, 5s or 1m30s`],
    ["duration", "1m1h", `"1m1h" is not a duration: write it as 200ms, 5s or 1m30s`],
    ["duration", "", `"" is not a duration: write it as 200ms, 5s or 1m30s`],
    ["duration", "-5s", `"-5s" is not a duration: write one that is not negative`],
    ["duration", -5, "-5 is not a duration: write one that is not negative"],
    ["duration", Number.NaN, "NaN is not a duration: write it as 200ms, 5s or 1m30s, it must be finite"],
    ["duration", "Infinity", `"Infinity" is not a duration: write it as 200ms, 5s or 1m30s, it must be finite`],
    ["duration", "105 days", `"105 days" is not a duration: write at most 104 days`],
    ["duration", 1e300, "1e+300 is not a duration: write at most 104 days"],
    ["duration", "0.1ns", `"0.1ns" is not a duration: write it in steps of 1ns`],
    ["duration", { seconds: 5 }, "an object is not a duration: write it as 200ms, 5s or 1m30s"],
    ["money", "10 USD", `"10 USD" is not an amount of money: write it as $10`],
    ["money", "$1,000", `"$1,000" is not an amount of money: write it as $1000`],
    ["money", "$0.0000001", `"$0.0000001" is not an amount of money: write it in steps of $0.000001`],
    ["amount", "$10/day", `"$10/day" is not an amount: write it as $10 or 2M tok`],
    ["amount", "$0.0000001", `"$0.0000001" is not an amount: write it in steps of $0.000001`],
    ["amount", "1.5 tok", `"1.5 tok" is not an amount: write it in steps of 1`],
    ["amount", "10 €", `"10 €" is not an amount: write it as $10 or 2M tok`],
    ["amount", 10, "10 is not an amount: write it as $10"],
    ["allowance", "$10", `"$10" is not an allowance: write it as $10/day, $100/month or 2M tok/day`],
    ["percent", 20, "20 is not a percentage: write it as 20%"],
    ["percent", "0.2", `"0.2" is not a percentage: write it as 20% or 12.5%`],
    ["percent", "101%", `"101%" is not a percentage: write at most 100%`],
    ["range", "10s..2s", `"10s..2s" is not a range: write the shorter first, as 2s..10s`],
    ["range", "2s-10s", `"2s-10s" is not a range: write it as 2s..10s`],
    ["scaled", "0s + 1s/500tok", `"0s + 1s/500tok" is not a clock: write a time longer than 0, as 30s`],
    ["scaled", 0, "0 is not a clock: write a time longer than 0, as 30s"],
    ["scaled", "5s + 1s/0tok", `"5s + 1s/0tok" is not a clock: write an amount of at least 1 token`],
    ["count", 1.5, "1.5 is not a whole number from 1: write it as 1 or 64"],
    ["count", 0, "0 is not a whole number from 1: write it as 1 or 64"],
    ["count", "x64", `"x64" is not a whole number from 1: write it as 1 or 64`],
    ["count", "64x", `"64x" is not a whole number from 1: write it as 1 or 64`],
    ["money", "pay $5", `"pay $5" is not an amount of money: write it as $10 or $0.05`],
    ["money", "$9007199255", `"$9007199255" is not an amount of money: write at most $9007199254`],
    ["percent", "about 20%", `"about 20%" is not a percentage: write it as 20% or 12.5%`],
    ["percent", "20% off", `"20% off" is not a percentage: write it as 20% or 12.5%`],
    ["percent", "20.%", `"20.%" is not a percentage: write it as 20% or 12.5%`],
    ["percent", "0.00001%", `"0.00001%" is not a percentage: write it in steps of 0.0001%`],
    ["percent", "1000000000000%", `"1000000000000%" is not a percentage: write at most 100%`],
    ["rate", "9007199254740992/s", `"9007199254740992/s" is not a rate: write at most 9007199254740991`],
    ["rate", "1/2 months", `"1/2 months" is not a rate: write it per day or per week, a month has no fixed length`],
    ["rate", "10/monthly", `"10/monthly" is not a rate: write it as 10/min or 100/10s`],
    ["rate", "10/last month", `"10/last month" is not a rate: write it as 10/min or 100/10s`],
    ["rate", "10/s2s", `"10/s2s" is not a rate: write it as 10/min or 100/10s`],
    ["rate", "10", `"10" is not a rate: write it as 10/min or 100/10s`],
    ["tokenRate", "5 atok/s", `"5 atok/s" is not a token rate: write it as 50k tok/min or 2M tok/day`],
    ["tokenRate", "5 toks2/s", `"5 toks2/s" is not a token rate: write it as 50k tok/min or 2M tok/day`],
    ["tokenRate", "5 tokay/s", `"5 tokay/s" is not a token rate: write it as 50k tok/min or 2M tok/day`],
    [
      "allowance",
      "$1/last month",
      `"$1/last month" is not an allowance: write it as $10/day, $100/month or 2M tok/day`
    ],
    ["allowance", "$1/monthly", `"$1/monthly" is not an allowance: write it as $10/day, $100/month or 2M tok/day`],
    ["range", "2s", `"2s" is not a range: write it as 2s..10s`],
    ["scaled", "5s + 1s", `"5s + 1s" is not a clock: write it as 5s or 5s + 1s/500tok`]
  ]
  for (const [unit, read, expected] of refusals) {
    it(`${typeof read === "number" ? String(read) : JSON.stringify(read)} as a ${unit}`, () => {
      assert.strictEqual(message(unit, read), expected)
    })
  }

  it("a text of any length, and shows at most 60 characters of it", () => {
    for (const times of [40, 1_000_000]) {
      const refused = Result.getOrThrow(Result.flip(Units.duration.parse("5s".repeat(times))))
      assert.isAtMost(refused.read.length, 60)
      assert.match(refused.read, /^"5s5s.*…"$/)
    }
  })
})

describe("what is printed is read again as the same value, of", () => {
  const safe = Number.MAX_SAFE_INTEGER
  const steps = Schema.Tuple([whole(0, 999), whole(0, 3)])
  // Round numbers as often as others, since they are the ones that print with a suffix.
  const amount = Arbitrary.map(Arbitrary.schema(steps), ([factor, power]) => factor * 1_000 ** power + 1_000 ** power)
  const time = Arbitrary.map(Arbitrary.schema(Schema.Union([whole(0, safe), whole(0, 1_000)])), (some) =>
    nanos(BigInt(some) * (some > 1_000 ? 1n : 1_000_000_000n))
  )
  const longer = Arbitrary.map(time, (some) => (Duration.isZero(some) ? Duration.minutes(1) : some))
  it.prop("durations", [time], ([some]) => same(Units.duration, some))
  it.prop("rates", [amount, longer], ([some, per]) => same(Units.rate, { amount: some, unit: "requests", per }))
  it.prop("token rates", [amount, longer], ([some, per]) =>
    same(Units.tokenRate, { amount: some, unit: "tokens", per })
  )
  it.prop("money", [whole(0, safe)], ([some]) => same(Units.money, some))
  it.prop("amounts", [amount, Schema.Boolean], ([some, tokens]) =>
    same(Units.amount, { amount: some, unit: tokens ? "tokens" : "micro-dollars" })
  )
  it.prop("allowances", [amount, longer, Schema.Boolean, Schema.Boolean], ([some, window, tokens, month]) =>
    same(Units.allowance, {
      amount: some,
      unit: tokens ? "tokens" : "micro-dollars",
      per: month ? "month" : window
    })
  )
  it.prop("percentages", [whole(0, 1_000_000)], ([some]) => same(Units.percent, some / 1_000_000))
  it.prop("ranges", [time, time], ([one, other]) =>
    same(Units.range, { from: Duration.min(one, other), to: Duration.max(one, other) })
  )
  it.prop("clocks", [longer, longer, amount], ([base, per, tokens]) => same(Units.scaled, { base, per, tokens }))
  it.prop("counts", [whole(1, safe)], ([some]) => same(Units.count, some))
})

describe("no notation throws", () => {
  const fragments = [
    "1",
    "0",
    ".5",
    "9".repeat(20),
    "$",
    "-",
    "+",
    "/",
    "..",
    "%",
    " ",
    "k",
    "M",
    "tok",
    "s",
    "min",
    "month",
    "per",
    ",",
    "µs",
    "\u{1f4a5}",
    "\ud800"
  ]
  const nearly = Arbitrary.map(Arbitrary.array(Arbitrary.schema(Schema.Literals(fragments))), (some) => some.join(""))

  it.prop("at texts", [Schema.String], ([some]) => holds(some))
  it.prop("at texts that look like notations", [nearly], ([some]) => holds(some), { arbitrary: { runs: 1_000 } })
  // @effect-diagnostics-next-line schemaNumber:off
  it.prop("at numbers", [Schema.Number], ([some]) => holds(some))
  it.prop("at anything else", [Schema.Unknown], ([some]) => holds(some))
  it("at symbols, functions and bigints", () => {
    for (const some of [Symbol("x"), () => "x", 10n ** 100n, undefined, null, Object.create(null)]) {
      assert.isTrue(Result.isFailure(Units.duration.parse(some)))
      holds(some)
    }
  })
})

describe("a notation's schema", () => {
  it("tells what was read and what would be right", () => {
    const refused = Result.getOrThrow(Result.flip(Schema.decodeResult(Units.rate.schema)("10 per min")))
    assert.strictEqual(refused.message, `"10 per min" is not a rate: write it as 10/min`)
  })

  it("has a clean JSON Schema", () => {
    assert.deepStrictEqual(schemaOf(Units.rate.schema), {
      type: "string",
      title: "rate",
      description: "a rate, such as 10/min or 100/10s.",
      examples: ["10/min", "100/10s"]
    })
    assert.deepStrictEqual(schemaOf(Units.duration.schema), {
      anyOf: [{ type: "string" }, { type: "number" }],
      title: "duration",
      description: "a duration, such as 200ms, 5s or 1m30s; a number is ms.",
      examples: ["200ms", "5s", "1m30s"]
    })
    assert.deepStrictEqual(schemaOf(Units.count.schema)["type"], "integer")
  })

  it("encodes what it decoded", () => {
    assert.strictEqual(again(Units.duration.schema, 90_000), "1m30s")
    assert.strictEqual(again(Units.amount.schema, "2000k tokens"), "2M tok")
    assert.strictEqual(again(Units.allowance.schema, "$ 10 / days"), "$10/day")
    assert.strictEqual(again(Units.count.schema, 64), 64)
  })

  it("encodes no value that could not be read again", () => {
    assert.isTrue(Result.isFailure(Schema.encodeResult(Units.duration.schema)(Duration.infinity)))
    assert.isTrue(Result.isFailure(Schema.encodeResult(Units.percent.schema)(2)))
  })
})
