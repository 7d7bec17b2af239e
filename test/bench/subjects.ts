/**
 * Makes subjects of Effects and of functions that return promises, the same way for both.
 *
 * Everything guards the same work, a promise that is already there, so that what is left between two figures is the
 * guard. An Effect runs in a fiber that is already running, as it does in a program: starting one is not what is
 * measured.
 */
import { Effect } from "effect"
import type { Subject } from "./measure.ts"

/** What is guarded: nothing, asynchronously. */
export const work = (): Promise<number> => Promise.resolve(1)

/** The same as an Effect. */
export const leaf: Effect.Effect<number> = Effect.promise(work)

/** An Effect, run again and again in one fiber, or in one fiber of each caller. */
export const ofEffect = <E>(
  group: Subject["group"],
  name: string,
  effect: Effect.Effect<unknown, E>,
  more: Pick<Subject, "units" | "roundsMax"> = {}
): Subject => ({
  name,
  group,
  ...more,
  run: (times, crowd) =>
    Effect.runPromise(
      Effect.all(
        Array.from({ length: crowd }, () => repeated(effect, times / crowd)),
        { concurrency: "unbounded", discard: true }
      )
    )
})

/** A function, called again and again by one caller or by many. */
export const ofPromise = (
  group: Subject["group"],
  name: string,
  call: () => PromiseLike<unknown>,
  more: Pick<Subject, "units" | "roundsMax"> = {}
): Subject => ({
  name,
  group,
  ...more,
  run: (times, crowd) => Promise.all(Array.from({ length: crowd }, () => calledAgain(call, times / crowd)))
})

const repeated = <E>(effect: Effect.Effect<unknown, E>, times: number): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    let left = times
    return Effect.whileLoop({ while: () => left-- > 0, body: () => effect, step: () => {} })
  })

const calledAgain = async (call: () => PromiseLike<unknown>, times: number): Promise<void> => {
  for (let left = times; left > 0; left--) await call()
}
