/**
 * A price list finds the price of a call by its target, by its model, or as somebody decided for the rest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Price } from "@spillway/core"
import { type Priced, PriceList } from "../../src/domain/PriceList.ts"

const [one, two, three, four] = [1, 2, 3, 4].map((input) => ({ input, output: 2 * input })) as [
  Priced,
  Priced,
  Priced,
  Priced
]
const priceOf = (input: number) => Price.perMillion(input, 2 * input)

describe("A price list", () => {
  it("names the target before its model, and what has no target by the model that was asked", () => {
    const prices: Record<string, Priced> = { "openai/mini": one, mini: two, gpt: three, default: four }
    const found: Array<unknown> = []
    for (const name of ["openai/mini", "mini"]) {
      found.push(new PriceList(prices, undefined).of("openai/mini", "gpt"))
      delete prices[name]
    }
    assert.deepStrictEqual(found, [priceOf(1), priceOf(2)])
    // What was asked for by another name may cost something else.
    assert.isUndefined(new PriceList(prices, undefined).of("openai/mini", "gpt"))
    assert.deepStrictEqual(new PriceList(prices, undefined).of(undefined, "gpt"), priceOf(3))
    delete prices["gpt"]
    assert.deepStrictEqual(new PriceList(prices, undefined).of(undefined, "gpt"), priceOf(4))
    assert.deepStrictEqual(new PriceList(prices, undefined).of(undefined, undefined), priceOf(4))
  })

  it("takes a model with slashes for one model, and a target without any for its own", () => {
    const list = new PriceList({ "org/mini": one, lonely: two }, undefined)
    assert.deepStrictEqual(list.of("openai/org/mini", undefined), priceOf(1))
    assert.isUndefined(list.of("openai/mini", undefined))
    assert.deepStrictEqual(list.of("lonely", undefined), priceOf(2))
  })

  it("counts what nobody has priced as it was decided, and has no price for it otherwise", () => {
    for (const prices of [{}, { other: one }] as ReadonlyArray<Record<string, Priced>>) {
      for (const [target, model] of [
        [undefined, undefined],
        ["gpu1/llama", undefined],
        ["gpu1/llama", "gpt"],
        [undefined, "gpt"]
      ] as const) {
        assert.isUndefined(new PriceList(prices, undefined).of(target, model))
        assert.deepStrictEqual(new PriceList(prices, "free").of(target, model), Price.free)
        assert.deepStrictEqual(new PriceList(prices, four).of(target, model), priceOf(4))
      }
    }
  })

  it("takes what is free for a price, not for the lack of one", () => {
    const list = new PriceList({ llama: "free", default: one }, two)
    assert.deepStrictEqual(list.of("gpu1/llama", "gpt"), Price.free)
    assert.deepStrictEqual(list.of(undefined, "llama"), Price.free)
  })

  it("knows no names but those it was given", () => {
    const list = new PriceList({ gpt: one }, undefined)
    for (const name of ["constructor", "toString", "__proto__", ""]) {
      assert.isUndefined(list.of(undefined, name))
      assert.isUndefined(list.of(name, undefined))
    }
  })
})
