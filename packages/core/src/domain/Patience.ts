/**
 * How long a caller waits for the first word before he leaves, learned from when he left and when he did not.
 *
 * He waits in any case for as long as it takes once it is his turn; what he may have to wait for his turn is the rest.
 * Of a wait that is told no nothing new is learned: what is known of it fades, so that it is tried anew some time.
 */
import type { Forgettable } from "./Keyed.ts"
import { Survival } from "./Survival.ts"

/** Of one caller. Moments and spans are nanoseconds. */
export class Patience implements Forgettable {
  private readonly survival = new Survival()
  /** How long the first word takes once it is his turn. */
  usual = 0
  private hasStayed = false
  private leftAt = -Infinity
  private fadedAt = -Infinity
  private longestWait = Infinity

  /** He left after so long without a word. What leaves in one moment has one reason, and that is not patience. */
  left(after: number, now: number): void {
    if (now === this.leftAt) return
    this.leftAt = now
    this.fade(now)
    this.survival.ended(after)
    this.find()
  }

  /** He was there for so long, and was then told no. */
  waited(until: number, now: number): void {
    this.fade(now)
    this.survival.lasted(until)
    this.find()
  }

  /** He was there when the first word came, after so long, of which he had waited so much for his turn. */
  stayed(until: number, waited: number, now: number): void {
    const took = Math.max(until - waited, 0)
    this.usual += (took - this.usual) * (this.hasStayed ? weightOfLast : 1)
    this.hasStayed = true
    this.waited(until, now)
  }

  /** How long he may have to wait for his turn so that he will still be there; without end as far as anybody knows. */
  longest(now: number): number {
    if (this.longestWait < Infinity && this.fade(now)) this.find()
    return this.longestWait
  }

  isIdle(now: number): boolean {
    return now - this.fadedAt > 10 * fadesIn
  }

  private fade(now: number): boolean {
    const passed = now - this.fadedAt
    if (passed <= fadesIn) return false
    if (passed < Infinity) this.survival.fade(0.5 ** (passed / fadesIn))
    this.fadedAt = now
    return true
  }

  private find(): void {
    const { earliest } = this.survival.fewerThan(nearlyAll, { from: this.usual, shownBy: leftMin })
    this.longestWait = Math.max(earliest - this.usual, 0)
  }
}

const weightOfLast = 0.1

/** Whoever is let in should be there with nine chances in ten. */
const nearlyAll = 0.9

/** More than so many have to have left, or it may have been for another reason. */
const leftMin = 4

/** After ten minutes what was learned counts half. */
const fadesIn = 600_000_000_000
