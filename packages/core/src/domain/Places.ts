/**
 * The places of one target: how many calls may run there at once, and what really runs.
 *
 * A place comes free when the work has ended and not when its caller was told so: work that ignores its interrupt keeps
 * it. The number may be changed while places are in use; where it sinks below what runs, nobody is let in until enough
 * have ended, and nobody is thrown out. A number that is `auto` changes itself: it is learned from what is done.
 */
import { Clock, type Duration, Exit, type Fiber, Schema } from "effect"
import * as Alarm from "./Alarm.ts"
import { type Facts, keyOf, lingeringWithin, type Per, workWithin } from "./Facts.ts"
import { type Forgettable, Keyed } from "./Keyed.ts"
import { Knee } from "./Knee.ts"
import { Promises } from "./Promises.ts"
import { enter, isIn, leave, type Linked } from "./Ring.ts"
import type { Rooms } from "./Rooms.ts"
import * as Units from "./Units.ts"
import { failedUnused } from "./Verdict.ts"

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

/** How much of how long one is held is shown: by one who left or failed that it would have been at least so long. */
export type Shows = "all" | "at least" | "nothing"

/** Those who wait for places: told whenever one may have come free. */
export interface Queued {
  readonly line: { readonly size: number }
  dispatch(now: number): void
  /** Looks through all who wait for some who cannot have one any more. */
  sweep?(now: number): void
}

/** Places that are taken and given back. */
export class Places implements Forgettable, Rooms {
  /** Where those are who hold one, as `upstream/model`, where the places say so rather than whoever takes them. */
  readonly target: string | undefined
  /** How many there are. */
  bound: number
  /** How long one is held, in nanoseconds: a mean in which later ones weigh more; nothing before one has ended. */
  holds: number | undefined
  /** How many there were at first. */
  private readonly made: typeof Count.Type
  private knee: Knee | undefined
  /** Since when some are free, and since when none is, but for moments. */
  private freeAt = -Infinity
  private fullAt = -Infinity
  private endedAt = -Infinity
  private byHand: typeof Count.Type | undefined
  /** Whether it is only known that they are held for at least so long. */
  private isLeast = false
  /** When those may come back who were refused one. */
  readonly promises = new Promises()
  /** Those who hold one, behind nobody, and how many they are. */
  private readonly held = new Held()
  private holding = 0
  private readonly lines: Array<Queued> = []
  private toldFirst = 0

  constructor(made: typeof Count.Type, target?: string) {
    this.target = target
    this.made = made
    this.knee = made === "auto" ? new Knee(learnedMax) : undefined
    this.bound = made === "auto" ? 1 : made
  }

  /** How many are taken. */
  get taken(): number {
    return this.holding
  }

  get hasRoom(): boolean {
    return this.holding < this.bound
  }

  /** Whether their number is learned from what is done in them. */
  get isLearning(): boolean {
    return this.knee !== undefined
  }

  /** Takes one, if there is room, and will hold it for so long as far as anybody knows. */
  take(who: Held, now: number, lasts = this.holds): boolean {
    if (!this.hasRoom) return false
    who.takenAt = now
    who.lasts = lasts
    enter(who, this.held)
    this.holding++
    if (!this.hasRoom && now - this.freeAt > (this.holds ?? 0) / (this.bound * moments)) this.fullAt = now
    return true
  }

  hasRoomAt(): boolean {
    return this.hasRoom
  }

  fits(): boolean {
    return true
  }

  waited(): void {}

  choose(who: Held, now: number): this {
    this.take(who, now)
    return this
  }

  refusal(): undefined {
    return undefined
  }

  /** Tells those who wait that they may have been wrong to. */
  wake(now: number): void {
    this.tell(now)
  }

  /** Gives one back, in which so much was done, and which shows so much of how long one is held. */
  giveBack(who: Held, now: number, work = 0, shows: Shows = "all"): void {
    const isFull = !this.hasRoom && who.takenAt >= this.fullAt
    if (isIn(who)) this.holding--
    leave(who)
    this.endedAt = now
    this.learnHolds(now - who.takenAt, shows)
    if (isFull && this.knee !== undefined) {
      this.knee.learn(work, who.takenAt, now)
      this.bound = this.knee.places
    }
    this.tell(now)
  }

  /** Changes how many there are, by hand; `auto` learns it from then on. */
  resize(bound: typeof Count.Type, now: number): void {
    this.knee = bound === "auto" ? new Knee(learnedMax) : undefined
    this.byHand = bound
    this.bound = bound === "auto" ? 1 : bound
    this.tell(now)
  }

  /** Whoever hands them out is told whenever one may have come free. */
  onRoom(queued: Queued): void {
    this.lines.push(queued)
  }

  /** Nobody waits in that line any more, nor will. */
  offRoom(queued: Queued): void {
    const at = this.lines.indexOf(queued)
    if (at >= 0) this.lines.splice(at, 1)
  }

  /** When one is free for the next who comes, with so many before him; nothing while nobody knows. */
  freeIn(before: number, now: number): number | undefined {
    if (this.holds === undefined) return undefined
    const turns = Math.max(before + 1 - (this.bound - this.taken), 0)
    if (turns === 0) return 0
    const every = this.holds / Math.max(this.bound, 1)
    return this.firstRest(now) + (turns - 1) * every + this.overdue(now) / Math.max(this.bound, 1)
  }

  private learnHolds(held: number, shows: Shows): void {
    const { holds } = this
    const isWhole = shows === "all"
    if (!isWhole && (shows === "nothing" || held <= (holds ?? 0))) return
    this.holds = holds === undefined || (this.isLeast && isWhole) ? held : holds + (held - holds) * weightOfLast
    this.isLeast = !isWhole && (holds === undefined || this.isLeast)
  }

  /** In how long the first of them is given back. */
  private firstRest(now: number): number {
    const holds = this.holds!
    let first = Infinity
    for (let who = this.held.after; who !== this.held; who = who.after) {
      const { lasts = holds, takenAt } = who
      first = Math.min(first, Math.max(takenAt + lasts - now, Math.min(lasts, holds) / least))
    }
    return first === Infinity ? holds : first
  }

  /** What is held for longer than is usual will be held as long again: that is how it is with what hangs. */
  private overdue(now: number): number {
    let sum = 0
    for (let who = this.held.after; who !== this.held; who = who.after) {
      sum += Math.max(now - who.takenAt - (who.lasts ?? this.holds!), 0)
    }
    return sum
  }

  /** Who is told first has all of what comes free, so it is another one each time. */
  private tell(now: number): void {
    if (this.hasRoom) this.freeAt = now
    const { length } = this.lines
    const first = length > 1 ? this.toldFirst++ % length : 0
    for (let each = 0; each < length; each++) this.lines[(first + each) % length]!.dispatch(now)
  }

  get state(): State {
    const { bound, holds, knee, taken } = this
    const slots = knee?.known ?? bound
    return {
      slots,
      trying: slots === bound ? undefined : bound,
      running: taken,
      holds: Alarm.spanIfKnown(holds)
    }
  }

  isIdle(now: number): boolean {
    const isAsMade = this.byHand === undefined || this.byHand === this.made
    const isWaitedFor = this.lines.some(({ line }) => line.size > 0)
    return this.taken === 0 && isAsMade && !isWaitedFor && now - this.endedAt > rememberedFor
  }
}

const weightOfLast = 0.2

/** What ought to be over by now is not, and takes a quarter of what is usual once more. */
const least = 4

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

/** Who holds a place, or will. */
export class Held implements Linked<Held> {
  before: Held = this
  after: Held = this
  takenAt = 0
  /** For how long it will be held, in nanoseconds, as far as anybody knew when it was taken. */
  lasts: number | undefined = undefined
}

/** Who holds one, and what is known of his work. */
export interface Taken extends Held {
  readonly places: Places
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts
  /** How many goes had started before. */
  readonly attemptsBefore: number
}

/** Gives a place back as soon as nothing lingers that was done in it. */
export const release = (taken: Taken, exit: Exit.Exit<unknown, unknown>, ended?: (now: number) => void): void => {
  const { attemptsBefore, facts, fiber, places } = taken
  const clock = fiber.getRef(Clock.Clock)
  const shown = Exit.isSuccess(exit) ? "all" : failedUnused(exit) ? "nothing" : "at least"
  const giveBack = (): void => {
    const now = Alarm.read(clock)
    ended?.(now)
    const work = places.isLearning ? workWithin(facts, attemptsBefore, exit) : 0
    places.giveBack(taken, now, work, shown)
  }
  const lingering = lingeringWithin(facts, attemptsBefore)
  if (lingering.length === 0) return giveBack()
  void Promise.allSettled(lingering).then(giveBack)
}
