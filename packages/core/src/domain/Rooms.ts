/**
 * What a line waits for: the places of one target, or of several of which one is chosen when a turn comes.
 *
 * Who waits does not care which of them comes free. So a line asks for no more than this, and whoever knows several
 * targets says where the next one goes.
 */
import type { Duration, Fiber } from "effect"
import * as Alarm from "./Alarm.ts"
import type { Facts, Priority } from "./Facts.ts"
import type { Held, Places, Queued, State } from "./Places.ts"
import type { Promises } from "./Promises.ts"
import { refusal, type SpillwayError } from "./SpillwayError.ts"
import type { Range } from "./Spread.ts"

/** What somebody asks. */
export interface Asks {
  readonly call: Pick<Facts["call"], "question">
}

/** What a line waits for: the places of one target, or of several of which one is chosen when a turn comes. */
export interface Rooms {
  readonly bound: number
  readonly taken: number
  readonly holds: number | undefined
  readonly promises: Promises
  readonly state: State
  /** Whether one is free now for somebody. */
  hasRoomAt(now: number): boolean
  /** Whether one of them is for him: a call may have failed at some of them. */
  fits(who: { readonly facts: Facts }, now: number): boolean
  /** Somebody waits: who knows of places that come free by themselves tells the lines then. */
  waited(fiber: Fiber.Fiber<unknown, unknown>): void
  /** Takes one for him where one is free, and says whose it is. */
  choose(who: Held & { readonly facts: Facts }, now: number): Places
  /** Why nobody can have one who asks that, however long he waits. */
  refusal(until: number, now: number, facts?: Asks): SpillwayError | undefined
  /** Until when somebody may wait who will have to go elsewhere then; as long as he likes where it is not there. */
  lastMoment?(facts: Facts, now: number): number
  /** How long it takes that he asks, in nanoseconds, where more is known of it than how long all take. */
  lasts?(facts: Facts, now: number): Range | undefined
  freeIn(before: number, now: number): number | undefined
  onRoom(queued: Queued): void
}

/** One who waits. */
export interface Waits {
  readonly key: string
  readonly priority: Priority
  readonly position: number
  readonly since: Duration.Duration
  /** How much longer, as far as anybody knows. */
  readonly expected: Duration.Duration | undefined
}

/** How long a call would wait for its turn and hold it, in nanoseconds from now, and how often a turn comes free. */
export interface Expected {
  readonly startsIn: number
  readonly endsIn: number
  /** When it would be over at the earliest, but for one call of ten. */
  readonly earliest: number
  readonly every: number
  /** Whether nothing runs there and nobody waits. */
  readonly isIdle: boolean
}

/** Slots that others take from as well. */
export interface Shared {
  /** Those that a call takes one of. */
  readonly placesOf: (facts: Facts | undefined, now: number) => Rooms
  /** Those of a target, for who only looks. */
  readonly find: (target: string) => Rooms
}

/** Whether slots are such. */
export const isShared = (slots: unknown): slots is { readonly targets: Shared } =>
  slots instanceof Object && "targets" in slots

/** A line that is full, as far as somebody who is refused has to know. */
interface Full {
  readonly line: { readonly size: number; readonly bytes: number }
  readonly max: number
  readonly bytesMax: number
  /** How many bytes he would have brought. */
  readonly bytes: number
}

/** What he is told, and when to come back. */
export const full = (rooms: Rooms, { bytes, bytesMax, line, max }: Full, now: number): SpillwayError => {
  const { bound, holds, promises } = rooms
  // What is larger than a whole line will never have a place in it.
  const freeIn = bytes > bytesMax ? undefined : rooms.freeIn(line.size, now)
  const comeBack =
    freeIn === undefined || holds === undefined ? undefined : promises.next(freeIn, holds / Math.max(bound, 1), now)
  return refusal({
    _tag: "QueueFull",
    queued: line.size,
    queuedMax: max,
    ...((bytes > bytesMax || line.bytes + bytes > bytesMax) && { bytes, bytesMax }),
    ...(comeBack !== undefined && { retryAfter: Alarm.spanOf(comeBack) })
  })
}
