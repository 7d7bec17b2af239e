/** Spread: what is expected of a quantity of which some were seen. */
import { assert, describe, it } from "@effect/vitest"
import * as Spread from "../../src/domain/Spread.ts"
import * as Random from "../laws/random.ts"

const seen = (...values: ReadonlyArray<number>): Spread.Spread => {
  const spread = new Spread.Spread()
  for (const value of values) spread.learn(value)
  return spread
}

const close = (read: number, expected: number, by: number) => assert.approximately(read / expected, 1, by)

describe("a quantity", () => {
  it("of which none was seen is not known", () => {
    assert.isUndefined(seen().range)
  })

  it("that was seen once may as well be half or twice as much", () => {
    const { high, likely, low } = seen(1_000).range!
    close(likely, 1_000, 1e-9)
    close(low * high, 1_000_000, 1e-9)
    assert.isTrue(high > 2_000 && high < 3_000)
  })

  it("that is always the same is known ever better, though never quite", () => {
    const ranges = [1, 2, 4, 8, 30].map((count) => seen(...Array.from({ length: count }, () => 50)).range!)
    for (const [index, { high, likely, low }] of ranges.entries()) {
      close(likely, 50, 1e-9)
      assert.isTrue(low < 50 && high > 50)
      if (index > 0) assert.isBelow(high, ranges[index - 1]!.high)
    }
    assert.isBelow(ranges.at(-1)!.high, 60)
  })

  it("lies between its low and its high end about eight times of ten, and is its mean on the whole", () => {
    const random = Random.make(11)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
    let inside = 0
    let likely = 0
    const all: Array<number> = []
    const spread = seen()
    for (let each = 0; each < 5_000; each++) {
      const value = 1_000 * Math.exp(0.6 * normal())
      const range = spread.range
      if (range !== undefined && each > 100) {
        inside += value >= range.low && value <= range.high ? 1 : 0
        likely += range.likely
        all.push(value)
      }
      spread.learn(value)
    }
    assert.approximately(inside / all.length, 0.8, 0.04)
    close(likely / all.length, all.reduce((sum, value) => sum + value, 0) / all.length, 0.05)
  })

  it("is what it was lately", () => {
    const spread = seen(...Array.from({ length: 1_000 }, () => 10))
    for (let each = 0; each < 60; each++) spread.learn(1_000)
    close(spread.range!.likely, 1_000, 0.6)
    for (let each = 0; each < 100; each++) spread.learn(1_000)
    close(spread.range!.likely, 1_000, 0.1)
  })

  it("may be nothing, but is never less, nor without end, nor no number", () => {
    close(seen(0, 0, 0).range!.likely, 1, 1e-9)
    assert.isUndefined(seen(-1, Infinity, Number.NaN).range)
  })

  it("has its ends in order, however wildly it was seen", () => {
    const { high, likely, low } = seen(1, 1e12, 1, 1e12, 5).range!
    assert.isTrue(low <= likely && likely <= high && high < Infinity)
  })
})

describe("ranges", () => {
  const one = { low: 1, likely: 2, high: 4 }

  it("that know nothing of each other are added and multiplied, and are hardly off both at once", () => {
    assert.deepStrictEqual(Spread.sum(one, Spread.exactly(10)), { low: 11, likely: 12, high: 14 })
    const both = Spread.sum({ low: 7, likely: 10, high: 13 }, { low: 6, likely: 10, high: 14 })
    assert.deepStrictEqual(both, { low: 15, likely: 20, high: 25 })
    const product = Spread.each({ low: 1, likely: 10, high: 100 }, { low: 2, likely: 20, high: 200 })
    close(product.high, 200 * 10 ** Math.SQRT2, 1e-9)
    close(product.low, 200 / 10 ** Math.SQRT2, 1e-9)
    assert.strictEqual(product.likely, 200)
    assert.deepStrictEqual(Spread.each(one, Spread.exactly(0)), Spread.exactly(0))
  })

  it("are stretched and bounded end by end", () => {
    assert.deepStrictEqual(Spread.times(one, 3), { low: 3, likely: 6, high: 12 })
    assert.deepStrictEqual(Spread.atMost(one, 2), { low: 1, likely: 2, high: 2 })
  })
})
