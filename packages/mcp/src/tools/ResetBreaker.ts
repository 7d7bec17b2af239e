/**
 * `reset_breaker`: closes the circuit of a target that has been mended. Only where whoever runs the door allows it.
 */
import { Effect } from "effect"
import type { Door } from "../Door.ts"
import { changing, property, type Tool } from "../Tool.ts"

/** What it takes. */
export interface Given {
  readonly target: string
}

/** The tool. */
export const resetBreaker = ({ service }: Door): Tool<Given> => ({
  name: "reset_breaker",
  title: "Close a breaker",
  description: "Asks a target again at once, as if nothing had failed there.",
  input: {
    type: "object",
    properties: { target: property("string", "upstream/model, as health names it") },
    required: ["target"],
    additionalProperties: false
  },
  output: { type: "object", properties: { target: property("string") }, required: ["target"] },
  annotations: changing,
  run: ({ target }) => Effect.as(service.reset(target), { data: { target } })
})
