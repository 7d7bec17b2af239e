/**
 * How everything stands, and where a call would go now and why: told without sending anything.
 */
import { type Duration, Effect } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { Facts } from "../domain/Facts.ts"
import type { Question } from "../domain/Question.ts"
import type { Lasts } from "../domain/Rates.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import * as Spread from "../domain/Spread.ts"
import { conversationOf } from "./Conversation.ts"
import { shortOf } from "./Health.ts"
import type { Counted } from "./Hour.ts"
import type { Closed, Member } from "./Member.ts"
import type { Routed } from "./Route.ts"
import type { Router } from "./Router.ts"

/** One server. */
export interface UpstreamStanding {
  readonly name: string
  readonly isDown: boolean
  /** Whether any look at it has come to something; what cannot be looked at has nothing to show. */
  readonly isSeen: boolean
  readonly isDraining: boolean
  readonly version: string | undefined
  /** What it has, as far as it was looked at. */
  readonly models: ReadonlyArray<string>
  /** Which of these are loaded. */
  readonly loaded: ReadonlyArray<string>
}

/** A model of which servers have different versions. */
export interface Differing {
  readonly model: string
  /** Its digest, by upstream. */
  readonly digests: Readonly<Record<string, string>>
}

/**
 * Why a target is asked next, or is not: it is closed, it cannot carry or read the question, it looks down or as if it
 * lacked the model and others do not, it has no room, or another one is before it.
 */
export type Why = "next" | Closed | "unfit" | "down" | "lacking" | "full" | "later"

/** A span that is expected: what is likely, and between what it lies eight times of ten. */
export interface Expected {
  readonly low: Duration.Duration
  readonly likely: Duration.Duration
  readonly high: Duration.Duration
}

/** When a question that comes now would be answered, counted from now. */
export interface Expects {
  readonly startsIn: Expected
  readonly firstTokenIn: Expected
  readonly endsIn: Expected
}

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
  /** What is expected of it for a question, once it has answered some. */
  readonly expects: Expects | undefined
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
      const { inspection, isDown, isSeen } = health.seen
      const models = inspection?.models ?? []
      return {
        name,
        isDown,
        isSeen,
        isDraining: router.servers.isDraining(name),
        version: inspection?.version,
        models: models.map((each) => each.name),
        // What has just answered may have been asked for by its short name.
        loaded: models
          .map((each) => each.name)
          .filter((each) => [each, shortOf(each)].some((called) => health.isLoaded(called)))
      }
    })
    const routes = yield* Effect.forEach([...router.routes, ...router.named], ([name, route]) =>
      routeOf(router, name, route)
    )
    return { upstreams, routes, differing: differing(router) }
  })

/** The route that a question, or a model, is asked on, as it stands now; nothing of it is asked. */
export const explain = (
  router: Router,
  model: string,
  question?: Question
): Effect.Effect<RouteStanding, SpillwayError> =>
  Effect.flatMap(router.route(model), (route) =>
    Effect.ensuring(
      routeOf(router, model, route, question),
      Effect.sync(() => router.release(route))
    )
  )

const routeOf = (
  { servers: { forecasts } }: Router,
  name: string,
  { deadline, hour, tiers }: Routed,
  question?: Question
): Effect.Effect<RouteStanding> =>
  Effect.withFiber((fiber) => {
    const now = Alarm.now(fiber)
    const caller = fiber.getRef(Facts)?.call.caller ?? "default"
    const wanted = forecasts.wanted(question, caller)
    const facts = question && { call: { question } }
    const sentTo = tiers.find(({ pool }) => pool.refusal(now + deadline, now, facts) === undefined)
    const next = sentTo?.pool.next(question, caller, now)
    return Effect.map(
      Effect.forEach(tiers, ({ pool, queue }) =>
        Effect.map(queue.state(), ({ waiting }): TierStanding => {
          const startsIn = pool.freeIn(waiting.length, now)
          return {
            waiting: waiting.length,
            startsIn: Alarm.spanIfKnown(startsIn),
            targets: pool.members.map((member) => {
              const conversation = question && conversationOf(question, caller)
              const lasts = forecasts.lasts(wanted, member, member.hasRead(conversation))
              const own = Math.max(member.waitFor(now), 0) + (member.places.freeIn(0, now) ?? 0)
              const starts = waiting.length > 0 ? Math.max(startsIn ?? 0, own) : own
              return { ...targetOf(member, next, question, now), expects: lasts && expectsOf(lasts, starts) }
            })
          }
        })
      ),
      (told) => ({ name, next: next?.target.id, tiers: told, lastHour: hour.read(now, tiers[0]!.pool) })
    )
  })

/** Who waits for his turn waits for answers of others, of which as little is sure as of his own. */
const expectsOf = ({ first, whole }: Lasts, startsIn: number): Expects => {
  const starts = Spread.times({ low: whole.low / whole.likely, likely: 1, high: whole.high / whole.likely }, startsIn)
  const waits = startsIn === 0 ? Spread.exactly(0) : starts
  return {
    startsIn: spansOf(waits),
    firstTokenIn: spansOf(Spread.sum(waits, first)),
    endsIn: spansOf(Spread.sum(waits, whole))
  }
}

const spansOf = ({ high, likely, low }: Spread.Range): Expected => ({
  low: Alarm.spanOf(low),
  likely: Alarm.spanOf(likely),
  high: Alarm.spanOf(high)
})

const targetOf = (
  member: Member,
  next: Member | undefined,
  question: Question | undefined,
  now: number
): Omit<TargetStanding, "expects"> => {
  const { holds, running, slots } = member.places.state
  const closed = member.closedBy(now)
  const wait = member.waitFor(now)
  return {
    target: member.target.id,
    why: member === next ? "next" : (closed ?? whyNot(member, question, wait)),
    slots,
    running,
    isLoaded: member.isLoaded,
    holds,
    closed,
    for: closed === undefined || wait === Infinity ? undefined : Alarm.spanOf(wait)
  }
}

const whyNot = (member: Member, question: Question | undefined, wait: number): Why => {
  const { health, places, target } = member
  if (question !== undefined && !member.can(question)) return "unfit"
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
