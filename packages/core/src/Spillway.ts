/**
 * The whole router as one thing: a service for Effect programs, and an object for all others.
 *
 * Both are the same router. What it is told are servers and routes to them; what it gives are answers, and how
 * everything stands.
 */
// @effect-diagnostics asyncFunction:off
import { Cause, Context, Data, Duration, Effect, Exit, Layer, Result, Scope, Stream } from "effect"
import * as Alarm from "./domain/Alarm.ts"
import * as Answer from "./domain/Answer.ts"
import { Facts } from "./domain/Facts.ts"
import type { OptionsRefused } from "./domain/Options.ts"
import type { Part } from "./domain/Part.ts"
import * as Questions from "./domain/Question.ts"
import type { Standing } from "./domain/Purse.ts"
import { refusal, type SpillwayError } from "./domain/SpillwayError.ts"
import type { Summary } from "./domain/Summary.ts"
import * as Policy from "./Policy.ts"
import type { Options } from "./router/Options.ts"
import { type Progress, progressOf, type Receipt, receiptOf } from "./router/Receipt.ts"
import * as Router from "./router/Router.ts"
import { explain, type RouteStanding, type Status, statusOf } from "./router/Standing.ts"

export type { Answers, Caller, Options, Pulled, Route, Server, Settings } from "./router/Options.ts"
export type { Closed } from "./router/Member.ts"
export type { Counted } from "./router/Hour.ts"
export type { Progress, Receipt } from "./router/Receipt.ts"
export type {
  Differing,
  Expected,
  Expects,
  RouteStanding,
  Status,
  TargetStanding,
  TierStanding,
  UpstreamStanding,
  Why
} from "./router/Standing.ts"

/** What a program asks: a question, or what a user says to a model or a route. */
export type Asked =
  | Questions.Question
  | { readonly model: string; readonly prompt: string | ReadonlyArray<Questions.Message> }

/** A whole answer, who gave it, and what that has taken. */
export interface Whole extends Answer.Whole<Summary>, Receipt {}

/** The router. */
export interface Service {
  /** The call, for `Answer` and whoever else puts a question. */
  readonly call: Effect.Effect<Summary, SpillwayError>
  readonly ask: (asked: Asked) => Effect.Effect<Whole, SpillwayError>
  readonly stream: (asked: Asked) => Stream.Stream<Part, SpillwayError>
  /** Guards any Effect as a call is guarded: limits of its caller, deadline, retries, slots, a circuit, clocks. */
  readonly guard: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SpillwayError, R>
  readonly status: Effect.Effect<Status>
  /**
   * Looks at each server whose turn it is, and waits for the first look at each: `status` is as old as the last look,
   * and looks are taken only while somebody asks for something.
   */
  readonly look: Effect.Effect<void>
  /** The same for all servers that nobody has looked at for so long, after which `status` is no older than that. */
  readonly lookWithin: (age: Duration.Input) => Effect.Effect<void>
  /** What the model of a target can, in the words of its server; nothing where that does not say, or has not got it. */
  readonly capabilities: (target: string) => Effect.Effect<ReadonlyArray<string>>
  /** Where a call for that model or route would go now, and why not elsewhere; for a question also when it is over. */
  readonly explain: (asked: string | Asked) => Effect.Effect<RouteStanding, SpillwayError>
  /** How the budget of all together stands, and that of a caller; nothing where there is none. */
  readonly budget: (caller?: string) => Effect.Effect<Budgets, SpillwayError>
  /** What a call has taken, and how far it has come, for whoever runs `call` himself: he finds its facts in there. */
  readonly receipt: (facts: Facts) => Receipt
  readonly progress: (facts: Facts) => Effect.Effect<Progress>
  /** Lets nobody in at a server any more, or in again; what runs there goes on. */
  readonly drain: (upstream: string, isDraining?: boolean) => Effect.Effect<void, SpillwayError>
  /** Closes the circuit of a target, as if nothing had ever failed there: for whoever has mended it. */
  readonly reset: (target: string) => Effect.Effect<void, SpillwayError>
}

/** How budgets stand. */
export interface Budgets {
  readonly total?: Standing
  readonly each?: Standing
}

/** Makes it. What it holds is given back with the scope. */
export const make = (options: Options): Effect.Effect<Service, OptionsRefused, Scope.Scope> =>
  Effect.map(Router.make(options), (router): Service => {
    const { call, prices } = router
    return {
      call,
      ask: (asked) => Effect.flatMap(Effect.fromResult(questionOf(asked)), (question) => wholeOf(router, question)),
      stream: (asked) =>
        Stream.unwrap(Effect.map(Effect.fromResult(questionOf(asked)), (question) => Answer.toStream(call, question))),
      guard: (self) => router.guard(self),
      status: statusOf(router),
      look: router.servers.look,
      lookWithin: (age) => router.servers.lookWithin(Alarm.nanos(Duration.fromInputUnsafe(age))),
      capabilities: (target) =>
        Effect.suspend(() => {
          const slash = target.indexOf("/")
          const health = router.servers.all.get(target.slice(0, Math.max(slash, 0)))?.health
          const shown = health === undefined ? Effect.undefined : health.showing(target.slice(slash + 1))
          return Effect.map(shown, (told) => told?.capabilities ?? [])
        }),
      explain: (asked) =>
        typeof asked === "string"
          ? explain(router, asked)
          : Effect.flatMap(Effect.fromResult(questionOf(asked)), (question) =>
              explain(router, question.model, question)
            ),
      receipt: (facts) => receiptOf(facts, prices),
      progress: (facts) =>
        Effect.withFiber((fiber) => {
          const { model = "" } = facts.call.question ?? {}
          const route = router.routes.get(model) ?? router.named.get(model)
          return Effect.succeed(progressOf(facts, route, Alarm.now(fiber)))
        }),
      budget: (caller) => router.budget?.standing(caller) ?? Effect.succeed({}),
      drain: (upstream, isDraining = true) =>
        Effect.withFiber((fiber) => {
          const { servers } = router
          if (servers.all.has(upstream)) return Effect.sync(() => servers.drain(upstream, isDraining, Alarm.now(fiber)))
          const expected = [...servers.all.keys()].join(" or ")
          return Effect.fail(
            refusal({ _tag: "BadRequest", field: "upstream", read: JSON.stringify(upstream), expected })
          )
        }),
      reset: (target) =>
        Effect.suspend(() => {
          if (router.servers.find(target) !== undefined) return router.breaker.reset(target)
          const expected = "a target that has been asked, or that a route names, as upstream/model"
          return Effect.fail(refusal({ _tag: "BadRequest", field: "target", read: JSON.stringify(target), expected }))
        })
    }
  })

/** The router as a service. */
export class Spillway extends Context.Service<Spillway, Service>()("spillway/Spillway") {
  /** Makes it, once for all who ask for it. */
  static layer(options: Options): Layer.Layer<Spillway, OptionsRefused> {
    return Layer.effect(Spillway, make(options))
  }
}

const wholeOf = ({ call, prices }: Router.Router, question: Questions.Question): Effect.Effect<Whole, SpillwayError> =>
  Effect.suspend(() => {
    let facts: Facts | undefined
    const noted: Service["call"] = Effect.withFiber((fiber) => {
      facts = fiber.getRef(Facts)
      return call
    })
    return Effect.map(Answer.collect(noted, question), (answer) => Object.assign(answer, receiptOf(facts!, prices)))
  })

/** The question, if that is one: who writes JavaScript is told by nobody else. */
const questionOf = (asked: Asked): Result.Result<Questions.Question, SpillwayError> => {
  const given = Object(asked) as { readonly model?: unknown; readonly prompt?: unknown; readonly content?: unknown }
  const { content, model, prompt } = given
  if (typeof model !== "string") return Result.fail(unreadable("model", model, "the name of a route or a model"))
  if (content !== undefined) return Result.succeed(asked as Questions.Question)
  const isPrompt = Array.isArray(prompt) ? prompt.every(isMessage) : typeof prompt === "string"
  return isPrompt
    ? Result.succeed(Questions.chat(model, prompt as string | ReadonlyArray<Questions.Message>))
    : Result.fail(unreadable("prompt", prompt, "a text, or a list of { role, text }"))
}

const isMessage = (each: unknown): boolean =>
  each instanceof Object && "role" in each && "text" in each && typeof each.text === "string"

/** What was read may be what somebody says to a model: only its kind is told. */
const unreadable = (field: string, read: unknown, expected: string): SpillwayError =>
  refusal({ _tag: "BadRequest", field, read: read === undefined ? "missing" : `of type ${typeof read}`, expected })

/** Who asks, and how a call is left. */
export interface About extends Pick<Policy.About, "caller" | "key" | "priority" | "deadline"> {
  readonly signal?: AbortSignal
}

/** The router for programs without Effect. */
export interface Outside {
  /** The same for programs with Effect. */
  readonly service: Service
  /** The whole answer. */
  readonly ask: (asked: Asked, about?: About) => Promise<Whole>
  /** The answer as it comes; leaving it leaves the call. */
  readonly stream: (asked: Asked, about?: About & Answer.Reading) => AsyncIterable<Part, Summary>
  /**
   * The same function, guarded as a call is; it is given a signal after its own arguments. It has slots and a circuit
   * for itself, or those of a target that it names.
   */
  readonly wrap: <Arguments extends ReadonlyArray<unknown>, A>(
    work: (...given: [...Arguments, AbortSignal]) => PromiseLike<A>,
    about?: About & Pick<Policy.About, "target" | "tokens">
  ) => (...given: Arguments) => Promise<A>
  /** As in Effect, but that each span is a number of milliseconds. */
  readonly status: () => Promise<InMillis<Status>>
  readonly explain: (asked: string | Asked, about?: Pick<About, "caller">) => Promise<InMillis<RouteStanding>>
  readonly budget: (caller?: string) => Promise<InMillis<Budgets>>
  readonly drain: (upstream: string, isDraining?: boolean) => void
  /** Ends all that it holds. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Runs it for whoever may leave: he hears his own reason, and else the failure as it is. */
const run = async <A, E>(self: Effect.Effect<A, E>, signal: AbortSignal | undefined): Promise<A> => {
  signal?.throwIfAborted()
  const exit = await Effect.runPromiseExit(self, signal === undefined ? {} : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  signal?.throwIfAborted()
  // He has not left, so that the router has been closed.
  if (Cause.hasInterruptsOnly(exit.cause)) throw refusal({ _tag: "Unavailable" })
  const error = Cause.squash(exit.cause)
  throw error instanceof Thrown ? error.thrown : error
}

/** The same, where a span is a number of milliseconds: as it can be printed and sent. */
export type InMillis<A> = A extends Duration.Duration
  ? number
  : A extends string | number | boolean | null | undefined
    ? A
    : { readonly [Key in keyof A]: InMillis<A[Key]> }

const inMillis = (told: unknown): unknown => {
  if (Duration.isDuration(told)) return Duration.toMillis(told)
  if (Array.isArray(told)) return told.map(inMillis)
  return told instanceof Object
    ? Object.fromEntries(Object.entries(told).map(([key, each]) => [key, inMillis(each)]))
    : told
}

const toldOf = <A, E>(self: Effect.Effect<A, E>): Promise<InMillis<A>> =>
  Effect.runPromise(Effect.map(self, (told) => inMillis(told) as InMillis<A>))

/** What a function threw, as it comes out again. */
class Thrown extends Data.TaggedError("Thrown")<{ readonly thrown: unknown }> {}

/** Makes it, or throws what is wrong with the options. */
export const createSpillway = (options: Options): Outside => {
  const scope = Scope.makeUnsafe()
  const made = Effect.runSyncExit(Scope.provide(make(options), scope))
  if (Exit.isFailure(made)) {
    void Effect.runPromise(Scope.close(scope, made))
    throw Cause.squash(made.cause)
  }
  const spillway = made.value
  let wrapped = 0
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    service: spillway,
    ask: (asked, { signal, ...about } = {}) => run(spillway.ask(asked).pipe(Policy.about(about)), signal),
    stream: (asked, { partsMax, signal, ...about } = {}) =>
      Answer.toAsyncIterable(spillway.call.pipe(Policy.about(about)), Result.getOrThrow(questionOf(asked)), {
        ...(partsMax !== undefined && { partsMax }),
        ...(signal !== undefined && { signal })
      }),
    wrap:
      (work, { signal, target = `function/${++wrapped}`, ...rest } = {}) =>
      async (...given) => {
        const about = { target, ...rest }
        const asked = Effect.tryPromise({
          try: (left) => work(...given, left),
          catch: (thrown) => new Thrown({ thrown })
        })
        return run(Policy.about(about)(spillway.guard(asked)), signal)
      },
    status: () => toldOf(spillway.status),
    explain: (asked, about = {}) => toldOf(spillway.explain(asked).pipe(Policy.about(about))),
    budget: (caller) => toldOf(spillway.budget(caller)),
    drain: (upstream, isDraining) => Effect.runSync(spillway.drain(upstream, isDraining)),
    close,
    [Symbol.asyncDispose]: close
  }
}
