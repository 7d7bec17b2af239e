/**
 * Interrupts an Effect at every point where others can interrupt its fiber.
 *
 * A fiber yields every `MaxOpsBeforeYield` operations, and only there can others reach it; what the code that it runs
 * itself may do to it is each test's own affair. Small numbers of
 * operations, a start shifted by some more, and an interrupt after each number of turns together reach the place
 * between any two operations. Below four a fiber does nothing but yield.
 *
 * All of it happens twice: on the scheduler that a test clock puts in the place of Effect's own, under which no frame
 * may count on the next operation, and on Effect's own, under which programs run.
 */
import { Effect, Exit, Fiber, Scheduler } from "effect"

/** One way of being interrupted. */
export interface Moment {
  readonly opsBeforeYield: number
  readonly shift: number
  readonly turns: number
}

/** How many turns are tried before an Effect counts as one that only ends when it is interrupted. */
const turnsMax = 24

/**
 * Runs what `make` makes once for every moment, and hands the exit to `check`. It stops trying later turns when one run
 * has ended before its interrupt came. Answers how many runs were really interrupted on the scheduler on which fewer
 * were, so that a test can see that there were some.
 */
export const everywhere = <A, E, R, S>(
  make: Effect.Effect<S, never, R>,
  run: (subject: S) => Effect.Effect<A, E, R>,
  check: (subject: S, exit: Exit.Exit<A, E>, moment: Moment) => Effect.Effect<void, never, R>
): Effect.Effect<number, never, R> =>
  Effect.gen(function* () {
    const interrupted = new Map<Scheduler.Scheduler, number>()
    for (const { opsBeforeYield, scheduler, shift } of yield* starts) {
      for (let turns = 0; turns < turnsMax; turns++) {
        const subject = yield* make
        const fiber = yield* shifted(run(subject), shift).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, opsBeforeYield),
          Effect.provideService(Scheduler.Scheduler, scheduler),
          Effect.forkChild({ startImmediately: true })
        )
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        const ended = fiber.pollUnsafe() !== undefined
        fiber.interruptUnsafe()
        const exit = yield* Fiber.await(fiber)
        if (Exit.hasInterrupts(exit)) interrupted.set(scheduler, (interrupted.get(scheduler) ?? 0) + 1)
        yield* check(subject, exit, { opsBeforeYield, shift, turns })
        if (ended) break
      }
    }
    return interrupted.size < 2 ? 0 : Math.min(...interrupted.values())
  })

const starts = Effect.map(Scheduler.Scheduler, (around) => {
  const schedulers = [around, new Scheduler.MixedScheduler()]
  const operations = Array.from({ length: 37 }, (_, index) => index + 4)
  return schedulers.flatMap((scheduler) =>
    operations.flatMap((opsBeforeYield) =>
      (opsBeforeYield < 12 ? [0, 1, 2, 3] : [0, 3]).map((shift) => ({ scheduler, opsBeforeYield, shift }))
    )
  )
})

/** The same Effect, so many operations later. */
const shifted = <A, E, R>(self: Effect.Effect<A, E, R>, by: number): Effect.Effect<A, E, R> =>
  by === 0 ? self : Effect.suspend(() => shifted(self, by - 1))
