/**
 * What a router is told: servers, routes to them, callers, and what is put around their calls.
 *
 * The names are those of the file. What each guard makes of its own options it refuses by itself; here is checked what
 * no guard sees: that a route goes where there is something, and that nobody has written a key that means nothing.
 */
import type { Effect, Scope } from "effect"
import type { Call } from "../domain/Call.ts"
import { nearest, OptionsRefused, type Problem } from "../domain/Options.ts"
import type { Part } from "../domain/Part.ts"
import type { Count } from "../domain/Places.ts"
import type { Priced } from "../domain/PriceList.ts"
import type { Question } from "../domain/Question.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import * as Target from "../domain/Target.ts"
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
}

/** What callers ask for by its name, and where it goes. */
export interface Route extends Settings {
  /** One of these, as they have room. */
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

const settings = ["deadline", "timeouts", "retry", "queue", "rescue", "hedge", "maxTokens"]
const keys = {
  options: ["upstreams", "routes", "defaults", "callers", "anonymous", "budgets", "prices", "record"],
  route: [...settings, "targets", "overflow", "balance"],
  defaults: [...settings, "breaker", "dwell", "health"],
  caller: ["rate", "burst", "tokens", "weight", "priority", "overflow", "deadline", "routes"]
} as const

const choices: Readonly<Record<string, ReadonlyArray<unknown>>> = {
  balance: ["forecast", "least-busy", "round-robin"],
  rescue: ["resume", "whole", "off"],
  priority: ["low", "normal", "high"]
}

/** What is wrong with it, if anything. */
export const refusalOf = (options: Options): OptionsRefused | undefined => {
  const problems: Array<Problem> = []
  const known = (path: string, given: object, names: ReadonlyArray<string>): void => {
    for (const [name, value] of Object.entries(given)) {
      const at = path === "" ? name : `${path}.${name}`
      if (!names.includes(name)) {
        const close = nearest(name, names)
        problems.push({
          path: at,
          read: "",
          expected: `unknown: ${close === undefined ? `write one of ${names.join(", ")}` : `did you mean ${close}?`}`
        })
      } else if (choices[name]?.includes(value) === false) {
        problems.push({ path: at, read: JSON.stringify(value), expected: `write ${choices[name].join(" or ")}` })
      }
    }
  }
  known("", options, keys.options)
  const upstreams = Object.keys(options.upstreams ?? {})
  if (upstreams.length === 0) problems.push({ path: "upstreams", read: "", expected: "missing: name one that answers" })
  for (const name of upstreams.filter((each) => each.includes("/") || each === "")) {
    problems.push({ path: `upstreams.${name}`, read: JSON.stringify(name), expected: "write a name without a slash" })
  }
  known("defaults", options.defaults ?? {}, keys.defaults)
  for (const [name, route] of Object.entries(options.routes ?? {})) {
    known(`routes.${name}`, route, keys.route)
    const targets = route.targets ?? []
    if (targets.length === 0) {
      problems.push({ path: `routes.${name}.targets`, read: "", expected: "missing: write one, as gpu1/llama3.1:8b" })
    }
    for (const target of [...targets, ...(route.overflow ?? []).flat()]) {
      const parsed = Target.parse(target)
      const read = JSON.stringify(target)
      if (parsed._tag === "Failure") {
        problems.push({ path: `routes.${name}`, read, expected: `write ${parsed.failure.expected}` })
      } else if (!upstreams.includes(parsed.success.upstream)) {
        const close = nearest(parsed.success.upstream, upstreams)
        const expected = close === undefined ? `write one of ${upstreams.join(", ")}` : `did you mean ${close}?`
        problems.push({ path: `routes.${name}`, read, expected: `no such upstream: ${expected}` })
      }
    }
  }
  for (const [name, caller] of Object.entries(options.callers ?? {})) known(`callers.${name}`, caller, keys.caller)
  if (options.anonymous !== "refuse") known("anonymous", options.anonymous ?? {}, keys.caller)
  return problems.length === 0 ? undefined : new OptionsRefused({ of: "Spillway", problems })
}
