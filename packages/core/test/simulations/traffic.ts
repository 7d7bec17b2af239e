/**
 * Open traffic on the test clock: callers who come at random, work that takes its time at a server with so many slots,
 * and what became of each.
 *
 * A server works on as many calls as it has slots and keeps the others waiting, as an Ollama does; work of a caller who
 * has left is given up.
 */
import { Clock, Duration, Effect, Exit, Fiber, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { Policy, type SpillwayError } from "@spillway/core"
import * as Random from "../laws/random.ts"

/** One kind of caller. */
export interface Caller {
  readonly name: string
  /** How many come in a second, on the average. */
  readonly perSecond: number
  readonly deadline?: Duration.Duration
}

/** What became of a call, in seconds. */
export interface Told {
  readonly caller: string
  readonly cameAt: number
  readonly took: number
  readonly isServed: boolean
}

/** Runs traffic for so many seconds, and waits until all of it is over. */
export const run = (options: {
  readonly seed: number
  readonly seconds: number
  readonly callers: ReadonlyArray<Caller>
  readonly guard: Policy.Policy<Policy.Stage, SpillwayError>
  /** How many the server works on at once, and for how long, in seconds on the average. */
  readonly slots: number
  readonly service: number
}): Effect.Effect<ReadonlyArray<Told>> =>
  Effect.gen(function* () {
    const { callers, guard, seconds, seed, service, slots } = options
    const random = Random.make(seed)
    const exponential = (mean: number): number => -Math.log(1 - random.next()) * mean
    const server = yield* Semaphore.make(slots)
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e9
    const start = now()
    const told: Array<Told> = []
    const ask = ({ deadline, name }: Caller, at: number, takes: number) =>
      Effect.gen(function* () {
        yield* Effect.sleep(Duration.seconds(at))
        const cameAt = now() - start
        const work = server.withPermits(1)(Effect.sleep(Duration.seconds(takes)))
        const patient = guard(work).pipe(Policy.about({ caller: name, ...(deadline !== undefined && { deadline }) }))
        const exit = yield* Effect.exit(deadline === undefined ? patient : Effect.timeout(patient, deadline))
        told.push({ caller: name, cameAt, took: now() - start - cameAt, isServed: Exit.isSuccess(exit) })
      })
    const asks = callers.flatMap((caller) => {
      const moments: Array<number> = []
      for (let at = exponential(1 / caller.perSecond); at < seconds; at += exponential(1 / caller.perSecond)) {
        moments.push(at)
      }
      return moments.map((at) => ask(caller, at, service * (0.5 + random.next())))
    })
    const all = yield* Effect.forkChild(Effect.all(asks, { concurrency: "unbounded" }))
    yield* TestClock.adjust(Duration.seconds(seconds * 10))
    yield* Fiber.join(all)
    return told
  })

/** The value below which such a share of them lies. */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((one, other) => one - other)[Math.ceil(values.length * share) - 1] ?? Number.NaN
