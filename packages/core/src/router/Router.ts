/**
 * One decision for each call: who asks, what he may, where it goes, and what becomes of it.
 *
 * A router is nothing but policies and plans around its targets. A call is on record, has its caller's limits behind
 * it, and then waits in the line of its route for the first target that has room. What breaks there is tried on another
 * target of the same route, and what its own targets cannot do goes over, tier by tier, to where somebody said.
 */
import { Clock, Effect, Fiber, type Scope } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { about, Facts } from "../domain/Facts.ts"
import { decode, type OptionsRefused } from "../domain/Options.ts"
import { PriceList } from "../domain/PriceList.ts"
import * as Ring from "../domain/Ring.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Target from "../domain/Target.ts"
import * as Hedge from "../plans/Hedge.ts"
import * as Budget from "../policies/Budget.ts"
import * as CircuitBreaker from "../policies/CircuitBreaker.ts"
import * as Deadline from "../policies/Deadline.ts"
import * as Queue from "../policies/Queue.ts"
import * as RateLimit from "../policies/RateLimit.ts"
import { make as makeRecord, type Sink } from "../policies/Record.ts"
import * as Retry from "../policies/Retry.ts"
import * as Timeout from "../policies/Timeout.ts"
import * as Policy from "../Policy.ts"
import { nearOf } from "./Advice.ts"
import { type Seen, shortOf } from "./Health.ts"
import { refusalOf } from "./Mistakes.ts"
import * as Options from "./Options.ts"
import { complete, pricesIn } from "./Refusals.ts"
import { type Answer, type Made, type Routed, routed, type Tier } from "./Route.ts"
import * as Servers from "./Servers.ts"

/** Who asks, and what is put around his calls. */
interface Admitted {
  readonly caller: Options.Caller
  readonly deadline: number | undefined
  readonly guard: Policy.Policy<"call", SpillwayError>
  /** What was put around a route for him, once for all of his calls. */
  readonly ways: WeakMap<Routed, Answer>
}

/** Makes it, or refuses all that is wrong at once. What it holds is given back with the scope. */
export const make = (given: Options.Options): Effect.Effect<Router, OptionsRefused, Scope.Scope> =>
  Effect.catchTag(assembled(given), "OptionsRefused", (first) => Effect.flatMap(complete(first, given), Effect.fail))

const assembled = (given: Options.Options): Effect.Effect<Router, OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const refused = refusalOf(given)
    if (refused !== undefined) return yield* refused
    const options = Options.withPreset(given)
    const { breaker: circuit = {}, deadline, hedge = "off", queue, retry, timeouts } = options.defaults ?? {}
    const breaker = yield* Options.at("defaults.breaker")(CircuitBreaker.make(circuit))
    const plain = yield* Policy.all([
      Options.at("defaults")(Deadline.make(deadline === undefined ? {} : { deadline })),
      Options.at("defaults.retry")(Retry.make(retry ?? {})),
      Options.at("defaults.queue")(Queue.make({ ...queue, slots: "auto" })),
      CircuitBreaker.make(circuit),
      Options.at("defaults.timeouts")(Timeout.make(timeouts ?? {}))
    ])
    if (hedge !== "off") yield* Options.at("defaults.hedge")(Hedge.make(hedge))
    const servers = yield* Servers.open(options, breaker)
    yield* pricesIn(options)
    const prices = pricesOf(options, servers)
    const budget = options.budgets && (yield* Options.at("budgets")(Budget.make({ ...options.budgets, prices })))
    const callers = new Map<string, Admitted>()
    for (const [name, caller] of Object.entries(options.callers ?? {})) {
      callers.set(name, yield* Options.at(`callers.${name}`)(admitted(caller)))
    }
    const anonymous =
      options.anonymous === "refuse" ? undefined : yield* Options.at("anonymous")(admitted(options.anonymous ?? {}))
    const mayGoOver = (caller: string) => (callers.get(caller) ?? anonymous)?.caller.overflow !== "never"
    const deadlineOf = (caller: string) => (callers.get(caller) ?? anonymous)?.deadline
    const priced = new PriceList(prices, undefined)
    const made: Made = { options, servers, breaker, budget, mayGoOver, deadlineOf, clock: yield* Clock.Clock }
    const routes = new Map<string, Routed>()
    for (const [name, route] of Object.entries(options.routes ?? {})) {
      for (const id of [...route.targets, ...(route.overflow ?? []).flat()]) servers.keep(id)
      const kept = yield* Options.at(`routes.${name}`)(Options.keptBy({ ...options.defaults, ...route }))
      const isPreloaded = (route.preload ?? options.defaults?.preload) === true
      for (const id of route.targets) servers.keepAs(id, kept, isPreloaded)
      routes.set(name, yield* Options.at(`routes.${name}`)(routed(made, route)))
    }
    const sink = options.record
    // A route is what its callers ask for as a model.
    const named: Sink | undefined =
      sink && ((record) => sink(routes.has(record.model ?? "") ? { ...record, route: record.model } : record))
    const record = named && (yield* makeRecord({ sink: named, prices }))
    const router = new Router(made, routes, callers, { anonymous, record, plain, prices: priced })
    yield* Effect.forkScoped(servers.preload)
    yield* Effect.addFinalizer(() => router.close)
    return router
  })

/** What somebody said of targets and models, and of all that a server has. */
const pricesOf = ({ prices = {} }: Options.Options, servers: Servers.Servers) => {
  const priced = { ...prices }
  for (const [name, { price }] of servers.all) if (price !== undefined) priced[`${name}/*`] = price
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
    const decoded = deadline === undefined ? undefined : yield* decode("deadline", Deadline.Options)({ deadline })
    return {
      caller,
      deadline: decoded && Alarm.nanos(decoded.deadline),
      guard: yield* Policy.all(guards),
      ways: new WeakMap()
    }
  })

/** What is for everybody who is not named, and for what is no question. */
interface Everybody {
  readonly anonymous: Admitted | undefined
  readonly record: Policy.Policy<"call"> | undefined
  readonly plain: Policy.Policy<Policy.Stage, SpillwayError>
  readonly prices: PriceList
}

/** What callers speak to. */
export class Router {
  readonly servers: Servers.Servers
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly routes: ReadonlyMap<string, Routed>
  readonly budget: Made["budget"]
  readonly prices: PriceList
  private readonly made: Made
  private readonly callers: ReadonlyMap<string, Admitted>
  private readonly anonymous: Admitted | undefined
  private readonly record: Everybody["record"]
  /** Behind nobody, all calls that are under way. */
  private readonly inside = new Inside(undefined)
  private isClosed = false
  private readonly plain: Everybody["plain"]
  /** Routes to models that callers have asked for by their own names. */
  readonly named = new Map<string, Routed>()

  constructor(
    made: Made,
    routes: Router["routes"],
    callers: ReadonlyMap<string, Admitted>,
    { anonymous, plain, prices, record }: Everybody
  ) {
    this.made = made
    this.servers = made.servers
    this.breaker = made.breaker
    this.budget = made.budget
    this.prices = prices
    this.routes = routes
    this.callers = callers
    this.anonymous = anonymous
    this.record = record
    this.plain = plain
  }

  /** The call, as an Effect that finds its question in the fiber. */
  readonly call: Answer = Effect.withFiber((fiber) => {
    const facts = fiber.getRef(Facts)
    if (facts?.call.question === undefined) return Effect.die(new Error("Put a question with ask, stream or Answer."))
    const { caller, question } = facts.call
    const known = this.callers.get(caller) ?? this.anonymous
    if (known === undefined) return this.recorded(Effect.fail(refusal({ _tag: "Unauthorized" })))
    const { model } = question
    const open = this.routes.has(model) ? undefined : this.openRoute(model)
    if (known.caller.routes?.includes(open?.name ?? model) === false) {
      return this.recorded(Effect.fail(refusal({ _tag: "Forbidden", what: `ask for "${model}"` })))
    }
    const route = this.routes.get(model) ?? this.named.get(model)
    if (route !== undefined) return this.through(route, known, fiber)
    if (open === undefined && known.caller.overflow === "never" && this.isOnlyOverflow(model)) {
      return this.recorded(Effect.fail(refusal({ _tag: "Forbidden", what: `ask for "${model}"` })))
    }
    return Effect.matchEffect(this.route(model, fiber), {
      onFailure: (error) => this.recorded(Effect.fail(error)),
      onSuccess: (found) => this.through(found, known, fiber)
    })
  })

  /** An Effect that asks nothing here: it has its caller's limits, and the guards of all routes. */
  guard<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> {
    return Effect.withFiber((fiber) => {
      const known = this.callers.get(fiber.getRef(Facts)?.call.caller ?? "default") ?? this.anonymous
      if (known === undefined) return Effect.fail(refusal({ _tag: "Unauthorized" }))
      return this.counted(known.guard(this.plain(self)))
    })
  }

  /** The route of that name, or one to a model of that name. */
  route(model: string, fiber?: Fiber.Fiber<unknown, unknown>): Effect.Effect<Routed, SpillwayError> {
    return Effect.suspend(() => {
      const known = this.routes.get(model) ?? this.named.get(model)
      if (known !== undefined) return Effect.succeed(known)
      const now = Alarm.read(this.made.clock)
      const open = this.openRoute(model)
      if (open !== undefined) return this.found(model, open.route, fiber)
      if (fiber !== undefined) for (const { health } of this.servers.all.values()) health.glance(fiber, now)
      const targets = this.targetsOf(model)
      if (targets.length === 0) return Effect.fail(this.notFound(model))
      return this.found(model, { targets }, fiber)
    })
  }

  private found(
    model: string,
    given: Options.Route,
    fiber: Fiber.Fiber<unknown, unknown> | undefined
  ): Effect.Effect<Routed> {
    return Effect.map(Effect.orDie(routed(this.made, given)), (route) => {
      // Who only looks leaves nothing behind.
      if (fiber !== undefined) this.remember(model, route)
      return route
    })
  }

  /** A route that leaves the model of its target open, as `gpu/*`, is asked for with it: `chat/llama3.1:8b`. */
  private openRoute(model: string): { readonly name: string; readonly route: Options.Route } | undefined {
    const slash = model.indexOf("/")
    if (slash < 1 || model.length > nameMax || /\s/.test(model)) return undefined
    const [name, named] = [model.slice(0, slash), model.slice(slash + 1)]
    const route = Object.hasOwn(this.made.options.routes ?? {}, name) ? this.made.options.routes![name] : undefined
    if (named === "" || route?.targets.some((id) => id.endsWith("/*")) !== true) return undefined
    const targets = route.targets.map((id) => (id.endsWith("/*") ? id.slice(0, -1) + named : id))
    return { name, route: { ...route, targets } }
  }

  private notFound(model: string): SpillwayError {
    const names = new Set(this.routes.keys())
    for (const { health } of this.servers.all.values()) {
      for (const { name } of health.seen.inspection?.models ?? []) names.add(shortOf(name))
    }
    const near = nearOf(model, [...names])
    const named = { model: model.slice(0, nameMax), ...(near !== undefined && { near }) }
    return refusal({ _tag: "ModelNotFound", ...named })
  }

  /** Names come from callers: of those that no route has, only so many are remembered, the last ones. */
  private remember(model: string, route: Routed): void {
    const [oldest] = this.named.keys()
    if (this.named.size >= namedMax && oldest !== undefined) {
      const forgotten = this.named.get(oldest)!
      this.named.delete(oldest)
      this.release(forgotten)
    }
    this.named.set(model, route)
  }

  /** Leaves nothing behind of a route that nobody can ask for: a target may have other names, though. */
  release(route: Routed): void {
    const others = [...this.named.values()]
    if (others.includes(route) || [...this.routes.values()].includes(route)) return
    for (const { pool } of route.tiers) {
      pool.forget()
      for (const member of pool.members) {
        const isAsked = others.some(({ tiers }) => tiers.some((each) => each.pool.members.includes(member)))
        if (!isAsked) this.servers.forget(member.target.id)
      }
    }
  }

  /** Where a model is that no route names: there, if its name says where, else wherever it may be. */
  private targetsOf(model: string): ReadonlyArray<string> {
    const { all } = this.servers
    if (model === "" || model.length > nameMax || /\s/.test(model)) return []
    const parsed = Target.parse(model)
    if (parsed._tag === "Success" && all.has(parsed.success.upstream)) return [model]
    const listed = [...all].filter(([, { health }]) => health.seen.inspection !== undefined && health.has(model))
    // Where nobody lists it, it may be at one that lists nothing; but not at one that costs something.
    const may =
      listed.length > 0 ? listed : [...all].filter(([, { health, price }]) => isUnseen(health.seen) && isFree(price))
    return may.map(([upstream]) => `${upstream}/${model}`)
  }

  /** Whether a model is on a server to which routes only go over. */
  private isOnlyOverflow(model: string): boolean {
    const upstream = model.slice(0, Math.max(model.indexOf("/"), 0))
    const on = (tiers: ReadonlyArray<Tier>) =>
      tiers.some(({ pool }) => pool.members.some(({ target }) => target.upstream === upstream))
    const all = [...this.routes.values()]
    return all.some(({ tiers }) => on(tiers.slice(1))) && !all.some(({ tiers }) => on(tiers.slice(0, 1)))
  }

  private through(route: Routed, { caller, guard, ways }: Admitted, fiber: Fiber.Fiber<unknown, unknown>): Answer {
    const now = Alarm.now(fiber)
    for (const { pool } of route.tiers) pool.glance(fiber, now)
    if (this.isClosed) return Effect.fail(refusal({ _tag: "Unavailable" }))
    const known = ways.get(route)
    if (known !== undefined) return known
    const answer = caller.overflow === "never" ? route.local : route.answer
    const { deadline, priority } = caller
    // A deadline of his own stands in the place of the route's.
    const within = deadline === undefined ? route.within(answer) : answer
    const way = this.recorded(guard(priority === undefined ? within : about(within, { priority })))
    ways.set(route, way)
    return way
  }

  /** On record, and known to be under way, whatever becomes of it. */
  private recorded(self: Answer): Answer {
    const counted = this.counted(self)
    return this.record === undefined || this.isClosed ? counted : this.record(counted)
  }

  /** Known to be under way; and nothing is, once it is closed. */
  private counted<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SpillwayError, R> {
    if (this.isClosed) return Effect.fail(refusal({ _tag: "Unavailable" }))
    return Effect.withFiber((fiber) => {
      const call = new Inside(fiber)
      Ring.enter(call, this.inside)
      return Effect.onExitPrimitive(self, () => {
        Ring.leave(call)
        return undefined
      })
    })
  }

  /** Lets nobody in any more, and ends what is under way: it is on record before the record is closed. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isClosed = true
      const routes = [...this.routes.values(), ...this.named.values()]
      for (const { pool } of routes.flatMap(({ tiers }) => tiers)) pool.close()
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let call = this.inside.after; call !== this.inside; call = call.after) fibers.push(call.fiber!)
      return Fiber.interruptAll(fibers)
    })
  }
}

/** A call that is under way. */
class Inside implements Ring.Linked<Inside> {
  before: Inside = this
  after: Inside = this
  readonly fiber: Fiber.Fiber<unknown, unknown> | undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown> | undefined) {
    this.fiber = fiber
  }
}

const isUnseen = ({ inspection }: Seen): boolean => inspection === undefined

const isFree = (price: unknown): boolean => price === undefined || price === "free"

/** No name of a model is longer. */
const nameMax = 256

/** So many models are remembered that callers have asked for by their own names. */
const namedMax = 1_000
