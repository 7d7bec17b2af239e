/**
 * How everything stands, and where a call would go now and why: told without sending anything.
 */
import { type Duration, Effect } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
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

/** One target. */
export interface TargetStanding {
  readonly target: string
  readonly slots: number
  readonly running: number
  /** How long a call holds a slot, as far as anybody knows. */
  readonly holds: Duration.Duration | undefined
  readonly closed: Closed | undefined
  /** For how long that will last. */
  readonly for: Duration.Duration | undefined
  /** Whether its server looks down, or as if it lacked the model: it is asked only where no other is left. */
  readonly isDoubtful: boolean
}

/** One route. */
export interface RouteStanding {
  readonly name: string
  /** Tier by tier, its own targets first. */
  readonly tiers: ReadonlyArray<{ readonly waiting: number; readonly targets: ReadonlyArray<TargetStanding> }>
}

/** All of it. */
export interface Status {
  readonly upstreams: ReadonlyArray<UpstreamStanding>
  readonly routes: ReadonlyArray<RouteStanding>
}

/** How everything stands. */
export const statusOf = (router: Router): Effect.Effect<Status> =>
  Effect.gen(function* () {
    const upstreams = [...router.servers.all].map(([name, { health }]): UpstreamStanding => {
      const { inspection, isDown } = health.seen
      return { name, isDown, version: inspection?.version, models: (inspection?.models ?? []).map((each) => each.name) }
    })
    const routes = yield* Effect.forEach([...router.routes, ...router.named], ([name, route]) => routeOf(name, route))
    return { upstreams, routes }
  })

/** The route that a model is asked for on, as it stands now; nothing of it is asked. */
export const explain = (router: Router, model: string): Effect.Effect<RouteStanding, SpillwayError> =>
  Effect.flatMap(router.route(model), (route) => routeOf(model, route))

const routeOf = (name: string, { tiers }: Routed): Effect.Effect<RouteStanding> =>
  Effect.withFiber((fiber) =>
    Effect.map(
      Effect.forEach(tiers, ({ pool, queue }) =>
        Effect.map(queue.state(), ({ waiting }) => ({
          waiting: waiting.length,
          targets: pool.members.map((member) => targetOf(member, Alarm.now(fiber)))
        }))
      ),
      (told) => ({ name, tiers: told })
    )
  )

const targetOf = (member: Member, now: number): TargetStanding => {
  const { holds, running, slots } = member.places.state
  const closed = member.closedBy(now)
  const wait = member.waitFor(now)
  return {
    target: member.target.id,
    slots,
    running,
    holds,
    closed,
    for: closed === undefined || wait === Infinity ? undefined : Alarm.spanOf(wait),
    isDoubtful: member.doubt > 0
  }
}
