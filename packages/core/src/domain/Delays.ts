/**
 * The delays of a Schedule, one at a time, for whoever waits in another way than by sleeping.
 *
 * Effect drives a Schedule by repeating; a breaker opens for a delay, a budget's window lasts for one, and a retry
 * bends it first. So they ask for the next when they need it, and the Schedule may be any there is.
 */
import { Clock, type Duration, Effect, type Fiber, Pull, Schedule, Schema } from "effect"
import * as Alarm from "./Alarm.ts"

/** A Schedule that is asked for delays only; it may be fed anything. One that fails, as a cron may, is a defect. */
export type Timing<R = never> = Schedule.Schedule<unknown, any, {}, R>

/** A Schedule among options. */
export const schema = Schema.declare(Schedule.isSchedule, { expected: "a Schedule" })

type Step<R> = (now: number, input: unknown) => Pull.Pull<readonly [unknown, Duration.Duration], {}, unknown, R>

/** How far one run through a Schedule has come. */
export class Delays<R> {
  private readonly timing: Timing<R>
  private step: Step<R> | undefined

  constructor(timing: Timing<R>) {
    this.timing = timing
  }

  /** The next delay in nanoseconds, or nothing where the Schedule has ended. */
  next(input: unknown, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<number | undefined, never, R> {
    return Effect.suspend(() => {
      const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
      const begun: Effect.Effect<Step<R>, never, R> = this.step === undefined
        ? Schedule.toStep(this.timing)
        : Effect.succeed(this.step)
      const delay = Effect.flatMap(begun, (step) => {
        this.step = step
        return Effect.map(step(now, input), ([, duration]) => Math.max(Alarm.nanos(duration), 0))
      })
      return Effect.orDie(Pull.catchDone(delay, () => Effect.undefined))
    })
  }

  /** The next delay is the first one again. */
  restart(): void {
    this.step = undefined
  }
}
