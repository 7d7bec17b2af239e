/**
 * What time it is, and a call when it is time: the one file that touches a timer.
 *
 * On the live clock an alarm is a bare timer, which costs a fifth of a sleeping fiber; on any other clock it is a
 * sleeping fiber, so that a test clock rules here as everywhere. Time is whole nanoseconds on the monotonic clock, as a
 * number: it never jumps, and fractions of milliseconds would refuse what is due.
 */
// @effect-diagnostics globalTimers:off
import { Clock, Context, Duration, Effect, type Fiber } from "effect"

/** Nanoseconds in a millisecond. */
export const perMilli = 1_000_000

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** A duration in whole nanoseconds; one without end stays without end. */
export const nanos = (duration: Duration.Duration): number =>
  Duration.isFinite(duration) ? Number(Duration.toNanosUnsafe(duration)) : Duration.toMillis(duration)

/** The longest delay that Node's timers take; a longer one would ring at once. */
const timerMillisMax = 2 ** 31 - 1

/** Now, in nanoseconds on a clock's monotonic time. */
export const read = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

/** Now, in nanoseconds on the monotonic clock of the fiber. */
export const now = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))

/**
 * Calls `ring` once, when `delay` nanoseconds have passed on the fiber's clock and never before; what it returns takes
 * it back.
 */
export const set = (fiber: Fiber.Fiber<unknown, unknown>, delay: number, ring: () => void): (() => void) => {
  const clock = fiber.getRef(Clock.Clock)
  return clock === liveClock ? setTimer(clock, delay, ring) : setSleeper(clock, fiber.context, delay, ring)
}

const setTimer = (clock: Clock.Clock, delay: number, ring: () => void): (() => void) => {
  const due = read(clock) + delay
  const rung = () => {
    // A timer may ring a moment early, and a long wait takes several.
    const left = due - read(clock)
    if (left <= 0) return ring()
    timer = setTimeout(rung, millisOf(left))
  }
  let timer = setTimeout(rung, millisOf(delay))
  return () => clearTimeout(timer)
}

const millisOf = (left: number): number => Math.min(Math.ceil(left / perMilli), timerMillisMax)

const setSleeper = (
  clock: Clock.Clock,
  context: Context.Context<never>,
  delay: number,
  ring: () => void
): (() => void) => {
  const due = read(clock) + delay
  const wait: Effect.Effect<void> = Effect.suspend(() => {
    // A clock that sleeps in whole milliseconds may wake a moment early.
    const left = due - read(clock)
    return left > 0 ? Effect.andThen(clock.sleep(sleepOf(left)), wait) : Effect.sync(ring)
  })
  const sleeper = Effect.runForkWith(context)(delay > 0 ? wait : Effect.andThen(Effect.yieldNow, wait))
  return () => sleeper.interruptUnsafe()
}

/** The shortest sleep that is asked of a clock: a shorter one can be lost in its rounding, and would never end. */
const sleepMin = 1_000

const sleepOf = (left: number): Duration.Duration =>
  Number.isFinite(left) ? Duration.nanos(BigInt(Math.ceil(Math.max(left, sleepMin)))) : Duration.infinity
