/**
 * The table of failures says what the product says, and nothing that contradicts itself.
 *
 * What a row means for retries, breakers and the forecast is the core's own decision; here stand the rules that all
 * rows keep, and each decision with all the failures that it is taken for, so that a slip in a row disagrees with it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Failure } from "@spillway/core"
import * as Reasons from "../fixtures/reasons.ts"

const rows = Object.entries(Failure.table)

const namesWhere = (holds: (row: Failure.Failure) => boolean): ReadonlyArray<string> =>
  rows.filter(([, row]) => holds(row)).map(([name]) => name)

const assertNames = (found: ReadonlyArray<string>, names: string) => assert.sameMembers([...found], names.split(" "))

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

  it("lays every failure at somebody's door", () => {
    const whose = (kind: Failure.Class) => namesWhere((row) => row.class === kind)
    assertNames(whose("refusal"), "RateLimited BudgetSpent Unpriced QueueFull DeadlineUnmeetable Unavailable")
    assertNames(
      whose("caller"),
      "BadRequest Unsupported ContextTooLong Unauthorized Forbidden ModelNotFound ContentRefused"
    )
    assertNames(whose("busy"), "Overloaded UpstreamRateLimited QuotaSpent")
    assertNames(
      whose("broken"),
      "Unreachable Cut Malformed RunnerDied LoadFailed OutOfMemory Truncated UpstreamUnauthorized TimedOut Unknown"
    )
    assertNames(whose("left"), "Cancelled")
  })

  it("tries again here what passes: a limit, a full line, a busy target, a way or a process that broke", () => {
    assertNames(
      namesWhere((row) => row.here),
      "RateLimited QueueFull Unavailable Overloaded UpstreamRateLimited Unreachable Cut Malformed RunnerDied"
    )
  })

  it("tries elsewhere what another target may do", () => {
    const others =
      "BudgetSpent Unpriced DeadlineUnmeetable Unsupported ContextTooLong ModelNotFound QuotaSpent LoadFailed"
    assertNames(
      namesWhere((row) => row.elsewhere && !row.here),
      `${others} OutOfMemory Truncated UpstreamUnauthorized TimedOut`
    )
  })

  it("holds against a target's health what its server did wrong, and what has no name", () => {
    const broken = "Unreachable Cut Malformed RunnerDied LoadFailed OutOfMemory UpstreamUnauthorized TimedOut"
    assertNames(
      namesWhere((row) => row.breaker),
      `Overloaded ${broken} Unknown`
    )
  })

  it("learns how long a target takes only from a clock that ran out", () => {
    assertNames(
      namesWhere((row) => row.forecast),
      "TimedOut"
    )
  })
})
