/**
 * Which requests are over, each said once, and what became of all of them.
 *
 * The server remembers only its last requests, so they are counted as they end and not when somebody asks.
 */
import type { Passage } from "./Snapshot.ts"

/** What became of the requests: a refusal is an answer with a status from 400 on, and what broke is no answer. */
export interface Tally {
  readonly count: number
  readonly answered: number
  readonly refused: number
  readonly broken: number
  readonly cut: number
  readonly left: number
  readonly open: number
  /** How many a fault has struck. */
  readonly struck: number
  readonly tookMillis: number
}

/** Follows the requests of a server. */
export class Ended {
  private readonly traffic: { readonly passages: ReadonlyArray<Passage>; readonly count: number }
  private open: ReadonlyArray<Passage> = []
  private lastSeen = 0
  private readonly ends = { answered: 0, refused: 0, broken: 0, cut: 0, left: 0, struck: 0 }

  constructor(traffic: { readonly passages: ReadonlyArray<Passage>; readonly count: number }) {
    this.traffic = traffic
  }

  /** Those that have ended since this was last asked, in the order in which they did. */
  next(): ReadonlyArray<Passage> {
    const seen = this.lastSeen
    const all = [...this.open, ...this.traffic.passages.filter(({ id }) => id > seen)]
    this.lastSeen = this.traffic.count
    this.open = all.filter(({ end }) => end === "open")
    const ended = all.filter(({ end }) => end !== "open").toSorted((one, other) => endOf(one) - endOf(other))
    for (const passage of ended) this.count(passage)
    return ended
  }

  /** What became of those that have been said, after so long. */
  tally(tookMillis: number): Tally {
    return { count: this.traffic.count, ...this.ends, open: this.open.length, tookMillis }
  }

  private count({ end, fault, status = 0 }: Passage): void {
    if (end === "complete") this.ends[status < 400 ? "answered" : "refused"]++
    else if (end !== "open") this.ends[end]++
    if (fault !== undefined) this.ends.struck++
  }
}

const endOf = ({ at, tookMillis = 0 }: Passage): number => at + tookMillis
