/**
 * Usages add up, and what was cached is counted only where somebody said so.
 *
 * `cached` stays absent in a sum of usages without it: absent means unknown, not zero.
 */
import { assert, describe, it } from "@effect/vitest"
import { Usage } from "@spillway/core"

describe("usages", () => {
  it("add up field by field", () => {
    assert.deepStrictEqual(Usage.add({ input: 1, output: 2 }, { input: 10, output: 20 }), { input: 11, output: 22 })
  })

  it("know what was cached where one of them does", () => {
    const cached = { input: 10, output: 20, cached: 5 }
    assert.deepStrictEqual(Usage.add({ input: 1, output: 2 }, cached), { input: 11, output: 22, cached: 5 })
    assert.deepStrictEqual(Usage.add(cached, cached), { input: 20, output: 40, cached: 10 })
  })

  it("count for a limit with what is read and written, cached or not", () => {
    assert.strictEqual(Usage.total({ input: 10, output: 20, cached: 5 }), 30)
  })
})
