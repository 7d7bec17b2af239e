/**
 * The places of one target: how many calls may run there at once, and what really runs.
 *
 * A place comes free when the work has ended and not when its caller was told so: work that ignores its interrupt keeps
 * it. The number may be changed while places are in use; where it sinks below what runs, nobody is let in until enough
 * have ended, and nobody is thrown out.
 */
import type { Forgettable } from "./Keyed.ts"

/** Places that are taken and given back. */
export class Places implements Forgettable {
  /** How many there are. */
  bound: number
  /** How many are taken. */
  taken = 0
  /** How long one is held, in nanoseconds: a mean in which later ones weigh more; nothing before the first has ended. */
  holds: number | undefined
  private endedAt = -Infinity
  private readonly told: Array<(now: number) => void> = []

  constructor(bound: number) {
    this.bound = bound
  }

  get hasRoom(): boolean {
    return this.taken < this.bound
  }

  /** Takes one, if there is room. */
  take(): boolean {
    if (!this.hasRoom) return false
    this.taken++
    return true
  }

  /** Gives one back that was taken at that moment. */
  giveBack(takenAt: number, now: number): void {
    const held = now - takenAt
    this.taken--
    this.endedAt = now
    this.holds = this.holds === undefined ? held : this.holds + (held - this.holds) * weightOfLast
    this.tell(now)
  }

  /** Changes how many there are. */
  resize(bound: number, now: number): void {
    this.bound = bound
    this.tell(now)
  }

  /** Whoever hands them out is told whenever one may have come free. */
  onRoom(tell: (now: number) => void): void {
    this.told.push(tell)
  }

  /** When one is free for the next who comes, with so many before him; nothing while nobody knows. */
  freeIn(before: number): number | undefined {
    if (this.holds === undefined) return undefined
    const turns = before + 1 - (this.bound - this.taken)
    return Math.max(turns, 0) * (this.holds / Math.max(this.bound, 1))
  }

  private tell(now: number): void {
    for (const tell of this.told) tell(now)
  }

  isIdle(now: number): boolean {
    return this.taken === 0 && now - this.endedAt > rememberedFor
  }
}

const weightOfLast = 0.2

/** An hour: what was learned of a target is worth more than the memory that it takes. */
const rememberedFor = 3_600_000_000_000
