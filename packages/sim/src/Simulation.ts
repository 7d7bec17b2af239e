/**
 * A simulation: a daemon with its models, the faults that are switched on, and the time it all runs on.
 *
 * A server puts it on a port, and a program in virtual time asks it as it is.
 */
import { Alarm, Options as CoreOptions, Units } from "@spillway/core"
import { Duration, Effect, Schema } from "effect"
import { type Agenda, make as makeAgenda } from "./Agenda.ts"
import * as Fault from "./Fault.ts"
import * as Faults from "./ollama/Faults.ts"
import * as Model from "./ollama/Model.ts"
import { Ollama } from "./ollama/Ollama.ts"

const withDefault = <A, I>(schema: Schema.Codec<A, I>, value: I) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

/** What a simulated Ollama may be told, with Ollama's own defaults. */
export const Options = Schema.Struct({
  /** How many answers of one model are made at once. */
  parallel: withDefault(Units.count.schema, 1),
  /** How many may wait for a load. */
  queueMax: withDefault(Units.count.schema, 512),
  /** How many models may be loaded at once, and what memory they share, in bytes. */
  modelsMax: withDefault(Units.count.schema, 3),
  memory: Schema.optionalKey(Units.count.schema),
  /** A duration, nothing, or for ever. */
  keepAlive: withDefault(Schema.Union([Schema.Literals(["forever", "-1", -1, "0"]), Units.duration.schema]), "5m"),
  loadTimeout: withDefault(Units.span.schema, "5m"),
  /** What it takes until the memory of an unloaded model is free. */
  unload: withDefault(Units.duration.schema, 0),
  /** The context of a request that names none. */
  context: withDefault(Units.count.schema, 4_096),
  /** From which all is drawn. */
  seed: withDefault(Schema.Int, 1),
  version: withDefault(Schema.String, "0.34.0")
})

/** In nanoseconds, or as a request's own `keep_alive` says for ever. */
const keepAliveOf = (given: Schema.Schema.Type<typeof Options>["keepAlive"]): number =>
  Duration.isDuration(given) ? Alarm.nanos(given) : given === "0" ? 0 : -1

/** The options as TypeScript takes them. */
export type Options = CoreOptions.Widened<typeof Options.Encoded> & {
  /** Names, or more than that. */
  readonly models?: ReadonlyArray<Model.Given>
  readonly faults?: ReadonlyArray<Fault.Options | string>
}

/** Why none was made. */
export type Refused = CoreOptions.OptionsRefused | Fault.FaultRefused

/** What was made. */
export interface Simulation {
  readonly agenda: Agenda
  readonly ollama: Ollama
  readonly faults: Fault.Switchboard
}

/** Makes one, on the clock of the running program. */
export const make = ({
  faults: given = [],
  models: names = ["llama3.1:8b", "nomic-embed-text"],
  ...options
}: Options = {}): Effect.Effect<Simulation, Refused> =>
  Effect.gen(function* () {
    const settings = yield* CoreOptions.decode("Sim", Options)(options)
    const models = yield* Effect.forEach(names, Model.make)
    const agenda = yield* makeAgenda
    const faults = new Fault.Switchboard(
      agenda,
      settings.seed,
      Faults.known,
      Faults.modelsOf(() => ollama)
    )
    const ollama = new Ollama(agenda, {
      ...settings,
      models,
      memory: settings.memory,
      keepAlive: keepAliveOf(settings.keepAlive),
      loadTimeout: Alarm.nanos(settings.loadTimeout),
      unload: Alarm.nanos(settings.unload),
      faultOf: (model) => Faults.loadOf(faults.strike(Faults.ofLoads, { path: "", model: model.name }))
    })
    yield* Effect.forEach(given, (fault) => faults.add(fault))
    return { agenda, ollama, faults }
  })
