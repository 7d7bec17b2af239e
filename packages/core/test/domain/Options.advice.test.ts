/**
 * What is told instead of an option that was refused: the name that was probably meant, or what may be written there.
 *
 * A suggestion that is wrong costs more than none, so what merely resembles a name is held against it too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Options, Units } from "@spillway/core"
import { Effect, Schema, Struct } from "effect"

describe("the name that was probably meant", () => {
  const names = { idle: Schema.Unknown, connection: Schema.Unknown, connections: Schema.Unknown }
  const suggested = (written: string): string | undefined => {
    const group = Options.decode("Timeouts", Schema.Struct(names).mapFields(Struct.map(Schema.optionalKey)))
    const { problems } = Effect.runSync(Effect.flip(group({ [written]: 1 })))
    return /did you mean (\w+)\?/.exec(problems[0]!.expected)?.[1]
  }

  it("is one letter away, whichever way, or one in three of a long name's", () => {
    for (const written of ["idlee", "ide", "idla", "ilde", "IDLE", "i-d_l e"]) {
      assert.strictEqual(suggested(written), "idle", written)
    }
    for (const written of ["conection", "conetion", "xonnextiox"]) {
      assert.strictEqual(suggested(written), "connection", written)
    }
  })

  it("is the nearest", () => {
    assert.strictEqual(suggested("connectoins"), "connections")
    assert.strictEqual(suggested("connectoin"), "connection")
  })

  it("is none that is further away, although letters have merely moved", () => {
    for (const written of ["ixxe", "ixde", "ilxe", "dixx", "ocnnxxxxon", "i", "speed"]) {
      assert.isUndefined(suggested(written), written)
    }
  })
})

describe("what to write instead is told for", () => {
  const expected = (schema: Schema.Codec<unknown, unknown>, input: unknown) =>
    Effect.runSync(Effect.flip(Effect.asVoid(Options.decode("It", schema)(input)))).problems.map((each) => [
      each.path,
      each.expected
    ])

  it("a switch, nothing, groups that name themselves, and what may be left undefined", () => {
    assert.deepStrictEqual(expected(Schema.Boolean, "on"), [["", "write it as true or false"]])
    assert.deepStrictEqual(expected(Schema.NullOr(Schema.Finite), "on"), [["", "write a finite number or null"]])
    assert.deepStrictEqual(expected(Schema.Record(Schema.String, Schema.Int), 5), [["", "write named entries"]])
    assert.deepStrictEqual(expected(Schema.UndefinedOr(Units.rate.schema), 5), [["", "write it as 10/min or 100/10s"]])
  })

  it("at most twelve names", () => {
    const many = Schema.Struct(
      Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`n${index}`, Schema.optionalKey(Schema.Int)]))
    )
    assert.deepStrictEqual(expected(many, 5), [["", "write { n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 }"]])
    const listed = "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10 and n11"
    assert.deepStrictEqual(expected(many, { speed: 1 }), [["speed", `no such option, the options are ${listed}`]])
  })

  it("an option that is missing behind another", () => {
    const both = Schema.Struct({ after: Units.duration.schema, budget: Units.percent.schema })
    assert.deepStrictEqual(expected(both, { after: "1s" }), [["budget", "missing, write it as 20% or 12.5%"]])
  })

  it("a value that a check refuses, in the check's own words where it has some", () => {
    const share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
    assert.deepStrictEqual(expected(share, 2), [["", "write a value between 0 and 1"]])
    const even = Schema.Int.check(Schema.makeFilter((read) => read % 2 === 0, { message: "write an even number" }))
    assert.deepStrictEqual(expected(even, 3), [["", "write an even number"]])
    assert.deepStrictEqual(expected(Schema.Int.check(Schema.makeFilter((read) => read > 5)), 3), [
      ["", "write a valid value"]
    ])
  })

  it("the alternative that came closest, wherever it stands", () => {
    const every = Schema.Struct({ every: Units.duration.schema, budget: Units.percent.schema })
    const after = Schema.Struct({ after: Units.duration.schema })
    for (const schema of [Schema.Union([every, after]), Schema.Union([after, every])]) {
      assert.deepStrictEqual(expected(schema, { after: "soon" }), [["after", "write it as 200ms, 5s or 1m30s"]])
    }
  })

  it("all alternatives, where several have something to say", () => {
    const either = Schema.Union([Units.duration.schema, Units.rate.schema])
    assert.deepStrictEqual(expected(either, "5 m/s"), [["", "write it as 5ms"]])
    assert.deepStrictEqual(expected(either, "-5"), [["", "write it as 200ms, 5s, 1m30s, 10/min or 100/10s"]])
  })
})
