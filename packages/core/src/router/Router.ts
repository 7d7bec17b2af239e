/**
 * One decision for each call: who asks, what he may, where it goes, and what becomes of it.
 *
 * A router is nothing but policies and plans around its targets. A call is on record, has its caller's limits behind
 * it, and then waits in the line of its route for the first target that has room. What breaks there is tried on another
 * target of the same route, and what its own targets cannot do goes over, tier by tier, to where somebody said.
 */
import { Clock, Duration, Effect, type Fiber, type Scope } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { about, Facts, under, withCall } from "../domain/Facts.ts"
import { type Failure, table } from "../domain/Failure.ts"
import { onlyIf } from "../domain/Go.ts"
import { decode, type OptionsRefused } from "../domain/Options.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import type { Summary } from "../domain/Summary.ts"
import type { Plan } from "../Plan.ts"
import * as Fallback from "../plans/Fallback.ts"
import * as Hedge from "../plans/Hedge.ts"
import * as Rescue from "../plans/Rescue.ts"
import * as Budget from "../policies/Budget.ts"
import * as CircuitBreaker from "../policies/CircuitBreaker.ts"
import * as Deadline from "../policies/Deadline.ts"
import * as Queue from "../policies/Queue.ts"
import * as RateLimit from "../policies/RateLimit.ts"
import { make as makeRecord } from "../policies/Record.ts"
import * as Retry from "../policies/Retry.ts"
import * as Shed from "../policies/Shed.ts"
import * as Timeout from "../policies/Timeout.ts"
import * as Policy from "../Policy.ts"
import * as Options from "./Options.ts"
import { Pool } from "./Pool.ts"
import * as Servers from "./Servers.ts"

type Answer = Effect.Effect<Summary, SpillwayError>

/** A tier of a route: its line, and the pool that it waits for. */
export interface Tier {
  readonly pool: Pool
  readonly queue: Queue.Queue
}

/** A route, as it stands. */
export interface Routed {
  readonly tiers: ReadonlyArray<Tier>
  /** The whole call, with what goes over and without. */
  readonly answer: Answer
  readonly local: Answer
  readonly record: Policy.Policy<"call"> | undefined
}

/** Who asks, and what is put around his calls. */
interface Admitted {
  readonly caller: Options.Caller
  readonly guard: Policy.Policy<"call", SpillwayError>
}

/** What all routes share. */
interface Made {
  readonly options: Options.Options
  readonly servers: Servers.Servers
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly budget: Budget.Budget | undefined
  readonly clock: Clock.Clock
}

/** Makes it. What it holds is given back with the scope. */
export const make = (options: Options.Options): Effect.Effect<Router, OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const refused = Options.refusalOf(options)
    if (refused !== undefined) return yield* refused
    const breaker = yield* CircuitBreaker.make(options.defaults?.breaker ?? {})
    const servers = yield* Servers.open(options, breaker)
    const prices = pricesOf(options, servers)
    const budget = options.budgets && (yield* Budget.make({ ...options.budgets, prices }))
    const made: Made = { options, servers, breaker, budget, clock: yield* Clock.Clock }
    const sink = options.record
    const routes = new Map<string, Routed>()
    for (const [name, route] of Object.entries(options.routes ?? {})) {
      const record = sink && (yield* makeRecord({ sink, route: name, prices }))
      routes.set(name, yield* routed(made, route, record))
    }
    const callers = new Map<string, Admitted>()
    for (const [name, caller] of Object.entries(options.callers ?? {})) callers.set(name, yield* admitted(caller))
    const anonymous = options.anonymous === "refuse" ? undefined : yield* admitted(options.anonymous ?? {})
    const record = sink && (yield* makeRecord({ sink, prices }))
    return new Router(made, routes, callers, anonymous, record)
  })

/** The prices of all targets that have one, by what somebody said of their servers, or of them. */
const pricesOf = ({ prices = {}, routes = {} }: Options.Options, servers: Servers.Servers) => {
  const priced = { ...prices }
  for (const { overflow = [], targets } of Object.values(routes)) {
    for (const id of [...targets, ...overflow.flat()]) {
      const { price } = servers.target(id)
      if (price !== undefined) priced[id] = price
    }
  }
  return priced
}

const admitted = (caller: Options.Caller): Effect.Effect<Admitted, OptionsRefused> =>
  Effect.gen(function* () {
    const { burst, deadline, rate, tokens } = caller
    const guards: Array<Policy.Policy<"call", SpillwayError>> = []
    if (rate !== undefined || tokens !== undefined) {
      const counts = {
        ...(rate !== undefined && { rate }),
        ...(burst !== undefined && { burst }),
        ...(tokens !== undefined && { tokens })
      }
      guards.push(yield* RateLimit.make(counts))
    }
    if (deadline !== undefined) guards.push(yield* Deadline.make({ deadline }))
    return { caller, guard: yield* Policy.all(guards) }
  })

/** The Effect that answers on a route, with its lines. */
const routed = (made: Made, given: Options.Route, record: Routed["record"]): Effect.Effect<Routed, OptionsRefused> =>
  Effect.gen(function* () {
    const { clock, options } = made
    const route: Options.Route = { ...options.defaults, ...given }
    const { deadline = "2m", hedge = "off", overflow = [], rescue = "resume", targets } = route
    const within = yield* Deadline.make({ deadline })
    const timeout = yield* Timeout.make(yield* clocksOf(route, deadline))
    const first = yield* tier(made, route, timeout, targets)
    const over = yield* Effect.forEach(overflow, (ids) =>
      tier(made, route, timeout, typeof ids === "string" ? [ids] : ids)
    )
    const plan: Plan = rescue === "off" ? yield* Fallback.make() : yield* Rescue.make({ mode: rescue })
    const beside = hedge === "off" || targets.length < 2 ? undefined : yield* Hedge.make(hedge)
    // Another of the same is asked at once where one has failed; all of them again after a while.
    const others = Array.from({ length: Math.min(targets.length - 1, othersMax) }, () =>
      onlyIf((facts, failure) => !isOfTheLine(facts, failure) && first.pool.hasFresh(facts, Alarm.read(clock)))(
        first.answer
      )
    )
    const again = yield* Retry.make(route.retry ?? {})
    const own = again(plan([beside?.([first.answer, first.answer]) ?? first.answer, ...others]))
    const goesOver = over.map(({ answer, pool }) => onlyIf((facts) => pool.hasFresh(facts, Alarm.read(clock)))(answer))
    const around = (answer: Answer): Answer => within(bounded(answer, route.maxTokens))
    return { tiers: [first, ...over], answer: around(plan([own, ...goesOver])), local: around(own), record }
  })

/** Whether a failure says something of the whole line, and not of a target. */
const isOfTheLine = (facts: Facts | undefined, failure: Failure): boolean =>
  failure === table.QueueFull || failure === table.DeadlineUnmeetable || facts?.call.waits.isInVain === true

/** So many others of a pool are asked before somebody waits. */
const othersMax = 2

/** The clocks of a route: where somebody else could answer, a target that says nothing leaves him time for it. */
const clocksOf = (
  { overflow = [], targets, timeouts }: Options.Route,
  deadline: Deadline.Options["deadline"]
): Effect.Effect<Timeout.Options, OptionsRefused> =>
  targets.length + overflow.length < 2 || timeouts?.load !== undefined
    ? Effect.succeed(timeouts ?? {})
    : Effect.map(decode("deadline", Deadline.Options)({ deadline: deadline! }), (decoded) => ({
        ...timeouts,
        load: Duration.min(Duration.minutes(5), Duration.times(decoded.deadline, 1 / patienceShare))
      }))

/** Of its time a call waits for so much at one target that says nothing. */
const patienceShare = 3

/** The line of some targets, and the Effect that waits in it and asks one of them. */
const tier = (
  { breaker, budget, options, servers }: Made,
  { balance = "forecast", queue }: Options.Route,
  timeout: Policy.Policy<"attempt", SpillwayError>,
  ids: ReadonlyArray<string>
): Effect.Effect<Tier & { readonly answer: Answer }, OptionsRefused> =>
  Effect.gen(function* () {
    const targets = ids.map((id) => servers.target(id))
    const pool = new Pool(
      targets.map(({ member }) => member),
      balance,
      (id) => servers.domainOf(id)
    )
    const weights = Object.entries(options.callers ?? {}).flatMap(([name, { weight }]) =>
      weight === undefined ? [] : [[name, weight] as const]
    )
    const slots = { targets: { placesOf: () => pool, find: () => pool } }
    const line = yield* Queue.make({ ...queue, weights: Object.fromEntries(weights), slots })
    const shed = yield* Shed.make({ queue: line })
    const chosen: Answer = Effect.withFiber((fiber) => memberIn(servers, fiber).ask)
    const within = breaker(timeout(chosen))
    const asked: Answer = Effect.withFiber((fiber) => {
      memberIn(servers, fiber).member.arrived()
      return within
    })
    // Once it is known where it goes, and what that costs.
    const paid = budget === undefined ? asked : budget(asked)
    return { pool, queue: line, answer: shed(line(paid)) }
  })

/** The target that a call was sent to. */
const memberIn = (servers: Servers.Servers, fiber: Fiber.Fiber<unknown, unknown>): Servers.Asked =>
  servers.find(fiber.getRef(Facts)!.target!)!

/** The question with the bound of its route, where it has none that is lower. */
const bounded = (self: Answer, maxTokens: number | undefined): Answer =>
  maxTokens === undefined
    ? self
    : Effect.withFiber((fiber) => {
        const facts = fiber.getRef(Facts)!
        const { question } = facts.call
        if (question === undefined || (question.settings.maxTokens ?? Infinity) <= maxTokens) return self
        const settings = { ...question.settings, maxTokens }
        return under(self, fiber, withCall(facts, { ...facts.call, question: { ...question, settings } }))
      })

/** What callers speak to. */
export class Router {
  readonly servers: Servers.Servers
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly routes: ReadonlyMap<string, Routed>
  private readonly made: Made
  private readonly callers: ReadonlyMap<string, Admitted>
  private readonly anonymous: Admitted | undefined
  private readonly record: Routed["record"]
  /** Routes to models that callers have asked for by their own names. */
  readonly named = new Map<string, Routed>()

  constructor(
    made: Made,
    routes: Router["routes"],
    callers: ReadonlyMap<string, Admitted>,
    anonymous: Admitted | undefined,
    record: Routed["record"]
  ) {
    this.made = made
    this.servers = made.servers
    this.breaker = made.breaker
    this.routes = routes
    this.callers = callers
    this.anonymous = anonymous
    this.record = record
  }

  /** The call, as an Effect that finds its question in the fiber. */
  readonly call: Answer = Effect.withFiber((fiber) => {
    const facts = fiber.getRef(Facts)
    if (facts?.call.question === undefined) return Effect.die(new Error("Put a question with ask, stream or Answer."))
    const { caller, question } = facts.call
    const known = this.callers.get(caller) ?? this.anonymous
    if (known === undefined) return this.recorded(Effect.fail(refusal({ _tag: "Unauthorized" })))
    const { model } = question
    if (known.caller.routes?.includes(model) === false) {
      return this.recorded(Effect.fail(refusal({ _tag: "Forbidden", what: `ask for "${model}"` })))
    }
    const route = this.routes.get(model) ?? this.named.get(model)
    if (route !== undefined) return this.through(route, known, fiber)
    return Effect.matchEffect(this.route(model), {
      onFailure: (error) => this.recorded(Effect.fail(error)),
      onSuccess: (found) => this.through(found, known, fiber)
    })
  })

  /** The route of that name, or one to a model of that name. */
  route(model: string): Effect.Effect<Routed, SpillwayError> {
    return Effect.suspend(() => {
      const known = this.routes.get(model) ?? this.named.get(model)
      if (known !== undefined) return Effect.succeed(known)
      const targets = this.targetsOf(model)
      if (targets.length === 0 || this.named.size >= namedMax) {
        return Effect.fail(refusal({ _tag: "ModelNotFound", model }))
      }
      // All of it was decoded before, with the same options.
      return Effect.map(Effect.orDie(routed(this.made, { targets }, undefined)), (route) => {
        this.named.set(model, route)
        return route
      })
    })
  }

  /** Where a model is that no route names: there, if its name says where, else wherever it may be. */
  private targetsOf(model: string): ReadonlyArray<string> {
    const { all } = this.servers
    if (all.has(model.slice(0, Math.max(model.indexOf("/"), 0)))) return [model]
    if (model === "") return []
    return [...all].filter(([, { health }]) => health.has(model)).map(([upstream]) => `${upstream}/${model}`)
  }

  private through(route: Routed, { caller, guard }: Admitted, fiber: Fiber.Fiber<unknown, unknown>): Answer {
    const now = Alarm.now(fiber)
    for (const { pool } of route.tiers) pool.glance(fiber, now)
    const answer = caller.overflow === "never" ? route.local : route.answer
    const { priority } = caller
    return this.recorded(guard(priority === undefined ? answer : about(answer, { priority })), route.record)
  }

  private recorded(self: Answer, record = this.record): Answer {
    return record === undefined ? self : record(self)
  }
}

/** So many models may be asked for by their own names: names come from callers. */
const namedMax = 1_000
