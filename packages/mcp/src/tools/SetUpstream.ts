/**
 * `set_upstream`: takes a server out of service, or back into it. Only where whoever runs the door allows it.
 */
import { Effect } from "effect"
import type { Door } from "../Door.ts"
import { changing, property, type Tool } from "../Tool.ts"

/** What it takes. */
export interface Given {
  readonly upstream: string
  readonly enabled: boolean
}

/** The tool. */
export const setUpstream = ({ service }: Door): Tool<Given> => ({
  name: "set_upstream",
  title: "Drain or enable a server",
  description: "Lets no new calls to a server (enabled: false; what runs goes on), or lets them in again.",
  input: {
    type: "object",
    properties: { upstream: property("string"), enabled: property("boolean") },
    required: ["upstream", "enabled"],
    additionalProperties: false
  },
  output: {
    type: "object",
    properties: { upstream: property("string"), enabled: property("boolean") },
    required: ["upstream", "enabled"]
  },
  annotations: changing,
  run: ({ enabled, upstream }) => Effect.as(service.drain(upstream, !enabled), { data: { upstream, enabled } })
})
