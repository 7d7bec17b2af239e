/**
 * What time it is, and a call when it is time: the one file that touches a timer.
 *
 * On the live clock all alarms share one timer, set for the first that is due: nearly every alarm is taken back before
 * it rings, and a timer made and cleared for each costs five times as much. On any other clock an alarm is a sleeping
 * fiber, so that a test clock rules here as everywhere. Time is whole nanoseconds on the monotonic clock, as a number:
 * it never jumps, and fractions of milliseconds would refuse what is due.
 */
// @effect-diagnostics globalTimers:off
import { Clock, Context, Duration, Effect, type Fiber } from "effect"

/** Nanoseconds in a millisecond. */
export const perMilli = 1_000_000

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** A duration in whole nanoseconds; one without end stays without end. */
export const nanos = (duration: Duration.Duration): number =>
  Duration.isFinite(duration) ? Number(Duration.toNanosUnsafe(duration)) : Duration.toMillis(duration)

/** The inverse: so many nanoseconds as a duration, rounded up, and never less than none. */
export const spanOf = (count: number): Duration.Duration =>
  count < Infinity ? Duration.nanos(BigInt(Math.max(Math.ceil(count), 0))) : Duration.infinity

/** The same of what may not be known. */
export const spanIfKnown = (count: number | undefined): Duration.Duration | undefined =>
  count === undefined ? undefined : spanOf(count)

/** Now, in nanoseconds on a clock's monotonic time. */
export const read = (clock: Clock.Clock): number =>
  clock === liveClock ? readLive() : Number(clock.monotonicTimeNanosUnsafe())

/** The live clock's time without a bigint on the way, in little more than half the time, where Node offers it. */
const readLive = ((): (() => number) => {
  const { hrtime } =
    (globalThis as { readonly process?: { readonly hrtime?: () => readonly [number, number] } }).process ?? {}
  if (hrtime === undefined) return () => Number(liveClock.monotonicTimeNanosUnsafe())
  return () => {
    const [seconds, rest] = hrtime()
    return seconds * 1_000_000_000 + rest
  }
})()

/** Now, in nanoseconds on the monotonic clock of the fiber. */
export const now = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))

/** What happens when an alarm rings. */
export interface Ringing {
  ring(): void
}

/**
 * An alarm that was set. It holds on to what it rings for only until it has rung or was taken back: many are taken back
 * long before anybody looks at them again.
 */
export class Bell {
  readonly due: number
  private ringing: Ringing | undefined
  /** On a clock other than the live one: the fiber that sleeps until it is time. */
  private readonly sleeper: Fiber.Fiber<void> | undefined

  constructor(due: number, ringing: Ringing, sleeper?: (bell: Bell) => Fiber.Fiber<void>) {
    this.due = due
    this.ringing = ringing
    this.sleeper = sleeper?.(this)
  }

  /** Whether it has neither rung nor been taken back. */
  get isSet(): boolean {
    return this.ringing !== undefined
  }

  /** Takes it back: it will not ring any more. */
  cancel(): void {
    if (this.ringing === undefined) return
    this.ringing = undefined
    if (this.sleeper === undefined) alarms.drop()
    else this.sleeper.interruptUnsafe()
  }

  /** It is time. */
  ring(): void {
    const { ringing } = this
    this.ringing = undefined
    ringing?.ring()
  }
}

/** Rings once, at `due` on the fiber's clock and never before, and never before this has answered. */
export const set = (fiber: Fiber.Fiber<unknown, unknown>, due: number, ringing: Ringing): Bell =>
  setOn(fiber.getRef(Clock.Clock), fiber.context, due, ringing)

/** The same for who outlives the fiber that it was made by, and keeps its clock. */
export const setOn = (clock: Clock.Clock, context: Context.Context<never>, due: number, ringing: Ringing): Bell => {
  if (clock !== liveClock) return new Bell(due, ringing, (bell) => sleeperOf(clock, context, bell))
  const bell = new Bell(due, ringing)
  alarms.add(bell)
  return bell
}

/** What `setTimeout` gives: in Node it can be told whether it keeps the program running. */
type Timer = number & { readonly ref?: () => void; readonly unref?: () => void }

/** The bells of the live clock: a heap by when they are due, in which those that were taken back stay for a while. */
class Alarms {
  private heap: Array<Bell> = []
  private live = 0
  private timer: Timer | undefined
  private timerDue = Infinity

  add(bell: Bell): void {
    this.push(bell)
    if (this.live++ === 0) this.timer?.ref?.()
    if (bell.due < this.timerDue) this.start(bell.due)
  }

  drop(): void {
    this.live--
    this.rest()
    const dropped = this.heap.length - this.live
    if (dropped < 64 || dropped < this.live) return
    const { heap } = this
    this.heap = []
    // Most stand behind those that are due before them already, so that they stay where they are put.
    for (const bell of heap) if (bell.isSet) this.push(bell)
  }

  private push(bell: Bell): void {
    const { heap } = this
    const { due } = bell
    let place = heap.push(bell) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (heap[parent]!.due <= due) break
      heap[place] = heap[parent]!
      place = parent
    }
    heap[place] = bell
  }

  /** A program may end when nobody waits, though the timer is still set. */
  private rest(): void {
    if (this.live === 0) this.timer?.unref?.()
  }

  /** What was read as now may be long ago: work has run since, or other bells have rung. */
  private start(due: number): void {
    clearTimeout(this.timer)
    this.timerDue = due
    this.timer = setTimeout(
      this.fire,
      Math.min(Math.max(Math.ceil((due - read(liveClock)) / perMilli), 1), timerMillisMax)
    ) as unknown as Timer
  }

  /** A timer may ring a moment early, and a long wait takes several. */
  private readonly fire = (): void => {
    this.timer = undefined
    this.timerDue = -Infinity
    const at = read(liveClock)
    try {
      for (let first = this.heap[0]; first !== undefined && !(first.isSet && first.due > at); first = this.heap[0]) {
        this.removeFirst()
        if (!first.isSet) continue
        this.live--
        first.ring()
      }
    } finally {
      this.timerDue = Infinity
      const next = this.heap[0]
      if (next !== undefined) this.start(next.due)
      this.rest()
    }
  }

  private removeFirst(): void {
    const { heap } = this
    const last = heap.pop()!
    if (heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child++
      if (heap[child]!.due >= last.due) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = last
  }
}

const alarms = new Alarms()

/** The longest delay that Node's timers take; a longer one would ring at once. */
const timerMillisMax = 2 ** 31 - 1

const sleeperOf = (clock: Clock.Clock, context: Context.Context<never>, bell: Bell): Fiber.Fiber<void> => {
  let isSet = false
  const wait: Effect.Effect<void> = Effect.suspend(() => {
    // A clock that sleeps in whole milliseconds may wake a moment early.
    const left = bell.due - read(clock)
    return left > 0 ? Effect.andThen(clock.sleep(spanOf(Math.max(left, sleepMin))), wait) : ring
  })
  // Its time may be over already, and there are clocks that sleep in no time.
  const ring: Effect.Effect<void> = Effect.suspend(() =>
    isSet ? Effect.sync(() => bell.ring()) : Effect.andThen(Effect.yieldNow, ring)
  )
  const sleeper = Effect.runForkWith(context)(wait)
  isSet = true
  return sleeper
}

/** The shortest sleep that is asked of a clock: a shorter one can be lost in its rounding, and would never end. */
const sleepMin = 1_000
