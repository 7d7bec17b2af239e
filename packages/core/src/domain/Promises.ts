/**
 * When those who are refused may come back, one after the other.
 *
 * Each of them could be told when the next turn comes free; but then all of them would come back for it, and all but
 * one be refused again. So each is promised a turn of his own, after those that were promised before. Many never come
 * back for theirs, and one who asks a hundred times a second has no use for a hundred: after so many turns the first
 * ones are dealt again, so that nobody is sent away for longer than that.
 */
import type { Forgettable } from "./Keyed.ts"

/** What has been promised so far. Moments and spans are nanoseconds. */
export class Promises implements Forgettable {
  private freeAt = -Infinity

  /** In how long the next may come back: not before `earliest`, and as a rule a turn after the one before him. */
  next(earliest: number, every: number, now: number): number {
    const first = now + earliest
    const at = this.freeAt < first || this.freeAt > first + turnsMax * every ? first : this.freeAt
    this.freeAt = at + every
    return at - now
  }

  isIdle(now: number): boolean {
    return this.freeAt <= now
  }
}

/** As many as a line is long by itself. */
const turnsMax = 64
