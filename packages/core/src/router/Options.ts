/**
 * What a router is told: servers, routes to them, callers, and what is put around their calls.
 *
 * The names are those of the file. What each guard makes of its own options it refuses by itself, and `Mistakes` knows
 * what no guard sees.
 */
import { Effect, Schema, type Scope } from "effect"
import type { Call } from "../domain/Call.ts"
import { decode, type OptionsRefused, within } from "../domain/Options.ts"
import type { Part } from "../domain/Part.ts"
import type { Count } from "../domain/Places.ts"
import type { Priced } from "../domain/PriceList.ts"
import type { Kept, Question } from "../domain/Question.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import * as Units from "../domain/Units.ts"
import type { Upstream } from "../domain/Upstream.ts"
import type * as Hedge from "../plans/Hedge.ts"
import type * as Budget from "../policies/Budget.ts"
import type * as CircuitBreaker from "../policies/CircuitBreaker.ts"
import type * as Deadline from "../policies/Deadline.ts"
import type * as Queue from "../policies/Queue.ts"
import type * as RateLimit from "../policies/RateLimit.ts"
import type * as Record from "../policies/Record.ts"
import type * as Retry from "../policies/Retry.ts"
import type * as Timeout from "../policies/Timeout.ts"
import * as Preset from "../Preset.ts"
import type { Balance } from "./Pool.ts"

/** Something that answers: what a wire makes, a call, or a function whose answer is pulled. */
export type Answers =
  | Upstream
  | Effect.Effect<Upstream, OptionsRefused, Scope.Scope>
  | { readonly call: Call<SpillwayError> }
  | Pulled

/** A function whose answer is pulled: parts or plain words, one after the other, or all at once. */
export type Pulled = (
  question: Question,
  signal: AbortSignal
) => AsyncIterable<Part | string> | PromiseLike<AsyncIterable<Part | string> | string>

/** A server, and what its calls are to know of it. */
export interface Server {
  readonly upstream: Answers
  /** How many of one model run there at once; learned where nothing is said. */
  readonly slots?: typeof Count.Type
  /** What it fails together with; itself alone where nothing is said. */
  readonly domain?: string
  /** What each of its models costs: `free`, or dollars per million tokens. */
  readonly price?: Priced
  /** How often it may be asked: `60/min`. */
  readonly rate?: string
}

/** What is put around the calls of a route. */
export interface Settings {
  readonly deadline?: Deadline.Options["deadline"]
  readonly timeouts?: Timeout.Options
  readonly retry?: Retry.Options
  readonly queue?: Pick<Queue.Options, "max" | "wait" | "bytesMax">
  readonly rescue?: "resume" | "whole" | "off"
  readonly hedge?: "off" | Hedge.Options
  /** The most tokens of an answer. */
  readonly maxTokens?: number
  /** How many tokens its own targets read at the most: what is longer goes over, and an Ollama loads just that. */
  readonly context?: number
  /** For how long a model stays loaded after an answer, and whether it is loaded before anybody asks. */
  readonly keepLoaded?: Deadline.Options["deadline"]
  readonly preload?: boolean
}

/** What callers ask for by its name, and where it goes. */
export interface Route extends Settings {
  /** One of these, as they have room; `gpu/*` leaves the model to who asks for `route/model`. */
  readonly targets: ReadonlyArray<string>
  /** Where those cannot: one after the other; a list stands for any of it. */
  readonly overflow?: ReadonlyArray<string | ReadonlyArray<string>>
  readonly balance?: Balance
}

/** Who asks. */
export interface Caller {
  readonly rate?: RateLimit.Options["rate"]
  readonly burst?: number
  readonly tokens?: RateLimit.Options["tokens"]
  readonly weight?: number
  readonly priority?: "low" | "normal" | "high"
  readonly overflow?: "never"
  readonly deadline?: Deadline.Options["deadline"]
  /** What he may ask for; all of it where nothing is said. */
  readonly routes?: ReadonlyArray<string>
}

/** All of it. */
export interface Options {
  readonly upstreams: Readonly<Record<string, Answers | Server>>
  readonly routes?: Readonly<Record<string, Route>>
  /** What `defaults` are, where they say nothing themselves: those of a preset. */
  readonly preset?: keyof typeof presets
  /** For every route, where it says nothing itself; `breaker` and `health` are the same for all. */
  readonly defaults?: Settings & {
    readonly breaker?: CircuitBreaker.Options
    /** For how long a model that is not loaded waits for its turn on a server that is busy with another. */
    readonly dwell?: Deadline.Options["deadline"]
    readonly health?: { readonly every?: Deadline.Options["deadline"]; readonly timeout?: Deadline.Options["deadline"] }
  }
  readonly callers?: Readonly<Record<string, Caller>>
  /** Everybody else. */
  readonly anonymous?: Caller | "refuse"
  readonly budgets?: Omit<Budget.Options, "prices">
  /** What a model costs, by `upstream/model` or by model. */
  readonly prices?: Readonly<Record<string, Priced>>
  /** Takes each record. */
  readonly record?: Record.Sink
}

const Keeping = Schema.Struct({
  maxTokens: Schema.optionalKey(Units.count.schema),
  context: Schema.optionalKey(Units.count.schema),
  keepLoaded: Schema.optionalKey(Units.span.schema),
  preload: Schema.optionalKey(Schema.Boolean)
})

/** How a route keeps the models of its targets, as a wire is told. */
export const keptBy = ({
  context,
  keepLoaded,
  maxTokens,
  preload
}: Pick<Settings, "context" | "keepLoaded" | "maxTokens" | "preload">): Effect.Effect<
  Kept | undefined,
  OptionsRefused
> => {
  const given = {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(context !== undefined && { context }),
    ...(keepLoaded !== undefined && { keepLoaded }),
    ...(preload !== undefined && { preload })
  }
  return Effect.map(decode("route", Keeping)(given), (kept) =>
    kept.context === undefined && kept.keepLoaded === undefined
      ? undefined
      : {
          ...(kept.context !== undefined && { context: kept.context }),
          ...(kept.keepLoaded !== undefined && { loadedFor: kept.keepLoaded })
        }
  )
}

/** What a guard refuses, told at the place in these options where it was written. */
export const at = (path: string) => within("Spillway", path)

/** The presets by the names that files have for them. */
export const presets = {
  interactive: Preset.interactive,
  batch: Preset.batch,
  "strict-budget": Preset.strictBudget,
  "multi-tenant": Preset.multiTenant
} as const satisfies Readonly<Record<string, Preset.Preset>>

/** The same options, with all that their preset says and they do not. */
export const withPreset = (options: Options): Options => {
  if (options.preset === undefined) return options
  const preset: Preset.Preset = presets[options.preset]
  const { budget, circuitBreaker, deadline, hedge, queue, rateLimit, rescue, retry, retryAll, timeout } = preset
  const { max, wait } = queue ?? {}
  const again = retryAll ?? retry
  const given: Options["defaults"] = {
    ...(deadline?.deadline !== undefined && { deadline: deadline.deadline }),
    ...(timeout !== undefined && { timeouts: timeout }),
    ...(again !== undefined && { retry: again }),
    queue: { ...(max !== undefined && { max }), ...(wait !== undefined && { wait }) },
    rescue: rescue?.mode ?? "off",
    ...(hedge !== undefined && { hedge }),
    // Who tries for a day is not to be told that nothing is there.
    breaker: circuitBreaker ?? { failures: 1_000_000, failureRate: "100%", calls: 1_000_000 }
  }
  const { burst, rate } = rateLimit ?? {}
  const limits = { ...(rate !== undefined && { rate }), ...(burst !== undefined && { burst }) }
  const { anonymous, callers } = options
  return {
    ...options,
    defaults: { ...given, ...options.defaults },
    ...(anonymous !== "refuse" && { anonymous: { ...limits, ...anonymous } }),
    callers: Object.fromEntries(
      Object.entries(callers ?? {}).map(([name, caller]) => [name, { ...limits, ...caller }])
    ),
    ...(budget !== undefined && { budgets: Object.assign({}, budget, options.budgets) })
  }
}
