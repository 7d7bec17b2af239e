/**
 * How much more may be done than was asked for: a share of the calls.
 *
 * Every call adds its share, and what is done beside the calls takes a whole one. A little is kept for when it is
 * needed, so that what is done in a minute of trouble stays a share of the calls of the last while.
 */

/** What may be done beside the calls. */
export class Share {
  private readonly share: number
  private left = 0

  constructor(share: number) {
    this.share = share
  }

  /** A call came in. */
  call(): void {
    this.left = Math.min(this.left + this.share, keptMax)
  }

  /** Whether one more may be done; it is taken if so. */
  take(): boolean {
    if (this.left < 1 - rounding) return false
    this.left -= 1
    return true
  }
}

const keptMax = 10

/** Twenty times a twentieth is a little less than one. */
const rounding = 1e-9
