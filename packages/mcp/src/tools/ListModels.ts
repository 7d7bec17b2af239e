/**
 * `list_models`: what `generate` can be asked for by its name, and which of these answers where none is named.
 */
import type { Router } from "@spillway/core"
import { Effect } from "effect"
import { candidatesMax, defaultOf, type Door, kindsOf } from "../Door.ts"
import * as Health from "../Health.ts"
import { listOf, looking, property, type Tool } from "../Tool.ts"

/** What it takes. */
export interface Given {
  readonly available_only?: boolean
}

/** The tool. */
export const listModels = (door: Door): Tool<Given> => ({
  name: "list_models",
  title: "List models",
  description: "Models and routes to ask, and the default.",
  input: {
    type: "object",
    properties: { available_only: property("boolean", "Leave out what cannot be asked now (true)") },
    additionalProperties: false
  },
  output: {
    type: "object",
    properties: {
      default: property("string", "Asked where generate names no model"),
      models: listOf(
        {
          name: property("string"),
          targets: { type: "array", items: property("string") },
          ask_with: { type: "array", items: { enum: ["generate", "embed"] } },
          loaded: property("boolean"),
          available: property("boolean")
        },
        ["name", "available"]
      )
    },
    required: ["models"]
  },
  annotations: looking,
  run: ({ available_only: isAvailableOnly = true }) =>
    Effect.gen(function* () {
      yield* door.service.lookWithin(Health.lookAge)
      const status = yield* door.service.status
      const all = listed(door, status).filter(({ available }) => available || !isAvailableOnly)
      const chosen = yield* defaultOf(door, status, "generate")
      const known = yield* Effect.forEach(
        all.slice(0, candidatesMax),
        (each) => Effect.map(kindsOf(door, each.name, each.targets), (kinds) => ({ ...each, ask_with: kinds })),
        { concurrency: 4 }
      )
      const models = [...known, ...all.slice(candidatesMax, modelsMax)]
      return { data: { ...(chosen !== undefined && { default: chosen }), models } }
    })
})

/** Whoever has more names knows them from elsewhere. */
const modelsMax = 200

interface Listed {
  readonly name: string
  readonly targets: ReadonlyArray<string>
  readonly loaded: boolean
  readonly available: boolean
}

/** Routes by their names, or all models where there are none. */
const listed = ({ routes }: Door, status: Router.Status): ReadonlyArray<Listed> => {
  if (routes.length > 0) {
    const healths = new Map(Health.of(status, routes).routes.map((each) => [each.name, each.status]))
    const named = status.routes.filter(({ name }) => routes.includes(name))
    return named.map((each) => ofRoute(each, healths.get(each.name) !== "down" && isThere(each, status)))
  }
  const closed = Health.closedIn(status)
  const models = new Map<string, Listed>()
  for (const server of status.upstreams) {
    const { isDraining, loaded, models: there, name: upstream } = server
    for (const name of there) {
      const isOpen = !isDraining && !Health.isDown(server) && !closed.has(Health.shortOf(`${upstream}/${name}`))
      const known = models.get(name)
      models.set(name, {
        name,
        targets: [...(known?.targets ?? []), `${upstream}/${name}`],
        loaded: known?.loaded === true || loaded.includes(name),
        available: known?.available === true || isOpen
      })
    }
  }
  return [...models.values()].toSorted((one, other) => Number(other.loaded) - Number(one.loaded))
}

/** Whether a server has any model of it, as far as servers have told. */
const isThere = ({ tiers }: Router.RouteStanding, { upstreams }: Router.Status): boolean =>
  tiers.some(({ targets }) =>
    targets.some(({ target }) => {
      const server = upstreams.find(({ name }) => target.startsWith(`${name}/`))
      const isKnown = server !== undefined && server.models.length > 0
      return !isKnown || Health.lists(server, target.slice(server.name.length + 1))
    })
  )

const ofRoute = ({ name, tiers }: Router.RouteStanding, available: boolean): Listed => {
  const targets = tiers.flatMap((tier) => tier.targets)
  return {
    name,
    targets: targets.map(({ target }) => target),
    loaded: targets.some(({ isLoaded }) => isLoaded),
    available
  }
}
