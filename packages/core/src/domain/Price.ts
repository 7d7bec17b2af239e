/**
 * What a token costs, and what a usage comes to in whole micro-dollars.
 *
 * Dollars per million tokens are micro-dollars per token. Amounts are integers, because sums of fractions drift: a
 * price is kept in millionths of a micro-dollar, and a cost is rounded up once, at its end.
 */
import type { Usage } from "./Usage.ts"

/** Millionths of a micro-dollar for one token read and for one token written. */
export interface Price {
  readonly input: number
  readonly output: number
}

/** The price of what costs nothing. */
export const free: Price = { input: 0, output: 0 }

/** A price from dollars per million tokens, as price lists have it. */
export const perMillion = (input: number, output: number): Price => ({
  input: Math.round(input * perMicro),
  output: Math.round(output * perMicro)
})

/** What a usage costs in micro-dollars, rounded up. Whole ones stand apart, so that the sum of a month is exact too. */
export const cost = (price: Price, usage: Usage): number => {
  const all = usage.input * price.input + usage.output * price.output
  if (all <= dividedExactly) return Math.ceil(all / perMicro)
  const whole = usage.input * Math.floor(price.input / perMicro) + usage.output * Math.floor(price.output / perMicro)
  const rest = usage.input * (price.input % perMicro) + usage.output * (price.output % perMicro)
  return whole + Math.ceil(rest / perMicro)
}

/** Millionths in a micro-dollar. */
const perMicro = 1_000_000

/** What a thousand dollars come to: up to here no quotient is rounded to a whole number that it is not. */
const dividedExactly = 1e15
