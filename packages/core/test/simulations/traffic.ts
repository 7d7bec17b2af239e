/**
 * Open traffic on the test clock: callers who come at random, work that takes its time at a server with so many slots,
 * and what became of each.
 *
 * A server works on as many calls as it has slots and keeps the others waiting, as an Ollama does; work of a caller who
 * has left is given up. Slots and durations may change on the way.
 */
import { Clock, Duration, Effect, Exit, Fiber, Option, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { Policy, type SpillwayError } from "@spillway/core"
import * as Random from "../laws/random.ts"

/** One kind of caller. */
export interface Caller {
  readonly name: string
  /** How many come in a second, on the average. */
  readonly perSecond: number
  readonly deadline?: Duration.Duration
  /** How long he waits before he leaves, without having said so; at random where it is a span. */
  readonly patience?: readonly [from: number, to: number]
  readonly priority?: "low" | "high"
}

/** What became of a call, in seconds. */
export interface Told {
  readonly caller: string
  readonly cameAt: number
  readonly took: number
  readonly isServed: boolean
  /** Whether he was told no, and did not leave. */
  readonly isRefused: boolean
}

/** Runs traffic for so many seconds, and waits until all of it is over. */
export const run = (options: {
  readonly seed: number
  readonly seconds: number
  readonly callers: ReadonlyArray<Caller>
  readonly guard: Policy.Policy<Policy.Stage, SpillwayError>
  /** How many the server works on at once, and for how long, in seconds on the average. */
  readonly slots: number | ((at: number) => number)
  readonly service: number | ((at: number) => number)
  /** Whether a call says how many tokens it wrote: a hundred a second, a few more or less. */
  readonly isCounted?: boolean
  /** Is asked every second. */
  readonly look?: (at: number) => Effect.Effect<void>
}): Effect.Effect<ReadonlyArray<Told>> =>
  Effect.gen(function* () {
    const { callers, guard, isCounted = false, look = () => Effect.void, seconds, seed } = options
    const [service, slots] = [options.service, options.slots].map((given) =>
      typeof given === "number" ? () => given : given
    ) as [(at: number) => number, (at: number) => number]
    const random = Random.make(seed)
    const exponential = (mean: number): number => -Math.log(1 - random.next()) * mean
    const server = yield* Semaphore.make(slots(0))
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e9
    const start = now()
    const told: Array<Told> = []
    const ask = ({ deadline, name, patience, priority }: Caller, at: number, takes: number) =>
      Effect.gen(function* () {
        yield* Effect.sleep(Duration.seconds(at - (now() - start)))
        const cameAt = now() - start
        const [from, to] = patience ?? [Infinity, Infinity]
        const leavesIn = deadline ?? Duration.seconds(from === to ? from : from + (to - from) * random.next())
        const output = Math.ceil(takes * 100 * (0.85 + 0.3 * random.next()))
        const written = isCounted ? Policy.used({ input: 0, output }) : Effect.void
        const work = Effect.andThen(server.withPermits(1)(Effect.sleep(Duration.seconds(takes))), written)
        const asked = guard(work).pipe(
          Policy.about({
            caller: name,
            ...(deadline !== undefined && { deadline }),
            ...(priority !== undefined && { priority })
          })
        )
        const exit = yield* Effect.exit(Duration.isFinite(leavesIn) ? Effect.timeoutOption(asked, leavesIn) : asked)
        const isServed = Exit.isSuccess(exit) && !(Option.isOption(exit.value) && Option.isNone(exit.value))
        told.push({ caller: name, cameAt, took: now() - start - cameAt, isServed, isRefused: Exit.isFailure(exit) })
      })
    const asks = callers.flatMap((caller) => {
      const moments: Array<number> = []
      for (let at = exponential(1 / caller.perSecond); at < seconds; at += exponential(1 / caller.perSecond)) {
        moments.push(at)
      }
      return moments.map((at) => ({ at, asked: ask(caller, at, service(at) * (0.5 + random.next())) }))
    })
    const fibers: Array<Fiber.Fiber<void>> = []
    const coming = asks.toSorted((one, other) => one.at - other.at)
    for (let at = 0; at < seconds; at++) {
      // A clock on which everybody sleeps from the beginning on is a slow one.
      while (coming[fibers.length] !== undefined && coming[fibers.length]!.at < at + 1) {
        fibers.push(yield* Effect.forkChild(coming[fibers.length]!.asked, { startImmediately: true }))
      }
      yield* server.resize(slots(at))
      yield* look(at)
      yield* TestClock.adjust("1 second")
    }
    yield* TestClock.adjust(Duration.seconds(seconds * 10))
    yield* Fiber.joinAll(fibers)
    return told
  })

/** The value below which such a share of them lies. */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((one, other) => one - other)[Math.ceil(values.length * share) - 1] ?? Number.NaN
