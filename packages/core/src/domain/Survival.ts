/**
 * After how long something happens, learned from when it did and from how long it did not.
 *
 * Who left has shown how long he waits, who was answered only that he waits longer; an average of those who left says
 * nothing. What is learned is, for each stretch of time, how many of those that came so far ended within it; so what
 * was cut short counts as far as it went. Later ones weigh more. Spans are nanoseconds.
 */

/** Ends of one kind. */
export class Survival {
  /** For each stretch, which share of those that came to it ended within it. */
  private readonly ending: Array<number> = []

  /** It happened after so long. */
  ended(after: number): void {
    const last = this.passed(after)
    const known = this.ending[last] ?? 0
    this.ending[last] = known + (1 - known) * weightOfLast
  }

  /** It had not happened after so long, and nobody knows more. */
  lasted(until: number): void {
    this.passed(until)
  }

  /** From when on fewer than such a share last, of those that last for longer than `from`: the stretch; maybe never. */
  fewerThan(share: number, from = -1): { readonly earliest: number; readonly latest: number } {
    let there = 1
    for (let stretch = stretchOf(from) + 1; stretch < this.ending.length; stretch++) {
      there *= 1 - (this.ending[stretch] ?? 0)
      if (there < share) return { earliest: startOf(stretch), latest: startOf(stretch + 1) }
    }
    return never
  }

  /** Lets what is known count for less. */
  fade(share: number): void {
    this.ending.forEach((known, stretch) => (this.ending[stretch] = known * share))
  }

  /** It came past all stretches before the one that it is in. */
  private passed(at: number): number {
    const last = stretchOf(at)
    for (let stretch = 0; stretch < last; stretch++) {
      this.ending[stretch] = (this.ending[stretch] ?? 0) * (1 - weightOfLast)
    }
    return last
  }
}

/** Stretches begin with a millisecond, and each is by a seventh longer than the one before. */
const shortest = 1_000_000
const longer = 1.15

const stretchOf = (at: number): number =>
  at < 0 ? -1 : at < shortest ? 0 : Math.floor(Math.log(at / shortest) / Math.log(longer) + 1e-9) + 1

const startOf = (stretch: number): number => (stretch === 0 ? 0 : shortest * longer ** (stretch - 1))

const weightOfLast = 0.1

const never = { earliest: Infinity, latest: Infinity }
