/**
 * What every tool and resource needs: the router, what has been seen of it, and what is meant where nobody says it.
 */
import { refusal, type Router, type SpillwayError } from "@spillway/core"
import { Duration, Effect, type Scope } from "effect"
import * as Journal from "./Journal.ts"

/** What it is made with. */
export interface Options {
  readonly service: Router.Service
  /** The routes that somebody has named, the first of which is asked where a question names none. */
  readonly routes?: ReadonlyArray<string>
  /**
   * How long a call may take before its client gives up, who then hears nothing at all: what is there by then is
   * answered instead. Clients wait for 60 s, and longer where they are told how far it has come.
   */
  readonly patience?: { readonly silent?: Duration.Input; readonly told?: Duration.Input }
  /** How many characters an answer may have; a longer one is cut. */
  readonly lengthMax?: number
  readonly journal?: Omit<Journal.Options, "routes">
}

/** The door. */
export interface Door {
  readonly service: Router.Service
  readonly journal: Journal.Journal
  readonly routes: ReadonlyArray<string>
  readonly lengthMax: number
  readonly patience: { readonly silent: Duration.Duration; readonly told: Duration.Duration }
}

/** Makes it. It looks around for as long as its scope lasts. */
export const make = ({
  journal,
  lengthMax = 4_000_000,
  patience,
  routes = [],
  service
}: Options): Effect.Effect<Door, never, Scope.Scope> =>
  Effect.map(Journal.make(service, { ...journal, routes }), (made) => ({
    service,
    journal: made,
    routes,
    lengthMax,
    patience: {
      silent: Duration.fromInputUnsafe(patience?.silent ?? "50 seconds"),
      told: Duration.fromInputUnsafe(patience?.told ?? "170 seconds")
    }
  }))

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
