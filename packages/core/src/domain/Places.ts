/**
 * The places of one target: how many calls may run there at once, and what really runs.
 *
 * A place comes free when the work has ended and not when its caller was told so: work that ignores its interrupt keeps
 * it. The number may be changed while places are in use; where it sinks below what runs, nobody is let in until enough
 * have ended, and nobody is thrown out. A number that is `auto` changes itself: it is learned from what is done.
 */
import { Cause, Clock, type Duration, Exit, type Fiber, Schema } from "effect"
import * as Alarm from "./Alarm.ts"
import { type Facts, keyOf, lingeringWithin, type Per, workWithin } from "./Facts.ts"
import { type Forgettable, Keyed } from "./Keyed.ts"
import { Knee } from "./Knee.ts"
import * as Units from "./Units.ts"

/** How many places a target has: a number, or `auto`. */
export const Count = Schema.Union([Schema.Literal("auto"), Units.count.schema])

/** How the places of one target stand. */
export interface State {
  readonly slots: number
  /** Where they are learned: another number, while it is tried. */
  readonly trying: number | undefined
  readonly running: number
  /** How long a call holds one, as far as anybody knows. */
  readonly holds: Duration.Duration | undefined
}

/** Places that are taken and given back. */
export class Places implements Forgettable {
  /** How many there are. */
  bound: number
  /** How many are taken. */
  taken = 0
  /** How long one is held, in nanoseconds: a mean in which later ones weigh more; nothing before one has ended. */
  holds: number | undefined
  /** How many there were at first. */
  private readonly made: typeof Count.Type
  private knee: Knee | undefined
  /** Since when some are free, and since when none is, but for moments. */
  private freeAt = -Infinity
  private fullAt = -Infinity
  private endedAt = -Infinity
  private readonly told: Array<(now: number) => void> = []

  constructor(made: typeof Count.Type) {
    this.made = made
    this.knee = made === "auto" ? new Knee(learnedMax) : undefined
    this.bound = made === "auto" ? 1 : made
  }

  get hasRoom(): boolean {
    return this.taken < this.bound
  }

  /** Whether their number is learned from what is done in them. */
  get isLearning(): boolean {
    return this.knee !== undefined
  }

  /** Takes one, if there is room. */
  take(now: number): boolean {
    if (!this.hasRoom) return false
    this.taken++
    if (!this.hasRoom && now - this.freeAt > (this.holds ?? 0) / (this.bound * moments)) this.fullAt = now
    return true
  }

  /** Gives one back that was taken at that moment, and in which so much was done; `isCut` where its caller left. */
  giveBack(takenAt: number, now: number, work = 0, isCut = false): void {
    const held = now - takenAt
    const isFull = !this.hasRoom && takenAt >= this.fullAt
    this.taken--
    this.endedAt = now
    // Who leaves early has not shown how long it would have taken.
    if (!isCut || held > (this.holds ?? Infinity)) {
      this.holds = this.holds === undefined ? held : this.holds + (held - this.holds) * weightOfLast
    }
    if (isFull && this.knee !== undefined) {
      this.knee.learn(work, takenAt, now)
      this.bound = this.knee.places
    }
    this.tell(now)
  }

  /** Changes how many there are, by hand. */
  resize(bound: number, now: number): void {
    this.knee = undefined
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
    if (this.hasRoom) this.freeAt = now
    for (const tell of this.told) tell(now)
  }

  get state(): State {
    const { bound, holds, knee, taken } = this
    const slots = knee?.known ?? bound
    return {
      slots,
      trying: slots === bound ? undefined : bound,
      running: taken,
      holds: holds === undefined ? undefined : Alarm.spanOf(holds)
    }
  }

  isIdle(now: number): boolean {
    const isByHand = this.knee === undefined && this.bound !== this.made
    return this.taken === 0 && !isByHand && now - this.endedAt > rememberedFor
  }
}

const weightOfLast = 0.2

/** How many are learned at most: as many as a hosted service lets one caller have, and some more. */
const learnedMax = 256

/** A place that is free for less than a tenth of a turn is free for a moment. */
const moments = 10

/** An hour: what was learned of a target is worth more than the memory that it takes. */
const rememberedFor = 3_600_000_000_000

/** The places of all targets, by what they are told apart by. */
export class Targets {
  private readonly all: Keyed<Places>
  private readonly others: Places
  private readonly slots: typeof Count.Type
  private readonly per: Per

  constructor(slots: typeof Count.Type, per: Per, keysMax: number) {
    this.all = new Keyed(keysMax, () => new Places(slots))
    this.others = new Places(slots)
    this.slots = slots
    this.per = per
  }

  /** Those that a call takes one of; past the bound of keys all share the same. */
  placesOf(facts: Facts | undefined, now: number): Places {
    return this.all.get(keyOf(this.per, facts), now) ?? this.others
  }

  /** Those of a key, as somebody changes them by hand. */
  of(key: string): Places {
    return this.all.keep(this.keyed(key))
  }

  /** The same for who only looks: nothing is kept for him. */
  find(key: string): Places {
    return this.all.find(this.keyed(key)) ?? new Places(this.slots)
  }

  private keyed(key: string): string {
    return this.per === "all" ? keyOf("all", undefined) : key
  }
}

/** A place that was taken, and for whom. */
export interface Taken {
  readonly places: Places
  readonly takenAt: number
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts
  /** How many goes had started before. */
  readonly attemptsBefore: number
}

/** Gives a place back as soon as nothing lingers that was done in it. */
export const release = (
  { attemptsBefore, facts, fiber, places, takenAt }: Taken,
  exit: Exit.Exit<unknown, unknown>,
  ended?: () => void
): void => {
  const clock = fiber.getRef(Clock.Clock)
  const giveBack = (): void => {
    ended?.()
    const work = places.isLearning ? workWithin(facts, attemptsBefore, exit) : 0
    const isCut = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    places.giveBack(takenAt, Alarm.read(clock), work, isCut)
  }
  const lingering = lingeringWithin(facts, attemptsBefore)
  if (lingering.length === 0) return giveBack()
  void Promise.allSettled(lingering).then(giveBack)
}
