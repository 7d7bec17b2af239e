/**
 * What every notation promises, on one that is made here: it reads what it prints, and a refusal says what to write.
 *
 * The notations of Spillway have their own tests in Units.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Result, Schema } from "effect"
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

describe("what is shown of a value", () => {
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
