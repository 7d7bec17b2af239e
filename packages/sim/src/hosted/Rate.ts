/**
 * A limit per minute that comes back little by little, as the providers' do: what is used up in one go is whole again
 * after a minute, and half of it after half a minute.
 */

/** What a caller is told of a limit. */
export interface View {
  readonly limit: number
  readonly remaining: number
  /** Until it is whole again, in nanoseconds. */
  readonly reset: number
}

const minute = 60_000_000_000

/** A bucket of so many a minute. Moments are monotonic nanoseconds. */
export class Rate {
  private readonly limit: number
  private level: number
  private at: number

  constructor(limit: number, now: number) {
    this.limit = limit
    this.level = limit
    this.at = now
  }

  /** How long until so many are there, or the whole bucket where it never holds as many. */
  wait(now: number, amount: number): number {
    const missing = Math.min(amount, this.limit) - this.levelAt(now)
    return missing > 0 ? Math.ceil((missing * minute) / this.limit) : 0
  }

  take(now: number, amount: number): void {
    this.level = Math.max(this.levelAt(now) - amount, 0)
    this.at = now
  }

  view(now: number): View {
    const level = this.levelAt(now)
    const reset = Math.ceil(((this.limit - level) * minute) / this.limit)
    return { limit: this.limit, remaining: Math.floor(level), reset }
  }

  private levelAt(now: number): number {
    return Math.min(this.level + ((now - this.at) * this.limit) / minute, this.limit)
  }
}
