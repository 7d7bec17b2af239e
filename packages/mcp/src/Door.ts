/**
 * What every tool and resource needs: the router, what has been seen of it, and what is meant where nobody says it.
 */
import { refusal, type Router, type SpillwayError } from "@spillway/core"
import { Duration, Effect, type Scope } from "effect"
import * as Journal from "./Journal.ts"
import { Loads } from "./Loads.ts"

/** What it is made with. */
export interface Options {
  readonly service: Router.Service
  /** The routes that somebody has named, the first of which is asked where a question names none. */
  readonly routes?: ReadonlyArray<string>
  /**
   * How long a call may take before its client gives up, who then hears nothing at all: what is there by then is
   * answered instead. Most clients wait for 60 s, also where they are told how far it has come.
   */
  readonly patience?: Duration.Input
  /** For how long a call goes on that is over, so that the model that it waited for is loaded. */
  readonly loadFor?: Duration.Input
  /** How many bytes a result may have, in which an answer stands twice; a longer one is cut. */
  readonly bytesMax?: number
  readonly journal?: Omit<Journal.Options, "routes">
}

/** The door. */
export interface Door {
  readonly service: Router.Service
  readonly journal: Journal.Journal
  readonly routes: ReadonlyArray<string>
  readonly loads: Loads
  readonly bytesMax: number
  readonly patience: Duration.Duration
}

/** Makes it. It looks around for as long as its scope lasts. */
export const make = ({
  bytesMax = 4_000_000,
  journal,
  loadFor = "5 minutes",
  patience = "50 seconds",
  routes = [],
  service
}: Options): Effect.Effect<Door, never, Scope.Scope> =>
  Effect.gen(function* () {
    return {
      service,
      journal: yield* Journal.make(service, { ...journal, routes }),
      loads: new Loads(yield* Effect.scope, Duration.fromInputUnsafe(loadFor)),
      routes,
      bytesMax,
      patience: Duration.fromInputUnsafe(patience)
    }
  })

/** What answers where a question names nothing: the first route, or else what is loaded, or else what is there. */
export const defaultOf = ({ routes }: Pick<Door, "routes">, status: Router.Status, kind: Kind): string | undefined => {
  const isFit = (model: string): boolean => isForVectors(model) === (kind === "embed")
  const loaded = status.upstreams.flatMap((each) => each.loaded)
  const there = status.upstreams.flatMap((each) => each.models)
  return routes.find(isFit) ?? loaded.find(isFit) ?? there.find(isFit)
}

/** What is asked of a model: words, or vectors. */
export type Kind = "generate" | "embed"

/** A model for vectors cannot speak, and nothing tells them apart before they are asked but what they are called. */
const isForVectors = (model: string): boolean => /embed/i.test(model)

/** The model that is meant. */
export const modelOf = (door: Door, given: string | undefined, kind: Kind): Effect.Effect<string, SpillwayError> =>
  given !== undefined
    ? Effect.succeed(given)
    : Effect.gen(function* () {
        if (door.routes.length === 0) yield* door.service.look
        const status = yield* door.service.status
        const model = defaultOf(door, status, kind)
        if (model !== undefined) return model
        if (status.upstreams.every(({ models }) => models.length === 0)) return yield* refusal({ _tag: "Unavailable" })
        const expected = "the name of a model, since none that is there makes vectors by its name"
        return yield* refusal({
          _tag: "BadRequest",
          field: "model",
          read: "missing",
          expected: kind === "embed" ? expected : "the name of a model: see list_models"
        })
      })
