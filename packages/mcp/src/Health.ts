/**
 * How everything is, in one word and a line for each server and route: pure functions of the core's status.
 */
import type { Router } from "@spillway/core"
import { Duration } from "effect"

/** Whether all of it can be asked, some of it, or nothing. */
export type State = "ok" | "degraded" | "down"

/** Why something cannot be asked. */
export type Trouble = "down" | "open" | "held" | "draining"

/** One route. */
export interface RouteHealth {
  readonly name: string
  readonly status: State
  readonly next?: string | undefined
  readonly waiting: number
  readonly startsIn?: Duration.Duration | undefined
  /** The soonest that one of its targets may be asked again, where none can be. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** All of it. */
export interface Health {
  readonly status: State
  readonly upstreams: ReadonlyArray<{ readonly name: string; readonly isDown: boolean; readonly models: number }>
  readonly routes: ReadonlyArray<RouteHealth>
}

/** How everything is. `routes` are those that somebody has named: a model that was asked for by its name may not be. */
export const of = (status: Router.Status, routes: ReadonlyArray<string>): Health => {
  const upstreams = status.upstreams.map(({ isDown, models, name }) => ({ name, isDown, models: models.length }))
  const all = status.routes.map((route) => healthOf(route, status))
  const named = all.filter(({ name }) => routes.includes(name))
  const states = [...named.map((each) => each.status), ...upstreams.map(({ isDown }) => (isDown ? "down" : "ok"))]
  const deciding = named.length > 0 ? named.map((each) => each.status) : states
  const isDown = deciding.length > 0 && deciding.every((state) => state === "down")
  return {
    status: isDown ? "down" : states.every((state) => state === "ok") ? "ok" : "degraded",
    upstreams,
    routes: all
  }
}

/** What cannot be asked now, and why: servers by their names, targets by theirs. */
export const troubles = ({ routes, upstreams }: Router.Status): ReadonlyMap<string, Trouble> => {
  const found = new Map<string, Trouble>()
  for (const { isDown, name } of upstreams) if (isDown) found.set(name, "down")
  for (const { closed, target } of targetsOf(routes)) {
    if (closed !== undefined && closed !== "waiting") found.set(target, closed)
  }
  return found
}

const targetsOf = (routes: ReadonlyArray<Router.RouteStanding>): ReadonlyArray<Router.TargetStanding> =>
  routes.flatMap(({ tiers }) => tiers.flatMap(({ targets }) => targets))

const healthOf = ({ name, next, tiers }: Router.RouteStanding, { upstreams }: Router.Status): RouteHealth => {
  const down = new Set(upstreams.filter(({ isDown }) => isDown).map((each) => each.name))
  const canBeAsked = ({ closed, target, why }: Router.TargetStanding): boolean =>
    (closed === undefined || closed === "waiting") && why !== "lacking" && !down.has(target.split("/", 1)[0]!)
  const own = tiers[0]?.targets ?? []
  const all = tiers.flatMap(({ targets }) => targets)
  const status = own.every(canBeAsked) ? "ok" : all.some(canBeAsked) ? "degraded" : "down"
  const waits = all.flatMap((each) => each.for ?? [])
  return {
    name,
    status,
    next,
    waiting: tiers.reduce((sum, { waiting }) => sum + waiting, 0),
    startsIn: tiers[0]?.startsIn,
    retryAfter: status === "down" && waits.length > 0 ? waits.reduce(Duration.min) : undefined
  }
}
