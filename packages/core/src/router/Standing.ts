/**
 * How everything stands, and where a call would go now and why: told without sending anything.
 */
import { type Duration, Effect } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import type { Counted } from "./Hour.ts"
import type { Closed, Member } from "./Pool.ts"
import type { Routed } from "./Route.ts"
import type { Router } from "./Router.ts"

/** One server. */
export interface UpstreamStanding {
  readonly name: string
  readonly isDown: boolean
  readonly version: string | undefined
  /** What it has, as far as it was looked at. */
  readonly models: ReadonlyArray<string>
}

/** A model of which servers have different versions. */
export interface Differing {
  readonly model: string
  /** Its digest, by upstream. */
  readonly digests: Readonly<Record<string, string>>
}

/**
 * Why a target is asked next, or is not: it is closed, it looks down or as if it lacked the model and others do not, it
 * has no room, or another one is before it.
 */
export type Why = "next" | Closed | "down" | "lacking" | "full" | "later"

/** One target. */
export interface TargetStanding {
  readonly target: string
  readonly why: Why
  readonly slots: number
  readonly running: number
  /** Whether the model is loaded, as far as anybody knows. */
  readonly isLoaded: boolean | undefined
  /** How long a call holds a slot, as far as anybody knows. */
  readonly holds: Duration.Duration | undefined
  readonly closed: Closed | undefined
  /** For how long that will last. */
  readonly for: Duration.Duration | undefined
}

/** One tier of a route. */
export interface TierStanding {
  readonly waiting: number
  /** In how long a call that comes now has its turn there, as far as anybody knows. */
  readonly startsIn: Duration.Duration | undefined
  readonly targets: ReadonlyArray<TargetStanding>
}

/** One route. */
export interface RouteStanding {
  readonly name: string
  /** Where a call would be sent now; nowhere yet where it has to wait, or where nobody can be asked. */
  readonly next: string | undefined
  /** Tier by tier, its own targets first. */
  readonly tiers: ReadonlyArray<TierStanding>
  readonly lastHour: Counted
}

/** All of it. */
export interface Status {
  readonly upstreams: ReadonlyArray<UpstreamStanding>
  readonly routes: ReadonlyArray<RouteStanding>
  /** Models that are not the same wherever they are asked. */
  readonly differing: ReadonlyArray<Differing>
}

/** How everything stands. */
export const statusOf = (router: Router): Effect.Effect<Status> =>
  Effect.gen(function* () {
    const upstreams = [...router.servers.all].map(([name, { health }]): UpstreamStanding => {
      const { inspection, isDown } = health.seen
      return { name, isDown, version: inspection?.version, models: (inspection?.models ?? []).map((each) => each.name) }
    })
    const routes = yield* Effect.forEach([...router.routes, ...router.named], ([name, route]) => routeOf(name, route))
    return { upstreams, routes, differing: differing(router) }
  })

/** The route that a model is asked for on, as it stands now; nothing of it is asked. */
export const explain = (router: Router, model: string): Effect.Effect<RouteStanding, SpillwayError> =>
  Effect.flatMap(router.route(model), (route) =>
    Effect.ensuring(
      routeOf(model, route),
      Effect.sync(() => router.release(route))
    )
  )

const routeOf = (name: string, { deadline, hour, tiers }: Routed): Effect.Effect<RouteStanding> =>
  Effect.withFiber((fiber) => {
    const now = Alarm.now(fiber)
    const sentTo = tiers.find(({ pool }) => pool.refusal(now + deadline, now) === undefined)
    const next = sentTo?.pool.next(now)
    return Effect.map(
      Effect.forEach(tiers, ({ pool, queue }) =>
        Effect.map(queue.state(), ({ waiting }): TierStanding => {
          const startsIn = pool.freeIn(waiting.length, now)
          return {
            waiting: waiting.length,
            startsIn: startsIn === undefined ? undefined : Alarm.spanOf(startsIn),
            targets: pool.members.map((member) => targetOf(member, next, now))
          }
        })
      ),
      (told) => ({ name, next: next?.target.id, tiers: told, lastHour: hour.read(now) })
    )
  })

const targetOf = (member: Member, next: Member | undefined, now: number): TargetStanding => {
  const { holds, running, slots } = member.places.state
  const closed = member.closedBy(now)
  const wait = member.waitFor(now)
  return {
    target: member.target.id,
    why: member === next ? "next" : (closed ?? whyNot(member, wait)),
    slots,
    running,
    isLoaded: member.health.isLoaded(member.target.model),
    holds,
    closed,
    for: closed === undefined || wait === Infinity ? undefined : Alarm.spanOf(wait)
  }
}

const whyNot = ({ health, places, target }: Member, wait: number): Why => {
  if (health.seen.isDown) return "down"
  if (!health.has(target.model)) return "lacking"
  return places.hasRoom && wait <= 0 ? "later" : "full"
}

/** Whoever asks for a model by its name, wherever it is, takes it to be the same. */
const differing = ({ servers }: Router): ReadonlyArray<Differing> => {
  const models = new Map<string, Record<string, string>>()
  for (const { member } of servers.named) {
    const { model, upstream } = member.target
    const digest = member.health.find(model)?.digest
    if (digest === undefined) continue
    const known = models.get(model)
    if (known === undefined) models.set(model, { [upstream]: digest })
    else known[upstream] = digest
  }
  return [...models]
    .filter(([, digests]) => new Set(Object.values(digests)).size > 1)
    .map(([model, digests]) => ({ model, digests }))
}
