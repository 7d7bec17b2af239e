/**
 * The frame that every policy is: it takes something, runs what it guards, and gives back what it took.
 *
 * A fiber can be interrupted between any two operations: by others when it yields, and by the code that it runs at any
 * moment. So what is taken is taken inside the frame that gives it back, and nothing may come between starting and what
 * is started. A scope around what is guarded is part of the frame, since it would only be a second one.
 */
import { type Context, Effect, type Exit, type Fiber, Scheduler } from "effect"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** One guarded run, for a policy that takes something and gives it back. */
export interface Run<A, E, R, RX = never> {
  /** Takes, and answers what is guarded, or refuses. */
  enter(): Effect.Effect<A, E, R>
  /** Is told the end once, whatever it is; what it answers runs before anybody else learns of it. */
  leave(exit: Exit.Exit<A, E>): Effect.Effect<void, never, RX> | undefined
}

/** Frames a run, in a context of its own if one is given. To be answered by the operation that calls it. */
export const framed = <A, E, R, RX>(
  run: Run<A, E, R, RX>,
  fiber: AnyFiber,
  context?: Context.Context<never>
): Effect.Effect<A, E, R | RX> =>
  leaving(
    run,
    fiber,
    context && fiber.context,
    Effect.suspend(() => enter(run, fiber, context))
  )

/**
 * The same for a run whose `enter` runs no code but ours: where the fiber certainly goes on to the next operation,
 * taking just before the frame is the same, and costs an operation less.
 *
 * *Gotchas*: what was taken is lost where `enter` interrupts its own fiber, where an operator stands around this, and
 * where the context given has another scheduler.
 */
export const framedAtOnce = <A, E, R, RX>(
  run: Run<A, E, R, RX>,
  fiber: AnyFiber,
  context?: Context.Context<never>
): Effect.Effect<A, E, R | RX> => {
  if (!goesOn(fiber)) return framed(run, fiber, context)
  const around = context && fiber.context
  return leaving(run, fiber, around, entered(run, fiber, context))
}

/** What is guarded, with the end of the run around it, which first goes back to the context around. */
const leaving = <A, E, R, RX>(
  run: Run<A, E, R, RX>,
  fiber: AnyFiber,
  around: Context.Context<never> | undefined,
  guarded: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | RX> => (around === undefined ? ending(run, guarded) : endingIn(run, fiber, around, guarded))

/** Bound, since this waits as long as the call does: a closure with its scope is twice as large. */
const ending = <A, E, R, RX>(run: Run<A, E, R, RX>, guarded: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | RX> =>
  Effect.onExitPrimitive<A, E, R, never, RX>(guarded, run.leave.bind(run))

const endingIn = <A, E, R, RX>(
  run: Run<A, E, R, RX>,
  fiber: AnyFiber,
  around: Context.Context<never>,
  guarded: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | RX> =>
  Effect.onExitPrimitive<A, E, R, never, RX>(guarded, (exit) => {
    fiber.setContext(around)
    return run.leave(exit)
  })

/** The Effect in another context, which has the same scheduler. To be answered by the operation that calls it. */
export const within = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: AnyFiber,
  context: Context.Context<never>
): Effect.Effect<A, E, R> => {
  if (!goesOn(fiber)) return framed({ enter: () => self, leave: () => undefined }, fiber, context)
  const around = fiber.context
  fiber.setContext(context)
  return Effect.onExitPrimitive(self, () => {
    fiber.setContext(around)
    return undefined
  })
}

/**
 * Whether the fiber yields before its next operation, which is where it can be interrupted. A policy for which nothing
 * may come between taking and what it guards lets it yield first.
 */
export const yieldsNext = (fiber: AnyFiber): boolean => yieldsWithin(fiber, 1)

/** Begins what is guarded, and says so: nothing comes between, or what never ran would count as begun. */
export const begin = <A, E, R>(run: {
  begun: boolean
  readonly fiber: AnyFiber
  readonly self: Effect.Effect<A, E, R>
}): Effect.Effect<A, E, R> => {
  if (!yieldsNext(run.fiber)) {
    run.begun = true
    return run.self
  }
  return Effect.andThen(
    Effect.yieldNow,
    Effect.suspend(() => begin(run))
  )
}

const yieldsWithin = ({ cache, currentOpCount }: AnyFiber, operations: number): boolean =>
  currentOpCount + operations >= cache.maxOpsBeforeYield && !cache.preventYield

/** Whether the fiber goes on to the frame, and into what is guarded: a scheduler may have a rule of its own. */
const goesOn = (fiber: AnyFiber): boolean =>
  !yieldsWithin(fiber, 2) && fiber.cache.scheduler.shouldYield === Scheduler.MixedScheduler.prototype.shouldYield

const enter = <A, E, R>(
  run: Run<A, E, R, unknown>,
  fiber: AnyFiber,
  context: Context.Context<never> | undefined
): Effect.Effect<A, E, R> => {
  if (context !== undefined) fiber.setContext(context)
  return run.enter()
}

const entered: typeof enter = (run, fiber, context) => {
  try {
    return enter(run, fiber, context)
  } catch (thrown) {
    return Effect.die(thrown)
  }
}
