/**
 * A simulated hosted provider on a real port, with the face of one of those that callers overflow to.
 */
import { Options as CoreOptions } from "@spillway/core"
import { Effect, type Scope } from "effect"
import { make as makeAgenda } from "./Agenda.ts"
import * as Control from "./Control.ts"
import * as Fault from "./Fault.ts"
import * as Anthropic from "./hosted/Anthropic.ts"
import * as Faults from "./hosted/Faults.ts"
import * as Hosted from "./hosted/Hosted.ts"
import * as OpenAi from "./hosted/OpenAi.ts"
import * as Listener from "./Listener.ts"
import { Traffic } from "./Traffic.ts"

/** Whose face it has. */
export const faces = {
  openai: { make: OpenAi.make, paths: OpenAi.paths },
  anthropic: { make: Anthropic.make, paths: Anthropic.paths }
} as const

/** The models of a face where none are named. */
const usual: Readonly<Record<keyof typeof faces, ReadonlyArray<string>>> = {
  openai: ["gpt-4o-mini", "text-embedding-3-small"],
  anthropic: ["claude-haiku-4-5"]
}

/** Every fault there is. */
export const known = Faults.table

/** The options as TypeScript takes them: whose face, what is behind it, and where it listens. */
export type Options = Partial<CoreOptions.Widened<typeof Hosted.Options.Encoded>> &
  Listener.Options & {
    readonly face: keyof typeof faces
    readonly faults?: ReadonlyArray<Fault.Options | string>
  }

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly hosted: Hosted.Hosted
  readonly faults: Fault.Switchboard
  readonly traffic: Traffic
}

/** What starting one may fail with. */
export type StartRefused = CoreOptions.OptionsRefused | Fault.FaultRefused | Listener.ListenRefused

/** Starts one, which ends with its scope. */
export const start = ({
  bodyMax,
  face,
  faults: given = [],
  host,
  port,
  ...options
}: Options): Effect.Effect<Running, StartRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* CoreOptions.decode("Hosted", Hosted.Options)({ models: usual[face], ...options })
    const agenda = yield* makeAgenda
    const { make, paths } = faces[face]
    const strikes = new Map(Faults.table.map((row) => [row.name, { ...row, paths: paths[row.where] }]))
    const faults = new Fault.Switchboard(agenda, settings.seed, strikes, {
      all: () => settings.models.map((name) => ({ names: [name] })),
      namesOf: (name) => [name]
    })
    yield* Effect.forEach(given, (fault) => faults.add(fault))
    const traffic = new Traffic(agenda)
    const told = Object.fromEntries(Faults.table.map(({ name, says, where }) => [name, { where, what: says }]))
    const hosted = new Hosted.Hosted(agenda, faults, settings)
    const models = () => settings.models.map((name) => ({ name, running: hosted.busy }))
    const url = yield* Listener.open(
      { bodyMax, host, port },
      {
        agenda,
        isGo: false,
        // A fault of a provider is asked for where it happens.
        struckBy: () => undefined,
        headersFor: () => [],
        handler: Control.beside({ faults, known: told, models, traffic }, make(hosted))
      }
    )
    return { url, hosted, faults, traffic }
  })
