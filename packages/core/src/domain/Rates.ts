/**
 * How fast a target is, learned from what it has answered: how long it takes to begin, to load its model, to read a
 * token and to write one.
 *
 * Where a server measures itself, as Ollama does, its own figures are taken, which no slow reader and no slow wire
 * bends; else what was seen from here. What is left of the time to the first word, once loading and reading are taken
 * off it, is what it waits inside the server, and on the way there.
 */
import type { Attempt } from "./Attempt.ts"
import type { Quiet } from "./Forecast.ts"
import * as Spread from "./Spread.ts"
import { is as isSummary, type Timings } from "./Summary.ts"

/** How long an answer takes once it is asked for, in nanoseconds. */
export interface Lasts {
  /** To its first word. */
  readonly first: Spread.Range
  /** To its last. */
  readonly whole: Spread.Range
  /** How long it is silent between two words. */
  readonly pauses: Spread.Range
  readonly quiet: Quiet
}

/** What an answer is expected to be. */
export interface Wanted {
  /** How many tokens are read. */
  readonly prompt: number
  /** How many are written, where anybody knows. */
  readonly answer: Spread.Range | undefined
  /** Whether some of it may be held back until it is whole, as calls of tools are. */
  readonly isHeldBack: boolean
}

/** What has been seen of one target. */
export class Rates {
  private readonly waits = new Spread.Spread()
  private readonly loads = new Spread.Spread()
  private readonly reads = new Spread.Spread()
  private readonly writes = new Spread.Spread()
  private readonly answers = new Spread.Spread()

  /**
   * A go has ended: well, or without a word after longer than was to be expected. Of its prompt so many tokens had been
   * read already, as far as anybody knows who does not read it.
   */
  learn(attempt: Attempt, already = 0): void {
    const { endedAt = 0, exit, firstAt, goesOnFrom, resumedAt, startedAt, stretch, usage } = attempt
    // What a server begins with what was heard before shows neither how long it is nor how fast.
    if (startedAt === undefined || goesOnFrom !== undefined) return
    if (exit?._tag !== "Success") {
      // Who is given up waits longer than that: if nobody learned it, all after him would be given up as soon.
      const lasted = firstAt === undefined && stretch === "firstToken" ? endedAt - startedAt : 0
      if (lasted > (this.waits.range?.high ?? Infinity)) this.waits.learn(lasted)
      return
    }
    if (firstAt === undefined) return
    const timings = isSummary(exit.value) ? exit.value.timings : undefined
    const load = timings !== undefined && timings.load >= loadMin ? timings.load : 0
    if (load > 0) this.loads.learn(load)
    const read = this.learnReads(attempt, timings, already)
    this.waits.learn(Math.max(firstAt - startedAt - load - read, 0))
    const written = tokensOf(attempt)
    this.answers.learn(written)
    if (timings !== undefined && timings.output > 0 && (usage?.output ?? 0) > 1) {
      this.writes.learn(timings.output / usage!.output)
      // A reader who kept it waiting has slowed it down.
    } else if (resumedAt === undefined) this.writes.learn((endedAt - firstAt) / written)
  }

  /** How long an answer will take, once it is asked for; nothing before one has been given. */
  expect(
    { answer = this.answers.range, isHeldBack, prompt }: Wanted,
    isLoaded: boolean | undefined
  ): Lasts | undefined {
    const waits = this.waits.range
    if (waits === undefined) return undefined
    const read = this.reads.range ?? nothing
    const write = this.writes.range ?? nothing
    const writing = Spread.each(write, answer ?? nothing)
    const reading = Spread.sum(waits, Spread.times(read, prompt))
    const warm = Spread.sum(reading, writing)
    const first = isLoaded === false ? Spread.sum(reading, this.loads.range ?? loadUnknown(warm)) : reading
    const quiet = {
      // Somebody of whom nobody knows here may be served first.
      first: first.high + writing.high,
      // A server may read a batch of another one's prompt, or hold back what it writes.
      between: Math.max(write.high, batch * read.high, isHeldBack ? writing.high : 0)
    }
    return { first, whole: Spread.sum(first, writing), pauses: write, quiet }
  }

  /** The likely end of it alone, for who compares many, where so many tokens have been read already. */
  likely(
    { answer = this.answers.range, prompt }: Wanted,
    isLoaded: boolean | undefined,
    already = 0
  ): number | undefined {
    const waits = this.waits.range?.likely
    if (waits === undefined) return undefined
    const reading = waits + (this.reads.range?.likely ?? 0) * Math.max(prompt - already, 0)
    const warm = reading + (this.writes.range?.likely ?? 0) * (answer?.likely ?? 0)
    return isLoaded === false ? warm + (this.loads.range?.likely ?? loadTimes * warm) : warm
  }

  private learnReads({ usage }: Attempt, timings: Timings | undefined, already: number): number {
    if (timings === undefined || usage === undefined) return 0
    // What it had read before is counted by some, and takes no time.
    const fresh = usage.input - (usage.cached ?? already)
    if (fresh >= freshMin) this.reads.learn(timings.prompt / fresh)
    return timings.prompt
  }
}

/** How many tokens an answer had, as counted by its server or by what came. */
export const tokensOf = ({ length, parts, usage }: Attempt): number =>
  Math.max(usage?.output ?? Math.max(parts, length / charactersOfToken), 1)

const nothing = Spread.exactly(0)

/** What nobody has seen: some times as long as an answer, and there is no end to it. */
const loadTimes = 2
const loadUnknown = ({ likely }: Spread.Range): Spread.Range => ({ low: 0, likely: loadTimes * likely, high: Infinity })

/** A server that has its model looks for it, which takes less than that. */
const loadMin = 200_000_000

/** Of fewer tokens nothing is learned: what is measured is what every prompt takes. */
const freshMin = 16

/** So many tokens are read at a time. */
const batch = 512

const charactersOfToken = 4
