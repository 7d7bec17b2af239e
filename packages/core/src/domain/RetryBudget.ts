/**
 * How many retries an outage may cost: a share of the calls, and one a second, over the last ten seconds.
 *
 * Retries multiply what an outage does to a server that is already down. A count over a sliding stretch has no stock
 * that could have been saved up while all was well, and calls fill it, never retries, so that it cannot feed itself.
 * One a second keeps it from starving those who call seldom.
 */
import { Tally } from "./Tally.ts"

const second = 1_000_000_000
const seconds = 10

/** The retries of everybody who shares it. */
export class RetryBudget {
  /** One slot more than the stretch has, since the oldest one is only partly in it. */
  private readonly counts = new Tally(second, seconds + 1)
  private readonly share: number

  constructor(share: number) {
    this.share = share
  }

  /** A call came in. */
  call(now: number): void {
    this.counts.add(now, 1, 0)
  }

  /** Whether one more retry is within the budget; it is taken if so. */
  retry(now: number): boolean {
    this.counts.advance(now)
    if (this.counts.marked + 1 > this.share * this.counts.all + seconds) return false
    this.counts.add(now, 0, 1)
    return true
  }
}
