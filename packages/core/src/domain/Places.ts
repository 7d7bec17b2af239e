/**
 * The places of one target: how many calls may run there at once, and what really runs.
 *
 * A place comes free when the work has ended and not when its caller was told so: work that ignores its interrupt keeps
 * it. The number may be changed while places are in use; where it sinks below what runs, nobody is let in until enough
 * have ended, and nobody is thrown out.
 */
import { Clock, type Duration, type Fiber } from "effect"
import * as Alarm from "./Alarm.ts"
import { type Facts, keyOf, type Per } from "./Facts.ts"
import { type Forgettable, Keyed } from "./Keyed.ts"

/** How the places of one target stand. */
export interface State {
  readonly slots: number
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
  private readonly made: number
  private endedAt = -Infinity
  private readonly told: Array<(now: number) => void> = []

  constructor(bound: number) {
    this.bound = bound
    this.made = bound
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

  get state(): State {
    const { bound, holds, taken } = this
    return { slots: bound, running: taken, holds: holds === undefined ? undefined : Alarm.spanOf(holds) }
  }

  isIdle(now: number): boolean {
    return this.taken === 0 && this.bound === this.made && now - this.endedAt > rememberedFor
  }
}

const weightOfLast = 0.2

/** An hour: what was learned of a target is worth more than the memory that it takes. */
const rememberedFor = 3_600_000_000_000

/** The places of all targets, by what they are told apart by. */
export class Targets {
  private readonly all: Keyed<Places>
  private readonly others: Places
  private readonly slots: number
  private readonly per: Per

  constructor(slots: number, per: Per, keysMax: number) {
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

/** Gives a place back as soon as nothing lingers that was done in it. */
export const release = (
  places: Places,
  takenAt: number,
  fiber: Fiber.Fiber<unknown, unknown>,
  lingering: ReadonlyArray<Promise<void>>,
  ended?: () => void
): void => {
  const clock = fiber.getRef(Clock.Clock)
  const giveBack = (): void => {
    ended?.()
    places.giveBack(takenAt, Alarm.read(clock))
  }
  if (lingering.length === 0) return giveBack()
  void Promise.allSettled(lingering).then(giveBack)
}
