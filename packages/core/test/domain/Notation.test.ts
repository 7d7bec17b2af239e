/**
 * What every notation promises, on one that is made here: it reads what it prints, and a refusal says what to write.
 *
 * The notations of Spillway have their own tests in Units.test.ts; here they only stand for how people nearly write
 * them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Result, Schema } from "effect"
import { Units } from "@spillway/core"
import { make, no, shown } from "../../src/domain/Notation.ts"

/** A size in metres: `243m`. */
const height = make<number, string>(
  { name: "altitude", examples: ["243m", "8m"], encoded: Schema.String },
  {
    read: (text) => {
      const metres = /^(\d+)m$/.exec(text)?.[1]
      if (metres === "0") return no("write more than nothing")
      return metres === undefined ? no() : Result.succeed(Number(metres))
    },
    print: (metres) => `${metres}m`,
    value: Schema.Finite
  }
)

const refusalOf = (read: unknown): string => Result.getOrThrow(Result.flip(height.parse(read))).message

describe("a notation", () => {
  it("reads what it prints, with blanks around it or without", () => {
    assert.deepStrictEqual(height.parse(height.print(243)), Result.succeed(243))
    assert.deepStrictEqual(height.parse(" 243m "), Result.succeed(243))
  })

  it("suggests what was probably meant, and takes none of it silently", () => {
    assert.strictEqual(refusalOf("243M"), '"243M" is not an altitude: write it as 243m')
  })

  it("says the reader's own reason where it has one, and else gives examples", () => {
    assert.strictEqual(Result.getOrThrow(Result.flip(height.parse("0m")))._tag, "UnitRefused")
    assert.strictEqual(refusalOf("0m"), '"0m" is not an altitude: write more than nothing')
    assert.strictEqual(refusalOf("high"), '"high" is not an altitude: write it as 243m or 8m')
    assert.strictEqual(refusalOf("-3m"), '"-3m" is not an altitude: write one that is not negative')
    assert.strictEqual(refusalOf(Infinity), "Infinity is not an altitude: write it as 243m or 8m, it must be finite")
  })

  it("refuses a number where it has no meaning for numbers, and a text too long to be one", () => {
    assert.strictEqual(refusalOf(243), "243 is not an altitude: write it as 243m or 8m")
    assert.isTrue(Result.isFailure(height.parse(`${"0".repeat(200)}243m`)))
  })

  it("is a schema: decodes, encodes, tells its refusal, and describes itself to JSON Schema", () => {
    assert.strictEqual(Schema.decodeUnknownSync(height.schema)("243m"), 243)
    assert.strictEqual(Schema.encodeSync(height.schema)(243), "243m")
    assert.throws(() => Schema.decodeUnknownSync(height.schema)("243M"), /write it as 243m/)
    const { schema } = Schema.toJsonSchemaDocument(height.schema)
    assert.deepInclude(schema, { type: "string", title: "altitude", examples: ["243m", "8m"] })
  })
})

describe("what was probably meant", () => {
  type Read = Pick<Units.Unit<unknown>, "parse">

  const expectedOf = (unit: Read, read: unknown): string => Result.getOrThrow(Result.flip(unit.parse(read))).expected

  const meant: ReadonlyArray<readonly [string, Read, string, ReadonlyArray<unknown>]> = [
    ["a slash", Units.rate, "10/min", ["10 per min", "10 per  min", "10 PER min"]],
    ["thousands", Units.rate, "1M/min", ["1,000,000/min", "1_000_000/min"]],
    ["a point", Units.money, "$1000.5", ["$1,000,5", "$1000,5"]],
    ["the nought before a point", Units.money, "$0.5", ["$.5", "$,5"]],
    ["the nought within a text", Units.duration, "1m500ms", ["1m.5s"]],
    ["millions", Units.tokenRate, "2M tok/day", ["2m tok/day", "2m/day"]],
    ["no slash", Units.duration, "5ms", ["5 m/s", "5m/s"]],
    ["tokens", Units.tokenRate, "50k tok/min", ["50k/min"]],
    [
      "dollars",
      Units.money,
      "$10",
      ["10", 10, "10$", "10 USD", "10usd", "usd 10", "USD  10", "10 dollars", "10  dollar", "10.00"]
    ],
    ["dollars in a time", Units.allowance, "$10/day", ["10$/day", "10 usd/day", "usd 10/day"]],
    ["percent", Units.percent, "20%", ["20", 20, "20percent", "20 percent", "20  Percent"]],
    ["two dots", Units.range, "2s..10s", ["2s-10s", "2s - 10s", "2s  to  10s", "2s–10s", "2s…10s"]]
  ]
  for (const [what, unit, right, readings] of meant) {
    it(`is suggested: ${what}`, () => {
      for (const read of readings) assert.strictEqual(expectedOf(unit, read), `write it as ${right}`, String(read))
    })
  }

  it("is not guessed from what only resembles it", () => {
    const readings: ReadonlyArray<readonly [Read, ReadonlyArray<string>]> = [
      [Units.rate, ["10 permin", "10perx min", "1,5000/min", "super10/min"]],
      [Units.duration, ["5/s", "to infinity", "infinity war", "5s-", "x-5", ""]],
      [Units.money, ["pay 10", "10 euro", "$x-5"]],
      [Units.percent, ["1000", "a 20", "20 percents"]]
    ]
    for (const [unit, texts] of readings) {
      for (const text of texts) assert.match(expectedOf(unit, text), /^write it as \S+(, | or )(?!.*finite)/, text)
    }
  })

  it("is never something without a bound or below nothing, however that is written", () => {
    for (const read of ["Infinity", "-infinity", "+NaN", " nan ", -Infinity]) {
      assert.match(expectedOf(Units.duration, read), /, it must be finite$/, String(read))
    }
    for (const read of ["-5", "$-5", "$ -5", "-$5"]) {
      assert.strictEqual(expectedOf(Units.money, read), "write one that is not negative", read)
    }
  })

  it("is looked for up to the hundredth character, and a text is read up to there", () => {
    const long = (end: string, length: number) => end.padStart(length, "0")
    assert.isTrue(Result.isSuccess(Units.duration.parse(long("5s", 100))))
    assert.isTrue(Result.isFailure(Units.duration.parse(long("5s", 101))))
    assert.strictEqual(expectedOf(Units.duration, long("5M", 100)), "write it as 5m")
    assert.strictEqual(expectedOf(Units.duration, long("5M", 101)), "write it as 200ms, 5s or 1m30s")
  })
})

describe("a notation that has numbers", () => {
  const metres = make<number, string | number>(
    {
      name: "altitude",
      examples: ["243m", "8m", 5],
      encoded: Schema.Union([Schema.String, Schema.Finite]),
      millis: true
    },
    { read: () => no(), number: (read) => Result.succeed(read * 2), print: String, value: Schema.Finite }
  )

  it("reads numbers by their own rule, and only those that are finite", () => {
    assert.deepStrictEqual(metres.parse(5), Result.succeed(10))
    for (const read of [Number.NaN, Infinity, "5", 5n, true]) assert.isTrue(Result.isFailure(metres.parse(read)))
  })

  it("says in its description what a number means, and that one without numbers does not", () => {
    const described = (schema: Schema.Top) => Schema.toJsonSchemaDocument(schema).schema["description"]
    assert.strictEqual(described(metres.schema), "an altitude, such as 243m, 8m or 5; a number is ms.")
    assert.strictEqual(described(height.schema), "an altitude, such as 243m or 8m.")
  })
})

describe("what is shown of a value", () => {
  it("is all of a text of 56 characters, and of a longer one its beginning", () => {
    assert.strictEqual(shown("x".repeat(56)), `"${"x".repeat(56)}"`)
    assert.strictEqual(shown("x".repeat(57)), `"${"x".repeat(55)}…"`)
    assert.deepStrictEqual([shown(5n), shown(Symbol("secret")), shown(() => 1)], ["5n", "a symbol", "a function"])
  })

  it("has at most 60 characters, and of an object no more than that it is one", () => {
    for (const value of [
      "x".repeat(500),
      "\n".repeat(500),
      10n ** 500n,
      { key: "secret" },
      ["secret"],
      () => "secret"
    ]) {
      assert.isAtMost(shown(value).length, 60)
      assert.notInclude(shown(value), "secret")
    }
    assert.deepStrictEqual(
      [shown("5s"), shown(5), shown(null), shown({}), shown([]), shown(Duration.seconds(5))],
      ['"5s"', "5", "null", "an object", "a list", "5s"]
    )
  })
})
