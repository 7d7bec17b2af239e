/**
 * Counts calls, and those among them that are marked, over the last stretch of time.
 *
 * Time is cut into slots, and a slot that is too old is taken off the sums as a whole: so a count is exact to one slot,
 * costs two additions, and old evidence is forgotten by the clock and not by how many calls have come since.
 */

/** Two sums over the last `slots` slots, the one that runs included. */
export class Tally {
  /** How many were counted, and how many of them marked. */
  all = 0
  marked = 0
  private readonly slot: number
  private readonly alls: Array<number>
  private readonly marks: Array<number>
  /** The slot that runs: none before the first moment of a clock, so that no slot before it is ever taken off. */
  private at = -1

  constructor(slot: number, slots: number) {
    this.slot = slot
    this.alls = Array.from({ length: slots }, () => 0)
    this.marks = Array.from({ length: slots }, () => 0)
  }

  /** Counts at this moment. */
  add(now: number, all: number, marked: number): void {
    this.advance(now)
    const index = this.at % this.alls.length
    this.all += all
    this.marked += marked
    this.alls[index]! += all
    this.marks[index]! += marked
  }

  /** Forgets what is too old at this moment. */
  advance(now: number): void {
    const at = Math.floor(now / this.slot)
    if (at <= this.at) return
    const passed = Math.min(at - this.at, this.alls.length)
    for (let back = 0; back < passed; back++) {
      const index = (at - back) % this.alls.length
      this.all -= this.alls[index]!
      this.marked -= this.marks[index]!
      this.alls[index] = this.marks[index] = 0
    }
    this.at = at
  }

  /** Forgets everything. */
  clear(): void {
    this.all = this.marked = 0
    this.alls.fill(0)
    this.marks.fill(0)
  }
}
