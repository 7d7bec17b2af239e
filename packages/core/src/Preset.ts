/**
 * Four ways to guard a model, for four kinds of program: policies and a plan with their options, and the reason.
 *
 * A preset is plain data, to be read, spread and changed: what it names is used, in the order in which it stands here,
 * and what it leaves out is not. Made, it is a plan: it takes one go for each target, guards each of them, asks them in
 * turn, and puts what belongs to the whole call around all of it.
 */
import { Effect, Result } from "effect"
import type { Facts } from "./domain/Facts.ts"
import { onlyIf, targetOf, to } from "./domain/Go.ts"
import { meant, OptionsRefused, type Problem } from "./domain/Options.ts"
import type { SpillwayError } from "./domain/SpillwayError.ts"
import * as Plan from "./Plan.ts"
import * as Fallback from "./plans/Fallback.ts"
import * as Hedge from "./plans/Hedge.ts"
import * as Rescue from "./plans/Rescue.ts"
import * as Budget from "./policies/Budget.ts"
import * as CircuitBreaker from "./policies/CircuitBreaker.ts"
import * as Deadline from "./policies/Deadline.ts"
import * as Queue from "./policies/Queue.ts"
import * as RateLimit from "./policies/RateLimit.ts"
import * as Retry from "./policies/Retry.ts"
import * as Shed from "./policies/Shed.ts"
import * as Timeout from "./policies/Timeout.ts"
import * as Policy from "./Policy.ts"

/** What is put around calls. */
export interface Preset {
  /** For whom it is, and why it is so. */
  readonly why?: string
  /** Around the whole call. */
  readonly deadline?: Deadline.Options
  readonly rateLimit?: RateLimit.Options & { readonly per?: "caller" | "key" | "all" }
  /** Around all goes together: asks all of them again, after a while. */
  readonly retryAll?: Retry.Options
  /** How one answer is made of several goes; without either the first go is the only one. */
  readonly fallback?: Fallback.Options
  readonly rescue?: Rescue.Options
  /** Asks the next one beside the first where that is silent. */
  readonly hedge?: Hedge.Options
  /** Around each go. */
  readonly shed?: Omit<Shed.Options, "queue">
  /** Asks the same one again before the next is asked. */
  readonly retry?: Retry.Options
  readonly budget?: Budget.Options
  readonly queue?: Queue.Options
  readonly circuitBreaker?: CircuitBreaker.Options
  readonly timeout?: Timeout.Options
}

/** Well below a deadline of two minutes: there has to be time for another place. */
const soon = { firstToken: "15s + 1s/200tok", idle: "15s", load: "1m" } as const satisfies Timeout.Options

/** Somebody waits in front of a screen. */
export const interactive = {
  why:
    "Somebody waits in front of a screen. The first word has to come soon, and a no at once is better than an answer " +
    "after he has left; what he has begun to read should go on.",
  deadline: { deadline: "2m" },
  // Another place at once, and all of them once more: he has no time for more.
  retryAll: { attempts: 2, base: "200ms", max: "1s", retryAfterMax: "5s" },
  rescue: { mode: "resume" },
  // Learned from callers who left: who would be served too late is sent elsewhere, or told so.
  shed: {},
  queue: { slots: "auto", max: 32, wait: "15s" },
  circuitBreaker: {},
  timeout: soon
} as const satisfies Preset

/** Nobody waits. */
export const batch = {
  why:
    "Nobody waits. Everything should get done, however long it takes, and nobody reads along, so that what breaks " +
    "begins anew and nothing is kept by halves.",
  deadline: { deadline: "1d" },
  // Without a budget and without a breaker: both would have a whole batch fail with the first minutes of an outage. A
  // try a minute of each is what that costs, for most of a day.
  retryAll: { attempts: 1_000, base: "1s", max: "1m", retryAfterMax: "1h", elsewhere: true, budget: "off" },
  rescue: { mode: "whole" },
  queue: { slots: "auto", max: 10_000, bytesMax: 1_000_000_000, wait: "1d" },
  timeout: { connect: "10s", firstToken: "5m + 1s/100tok", idle: "2m", reader: "10m", load: "15m" }
} as const satisfies Preset

/** Money counts most. */
export const strictBudget = {
  why:
    "Money counts most. Nothing is spent that nobody allowed, nothing is asked that has no price, and nobody pays " +
    "again for what he has begun to read.",
  deadline: { deadline: "2m" },
  // No rescue and no hedge: whoever repeats an answer, or goes on with it, is paid for it again.
  fallback: {},
  // What is cheap comes first, and is asked twice before what is dear.
  retry: { attempts: 2, budget: "10%" },
  // Around each try: what is lost on the way may have been paid for, and is reserved like any other.
  budget: { total: "$1/day", unpriced: "refuse", maxTokens: 1_024 },
  queue: { slots: "auto", max: 64, wait: "30s" },
  circuitBreaker: {},
  timeout: soon
} as const satisfies Preset

/** Many who do not know each other. */
export const multiTenant = {
  why:
    "Many share it who do not know each other. Nobody takes what is the others', however much he asks for, and who " +
    "will get nothing is told so at once.",
  deadline: { deadline: "2m" },
  rateLimit: { rate: "60/min", burst: 10 },
  retryAll: { attempts: 3, budget: "20%" },
  rescue: { mode: "resume" },
  shed: {},
  // Turns are shared between callers, and a few long calls of one do not hold every slot.
  queue: { slots: "auto", max: 256, wait: "30s", running: 2 },
  circuitBreaker: {},
  timeout: soon
} as const satisfies Preset

/** Makes it: a plan whose goes say where they go with `Plan.to`. */
export const make = (preset: Preset): Effect.Effect<Plan.Plan<SpillwayError>, OptionsRefused> =>
  Effect.gen(function* () {
    const problems = problemsOf(preset)
    const {
      budget,
      circuitBreaker,
      deadline,
      fallback,
      hedge,
      queue,
      rateLimit,
      rescue,
      retry,
      retryAll,
      shed,
      timeout
    } = problems.length === 0 ? preset : {}
    /** What is made of a key, where it is named; what is wrong with it is told together with all else. */
    const made = <O, A>(key: keyof Preset, of: (options: O) => Effect.Effect<A, OptionsRefused>, options?: O) =>
      options === undefined
        ? Effect.undefined
        : Effect.map(Effect.result(of(options)), (result) => {
            if (Result.isSuccess(result)) return result.success
            for (const each of result.failure.problems) problems.push({ ...each, path: pathOf(key, each.path) })
            return undefined
          })
    const line = yield* made("queue", Queue.make, queue)
    const aroundCall = [
      yield* made("deadline", Deadline.make, deadline),
      yield* made("rateLimit", RateLimit.make, rateLimit),
      yield* made("retryAll", Retry.make, retryAll)
    ]
    const aroundGo = [
      yield* made("shed", Shed.make, shed && line ? { ...shed, queue: line } : shed),
      yield* made("retry", Retry.make, retry),
      // It belongs to the whole call, where that has one price; here each target has its own.
      yield* made("budget", Budget.make, budget),
      line,
      yield* made("circuitBreaker", CircuitBreaker.make, circuitBreaker),
      yield* made("timeout", Timeout.make, timeout)
    ]
    const beside = yield* made("hedge", Hedge.make, hedge)
    const inTurn = (yield* made("rescue", Rescue.make, rescue)) ?? (yield* made("fallback", Fallback.make, fallback))
    if (problems.length > 0) return yield* new OptionsRefused({ of: "Preset", problems })
    return Plan.make<SpillwayError>("A preset", <A, E, R>(goes: Plan.Goes<A, E, R>) => {
      const [first, ...rest] = goes.map((go) => guarded(aroundGo, go)) as unknown as Plan.Goes<A, E | SpillwayError, R>
      const begun = beside === undefined ? first : beside([first, ...rest])
      const after = beside === undefined ? rest : rest.map((go) => onlyIf((facts) => !wasAsked(go, facts))(go))
      return around(aroundCall, inTurn === undefined ? begun : inTurn([begun, ...after]))
    })
  })

type Guards = ReadonlyArray<Policy.Policy<Policy.Stage, SpillwayError> | undefined>

/** The Effect with all of these around it, outermost first. */
const around = <A, E, R>(guards: Guards, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> =>
  guards.reduceRight<Effect.Effect<A, E | SpillwayError, R>>((inner, guard) => guard?.(inner) ?? inner, self)

/** The same around a go: what stands around it has to know where it goes, and so does the plan. */
const guarded = <A, E, R>(guards: Guards, go: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> => {
  const target = targetOf(go)
  return target === undefined ? around(guards, go) : to(target)(around(guards, go))
}

/** Whether a race before has asked it already. */
const wasAsked = (go: object, facts: Facts | undefined): boolean => {
  const target = targetOf(go)
  return target !== undefined && facts?.call.attempts.some((attempt) => attempt.target === target) === true
}

const keys: ReadonlyArray<keyof Preset> = [
  "why",
  "deadline",
  "rateLimit",
  "retryAll",
  "fallback",
  "rescue",
  "hedge",
  "shed",
  "retry",
  "budget",
  "queue",
  "circuitBreaker",
  "timeout"
]

/** What no policy by itself can see of what is wrong. */
const problemsOf = (preset: Preset): Array<Problem> => {
  if (typeof preset !== "object" || preset === null) {
    return [{ path: "", read: String(preset), expected: "write a preset, as Preset.interactive" }]
  }
  const problems: Array<Problem> = []
  for (const key of Object.keys(preset).filter((each) => !keys.includes(each as keyof Preset))) {
    problems.push({ path: key, read: "", expected: `unknown: ${meant(key, keys)}` })
  }
  if (preset.fallback !== undefined && preset.rescue !== undefined) {
    problems.push({ path: "fallback", read: "", expected: "leave it out: a rescue is a fallback too" })
  }
  const { per } = (preset.rateLimit ?? {}) as { readonly per?: string }
  if (per === "target") {
    problems.push({ path: "rateLimit.per", read: '"target"', expected: "write caller, key or all" })
  }
  return problems
}

const pathOf = (key: string, path: string): string => (path === "" ? key : `${key}.${path}`)
