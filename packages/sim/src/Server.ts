/**
 * A simulated Ollama on a real port.
 *
 * A small API beside Ollama's own, below `/_sim`, switches faults on and off and tells who has asked what.
 */
import { Effect, type Scope } from "effect"
import * as Control from "./Control.ts"
import type * as Fault from "./Fault.ts"
import * as Listener from "./Listener.ts"
import * as Door from "./ollama/Door.ts"
import * as Faults from "./ollama/Faults.ts"
import type { Ollama } from "./ollama/Ollama.ts"
import * as Routes from "./ollama/Routes.ts"
import * as Simulation from "./Simulation.ts"
import { Traffic } from "./Traffic.ts"

/** The options as TypeScript takes them: those of the simulation, and where it listens. */
export type Options = Simulation.Options & Listener.Options

export { ListenRefused } from "./Listener.ts"

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly ollama: Ollama
  readonly faults: Fault.Switchboard
  readonly traffic: Traffic
}

/** What starting one may fail with. */
export type StartRefused = Simulation.Refused | Listener.ListenRefused

/** Starts one, which ends with its scope. */
export const start = ({ bodyMax, host, port, ...options }: Options = {}): Effect.Effect<
  Running,
  StartRefused,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const { agenda, faults, ollama } = yield* Simulation.make(options)
    const traffic = new Traffic(agenda)
    const known = Object.fromEntries(
      Object.entries(Faults.catalogue).map(([name, { what, where }]) => [name, { where, what }])
    )
    const controlled = { faults, known, traffic, models: () => Control.statesOf(ollama) }
    const routes = Routes.handler(ollama, () => ollama.draw())
    const url = yield* Listener.open(
      { bodyMax, host, port },
      {
        agenda,
        isGo: true,
        struckBy: (asked) => (Control.isFor(asked) ? undefined : faults.strike(Faults.ofArrival(asked), asked)),
        struckLate: (asked) => faults.strike(Faults.ofAnswers, asked),
        headersFor: Routes.originHeaders,
        handler: Control.beside(controlled, Door.struck(agenda, routes))
      }
    )
    return { url, ollama, faults, traffic }
  })
