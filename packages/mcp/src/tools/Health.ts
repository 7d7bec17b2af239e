/**
 * `health`: whether calls can be answered now, and when else. The resources tell the same to those who read them.
 */
import { refusal } from "@spillway/core"
import { Effect } from "effect"
import type { Door } from "../Door.ts"
import * as Health from "../Health.ts"
import { healthOf, incidentsOf, routesOf } from "../Resources.ts"
import { listOf, looking, property, type Tool } from "../Tool.ts"

/** What it takes. */
export interface Given {
  readonly route?: string
  readonly detail?: boolean
}

/** The tool. */
export const health = (door: Door): Tool<Given> => ({
  name: "health",
  title: "See how servers are",
  description: "Whether calls can be answered now, how many wait, and when to come back.",
  input: {
    type: "object",
    properties: {
      route: property("string"),
      detail: property("boolean", "Also every target, the last hour and incidents")
    },
    additionalProperties: false
  },
  output: {
    type: "object",
    properties: {
      status: { enum: ["ok", "degraded", "down"] },
      upstreams: listOf({
        name: property("string"),
        is_down: property("boolean"),
        is_draining: property("boolean"),
        models: property("integer")
      }),
      routes: listOf({
        name: property("string"),
        status: property("string"),
        next: property("string"),
        waiting: property("integer"),
        starts_in_ms: property("number"),
        retry_after_ms: property("number"),
        tiers: listOf({})
      }),
      incidents: listOf({})
    },
    required: ["status", "upstreams", "routes"]
  },
  annotations: looking,
  run: ({ detail, route }) =>
    Effect.gen(function* () {
      const told = yield* healthOf(door)
      const routed = told.routes.filter(({ name }) => route === undefined || name === route)
      if (route !== undefined && routed.length === 0) {
        const listed = Health.ofListed(route, yield* door.service.status)
        if (listed !== undefined) return { data: { ...told, routes: [listed] } }
        const expected = "one of those that health lists without it, or a model of list_models"
        return yield* refusal({ _tag: "BadRequest", field: "route", read: "none that is known", expected })
      }
      const brief = { ...told, routes: routed }
      if (detail !== true) return { data: brief }
      const whole = new Map((yield* routesOf(door)).routes.map((each) => [each.name, each]))
      const routes = brief.routes.map((each) => ({ ...whole.get(each.name), ...each }))
      return { data: { ...brief, routes, ...incidentsOf(door) } }
    })
})
