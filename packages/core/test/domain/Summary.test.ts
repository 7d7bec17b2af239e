/**
 * Summaries are told from whatever else a pulled source may return at its end.
 *
 * The tag alone decides: a source may come from another copy of this package.
 */
import { assert, describe, it } from "@effect/vitest"
import { Summary } from "@spillway/core"

describe("a summary", () => {
  it("has merely stopped unless it says otherwise", () => {
    assert.deepStrictEqual(Summary.make(), { _tag: "Summary", finish: "stop" })
    const usage = { input: 1, output: 2 }
    assert.deepStrictEqual(Summary.make({ finish: "length", usage }), { _tag: "Summary", finish: "length", usage })
  })

  it("is recognised, and nothing else is", () => {
    assert.isTrue(Summary.is(Summary.make()))
    assert.isTrue(Summary.is(JSON.parse(JSON.stringify(Summary.make()))))
    for (const other of [
      undefined,
      null,
      0,
      "Summary",
      {},
      { finish: "stop" },
      { _tag: "Text" },
      () => Summary.make()
    ]) {
      assert.isFalse(Summary.is(other))
    }
  })
})
