/**
 * How many calls of a route came within the last hour, how many of them its own targets could not do, and how much of
 * their time those have worked.
 *
 * Who pays for what goes over wants to know whether that is a bad minute or a server too few, and who pays for servers
 * whether there is one too many: so nothing is said of either before a whole hour has been seen.
 */
import { Tally } from "../domain/Tally.ts"

/** What was counted. */
export interface Counted {
  readonly calls: number
  /** Of these, how many went over. */
  readonly over: number
  /** Whether more than three in ten have gone over for a whole hour. */
  readonly isTooSmall: boolean
  /** For which share of the time its own slots were in use, whoever used them. */
  readonly used: number
  /** Whether that was less than one part in twenty for a whole hour. */
  readonly isIdle: boolean
}

/** Slots, and for how many nanoseconds together they were in use within the last hour. */
export interface Used {
  readonly bound: number
  usedFor(now: number): number
}

/** A count of an hour: one minute more than it has, since the oldest one is only partly in it. */
export const counts = (): Tally => new Tally(minute, 61)

/** The last hour of a route. */
export class Hour {
  private readonly counts = counts()
  private readonly since: number

  constructor(now: number) {
    this.since = now
  }

  /** A call came. */
  call(now: number): void {
    this.counts.add(now, 1, 0)
  }

  /** One of them goes over. */
  over(now: number): void {
    this.counts.add(now, 0, 1)
  }

  /** What was counted until now, on a route with these slots. */
  read(now: number, slots: Used): Counted {
    this.counts.advance(now)
    const { all: calls, marked: over } = this.counts
    const seen = Math.min(now - this.since, hour)
    const isWhole = seen >= hour
    const used = seen > 0 ? Math.min(slots.usedFor(now) / (Math.max(slots.bound, 1) * seen), 1) : 0
    return { calls, over, isTooSmall: isWhole && over > calls * tooMuch, used, isIdle: isWhole && used < tooLittle }
  }
}

const minute = 60_000_000_000
const hour = 60 * minute
const tooMuch = 0.3
const tooLittle = 0.05
