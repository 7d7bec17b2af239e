/**
 * The state of one circuit: closed, open, half-open, or isolated by hand.
 *
 * A plain machine without a clock or a fiber of its own: it is told what happens and when. Each change of state begins
 * a generation, and whatever was let in before is not counted after it: a failure that started before an opening says
 * nothing about the probe that runs now. How long an opening lasts it is told by whoever drives it.
 */
import type { Duration } from "effect"
import * as Alarm from "./Alarm.ts"
import { Tally } from "./Tally.ts"

/** What opens a circuit, and what closes it again. Spans are nanoseconds. */
export interface Settings {
  /** So many failures in a row open it. */
  readonly failures: number
  /** Such a share of failures opens it, once there were so many calls within the window. */
  readonly failureRate: number
  readonly calls: number
  readonly window: number
  /** So many probes have to succeed, and no more run at once. */
  readonly probes: number
  /** A probe that has shown no sign of life for so long has failed. */
  readonly probeFor: number
  /** After closing, so many calls have to succeed before any number may run at once. */
  readonly ramp: number
}

/** One call that was let in. */
export interface Run {
  generation: number
  startedAt: number
  /** When it last showed a sign of life. */
  readonly seenAt: number
  /** Whether it waits for something of ours, as its reader: its silence says nothing of the target then. */
  readonly isOurs: boolean
}

/** What became of a call: ignored is what says nothing of the target, as a caller's mistake. */
export type Outcome = "success" | "failure" | "ignored"

/** How a circuit stands. */
export type State =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly openings: number; readonly retryAfter: Duration.Duration }
  | { readonly _tag: "HalfOpen"; readonly openings: number; readonly probing: number }
  | { readonly _tag: "Isolated" }

/** One circuit. Moments are monotonic nanoseconds. */
export class Circuit {
  /** How often it has opened since it was last stable. */
  openings = 0
  private readonly settings: Settings
  private readonly tally: Tally
  private phase: State["_tag"] = "Closed"
  private generation = 0
  /** How many of this generation are under way, which of them while places were few, and how many have succeeded. */
  private inside = 0
  private readonly leased = new Set<Run>()
  private succeeded = 0
  private consecutive = 0
  private openFor = soon
  private openUntil = 0
  private stableAt = 0
  /**
   * How long the last call that succeeded took: in so long another one will have ended. It is read only while places
   * are few, when nobody has come in without a look at the time.
   */
  private took = 0
  private touchedAt = 0

  constructor(settings: Settings) {
    this.settings = settings
    this.tally = new Tally(settings.window / slots, slots)
  }

  /** Lets a call in where any number may run at once, which takes no look at the time; answers whether it has. */
  pass(run: Run): boolean {
    if (this.phase !== "Closed" || this.room < Infinity || this.leased.size > 0) return false
    this.inside++
    run.generation = this.generation
    return true
  }

  /** Whether only so many may run at once. */
  get isSpared(): boolean {
    return this.phase !== "Closed" || this.room < Infinity
  }

  /** The same for who would come himself: where a lease is over, whoever comes ends it. */
  comesIn(now: number): number {
    return this.hasHung(now) ? 0 : this.waitFor(now)
  }

  /** Whether nobody is let in but probes. */
  isShut(now: number): boolean {
    return this.phase !== "Closed" && this.comesIn(now) > 0
  }

  /** In how many nanoseconds somebody may come in, for who only asks. */
  waitFor(now: number): number {
    if (this.phase === "Isolated") return Infinity
    if (this.phase === "Open") return Math.max(this.openUntil - now, 0)
    if (this.inside < this.room) return 0
    return this.phase === "HalfOpen" ? this.openFor || soon : Math.max(this.took, soon)
  }

  /** Lets a call in, or says in how many nanoseconds to come back; infinity where nobody knows. */
  admit(run: Run, now: number): number {
    this.touchedAt = now
    if (this.phase === "Open" && now >= this.openUntil) this.begin("HalfOpen")
    const wait = this.waitFor(now)
    if (wait > 0) return wait
    if (this.room < Infinity) this.leased.add(run)
    this.inside++
    run.generation = this.generation
    run.startedAt = now
    return 0
  }

  /** Takes note of what became of a call. Answers whether that has opened the circuit. */
  record(run: Run, outcome: Outcome, now: number): boolean {
    if (run.generation !== this.generation) return false
    this.touchedAt = now
    this.free(run)
    if (outcome === "ignored") return false
    if (outcome === "success") this.succeed(run, now)
    else if (this.fail(now)) return this.trip(now)
    return false
  }

  /**
   * Ends the leases of calls that hang: where places are few, none is held for ever. A probe that hangs opens the
   * circuit, unless it waits for something of ours. Answers whether one did.
   */
  expire(now: number): boolean {
    if (this.leased.size === 0) return false
    for (const run of this.leased) {
      if (now - Math.max(run.startedAt, run.seenAt) < this.settings.probeFor) continue
      if (this.phase === "HalfOpen" && !run.isOurs) return this.trip(now)
      this.free(run)
      run.generation = none
    }
    return false
  }

  /** Whether a lease is over that nobody has ended yet: whoever comes next ends it. */
  private hasHung(now: number): boolean {
    for (const { seenAt, startedAt } of this.leased) {
      if (now - Math.max(startedAt, seenAt) >= this.settings.probeFor) return true
    }
    return false
  }

  /** How long this opening lasts, from when it began. */
  opened(openFor: number): void {
    if (this.phase !== "Open") return
    this.openUntil += openFor - this.openFor
    this.openFor = openFor
  }

  /** Lets nobody in until it is reset. */
  isolate(): void {
    this.begin("Isolated")
  }

  /** As if nothing had ever failed. */
  reset(): void {
    this.begin("Closed")
    this.openings = this.consecutive = this.openUntil = this.stableAt = 0
    this.openFor = soon
    this.tally.clear()
  }

  /** How it stands. */
  state(now: number): State {
    const { openings, phase } = this
    if (phase === "Closed" || phase === "Isolated") return { _tag: phase }
    if (phase === "Open" && now < this.openUntil) {
      return { _tag: phase, openings, retryAfter: Alarm.spanOf(this.openUntil - now) }
    }
    return { _tag: "HalfOpen", openings, probing: this.inside }
  }

  /** Whether it has been left alone for so long that it says nothing any more. */
  isIdle(now: number): boolean {
    const quietSince = Math.max(this.touchedAt, this.openUntil, this.stableAt)
    return (
      this.phase !== "Isolated" && this.inside === 0 && now - quietSince > Math.max(forgetAfter, this.settings.window)
    )
  }

  /** How many may run at once: few while it is half-open, and one more for each that has succeeded since it closed. */
  private get room(): number {
    const { probes, ramp } = this.settings
    if (this.phase === "HalfOpen") return probes - this.succeeded
    return this.openings === 0 || this.succeeded >= ramp ? Infinity : probes + this.succeeded
  }

  private free(run: Run): void {
    this.inside--
    if (this.leased.size > 0) this.leased.delete(run)
  }

  private begin(phase: State["_tag"]): void {
    this.phase = phase
    this.generation++
    this.inside = this.succeeded = 0
    this.leased.clear()
  }

  private succeed(run: Run, now: number): void {
    this.took = now - run.startedAt
    this.succeeded++
    if (this.phase === "Closed") {
      this.consecutive = 0
      this.tally.add(now, 1, 0)
    } else if (this.succeeded >= this.settings.probes) {
      this.begin("Closed")
      this.consecutive = 0
      this.tally.clear()
      this.stableAt = now + this.openFor
    }
  }

  /** Counts a failure, and says whether it is one too many. */
  private fail(now: number): boolean {
    if (this.phase === "HalfOpen") return true
    const { calls, failureRate, failures } = this.settings
    this.consecutive++
    this.tally.add(now, 1, 1)
    if (this.consecutive >= failures) return true
    return this.tally.all >= calls && this.tally.marked >= failureRate * this.tally.all
  }

  private trip(now: number): true {
    // What stayed closed for as long as it had been open has recovered: the next opening is a first one again.
    if (this.phase === "Closed" && now >= this.stableAt) this.openings = 0
    this.begin("Open")
    this.openings++
    // As long as the last one, until the schedule has said how long.
    this.openUntil = now + this.openFor
    return true
  }
}

const slots = 10

/** The generation of a call that is not counted any more. */
const none = -1

/** When nothing is known, somebody may come back this soon. */
const soon = 1_000_000_000

const forgetAfter = 3_600_000_000_000
