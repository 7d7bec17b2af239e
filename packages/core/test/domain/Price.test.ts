/**
 * A cost is exact: never below what the tokens come to, and less than one micro-dollar above.
 *
 * Measured against whole numbers without bound, since the numbers at stake are where floating point begins to lie.
 */
import { assert, describe, it } from "@effect/vitest"
import { Price } from "@spillway/core"
import * as Random from "../laws/random.ts"

const million = 1_000_000n

/** The exact cost in millionths of a micro-dollar. */
const exactly = (price: Price.Price, input: number, output: number): bigint =>
  BigInt(price.input) * BigInt(input) + BigInt(price.output) * BigInt(output)

/** What is wrong with the cost of these tokens, if anything is. */
const wrong = (price: Price.Price, input: number, output: number): string | undefined => {
  const above = BigInt(Price.cost(price, { input, output })) * million - exactly(price, input, output)
  return above >= 0n && above < million
    ? undefined
    : `${JSON.stringify(price)}, ${input} in, ${output} out: off by ${above} millionths`
}

describe("a price", () => {
  it("reads what price lists say to the last digit", () => {
    for (const [dollars, millionths] of [
      [0.075, 75_000],
      [0.1, 100_000],
      [0.3, 300_000],
      [1.005, 1_005_000]
    ] as const) {
      assert.deepStrictEqual(Price.perMillion(dollars, 0), { input: millionths, output: 0 })
    }
    assert.deepStrictEqual(Price.perMillion(0.000001, 4.35), { input: 1, output: 4_350_000 })
  })

  it("costs nothing when it is free, and nothing for nothing", () => {
    assert.strictEqual(Price.cost(Price.free, { input: 1e9, output: 1e9 }), 0)
    assert.strictEqual(Price.cost(Price.perMillion(3, 15), { input: 0, output: 0 }), 0)
  })

  it("rounds a cost up once, at its end", () => {
    const price = Price.perMillion(0.4, 0.4)
    assert.strictEqual(Price.cost(price, { input: 1, output: 0 }), 1)
    assert.strictEqual(Price.cost(price, { input: 1, output: 1 }), 1)
    assert.strictEqual(Price.cost(price, { input: 2, output: 1 }), 2)
    assert.strictEqual(Price.cost(Price.perMillion(0.15, 0.6), { input: 1_000_000, output: 1_000_000 }), 750_000)
  })

  it("is exact for any price in millionths and any call's tokens", () => {
    const random = Random.make(11)
    for (let run = 0; run < 20_000; run++) {
      const digits = 10 ** random.below(7)
      const dollars = () => Math.round(random.next() * 200 * digits) / digits
      const tokens = () => random.below(10 ** (1 + random.below(7)))
      assert.isUndefined(wrong(Price.perMillion(dollars(), dollars()), tokens(), tokens()))
    }
  })

  it("is exact for the sum of a month as well, where a millionth more makes one more", () => {
    const random = Random.make(12)
    for (let run = 0; run < 5_000; run++) {
      const millions = () => random.below(4_000) * 1_000_000
      const price = { input: 1 + random.below(600) * 1_000_000, output: 1 + random.below(600) * 1_000_000 }
      assert.isUndefined(wrong(price, millions() + random.below(2), millions() + random.below(2)))
    }
  })
})
