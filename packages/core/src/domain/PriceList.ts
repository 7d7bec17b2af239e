/**
 * What a call costs at the target it goes to, looked up by what is known of it.
 *
 * A target is priced as `upstream/model` or as its model, whichever is there, and what goes to no known target by the
 * model that was asked for, or as `default`. What nobody has priced is counted as somebody decided, or has no price.
 */
import * as Price from "./Price.ts"

/** A price as a price list has it: dollars per million tokens, or `free`. */
export type Priced = "free" | { readonly input: number; readonly output: number }

/** Prices by target and by model. */
export class PriceList {
  private readonly prices: ReadonlyMap<string, Price.Price>
  private readonly otherwise: Price.Price | undefined

  /** Without `otherwise`, what nobody has priced has no price. */
  constructor(prices: Readonly<Record<string, Priced>>, otherwise: Priced | undefined) {
    this.prices = new Map(Object.entries(prices).map(([name, price]) => [name, priceOf(price)]))
    this.otherwise = otherwise === undefined ? undefined : priceOf(otherwise)
  }

  /** The price at a target, or of a model that goes nowhere yet. */
  of(target: string | undefined, model: string | undefined): Price.Price | undefined {
    const { otherwise, prices } = this
    if (prices.size === 0) return otherwise
    const there =
      target === undefined ? undefined : (prices.get(target) ?? prices.get(target.slice(target.indexOf("/") + 1)))
    const asked = there ?? (model === undefined ? undefined : prices.get(model))
    return asked ?? (target === undefined ? prices.get("default") : undefined) ?? otherwise
  }
}

const priceOf = (price: Priced): Price.Price =>
  price === "free" ? Price.free : Price.perMillion(price.input, price.output)
