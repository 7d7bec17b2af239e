/** A share of the calls: never more, and not saved up for long. */
import { assert, describe, it } from "@effect/vitest"
import { Share } from "../../src/domain/Share.ts"

describe("a share of the calls", () => {
  it("is never more than that, whenever it is asked for", () => {
    for (const share of [0.01, 0.05, 0.3, 1]) {
      const budget = new Share(share)
      let taken = 0
      for (let calls = 1; calls <= 10_000; calls++) {
        budget.call()
        if (budget.take()) taken++
        assert.isAtMost(taken, calls * share + 1e-6)
      }
      assert.isAtLeast(taken, 10_000 * share - 1)
    }
  })

  it("is kept for ten at the most", () => {
    const budget = new Share(0.5)
    for (let calls = 0; calls < 10_000; calls++) budget.call()
    let taken = 0
    while (budget.take()) taken++
    assert.strictEqual(taken, 10)
  })

  it("is nothing where it is nothing", () => {
    const budget = new Share(0)
    for (let calls = 0; calls < 1_000; calls++) budget.call()
    assert.isFalse(budget.take())
  })
})
