/**
 * A simulated server that runs, whichever it simulates: an Ollama, or a hosted provider.
 */
import { type Fault, HostedServer, Server } from "@spillway/sim"
import { Effect, type Scope } from "effect"
import { type ModelState, modelsOf } from "./ModelState.ts"

/** Whose face it has. */
export const faces = ["ollama", "openai", "anthropic"] as const

/** Whose face it has. */
export type Face = (typeof faces)[number]

/** What is shown of it. */
export interface Served {
  readonly url: string
  /** How it is called, where it is no Ollama. */
  readonly face?: string
  readonly faults: Fault.Switchboard
  readonly traffic: Server.Running["traffic"]
  readonly models: () => ReadonlyArray<ModelState>
}

/** Starts one. */
export const start = (
  face: Face,
  options: Server.Options & { readonly models?: ReadonlyArray<string> }
): Effect.Effect<Served, Server.StartRefused, Scope.Scope> => {
  if (face === "ollama") {
    return Effect.map(Server.start(options), ({ faults, ollama, traffic, url }) => ({
      url,
      faults,
      traffic,
      models: () => modelsOf(ollama)
    }))
  }
  const { faults = [], host, models, port, seed } = options
  const given = {
    face,
    faults,
    ...(models !== undefined && { models }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port })
  }
  return Effect.map(HostedServer.start({ ...given, ...(seed !== undefined && { seed }) }), (running) => ({
    url: running.url,
    face: face === "openai" ? "OpenAI" : "Anthropic",
    faults: running.faults,
    traffic: running.traffic,
    models: () =>
      running.hosted.options.models.map((name) => ({
        name,
        state: "loaded" as const,
        slots: running.hosted.options.running,
        running: running.hosted.busy,
        waiting: 0,
        waitingForLoad: 0
      }))
  }))
}
