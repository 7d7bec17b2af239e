/**
 * The goals that the figures are held to, as ratios.
 *
 * A goal whose cases were filtered out is not judged.
 */
import { type Crowd, type Figure, type Measured, ratioOf } from "./measure.ts"

/** A goal with what came of it. */
export interface Verdict {
  readonly goal: string
  readonly crowd: Crowd
  readonly ratio: number
  readonly atMost: number
  readonly passed: boolean
}

interface Goal {
  readonly goal: string
  readonly crowd: Crowd
  readonly of: string
  /** The case it is compared with, or the microseconds it may take. */
  readonly to: string | number
  readonly atMost: number
}

const cockatiel = "cockatiel wrap(retry, breaker, timeout, bulkhead)"

const both = (goal: Omit<Goal, "crowd">): ReadonlyArray<Goal> => [
  { ...goal, crowd: 1 },
  { ...goal, crowd: 1_000 }
]

const guards = "RateLimit, Budget, Retry, CircuitBreaker, Timeout"

/** A plain Effect has facts inside a budget in any case; `Policy.about` adds a scope of its own around all of them. */
const stacks = [guards, `${guards}, Policy.about`]

/** Each refusal, and the call that the same limit lets through: saying no must not cost more than saying yes. */
const refusals = [
  ["RateLimit spent, Effect.ignore", "RateLimit, requests"],
  ["RateLimit spent in both, Policy.about", "RateLimit, requests and tokens, Policy.about"],
  ["CircuitBreaker isolated", "CircuitBreaker"],
  ["Budget spent, Policy.about", "Budget, Policy.about"]
] as const

const ways = ["pushed", "pulled"].flatMap((source) =>
  ["a sink", "for await", "a Stream, runForEachArray", "a Stream, runForEach"].map((reader) => `${source} to ${reader}`)
)

const goals: ReadonlyArray<Goal> = [
  ...stacks.flatMap((of): ReadonlyArray<Goal> => [
    { goal: `${of}: at most half of cockatiel's four`, crowd: 1, of, to: cockatiel, atMost: 1 / 2 },
    { goal: `${of}: at most a third of cockatiel's four`, crowd: 1_000, of, to: cockatiel, atMost: 1 / 3 }
  ]),
  ...refusals.flatMap(([of, to]) => both({ goal: `${of}: no dearer than a call let through`, of, to, atMost: 1 })),
  ...ways.flatMap((of) => both({ goal: `${of}: at most 1.5 us a part`, of, to: 1.5, atMost: 1 }))
]

/** Judges every goal whose cases were measured. */
export const judge = (measured: ReadonlyArray<Measured>): ReadonlyArray<Verdict> => {
  const figureOf = (name: string, crowd: Crowd): Figure | undefined =>
    measured.find((each) => each.name === name)?.figures.get(crowd)
  return goals.flatMap(({ atMost, crowd, goal, of, to }) => {
    const figure = figureOf(of, crowd)
    const yardstick = typeof to === "number" ? to : figureOf(to, crowd)
    if (figure === undefined || yardstick === undefined) return []
    const ratio = typeof yardstick === "number" ? figure.median / yardstick : ratioOf(figure, yardstick)
    return [{ goal, crowd, ratio, atMost, passed: ratio <= atMost }]
  })
}
