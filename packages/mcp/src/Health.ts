/**
 * How everything is, in one word and a line for each server and route: pure functions of the core's status.
 */
import type { Router } from "@spillway/core"
import { Duration } from "effect"

/** Whether all of it can be asked, some of it, or nothing. */
export type State = "ok" | "degraded" | "down"

/** Why something cannot be asked. */
export type Trouble = "down" | "open" | "held" | "draining"

/** Whoever asks how everything is learns how it was a second ago at most. */
export const lookAge = "1 second"

/** One server. */
export interface ServerHealth {
  readonly name: string
  /** Whether it looks down, or nobody has seen it yet. */
  readonly isDown: boolean
  readonly isDraining: boolean
  readonly models: number
}

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
  readonly upstreams: ReadonlyArray<ServerHealth>
  readonly routes: ReadonlyArray<RouteHealth>
}

/**
 * How everything is, by what can be asked: the routes that somebody has named, or else servers and what was asked for
 * there by its own name.
 */
export const of = (status: Router.Status, routes: ReadonlyArray<string>): Health => {
  const upstreams = status.upstreams.map((each): ServerHealth => ({
    name: each.name,
    isDown: isDown(each),
    isDraining: each.isDraining,
    models: each.models.length
  }))
  const all = status.routes.map((route) => healthOf(route, status))
  const named = all.filter(({ name }) => routes.includes(name)).map((each) => each.status)
  const servers = status.upstreams.map((each) => stateOf(each, status))
  const deciding = named.length > 0 ? named : servers
  const state = deciding.every((each) => each === "down") ? "down" : "degraded"
  const isFine = named.concat(servers).every((each) => each === "ok")
  return { status: isFine ? "ok" : state, upstreams, routes: all }
}

/** Whether nobody can count on a server: one that nobody has ever seen may not be there at all. */
export const isDown = ({ isDown: looksDown, isSeen }: Router.UpstreamStanding): boolean => looksDown || !isSeen

/** A server by itself: it is down where all that it has is closed. */
const stateOf = (server: Router.UpstreamStanding, status: Router.Status): State => {
  if (isDown(server) || server.isDraining) return "down"
  const prefix = `${server.name}/`
  const closed = closedIn(status)
  const asked = targetsOf(status.routes).flatMap(({ target }) => (target.startsWith(prefix) ? [shortOf(target)] : []))
  const all = new Set(server.models.map((name) => shortOf(prefix + name)).concat(asked))
  const open = [...all].filter((name) => !closed.has(name))
  return open.length === all.size ? "ok" : open.length > 0 ? "degraded" : "down"
}

/** Whether a server lists a model, by either of its names. */
export const lists = ({ models }: Router.UpstreamStanding, name: string): boolean =>
  models.some((each) => shortOf(each) === shortOf(name))

/** How a model is that a server lists and nobody has asked yet. */
export const ofListed = (name: string, { upstreams }: Router.Status): RouteHealth | undefined => {
  const there = upstreams.filter((each) => lists(each, name))
  if (there.length === 0) return undefined
  const isOpen = there.some((each) => !isDown(each) && !each.isDraining)
  return { name, status: isOpen ? "ok" : "down", waiting: 0 }
}

/** The targets that let nobody in, by names that leave out that they are the latest. */
export const closedIn = ({ routes }: Router.Status): ReadonlySet<string> =>
  new Set(targetsOf(routes).flatMap((each) => (isClosed(each) ? [shortOf(each.target)] : [])))

/** A model that is the latest need not say so. */
export const shortOf = (target: string): string => target.replace(/:latest$/, "")

const isClosed = (each: Router.TargetStanding): each is Router.TargetStanding & { readonly closed: Trouble } =>
  each.closed !== undefined && each.closed !== "waiting"

/** What cannot be asked now, and why: servers by their names, targets by theirs. */
export const troubles = ({ routes, upstreams }: Router.Status): ReadonlyMap<string, Trouble> => {
  const found = new Map<string, Trouble>()
  for (const server of upstreams) if (server.isDown) found.set(server.name, "down")
  for (const each of targetsOf(routes)) if (isClosed(each)) found.set(each.target, each.closed)
  return found
}

const targetsOf = (routes: ReadonlyArray<Router.RouteStanding>): ReadonlyArray<Router.TargetStanding> =>
  routes.flatMap(({ tiers }) => tiers.flatMap(({ targets }) => targets))

const healthOf = ({ name, next, tiers }: Router.RouteStanding, { upstreams }: Router.Status): RouteHealth => {
  const down = new Set(upstreams.filter(isDown).map((each) => each.name))
  const canBeAsked = (each: Router.TargetStanding): boolean =>
    !isClosed(each) && each.why !== "lacking" && !down.has(each.target.split("/", 1)[0]!)
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
