/**
 * After how long something happens, learned from when it did and from how long it did not.
 *
 * Who left has shown how long he waits, who was answered only that he waits longer; an average of those who left says
 * nothing. What is learned is, for each stretch of time, how many of those that came so far ended within it; so what
 * was cut short counts as far as it went. Later ones weigh more. Spans are nanoseconds.
 */

/** One stretch: how many came to it, and how many of those ended within it. */
interface Stretch {
  came: number
  ended: number
}

/** Ends of one kind. */
export class Survival {
  private readonly stretches: Array<Stretch> = []

  /** It happened after so long. */
  ended(after: number): void {
    const last = this.passed(after)
    come(this.at(last), 1)
  }

  /** It had not happened after so long, and nobody knows more. */
  lasted(until: number): void {
    this.passed(until)
  }

  /**
   * From when on fewer than such a share last, of those that last for longer than `from`, where more than so many have
   * shown it: the stretch; maybe never.
   */
  fewerThan(share: number, { from = -1, shownBy = 0 } = {}): { readonly earliest: number; readonly latest: number } {
    let there = 1
    let shown = 0
    for (let stretch = stretchOf(from) + 1; stretch < this.stretches.length; stretch++) {
      const { came, ended } = this.at(stretch)
      if (came > 0) there *= 1 - ended / came
      shown += ended
      if (there < share && shown > shownBy) return { earliest: startOf(stretch), latest: startOf(stretch + 1) }
    }
    return never
  }

  /** Lets what ended count for less beside what comes. */
  fade(share: number): void {
    for (const stretch of this.stretches) stretch.ended *= share
  }

  /** It came past all stretches before the one that it is in. */
  private passed(at: number): number {
    const last = stretchOf(at)
    for (let stretch = 0; stretch < last; stretch++) come(this.at(stretch), 0)
    return last
  }

  private at(stretch: number): Stretch {
    while (this.stretches.length <= stretch) this.stretches.push({ came: 0, ended: 0 })
    return this.stretches[stretch]!
  }
}

/** One more comes to it, and the last hundred are remembered. */
const come = (stretch: Stretch, ends: 0 | 1): void => {
  stretch.came = stretch.came * (1 - weightOfLast) + 1
  stretch.ended = stretch.ended * (1 - weightOfLast) + ends
}

/** Stretches begin with a millisecond, and each is by a seventh longer than the one before. */
const shortest = 1_000_000
const longer = 1.15

const stretchOf = (at: number): number =>
  at < 0 ? -1 : at < shortest ? 0 : Math.floor(Math.log(at / shortest) / Math.log(longer) + 1e-9) + 1

const startOf = (stretch: number): number => (stretch === 0 ? 0 : shortest * longer ** (stretch - 1))

const weightOfLast = 1 / 100

const never = { earliest: Infinity, latest: Infinity }
