/**
 * What can be read and subscribed to: health, budgets, routes and incidents.
 *
 * Several clients read no resources, so each is also what a tool answers, from the same functions.
 */
import type { Budget, SpillwayError } from "@spillway/core"
import { Effect } from "effect"
import type { Door } from "./Door.ts"
import * as Health from "./Health.ts"
import type { Topic } from "./Journal.ts"
import * as Wire from "./Wire.ts"

/** Something that can be read. */
export interface Resource {
  readonly uri: string
  readonly topic: Topic
  readonly name: string
  readonly description: string
  readonly read: (caller: string) => Effect.Effect<object, SpillwayError>
}

/** All of them, in the order in which they are listed. */
export const all = (door: Door): ReadonlyArray<Resource> => [
  resource("health", "Whether calls can be answered now", () => healthOf(door)),
  resource("budget", "What you may still spend", (caller) => budgetOf(door, caller)),
  resource("routes", "Where calls go now, and why not elsewhere", () => routesOf(door)),
  resource("incidents", "What could not be asked, how and for how long", () => Effect.sync(() => incidentsOf(door)))
]

const resource = (topic: Topic, description: string, read: Resource["read"]): Resource => ({
  uri: `spillway://${topic}`,
  topic,
  name: topic,
  description,
  read
})

type Told = Readonly<Record<string, unknown>>

/** How everything is. */
export const healthOf = ({ routes, service }: Door) =>
  Effect.gen(function* () {
    yield* service.lookWithin(Health.lookAge)
    return Wire.told(Health.of(yield* service.status, routes)) as {
      readonly status: Health.State
      readonly upstreams: ReadonlyArray<Told>
      readonly routes: ReadonlyArray<Told & { readonly name: string }>
    }
  })

/** Every route with its targets. */
export const routesOf = ({ service }: Door) =>
  Effect.map(
    service.status,
    ({ routes }) => Wire.told({ routes }) as { readonly routes: ReadonlyArray<Told & { readonly name: string }> }
  )

/** What could not be asked, the latest first. */
export const incidentsOf = ({ journal }: Door): { readonly incidents: ReadonlyArray<unknown> } => ({
  incidents: journal.incidents
})

/** How the budgets of a caller stand. */
export const budgetOf = ({ service }: Door, caller: string) =>
  Effect.map(service.budget(caller), (budgets) => ({
    caller,
    budgets: Object.entries(budgets).map(([budget, standing]: [string, Budget.Standing]) => ({
      budget,
      ...standingOf(standing)
    }))
  }))

/** In dollars, as everybody else counts them, and not in millionths of one. */
const standingOf = ({ limit, reserved, spent, turnsIn, unit, unsettled }: Budget.Standing) => {
  const amount = (count: number) => (unit === "tokens" ? count : count / 1_000_000)
  return {
    unit: unit === "tokens" ? "tokens" : "usd",
    limit: amount(limit),
    spent: amount(spent),
    reserved: amount(reserved),
    unsettled: amount(unsettled),
    remaining: amount(Math.max(limit - spent - reserved, 0)),
    turns_in_ms: Wire.millis(turnsIn)
  }
}
