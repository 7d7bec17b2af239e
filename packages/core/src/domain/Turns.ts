/**
 * When the windows of one budget turn, told by the calendar, the length of a window or a Schedule.
 *
 * A window ends at a moment of the wall clock, and a wall clock can be set: so its end is fixed on the monotonic clock
 * when it begins, and no window comes twice. Windows of whole days also end when the wall clock says so, since a
 * machine that slept has not counted the hours; a clock that was wrong by more than a day is believed once it is right.
 */
import { Clock, type DateTime, Duration, Effect, type Fiber, Semaphore } from "effect"
import * as Alarm from "./Alarm.ts"
import { Delays, type Timing } from "./Delays.ts"
import * as Window from "./Window.ts"

/** What says how long windows last: a length, the calendar month, or a Schedule whose n-th delay is the n-th window. */
export type Every<R = never> = Duration.Duration | "month" | Timing<R>

/** One window: named by the wall clock's millisecond at which it is over, which is monotonic nanosecond `until`. */
export interface Turn {
  readonly window: number
  readonly until: number
}

const dayMillis = 86_400_000

/** A machine that slept is found out this soon; to look at the wall clock for every call would cost each of them. */
const lookEvery = 100_000_000

/** The windows of one budget, one after the other. */
export class Turns<R> {
  private turn: Turn = { window: -Infinity, until: -Infinity }
  private readonly every: Duration.Duration | "month" | Delays<R>
  private readonly zone: DateTime.TimeZone
  private readonly isCalendar: boolean
  private readonly one = Semaphore.makeUnsafe(1)
  /** When to look at the wall clock next. */
  private lookAt = -Infinity

  constructor(every: Every<R>, zone: DateTime.TimeZone) {
    this.isCalendar = every === "month" || (Duration.isDuration(every) && Duration.toMillis(every) >= dayMillis)
    this.every = every === "month" || Duration.isDuration(every) ? every : new Delays(every)
    this.zone = zone
  }

  /** The window that runs now; nothing where a Schedule has to be asked first. */
  now(fiber: Fiber.Fiber<unknown, unknown>, now: number): Turn | undefined {
    if (now < this.turn.until && (now < this.lookAt || !this.isOverByCalendar(fiber, now))) return this.turn
    if (this.every instanceof Delays) return undefined
    const wall = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    const believed = this.believed(wall, now)
    const end = Window.turnOf(this.every, this.zone, believed)
    const left = end - (this.isCalendar ? wall : believed)
    // A clock that was set back far may show the end of the last window once more: this is another one all the same.
    const window = Math.max(end, this.turn.window + 1)
    return (this.turn = { window, until: now + Math.ceil(left * Alarm.perMilli) })
  }

  /** Asks the Schedule for the next window. Of many who find the last one over, one asks. */
  next(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<Turn, never, R> {
    return this.one.withPermit(
      Effect.suspend(() => {
        const turn = this.now(fiber, Alarm.now(fiber))
        if (turn !== undefined || !(this.every instanceof Delays)) return Effect.succeed(turn ?? this.turn)
        return Effect.map(this.every.next(undefined, fiber), (delay = Infinity) => {
          const clock = fiber.getRef(Clock.Clock)
          // A window of no length would turn for ever.
          const length = Math.max(delay, Alarm.perMilli)
          const window = clock.currentTimeMillisUnsafe() + length / Alarm.perMilli
          return (this.turn = { window: Math.round(window), until: Alarm.read(clock) + length })
        })
      })
    )
  }

  /** Whether the machine has slept past the end of the window. */
  private isOverByCalendar(fiber: Fiber.Fiber<unknown, unknown>, now: number): boolean {
    this.lookAt = this.isCalendar ? now + lookEvery : Infinity
    return this.isCalendar && fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() >= this.turn.window
  }

  /** The wall clock, as far as it can be believed: it never goes back before the last turn. */
  private believed(wall: number, now: number): number {
    const { until, window } = this.turn
    if (until === -Infinity) return wall
    if (!this.isCalendar) return window + (now - until) / Alarm.perMilli
    return window - wall > dayMillis ? wall : Math.max(wall, window)
  }
}
