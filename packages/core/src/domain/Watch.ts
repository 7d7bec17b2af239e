/**
 * Runs an Effect beside one alarm, and returns to its caller on time whatever the Effect does.
 *
 * Interrupting work and waiting until it has ended is late by as long as the work likes, so it runs on a fiber of its
 * own: when the time is over the work is interrupted, its caller is told at once, and it goes on unseen for as long as
 * it ignores that. What it holds, it holds until it has really ended, and its attempts tell when that is.
 */
import { Effect, Fiber } from "effect"
import * as Alarm from "./Alarm.ts"
import type { Attempt } from "./Attempt.ts"
import { attemptsCount, attemptsWithin, type Facts } from "./Facts.ts"
import type { SpillwayError } from "./SpillwayError.ts"

/** Looks at the time. Moments are monotonic nanoseconds. */
export interface Look {
  readonly startedAt: number
  /** When to look first, or infinity for never. */
  readonly firstAt: number
  /** The moment to look again, or why it is over. */
  look(now: number): number | SpillwayError
}

/** The Effect, until a look says that it is over; `facts` are those it runs under. */
export const run = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  facts: Facts | undefined,
  look: Look
): Effect.Effect<A, E | SpillwayError, R> =>
  Effect.callback<A, E | SpillwayError, R>((resume) => {
    const attemptsBefore = attemptsCount(facts)
    const child = Effect.runForkWith(fiber.context as never)(self as Effect.Effect<A, E>)
    const exit = child.pollUnsafe()
    if (exit !== undefined) return resume(exit)
    const watched = new Watched<A, E>(child, fiber, look, facts, attemptsBefore, resume)
    return Effect.suspend(() => {
      watched.cancel()
      return Fiber.interrupt(child)
    })
  })

/** Work under way, and the alarm beside it. */
class Watched<A, E> extends Alarm.Bell {
  private readonly child: Fiber.Fiber<A, E>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly look: Look
  private readonly facts: Facts | undefined
  private readonly attemptsBefore: number
  private readonly resume: (end: Effect.Effect<A, E | SpillwayError>) => void
  private isOver = false

  constructor(
    child: Fiber.Fiber<A, E>,
    fiber: Fiber.Fiber<unknown, unknown>,
    look: Look,
    facts: Facts | undefined,
    attemptsBefore: number,
    resume: (end: Effect.Effect<A, E | SpillwayError>) => void
  ) {
    super()
    this.child = child
    this.fiber = fiber
    this.look = look
    this.facts = facts
    this.attemptsBefore = attemptsBefore
    this.resume = resume
    this.set(look.startedAt, look.firstAt)
    child.addObserver((ended) => {
      if (this.isOver) return
      this.cancel()
      resume(ended)
    })
  }

  ring(): void {
    const now = Alarm.now(this.fiber)
    const next = this.look.look(now)
    if (typeof next === "number") return this.set(now, next)
    this.isOver = true
    const attempts = attemptsWithin(this.facts, this.attemptsBefore)
    for (const attempt of attempts) attempt.lost ||= attempt.endedAt === undefined
    this.child.interruptUnsafe(this.fiber.id)
    letGo(this.child, attempts)
    this.resume(Effect.fail(next))
  }

  private set(now: number, due: number): void {
    if (due < Infinity) Alarm.set(this.fiber, now, due, this)
  }
}

/** Work that goes on reaches nobody any more, and says when it has ended. */
const letGo = (child: Fiber.Fiber<unknown, unknown>, attempts: ReadonlyArray<Attempt>): void => {
  if (child.pollUnsafe() !== undefined) return
  const ended = Effect.runPromise(Fiber.await(child))
  for (const attempt of attempts) {
    attempt.close()
    attempt.linger(ended)
  }
}
