/**
 * A quantity that was seen now and then: what is likely to be seen next, and between what it will lie.
 *
 * Times and lengths of answers are never negative and now and then ten times what is usual, so what is learned is the
 * mean and the spread of their logarithms, of which the last thirty weigh most. Of what was seen once or twice it is
 * assumed that it may as well be half or twice as much.
 */

/** A quantity that is expected: what is likely, and between what it lies eight times of ten. */
export interface Range {
  readonly low: number
  readonly likely: number
  readonly high: number
}

/** One that is known. */
export const exactly = (value: number): Range => ({ low: value, likely: value, high: value })

/** Both together, of which the one knows nothing of the other. */
export const sum = (one: Range, other: Range): Range => {
  const likely = one.likely + other.likely
  return {
    low: likely - Math.hypot(one.likely - one.low, other.likely - other.low),
    likely,
    high: likely + Math.hypot(one.high - one.likely, other.high - other.likely)
  }
}

/** So many times as much. */
export const times = ({ high, likely, low }: Range, factor: number): Range => ({
  low: low * factor,
  likely: likely * factor,
  high: high * factor
})

/** As many as there are of the one, each of the other, of which the one knows nothing of the other. */
export const each = (one: Range, other: Range): Range => {
  const likely = one.likely * other.likely
  if (likely === 0) return exactly(0)
  const off = (end: "low" | "high") =>
    Math.exp(Math.hypot(Math.log(one[end] / one.likely), Math.log(other[end] / other.likely)))
  return { low: likely / off("low"), likely, high: likely * off("high") }
}

/** The same, and never more than that. */
export const atMost = ({ high, likely, low }: Range, most: number): Range => ({
  low: Math.min(low, most),
  likely: Math.min(likely, most),
  high: Math.min(high, most)
})

/** What has been seen of one quantity. */
export class Spread {
  private seen = 0
  private mean = 0
  private variance = 0
  private known: Range | undefined

  /** What is expected of the next one; nothing where none was seen. */
  get range(): Range | undefined {
    if (this.known === undefined && this.seen > 0) this.known = this.read()
    return this.known
  }

  /** So much was seen. */
  learn(value: number): void {
    if (!(value >= 0 && value < Infinity)) return
    const weight = Math.max(1 / ++this.seen, weightMin)
    const off = Math.log(Math.max(value, least)) - this.mean
    this.mean += weight * off
    this.variance = (1 - weight) * (this.variance + weight * off * off)
    this.known = undefined
  }

  private read(): Range {
    const { mean, seen } = this
    const variance = Math.min(this.variance, varianceMax)
    const deviation = Math.sqrt(variance + doubt / seen)
    return {
      low: Math.exp(mean - eightOfTen * deviation),
      // The mean of the quantity, and not its middle: who adds up many of them needs that one.
      likely: Math.exp(mean + variance / 2),
      high: Math.exp(mean + eightOfTen * deviation)
    }
  }
}

const weightMin = 1 / 30

/** There is no logarithm of nothing. */
const least = 1

/** What spreads wider is no quantity of one kind: its mean would be one that nothing ever shows. */
const varianceMax = 1

/** The variance of what is half as much or twice as much. */
const doubt = Math.LN2 ** 2

/** In so many standard deviations around the middle lie eight of ten. */
const eightOfTen = 1.2816
