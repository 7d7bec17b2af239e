/**
 * Usages add up, and what was cached is counted only where somebody said so.
 *
 * `cached` stays absent in a sum of usages without it: absent means unknown, not zero. What a server reports is taken
 * for a usage only where it can be one.
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
    assert.deepStrictEqual(Usage.add(cached, { input: 1, output: 2 }), { input: 11, output: 22, cached: 5 })
    assert.deepStrictEqual(Usage.add(cached, cached), { input: 20, output: 40, cached: 10 })
  })

  it("count for a limit with what is read and written, cached or not", () => {
    assert.strictEqual(Usage.total({ input: 10, output: 20, cached: 5 }), 30)
  })

  it("are believed where every number can be one of tokens, up to a thousand million", () => {
    for (const usage of [
      { input: 0, output: 0 },
      { input: 0, output: 0, cached: 0 },
      { input: 1_000_000_000, output: 1_000_000_000, cached: 1_000_000_000 }
    ]) {
      assert.isTrue(Usage.isCounted(usage), JSON.stringify(usage))
    }
    for (const wrong of [-1, 1_000_000_001, Infinity, Number.NaN]) {
      assert.isFalse(Usage.isCounted({ input: wrong, output: 1 }), `input ${wrong}`)
      assert.isFalse(Usage.isCounted({ input: 1, output: wrong }), `output ${wrong}`)
      assert.isFalse(Usage.isCounted({ input: 1, output: 1, cached: wrong }), `cached ${wrong}`)
    }
  })
})
