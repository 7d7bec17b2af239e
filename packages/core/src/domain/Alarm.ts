/**
 * What time it is, and a call when it is time: the one file that touches a timer.
 *
 * On the live clock an alarm is a bare timer, which costs a fifth of a sleeping fiber; on any other clock it is a sleeping fiber,
 * so that a test clock rules here as everywhere. Time is whole nanoseconds on the monotonic clock, as a number: it never jumps,
 * and fractions of milliseconds would refuse what is due.
 */
// @effect-diagnostics globalTimers:off
import { Clock, Context, Duration, Effect, type Fiber } from "effect"

/** Nanoseconds in a millisecond. */
export const perMilli = 1_000_000

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** A duration in whole nanoseconds. */
export const nanos = (duration: Duration.Duration): number => Number(Duration.toNanosUnsafe(duration))

/** The longest delay that Node's timers take; a longer one would ring at once. */
const timerMillisMax = 2 ** 31 - 1

/** Now, in nanoseconds on a clock's monotonic time. */
export const read = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

/** Now, in nanoseconds on the monotonic clock of the fiber. */
export const now = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))

/**
 * Calls `ring` once, when `delay` nanoseconds have passed on the fiber's clock and never before; what it returns takes it back.
 */
export const set = (fiber: Fiber.Fiber<unknown, unknown>, delay: number, ring: () => void): (() => void) => {
  const clock = fiber.getRef(Clock.Clock)
  return clock === liveClock ? setTimer(clock, delay, ring) : setSleeper(clock, fiber.context, delay, ring)
}

const setTimer = (clock: Clock.Clock, delay: number, ring: () => void): (() => void) => {
  const due = read(clock) + delay
  const millis = (nanos: number) => Math.min(Math.ceil(nanos / perMilli), timerMillisMax)
  const rung = () => {
    // A timer may ring a moment early, and a long wait takes several.
    const left = due - read(clock)
    if (left <= 0) return ring()
    timer = setTimeout(rung, millis(left))
  }
  let timer = setTimeout(rung, millis(delay))
  return () => clearTimeout(timer)
}

const setSleeper = (
  clock: Clock.Clock,
  context: Context.Context<never>,
  delay: number,
  ring: () => void
): (() => void) => {
  const sleeper = Effect.runForkWith(context)(
    Effect.andThen(clock.sleep(Duration.nanos(BigInt(Math.ceil(delay)))), Effect.sync(ring))
  )
  return () => sleeper.interruptUnsafe()
}
