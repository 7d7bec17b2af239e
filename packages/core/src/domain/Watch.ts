/**
 * Runs an Effect beside one alarm, and returns to its caller on time whatever the Effect does.
 *
 * Interrupting work and waiting until it has ended is late by as long as the work likes, so it runs on a fiber of its
 * own: when the time is over the work is interrupted, its caller is told at once, and it goes on unseen for as long as
 * it ignores that. What it holds, it holds until it has really ended, and its attempts tell when that is.
 */
import { type Context, Effect, type Exit, Fiber } from "effect"
import * as Alarm from "./Alarm.ts"
import type { Attempt } from "./Attempt.ts"
import { attemptsCount, attemptsWithin, type Facts, linger } from "./Facts.ts"
import type { SpillwayError } from "./SpillwayError.ts"

/** Work beside an alarm. When to look and what is too late says who extends it; moments are monotonic nanoseconds. */
export abstract class Watch implements Alarm.Ringing {
  readonly startedAt: number
  protected facts: Facts | undefined
  protected readonly attemptsBefore: number
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private child: Fiber.Fiber<any, any> | undefined
  private resume: ((end: Effect.Effect<any, any>) => void) | undefined
  private bell: Alarm.Bell | undefined

  /** `facts` are those that the work runs under. */
  constructor(fiber: Fiber.Fiber<unknown, unknown>, facts: Facts | undefined, startedAt: number) {
    this.startedAt = startedAt
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
    this.fiber = fiber
    this.child = undefined
    this.resume = undefined
    this.bell = undefined
  }

  /** When to look first, or infinity for never. */
  protected abstract get firstAt(): number

  /** The moment to look again, or why it is over. */
  protected abstract look(now: number): number | SpillwayError

  /** The Effect, until a look says that it is over; in the fiber's context, or in another one. */
  run<A, E, R>(
    self: Effect.Effect<A, E, R>,
    context: Context.Context<never> = this.fiber.context
  ): Effect.Effect<A, E | SpillwayError, R> {
    return Effect.onExitPrimitive(
      Effect.callback<A, E | SpillwayError>((resume) => {
        const child = Effect.runForkWith(context as never)(self as Effect.Effect<A, E>)
        const exit = child.pollUnsafe()
        if (exit !== undefined) return resume(exit)
        this.child = child
        this.resume = resume
        child.addObserver(this.ended.bind(this))
        this.set(this.firstAt)
      }),
      this.leave.bind(this)
    )
  }

  ring(): void {
    const next = this.look(Alarm.now(this.fiber))
    if (typeof next === "number") return this.set(next)
    const attempts = attemptsWithin(this.facts, this.attemptsBefore)
    for (const attempt of attempts) attempt.lost ||= attempt.endedAt === undefined
    const { resume } = this
    this.resume = undefined
    this.child!.interruptUnsafe(this.fiber.id)
    letGo(this.child!, attempts, this.facts)
    resume!(Effect.fail(next))
  }

  private ended(exit: Exit.Exit<unknown, unknown>): void {
    const { resume } = this
    if (resume === undefined) return
    this.bell?.cancel()
    // A fiber's list of observers can outlive it by far, where a crowd has made V8 take such lists for long-lived ones.
    // What hangs on it is copied for nothing, so this lets go of the call.
    this.resume = this.child = this.bell = this.facts = undefined
    resume(exit)
  }

  /** Its caller is interrupted while the work goes on: he waits until it has really ended. */
  private leave(): Effect.Effect<void> | undefined {
    if (this.resume === undefined) return undefined
    this.resume = undefined
    this.bell?.cancel()
    return Fiber.interrupt(this.child!)
  }

  private set(due: number): void {
    if (due < Infinity) this.bell = Alarm.set(this.fiber, due, this)
  }
}

/** Work that goes on reaches nobody any more, and says when it has ended. */
export const letGo = (
  child: Fiber.Fiber<unknown, unknown>,
  attempts: ReadonlyArray<Attempt>,
  facts: Facts | undefined
): void => {
  if (child.pollUnsafe() !== undefined) return
  const ended = Effect.runPromise(Fiber.await(child))
  linger(facts, ended)
  for (const attempt of attempts) {
    attempt.close()
    attempt.linger(ended)
  }
}
