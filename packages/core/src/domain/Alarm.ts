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

/** Now, in nanoseconds on a clock's monotonic time. */
export const read = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

/** Now, in nanoseconds on the monotonic clock of the fiber. */
export const now = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))

/** What an alarm calls. */
export interface Rings {
  ring(): void
}

/** An alarm that is set. */
export interface Alarm {
  /** Takes it back: it will not ring any more. */
  readonly cancel: () => void
}

/**
 * Rings once, at `due` on the fiber's clock and never before. `at` is now, as whoever sets it has just read it.
 */
export const set = (fiber: Fiber.Fiber<unknown, unknown>, at: number, due: number, bell: Rings): Alarm => {
  const clock = fiber.getRef(Clock.Clock)
  return clock === liveClock ? alarms.add(at, due, bell) : setSleeper(clock, fiber.context, at, due, bell)
}

/** One alarm among those that share the timer; one without a bell has been taken back or has rung. */
class Shared implements Alarm {
  readonly due: number
  bell: Rings | undefined

  constructor(due: number, bell: Rings) {
    this.due = due
    this.bell = bell
  }

  cancel(): void {
    if (this.bell === undefined) return
    this.bell = undefined
    alarms.drop()
  }
}

/** What `setTimeout` gives: in Node it can be told whether it keeps the program running. */
type Timer = number & { readonly ref?: () => void; readonly unref?: () => void }

/** The alarms of the live clock: a heap by when they are due, in which those that were taken back stay for a while. */
class Alarms {
  private heap: Array<Shared> = []
  private live = 0
  private timer: Timer | undefined
  private timerDue = Infinity

  add(at: number, due: number, bell: Rings): Alarm {
    const alarm = new Shared(due, bell)
    const { heap } = this
    let place = heap.push(alarm) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (heap[parent]!.due <= due) break
      heap[place] = heap[parent]!
      place = parent
    }
    heap[place] = alarm
    if (this.live++ === 0) this.timer?.ref?.()
    if (due < this.timerDue) this.start(at, due)
    return alarm
  }

  drop(): void {
    this.live--
    this.rest()
    const dropped = this.heap.length - this.live
    if (dropped < 64 || dropped < this.live) return
    // What is sorted is a heap.
    this.heap = this.heap.filter(({ bell }) => bell !== undefined).toSorted((one, other) => one.due - other.due)
  }

  /** A program may end when nobody waits, though the timer is still set. */
  private rest(): void {
    if (this.live === 0) this.timer?.unref?.()
  }

  private start(at: number, due: number): void {
    clearTimeout(this.timer as number | undefined)
    this.timerDue = due
    this.timer = setTimeout(this.fire, Math.min(Math.ceil((due - at) / perMilli), timerMillisMax)) as Timer
  }

  /** A timer may ring a moment early, and a long wait takes several. */
  private readonly fire = (): void => {
    this.timer = undefined
    this.timerDue = -Infinity
    const now = read(liveClock)
    try {
      for (let first = this.heap[0]; first !== undefined && (first.bell === undefined || first.due <= now);) {
        const { bell } = first
        this.removeFirst()
        if (bell !== undefined) {
          first.bell = undefined
          this.live--
          bell.ring()
        }
        first = this.heap[0]
      }
    } finally {
      this.timerDue = Infinity
      const next = this.heap[0]
      if (next !== undefined) this.start(now, next.due)
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

const setSleeper = (
  clock: Clock.Clock,
  context: Context.Context<never>,
  at: number,
  due: number,
  bell: Rings
): Alarm => {
  const wait: Effect.Effect<void> = Effect.suspend(() => {
    // A clock that sleeps in whole milliseconds may wake a moment early.
    const left = due - read(clock)
    return left > 0 ? Effect.andThen(clock.sleep(sleepOf(left)), wait) : Effect.sync(() => bell.ring())
  })
  const sleeper = Effect.runForkWith(context)(due > at ? wait : Effect.andThen(Effect.yieldNow, wait))
  return { cancel: () => sleeper.interruptUnsafe() }
}

/** The shortest sleep that is asked of a clock: a shorter one can be lost in its rounding, and would never end. */
const sleepMin = 1_000

const sleepOf = (left: number): Duration.Duration =>
  Number.isFinite(left) ? Duration.nanos(BigInt(Math.ceil(Math.max(left, sleepMin)))) : Duration.infinity
