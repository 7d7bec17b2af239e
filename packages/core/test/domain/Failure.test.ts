/**
 * The table of failures says what the product says, and nothing that contradicts itself.
 *
 * What a row means for retries, breakers and the forecast is the core's own decision; here stand the rules that all
 * rows keep.
 */
import { assert, describe, it } from "@effect/vitest"
import { Failure } from "@spillway/core"
import * as Reasons from "../fixtures/reasons.ts"

const rows = Object.entries(Failure.table)

describe("the table of failures", () => {
  it("has every reason of the product and no other", () => {
    assert.sameMembers(
      Object.keys(Failure.table),
      Reasons.table.map(([name]) => name)
    )
  })

  for (const [name, code, status, again] of Reasons.table) {
    it(`says what the product says of ${name}`, () => {
      assert.deepInclude(Failure.table[name], { code, status, again })
    })
  }

  it("names every failure by a code of its own, in one notation", () => {
    assert.strictEqual(new Set(rows.map(([, row]) => row.code)).size, rows.length)
    for (const [name, { code }] of rows) {
      assert.strictEqual(
        code.replaceAll(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase()),
        name
      )
    }
  })

  it("tries again here only what may also be tried elsewhere, and only where coming back can help", () => {
    assert.deepStrictEqual(
      rows.filter(([, row]) => row.here && !(row.elsewhere && row.again !== "no")),
      []
    )
    const elsewhere = rows.filter(([, row]) => row.again.startsWith("elsewhere"))
    assert.deepStrictEqual(
      elsewhere.filter(([, row]) => row.here || !row.elsewhere),
      []
    )
  })

  it("holds nothing against a target that is our own refusal, the caller's fault or the caller's leaving", () => {
    const ours = rows.filter(([, row]) => ["refusal", "caller", "left"].includes(row.class))
    assert.deepStrictEqual(
      ours.filter(([, row]) => row.breaker || row.forecast),
      []
    )
  })

  it("does not try again what has no name, or whose caller has left", () => {
    for (const name of ["Unknown", "Cancelled"] as const) {
      assert.deepInclude(Failure.table[name], { here: false, elsewhere: false, again: "no" })
    }
  })
})
