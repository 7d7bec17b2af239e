/**
 * How many calls of a route came within the last hour, and how many of them its own targets could not do.
 *
 * Who pays for what goes over wants to know whether that is a bad minute or a server too few: so nothing is said before
 * a whole hour has been seen.
 */
import { Tally } from "../domain/Tally.ts"

/** What was counted. */
export interface Counted {
  readonly calls: number
  /** Of these, how many went over. */
  readonly over: number
  /** Whether more than three in ten have gone over for a whole hour. */
  readonly isTooSmall: boolean
}

/** The last hour of a route. */
export class Hour {
  /** One minute more than an hour has, since the oldest one is only partly in it. */
  private readonly counts = new Tally(minute, 61)
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

  /** What was counted until now. */
  read(now: number): Counted {
    this.counts.advance(now)
    const { all: calls, marked: over } = this.counts
    return { calls, over, isTooSmall: now - this.since >= 60 * minute && over > calls * tooMuch }
  }
}

const minute = 60_000_000_000
const tooMuch = 0.3
