/**
 * When those who are refused may come back, one after the other.
 *
 * Each of them could be told when the next turn comes free; but then all of them would come back for it, and all but
 * one be refused again. So each is promised a turn of his own, after those that were promised before.
 */
import type { Forgettable } from "./Keyed.ts"

/** What has been promised so far. Moments and spans are nanoseconds. */
export class Promises implements Forgettable {
  private freeAt = -Infinity

  /** In how long the next may come back: not before `earliest`, and not before a turn after the one before him. */
  next(earliest: number, every: number, now: number): number {
    const at = Math.max(now + earliest, this.freeAt)
    this.freeAt = at + every
    return at - now
  }

  isIdle(now: number): boolean {
    return this.freeAt <= now
  }
}
