/**
 * For how long a target may be silent and still be at work, learned from how long it was silent and then spoke.
 *
 * A clock that is too short kills what is at work, and whoever is killed teaches nothing: so what is remembered is not
 * what is usual but the longest, of prompts of each size by itself; and whenever three have been given up, twice as
 * much is allowed, until answers come again.
 */
import type { Attempt } from "./Attempt.ts"
import type { Quiet } from "./Forecast.ts"
import * as Spread from "./Spread.ts"

/** What is known of an answer before it comes. */
export interface Coming {
  /** How many tokens are read. */
  readonly prompt: number
  /** How long its first word, and then all the others, will take. */
  readonly first: Spread.Range
  readonly writing: Spread.Range
  /** How long it takes to read what is read at a time, where that is known. */
  readonly batch: number | undefined
  /** For how long it may hold back what it writes. */
  readonly heldBack: number
  /** Whether its server measures itself, and tells a load from a hang. */
  readonly isTold: boolean
}

/** What has been heard, and not heard, of one target. */
export class Silences {
  /** The longest time to a first word, for prompts of each size: up to 1 token, 2, 4, and so on. */
  private readonly firsts: Array<number> = []
  private readonly longest = new Spread.Spread()
  /** How many of each size have been given up, less those that were answered since. */
  private readonly losses: Array<number> = []

  /** The longest silence between two words of an answer; nothing before one has come in parts. */
  get pauses(): Spread.Range | undefined {
    return this.longest.range
  }

  /** A go with a prompt of so many tokens has ended, of which it took so long to load the model; or was given up. */
  learn(
    { endedAt = 0, exit, firstAt, lastAt, longestPause, parts, startedAt = 0 }: Attempt,
    prompt: number,
    load = 0,
    isGivenUp = false
  ): void {
    const size = sizeOf(prompt)
    const losses = this.losses[size] ?? 0
    if (exit?._tag !== "Success") {
      if (isGivenUp) this.losses[size] = Math.min(losses + 1, lossesMax)
      return
    }
    this.losses[size] = Math.max(losses - 1, 0)
    const took = (firstAt ?? endedAt) - startedAt - load
    this.firsts[size] = Math.max(took, (this.firsts[size] ?? 0) * fades)
    if (parts > 1) this.longest.learn(Math.max(longestPause, endedAt - lastAt!))
  }

  /** For how long it may say nothing now. */
  quiet({ batch, first, heldBack, isTold, prompt, writing }: Coming): Quiet {
    const grace = 2 ** Math.floor((this.losses[sizeOf(prompt)] ?? 0) / lossesOfGrace)
    const slowest = this.slowest(prompt)
    // Of whom it is not known how fast it reads it is not known how long it takes to read more than it ever has.
    const reading = batch === undefined ? (slowest ?? Infinity) : Math.max(slowest ?? 0, first.high)
    const toFirst = isTold ? reading : Math.max(reading, untoldMin)
    // Somebody of whom nobody knows here may be served first, or be read for in between.
    return {
      first: grace * (toFirst + writing.high + heldBack),
      between: grace * Math.max(this.longest.range?.high ?? 0, batch ?? 0, heldBack)
    }
  }

  /** The longest time to a first word of prompts up to that size, or of the next larger ones. */
  private slowest(prompt: number): number | undefined {
    const size = sizeOf(prompt)
    const larger = this.firsts.findIndex((took, each) => each >= size && took !== undefined)
    if (larger < 0) return undefined
    return this.firsts.slice(0, larger + 1).reduce((most, took) => Math.max(most, took ?? 0), 0)
  }
}

const sizeOf = (prompt: number): number => Math.ceil(Math.log2(Math.max(prompt, 1)))

/** What took longest counts a fiftieth less with each answer after it. */
const fades = 0.98

/** After so many it is twice as much that is allowed: most who hang do that for good, and all of them pay for it. */
const lossesOfGrace = 3
const lossesMax = 18

/** A server that tells nothing may have to load its model first, or think. */
const untoldMin = 15_000_000_000
