/**
 * What a call costs at the target it goes to, looked up by what is known of it.
 *
 * A target is priced as `upstream/model`, as its model or as `upstream/*`, whichever is there first, and only what goes
 * to no known target by the model that was asked for, or as `default`. What nobody has priced is counted as somebody
 * decided, or has no price.
 */
import { Schema } from "effect"
import * as Price from "./Price.ts"
import { isCloudModel } from "./Target.ts"

const perMillionTokens = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** A price as a price list has it: dollars per million tokens, or `free`. */
export const Priced = Schema.Union([
  Schema.Literal("free"),
  Schema.Struct({ input: perMillionTokens, output: perMillionTokens })
])

/** The same as TypeScript takes it. */
export type Priced = typeof Priced.Type

/** Prices by target and by model. */
export class PriceList {
  private readonly prices: ReadonlyMap<string, Price.Price>
  /** What was found at targets: the same are asked for again and again, each call several times. */
  private readonly found = new Map<string, Price.Price | undefined>()
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
    // A name that was asked for prices nothing that has another.
    if (target !== undefined) return this.at(target) ?? otherwise
    return (model === undefined ? undefined : prices.get(model)) ?? prices.get("default") ?? otherwise
  }

  private at(target: string): Price.Price | undefined {
    const { found, prices } = this
    const known = found.get(target)
    if (known !== undefined || found.has(target)) return known
    const price = prices.get(target) ?? prices.get(target.slice(target.indexOf("/") + 1)) ?? this.ofServer(target)
    // Names come from callers.
    if (found.size >= foundMax) found.clear()
    found.set(target, price)
    return price
  }

  /** What all models of a server cost, but for those that only look as if they were its own. */
  private ofServer(target: string): Price.Price | undefined {
    return isCloudModel(target) ? undefined : this.prices.get(`${target.slice(0, target.indexOf("/"))}/*`)
  }
}

/** So many targets are remembered at most. */
const foundMax = 1_000

const priceOf = (price: Priced): Price.Price =>
  price === "free" ? Price.free : Price.perMillion(price.input, price.output)
