/**
 * Two callers who share the server: a careless agent, and a person.
 *
 * Both have the same naive loop around what they ask, because that is what most programs have, and neither knows
 * whether there is a guard. What differs is how much they ask: the agent always has all its tasks waiting for an
 * answer.
 */
import { Clock, Effect, Option, Random, Schedule } from "effect"

/** How the callers are. */
export const callers = {
  agentTasks: 24,
  retryMillis: 10,
  personPatienceMillis: 1_500,
  personRestMillis: { least: 300, most: 600 }
}

/** One question, from when it was asked until it was answered or given up. */
export interface Asked {
  readonly at: number
  endedAt?: number
  answered?: boolean
}

/** Everything a caller asked, in that order, and how often he was told when to come back. */
export class Diary {
  readonly asked: Array<Asked> = []
  told = 0
}

/** The naive loop: again and again, whatever went wrong. */
const insisting = <E, R>(ask: Effect.Effect<void, E, R>): Effect.Effect<void, never, R> =>
  Effect.orDie(Effect.retry(ask, Schedule.spaced(callers.retryMillis)))

/** Keeps all its tasks asking until it is stopped. */
export const agent = <E, R>(ask: Effect.Effect<void, E, R>, diary: Diary): Effect.Effect<void, never, R> => {
  const task = Effect.forever(noted(Effect.asSome(insisting(ask)), diary))
  return Effect.all(
    Array.from({ length: callers.agentTasks }, () => task),
    { concurrency: "unbounded", discard: true }
  )
}

/**
 * Asks now and then for so many milliseconds, whether or not the last answer has come, and gives up when it takes too
 * long.
 */
export const person = <E, R>(
  ask: Effect.Effect<void, E, R>,
  diary: Diary,
  millis: number,
  seed: string
): Effect.Effect<void, never, R> => {
  const question = noted(Effect.timeoutOption(insisting(ask), callers.personPatienceMillis), diary)
  return Effect.flatMap(restsOf(seed, millis), (rests) =>
    Effect.forEach(rests, (rest) => Effect.delay(question, rest), { concurrency: "unbounded", discard: true })
  )
}

/** When the person asks, counted from the start: the same on every run of one seed. */
const restsOf = (seed: string, millis: number): Effect.Effect<ReadonlyArray<number>> =>
  Random.withSeed(
    Effect.gen(function* () {
      const { least, most } = callers.personRestMillis
      const moments: Array<number> = []
      for (let at = least; at <= millis; at += yield* Random.nextIntBetween(least, most)) moments.push(at)
      return moments
    }),
    seed
  )

const noted = <R>(
  question: Effect.Effect<Option.Option<void>, never, R>,
  diary: Diary
): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    const asked: Asked = { at: yield* Clock.currentTimeMillis }
    diary.asked.push(asked)
    asked.answered = Option.isSome(yield* question)
    asked.endedAt = yield* Clock.currentTimeMillis
  })
