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
import { Silences } from "./Silences.ts"
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
  /** How many are written, where anybody knows, and how many at the most. */
  readonly answer: Spread.Range | undefined
  readonly answerMax: number
  /** Whether all of it may be held back until it is whole, as calls of tools are. */
  readonly isHeldBack: boolean
}

/** What has been seen of one target. */
export class Rates {
  private readonly waits = new Spread.Spread()
  private readonly loads = new Spread.Spread()
  private readonly reads = new Spread.Spread()
  private readonly writes = new Spread.Spread()
  private readonly answers = new Spread.Spread()
  private readonly silences = new Silences()
  /** When it last showed anything. */
  private seenAt = -Infinity
  private isTold = false
  /** How much it really keeps of what it should have read already. */
  private keeps = 1

  /**
   * A go has ended, of whose prompt so many tokens had been read already, as far as anybody knows; or a clock has given
   * it up.
   */
  learn(attempt: Attempt, prompt: number, already = 0, isGivenUp = false): void {
    const { endedAt = 0, exit, firstAt, goesOnFrom, parts, resumedAt, startedAt, usage } = attempt
    // What a server begins with what was heard before shows neither how long it is nor how fast.
    if (startedAt === undefined || goesOnFrom !== undefined) return
    const timings = exit?._tag === "Success" && isSummary(exit.value) ? exit.value.timings : undefined
    const load = timings !== undefined && timings.load >= loadMin ? timings.load : 0
    this.isTold ||= timings !== undefined
    this.silences.learn(attempt, prompt, load, isGivenUp)
    if (exit?._tag !== "Success" || firstAt === undefined) return
    this.seenAt = endedAt
    if (load > 0) this.loads.learn(load)
    const read = this.learnReads(attempt, timings, prompt, already)
    this.waits.learn(Math.max(firstAt - startedAt - load - read, 0))
    const written = tokensOf(attempt)
    this.answers.learn(written)
    if (timings !== undefined && timings.output > 0 && (usage?.output ?? 0) > 1) {
      this.writes.learn(timings.output / usage!.output)
      // A reader who kept it waiting has slowed it down, and what came at once was written before.
    } else if (parts > 1 && resumedAt === undefined && endedAt - firstAt > atOnce) {
      this.writes.learn((endedAt - firstAt) / written)
    }
  }

  /** How long an answer will take, once it is asked for; nothing before one has been given. */
  expect(
    { answer = this.answers.range, answerMax, isHeldBack, prompt: whole }: Wanted,
    isLoaded: boolean | undefined,
    already = 0
  ): Lasts | undefined {
    const prompt = Math.max(whole - already * this.keeps, 0)
    const waits = this.waits.range
    if (waits === undefined) return undefined
    const read = this.reads.range ?? nothing
    const write = this.writes.range ?? nothing
    const writing = Spread.each(write, answer ?? nothing)
    const reading = Spread.sum(waits, Spread.times(read, prompt))
    const warm = Spread.sum(reading, writing)
    const first = isLoaded === false ? Spread.sum(reading, this.loads.range ?? loadUnknown(warm)) : reading
    const quiet = this.silences.quiet({
      prompt: whole,
      first,
      writing,
      batch: this.reads.range && batch * this.reads.range.high,
      isTold: this.isTold,
      heldBack: isHeldBack ? (answerMax === Infinity ? Infinity : write.high * answerMax) : 0
    })
    return { first, whole: Spread.sum(first, writing), pauses: this.silences.pauses ?? write, quiet }
  }

  /** The likely end of it alone, for who compares many, where so many tokens have been read already. */
  likely(
    { answer = this.answers.range, prompt }: Wanted,
    isLoaded: boolean | undefined,
    already = 0
  ): number | undefined {
    const waits = this.waits.range?.likely
    if (waits === undefined) return undefined
    const reading = waits + (this.reads.range?.likely ?? 0) * Math.max(prompt - already * this.keeps, 0)
    const warm = reading + (this.writes.range?.likely ?? 0) * (answer?.likely ?? 0)
    return isLoaded === false ? warm + (this.loads.range?.likely ?? loadTimes * warm) : warm
  }

  /**
   * How much of what it cost is still to be believed: what nobody has tried for a while may have become better, and is
   * the better the longer that is.
   */
  believed(now: number): number {
    const since = now - this.seenAt - believedFor
    return since > 0 && since < Infinity ? 0.5 ** (since / believedFor) : 1
  }

  /** Which share of what had been read was not read again: as its server counts it, or by how long it took. */
  private keptOf(took: number, prompt: number, cached: number | undefined, already: number): number {
    const rate = this.reads.range?.likely
    const kept = cached ?? (rate === undefined ? already : prompt - took / rate)
    return Math.min(Math.max(kept / already, 0), 1)
  }

  /** Tokens are those of the estimate here, of which alone anybody knows before: its model may count half as many. */
  private learnReads({ usage }: Attempt, timings: Timings | undefined, prompt: number, already: number): number {
    if (timings === undefined || usage === undefined) return 0
    // What it had read before is counted by some, and takes no time.
    const { input } = usage
    const each = input > 0 ? prompt / input : 1
    const cached = usage.cached === undefined ? undefined : usage.cached * each
    if (already > 0) this.keeps += (this.keptOf(timings.prompt, prompt, cached, already) - this.keeps) * weightOfLast
    const took = timings.prompt / ((input - (usage.cached ?? 0)) * each)
    // Others do not count it: what was read many times as fast as is known was read before.
    const isOdd = took < (this.reads.range?.likely ?? 0) / oddTimes
    const isCounted = cached !== undefined || (already === 0 && !isOdd)
    if (input - (usage.cached ?? 0) >= freshMin && isCounted) this.reads.learn(took)
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

const weightOfLast = 0.5

/** What comes within a millisecond comes at once. */
const atOnce = 1_000_000

const believedFor = 60_000_000_000

const oddTimes = 4

/** Of fewer tokens nothing is learned: what is measured is what every prompt takes. */
const freshMin = 16

/** So many tokens are read at a time. */
const batch = 512

const charactersOfToken = 4
