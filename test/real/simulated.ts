/**
 * Starts the simulator for a scenario, with the same models and the same times as the real one.
 */
import { Effect, Exit, Scope } from "effect"
import { type Model, Server } from "@spillway/sim"
import type { Environment, Load, Started } from "./environment.ts"
import type { ModelName } from "./models.ts"

/** As the real ones are made: prompts of nobody but the users, one of vectors, and one with a template of its own. */
const kinds: Readonly<Record<ModelName, "plain" | "embed" | "jinja">> = {
  "mini-a": "plain",
  "mini-b": "plain",
  "mini-e": "embed",
  "mini-j": "jinja"
}

/** Starts one. */
export const startSimulated = async (environment: Environment): Promise<Started> => {
  const scope = Effect.runSync(Scope.make())
  const { loads = {}, ...bounds } = environment
  const models = Object.entries(kinds).map(([name, kind]): Model.Given => {
    const { millis = 10 } = loads[name as ModelName] ?? {}
    return {
      name,
      kind,
      can: [],
      bytes: 384,
      load: millis,
      decode: 200,
      prefill: 1_000_000_000,
      sharing: 0,
      answer: 12
    }
  })
  const faults = Object.entries(loads).flatMap(([name, load]) => faultsOf(name, load))
  const { url } = await Effect.runPromise(Scope.provide(Server.start({ ...bounds, models, faults }), scope))
  return { url, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** How a load goes wrong. */
const faultsOf = (model: string, { exit, hangs = false, log = "" }: Load): ReadonlyArray<string> => {
  if (hangs) return [`load-hang model=${model}`]
  if (exit === undefined) return []
  if (/out of memory/.test(log)) return [`load-memory model=${model}`]
  return [`load-exit model=${model}${log === "" ? ` at=${exit}` : ""}`]
}
