/**
 * The servers that answer, whatever they are made of, and the targets on them.
 *
 * A target is known by its id for as long as the router lives: its places, its health and what it asked for are the
 * same for every route that goes there.
 */
import { Clock, Duration, Effect, Schema, type Scope } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import * as Call from "../domain/Call.ts"
import { decode, type OptionsRefused } from "../domain/Options.ts"
import { Count, Places } from "../domain/Places.ts"
import { Priced } from "../domain/PriceList.ts"
import { Facts } from "../domain/Facts.ts"
import * as Failure from "../domain/Failure.ts"
import type { Kept } from "../domain/Question.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Summary from "../domain/Summary.ts"
import * as Target from "../domain/Target.ts"
import * as Units from "../domain/Units.ts"
import * as Verdict from "../domain/Verdict.ts"
import * as RateLimit from "../policies/RateLimit.ts"
import type { Policy } from "../Policy.ts"
import { Forecasts } from "./Forecasts.ts"
import { Health, shortOf } from "./Health.ts"
import { Host } from "./Host.ts"
import { answering, serverOf } from "./Answering.ts"
import { at, keptBy, type Options } from "./Options.ts"
import { type Circuits, Member } from "./Member.ts"

/** What is said of a server. */
export const Said = Schema.Struct({
  slots: Count.pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  domain: Schema.optionalKey(Schema.String),
  price: Schema.optionalKey(Priced),
  rate: Schema.optionalKey(Schema.String)
})

/** How servers are looked at. */
export const Looking = Schema.Struct({
  every: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("30s"))),
  timeout: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("2s")))
})

/** How long a model waits for its turn on a server. */
export const Dwelling = Schema.Struct({
  dwell: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("30s")))
})

/** One server. */
interface Running {
  readonly call: Call.Call<SpillwayError>
  readonly health: Health
  readonly slots: typeof Count.Type
  readonly domain: string | undefined
  readonly price: typeof Priced.Type | undefined
  readonly limit: Policy<"call" | "attempt", SpillwayError> | undefined
}

/** A target, and the Effect that asks it. */
export interface Asked {
  readonly member: Member
  readonly ask: Effect.Effect<Summary.Summary, SpillwayError>
}

/** All servers by their names, and the targets that were named so far. */
export class Servers {
  readonly all: ReadonlyMap<string, Running>
  private readonly circuits: Circuits
  private readonly targets = new Map<string, Asked>()
  private readonly kept = new Set<string>()
  private readonly draining = new Set<string>()
  private readonly hosts = new Map<string, Host>()
  readonly forecasts = new Forecasts((id) => this.targets.get(id)?.member)
  private readonly dwell: number
  private readonly keptElse: Kept | undefined

  constructor(all: ReadonlyMap<string, Running>, circuits: Circuits, dwell: number, keptElse: Kept | undefined) {
    this.dwell = dwell
    this.keptElse = keptElse
    this.all = all
    this.circuits = circuits
  }

  /** The target of that id; its upstream has to be there. */
  target(id: string): Asked {
    const known = this.targets.get(id)
    if (known !== undefined) return known
    const slash = id.indexOf("/")
    const [upstream, model] = [id.slice(0, slash), id.slice(slash + 1)]
    const { call, domain, health, limit, slots } = this.all.get(upstream)!
    const target = Target.make({ upstream, model, ...(domain !== undefined && { domain }) })
    const host = this.hostOf(upstream, health)
    const member = new Member(target, new Places(slots, id), health, host, this.circuits)
    host.add(member)
    member.isDraining = this.draining.has(upstream)
    // A model that no route names is kept as all are, where its server can keep it.
    if (!this.isOfRoute(id) && health.server.load !== undefined) member.keptElse = this.keptElse
    health.ask(model)
    const leaf = Call.asEffect<SpillwayError, never>(
      (question, attempt) => call(member.kept === undefined ? question : { ...question, kept: member.kept }, attempt),
      id
    )
    const watched = host.watched(leaf, member)
    const heeding = heed(limit === undefined ? watched : limited(limit(watched), id), member, this.forecasts)
    const asked = { member, ask: heeding }
    this.targets.set(id, asked)
    return asked
  }

  /** The target, if it was named before. */
  find(id: string): Asked | undefined {
    return this.targets.get(id)
  }

  /** Forgets one that nobody asks any more. */
  forget(id: string): void {
    const asked = this.targets.get(id)
    if (asked === undefined || asked.member.places.taken > 0 || this.isOfRoute(id)) return
    this.targets.delete(id)
    asked.member.host.remove(asked.member)
    asked.member.health.forget(asked.member.target.model)
  }

  /** The targets of routes are never forgotten, by either of their names. */
  keep(id: string): void {
    this.kept.add(shortOf(id))
  }

  private isOfRoute(id: string): boolean {
    return this.kept.has(shortOf(id))
  }

  /** How a route keeps the model of its target; of two that say how long, the longer one counts. */
  keepAs(id: string, { context, loadedFor }: Kept = {}, isPreloaded = false): void {
    const { member } = this.target(id)
    const before = member.kept
    const longest = [before?.loadedFor, loadedFor].filter((span) => span !== undefined)
    const span = longest.length === 2 ? Duration.max(longest[0]!, longest[1]!) : longest[0]
    const bound = context ?? before?.context
    if (span !== undefined || bound !== undefined) {
      const kept = { ...(bound !== undefined && { context: bound }), ...(span !== undefined && { loadedFor: span }) }
      member.host.keepAs(member.target.model, kept)
    }
    member.isPreloaded ||= isPreloaded
  }

  get close(): Effect.Effect<void> {
    return Effect.forEach(this.hosts.values(), (host) => host.close, { discard: true })
  }

  /** Looks at the servers where something is to be loaded before anybody asks. */
  get preload(): Effect.Effect<void> {
    return Effect.forEach(this.hosts.values(), (host) => host.preload, { concurrency: "unbounded", discard: true })
  }

  /** Looks at all servers whose turn it is, and waits for those that nobody has seen yet. */
  get look(): Effect.Effect<void> {
    return Effect.forEach([...this.all.values()], ({ health }) => health.seeing, {
      concurrency: "unbounded",
      discard: true
    })
  }

  /** Looks at all servers that nobody has looked at for so long, and waits for all of them. */
  lookWithin(age: number): Effect.Effect<void> {
    return Effect.forEach([...this.all.values()], ({ health }) => health.seenWithin(age), {
      concurrency: "unbounded",
      discard: true
    })
  }

  /** Whether it lets nobody in. */
  isDraining(upstream: string): boolean {
    return this.draining.has(upstream)
  }

  get named(): ReadonlyArray<Asked> {
    return [...this.targets.values()]
  }

  private hostOf(upstream: string, health: Health): Host {
    const known = this.hosts.get(upstream)
    if (known !== undefined) return known
    const host = new Host(health, this.dwell)
    this.hosts.set(upstream, host)
    return host
  }

  /** Lets nobody in at a server any more, or in again. */
  drain(upstream: string, isDraining: boolean, now: number): void {
    if (isDraining) this.draining.add(upstream)
    else this.draining.delete(upstream)
    for (const { member } of this.targets.values()) {
      if (member.target.upstream === upstream) member.isDraining = isDraining
    }
    this.hosts.get(upstream)?.wake(now)
  }

  domainOf(id: string): string {
    return this.find(id)?.member.target.domain ?? id
  }
}

/** Makes all of them; what they hold is given back with the scope. */
export const open = (
  { defaults = {}, upstreams }: Options,
  circuits: Circuits
): Effect.Effect<Servers, OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const looking = yield* at("defaults.health")(decode("health", Looking)(defaults.health ?? {}))
    const dwelling = defaults.dwell === undefined ? {} : { dwell: defaults.dwell }
    const { dwell } = yield* at("defaults")(decode("defaults", Dwelling)(dwelling))
    const all = new Map<string, Running>()
    for (const [name, given] of Object.entries(upstreams)) {
      const { upstream, ...said } = serverOf(given)
      const { domain, price, rate, slots } = yield* at(`upstreams.${name}`)(decode("upstream", Said)(said))
      const server = yield* at(`upstreams.${name}`)(answering(upstream))
      const { call } = server
      const health = new Health(server, looking)
      yield* Effect.addFinalizer(() => health.close)
      const limit =
        rate === undefined ? undefined : yield* at(`upstreams.${name}`)(RateLimit.make({ rate, per: "all" }))
      all.set(name, { call, health, slots, domain, price, limit })
    }
    const kept = yield* at("defaults")(keptBy(defaults))
    const servers = new Servers(all, circuits, Alarm.nanos(dwell), kept)
    yield* Effect.addFinalizer(() => servers.close)
    return servers
  })

/** What a limit of ours says about a server is no limit of whoever asks. */
const limited = <A, R>(self: Effect.Effect<A, SpillwayError, R>, target: string): Effect.Effect<A, SpillwayError, R> =>
  Effect.catchReason(self, "SpillwayError", "RateLimited", ({ retryAfter }) =>
    Effect.fail(refusal({ _tag: "UpstreamRateLimited", target, retryAfter }))
  )

/** The same, after which a target that asked for peace is left in it, and one that answered has shown how fast. */
const heed = <A, E, R>(self: Effect.Effect<A, E, R>, member: Member, forecasts: Forecasts): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    Effect.onExitPrimitive(self, (exit) => {
      const clock = fiber.getRef(Clock.Clock)
      const facts = fiber.getRef(Facts)!
      const attempt = facts.call.attempts.findLast(({ target }) => target === member.target.id)
      if (attempt !== undefined) {
        const now = Alarm.read(clock)
        forecasts.learn(facts, attempt, member, now)
        member.works(now - (attempt.startedAt ?? now), now)
        const { question } = facts.call
        if (question !== undefined && attempt.goesOnFrom === undefined) member.counted(question, attempt, now)
      }
      if (exit._tag === "Success") {
        member.health.answered(member.target.model)
        return undefined
      }
      const verdict = Verdict.ofCause(exit.cause, undefined, () => clock.currentTimeMillisUnsafe())
      const span = verdict?.isRefusal === false ? verdict.retryAfter : undefined
      if (span !== undefined) member.hold(span, Alarm.read(clock))
      if (verdict?.failure === Failure.table.Unreachable) member.health.suspect(Alarm.read(clock))
      return undefined
    })
  )
