/**
 * What happens when, on whatever clock the program runs: the only place where the simulation meets time.
 *
 * Everything else is told what happens and asks to be told later, so that the same model answers on a real port and in
 * virtual time.
 */
import { Alarm } from "@spillway/core"
import { Clock, type Context, Effect } from "effect"

/** What was set, and can be taken back. */
export interface Bell {
  cancel(): void
}

/** Events in order of time. Moments and spans are monotonic nanoseconds. */
export class Agenda {
  private readonly events = new Set<Event>()
  private isOver = false
  /** Where it is set, what breaks in an event breaks that event alone. */
  onBroken: ((thrown: unknown) => void) | undefined
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>

  constructor(clock: Clock.Clock, context: Context.Context<never>) {
    this.clock = clock
    this.context = context
  }

  get now(): number {
    return Alarm.read(this.clock)
  }

  /** Wall clock, in nanoseconds since 1970. */
  get wall(): bigint {
    return this.clock.currentTimeNanosUnsafe()
  }

  /** Calls once, at a moment and never before it, nor before this has answered. */
  at(due: number, ring: () => void): Bell {
    const event = new Event(this.events, () => this.happen(ring))
    if (!this.isOver) event.bell = Alarm.setOn(this.clock, this.context, due, event)
    return event
  }

  private happen(ring: () => void): void {
    if (this.onBroken === undefined) return ring()
    try {
      ring()
    } catch (thrown) {
      this.onBroken(thrown)
    }
  }

  /** Calls once, after a while. */
  after(span: number, ring: () => void): Bell {
    return this.at(this.now + span, ring)
  }

  /** Takes everything back, and whatever is still to come: nothing of it keeps a program running. */
  end(): void {
    this.isOver = true
    for (const event of this.events) event.cancel()
  }
}

/** What is to happen once, if nobody takes it back. */
class Event implements Bell {
  bell: Bell | undefined
  private readonly among: Set<Event>
  private readonly happen: () => void

  constructor(among: Set<Event>, happen: () => void) {
    this.among = among
    this.happen = happen
    among.add(this)
  }

  ring(): void {
    this.among.delete(this)
    this.happen()
  }

  cancel(): void {
    this.among.delete(this)
    this.bell?.cancel()
  }
}

/** Nanoseconds in a millisecond. */
export const perMilli = 1_000_000

/** Nanoseconds in a second. */
export const perSecond = 1_000_000_000

/** The agenda of the running program's clock. */
export const make: Effect.Effect<Agenda> = Effect.withFiber((fiber) =>
  Effect.succeed(new Agenda(fiber.getRef(Clock.Clock), fiber.context))
)
