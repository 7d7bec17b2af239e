/**
 * Four ways to guard a model, for four kinds of program: policies and a plan with their options, and the reason.
 *
 * A preset is plain data, to be read, spread and changed: what it names is used, in the order in which it stands here,
 * and what it leaves out is not. Made, it is a plan: it takes one go for each target, guards each of them, asks them in
 * turn, and puts what belongs to the whole call around all of it.
 */
import { Effect } from "effect"
import { targetOf, to } from "./domain/Go.ts"
import type { OptionsRefused } from "./domain/Options.ts"
import type { SpillwayError } from "./domain/SpillwayError.ts"
import type { Plan } from "./Plan.ts"
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
  readonly why: string
  /** Around the whole call. */
  readonly deadline?: Deadline.Options
  readonly rateLimit?: RateLimit.Options & { readonly per?: "caller" | "key" | "all" }
  readonly budget?: Budget.Options
  /** Around all goes together: asks all of them again, after a while. */
  readonly retryAll?: Retry.Options
  /** How one answer is made of several goes: a rescue is a fallback too. Without any, the first go is the only one. */
  readonly plan?:
    | { readonly fallback: Fallback.Options }
    | { readonly hedge: Hedge.Options }
    | { readonly rescue: Rescue.Options }
  /** Around each go. */
  readonly shed?: Omit<Shed.Options, "queue">
  /** Asks the same one again before the next is asked. */
  readonly retry?: Retry.Options
  readonly queue?: Queue.Options
  readonly circuitBreaker?: CircuitBreaker.Options
  readonly timeout?: Timeout.Options
}

/** Somebody waits in front of a screen. */
export const interactive = {
  why:
    "Somebody waits in front of a screen. The first word has to come soon, and a no at once is better than an answer " +
    "after he has left; what he has begun to read should go on.",
  deadline: { deadline: "2m" },
  // Another place at once, and all of them once more: he has no time for more.
  retryAll: { attempts: 2, base: "200ms", max: "1s", retryAfterMax: "5s" },
  plan: { rescue: { mode: "resume" } },
  // Learned from callers who left: who would be served too late is sent elsewhere, or told so.
  shed: {},
  queue: { slots: "auto", max: 32, wait: "15s" },
  circuitBreaker: {},
  timeout: { load: "2m" }
} as const satisfies Preset

/** Nobody waits. */
export const batch = {
  why:
    "Nobody waits. Everything should get done, however long it takes, and nobody reads along, so that what breaks " +
    "begins anew and nothing is kept by halves.",
  deadline: { deadline: "1d" },
  // Without a budget and without a breaker: both would have a whole batch fail with the first minutes of an outage. A
  // try a minute of each is what that costs.
  retryAll: { attempts: 20, base: "1s", max: "1m", retryAfterMax: "1h", budget: "off" },
  plan: { rescue: { mode: "whole" } },
  queue: { slots: "auto", max: 10_000, bytesMax: 1_000_000_000, wait: "1d" },
  timeout: { connect: "10s", firstToken: "5m + 1s/100tok", idle: "2m", reader: "10m", load: "15m" }
} as const satisfies Preset

/** Money counts most. */
export const strictBudget = {
  why:
    "Money counts most. Nothing is spent that nobody allowed, nothing is asked that has no price, and no answer is " +
    "paid for twice.",
  deadline: { deadline: "2m" },
  budget: { total: "$1/day", unpriced: "refuse", maxTokens: 1_024 },
  // No rescue and no hedge: whoever repeats an answer is paid for it again.
  plan: { fallback: {} },
  // What is cheap comes first, and is asked twice before what is dear.
  retry: { attempts: 2, budget: "10%" },
  queue: { slots: "auto", max: 64, wait: "30s" },
  circuitBreaker: {},
  timeout: {}
} as const satisfies Preset

/** Many who do not know each other. */
export const multiTenant = {
  why:
    "Many share it who do not know each other. Nobody takes what is the others', however much he asks for, and who " +
    "will get nothing is told so at once.",
  deadline: { deadline: "2m" },
  rateLimit: { rate: "60/min", burst: 10 },
  retryAll: { attempts: 3, budget: "20%" },
  plan: { rescue: { mode: "resume" } },
  shed: {},
  // Turns are shared between callers, and a few long calls of one do not hold every slot.
  queue: { slots: "auto", max: 256, wait: "30s", running: 2 },
  circuitBreaker: {},
  timeout: {}
} as const satisfies Preset

/** Makes it: a plan whose goes say where they go with `Plan.to`. */
export const make = ({
  budget,
  circuitBreaker,
  deadline,
  plan,
  queue,
  rateLimit,
  retry,
  retryAll,
  shed,
  timeout
}: Preset): Effect.Effect<Plan<SpillwayError>, OptionsRefused> =>
  Effect.gen(function* () {
    const line = queue && (yield* Queue.make(queue))
    const aroundCall = yield* Policy.all(
      used([
        deadline && Deadline.make(deadline),
        rateLimit && RateLimit.make(rateLimit),
        budget && Budget.make(budget),
        retryAll && Retry.make(retryAll)
      ])
    )
    const aroundGo = yield* Policy.all(
      used([
        shed && Shed.make(line === undefined ? shed : { ...shed, queue: line }),
        retry && Retry.make(retry),
        line,
        circuitBreaker && CircuitBreaker.make(circuitBreaker),
        timeout && Timeout.make(timeout)
      ])
    )
    const one = yield* planOf(plan)
    // What stands around a go has to know where it goes, and so does the plan.
    const around = <A, E, R>(go: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> => {
      const target = targetOf(go)
      return target === undefined ? aroundGo(go) : to(target)(aroundGo(go))
    }
    return ([first, ...rest]) => aroundCall(one([around(first), ...rest.map(around)]))
  })

const used = <A>(items: ReadonlyArray<A | undefined>): ReadonlyArray<A> =>
  items.flatMap((item) => (item === undefined ? [] : [item]))

const planOf = (plan: Preset["plan"]): Effect.Effect<Plan, OptionsRefused> => {
  if (plan === undefined) return Effect.succeed((goes) => goes[0])
  if ("fallback" in plan) return Fallback.make(plan.fallback)
  return "hedge" in plan ? Hedge.make(plan.hedge) : Rescue.make(plan.rescue)
}
