/**
 * How long a caller waits for the first word before he leaves, learned from when he left and when he did not.
 *
 * Who was answered has not shown how much longer he would have waited, so an average of those who left says nothing.
 * What is learned is, for each stretch of waiting, how many of those who came so far left within it. Of a stretch that
 * nobody comes to any more nothing new is learned: what is known of it fades, so that sooner or later it is tried anew.
 */
import type { Forgettable } from "./Keyed.ts"

/** Of one caller. Moments and spans are nanoseconds. */
export class Patience implements Forgettable {
  /** For each stretch, which share of those who came to it left within it. */
  private readonly leaving: Array<number> = []
  /** How long the first word takes once it is his turn. */
  usual = 0
  private hasStayed = false
  private fadedAt = -Infinity
  private longestWait = Infinity

  /** He left after so long without a word. */
  left(after: number, now: number): void {
    this.learn(after, true, now)
  }

  /** He was there when the first word came, after so long, of which he had waited so much for his turn. */
  stayed(until: number, waited: number, now: number): void {
    const took = Math.max(until - waited, 0)
    this.usual += (took - this.usual) * (this.hasStayed ? weightOfLast : 1)
    this.hasStayed = true
    this.learn(until, false, now)
  }

  /** How long he may have to wait for his turn so that he will still be there; without end as far as anybody knows. */
  longest(now: number): number {
    if (this.longestWait < Infinity && now - this.fadedAt > fadesIn) this.fade(now)
    return this.longestWait
  }

  private learn(at: number, isLeaving: boolean, now: number): void {
    if (now - this.fadedAt > fadesIn) this.fade(now)
    const last = stretchOf(at)
    for (let stretch = 0; stretch <= last; stretch++) {
      const known = this.leaving[stretch] ?? 0
      if (stretch < last) this.leaving[stretch] = known * (1 - weightOfLast)
      else if (isLeaving) this.leaving[stretch] = known + (1 - known) * weightOfLast
    }
    this.longestWait = this.findLongest()
  }

  private fade(now: number): void {
    const share = this.fadedAt === -Infinity ? 1 : 0.5 ** ((now - this.fadedAt) / fadesIn)
    this.leaving.forEach((known, stretch) => (this.leaving[stretch] = known * share))
    this.fadedAt = now
    this.longestWait = this.findLongest()
  }

  /** Up to where nearly all are still there who wait as long as is usual in any case. */
  private findLongest(): number {
    let there = 1
    for (let stretch = stretchOf(this.usual) + 1; stretch < this.leaving.length; stretch++) {
      there *= 1 - (this.leaving[stretch] ?? 0)
      if (there < nearlyAll) return Math.max(startOf(stretch) - this.usual, 0)
    }
    return Infinity
  }

  isIdle(now: number): boolean {
    return now - this.fadedAt > 10 * fadesIn
  }
}

/** Stretches begin with a tenth of a second, and each is by a seventh longer than the one before. */
const shortest = 100_000_000
const longer = 1.15

const stretchOf = (at: number): number =>
  at < shortest ? 0 : Math.floor(Math.log(at / shortest) / Math.log(longer) + 1e-9) + 1

const startOf = (stretch: number): number => (stretch === 0 ? 0 : shortest * longer ** (stretch - 1))

const weightOfLast = 0.1

/** Whoever is let in should be there with nine chances in ten. */
const nearlyAll = 0.9

/** After ten minutes what was learned counts half. */
const fadesIn = 600_000_000_000
