/**
 * What every tool and resource needs: the router, what has been seen of it, and what is meant where nobody says it.
 */
import { refusal, type Router, type SpillwayError } from "@spillway/core"
import { Duration, Effect, type Scope } from "effect"
import * as Journal from "./Journal.ts"
import { Loads } from "./Loads.ts"
import type { Refusal } from "./Refused.ts"

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

/** What holds where nothing is said. */
export const defaults = { patience: "50 seconds", loadFor: "5 minutes", bytesMax: 4_000_000 } as const

/** Makes it. It looks around for as long as its scope lasts. */
export const make = ({
  bytesMax = defaults.bytesMax,
  journal,
  loadFor = defaults.loadFor,
  patience = defaults.patience,
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

/** What is asked of a model: words, or vectors. */
export type Kind = (typeof kinds)[number]

/**
 * What answers where a question names nothing: the first route that can, or else what is loaded, or else what is there.
 * Where routes were named nothing else may be asked.
 */
export const defaultOf = (door: Door, status: Router.Status, kind: Kind): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    for (const [name, targets] of candidates(door, status).slice(0, candidatesMax)) {
      if ((yield* kindsOf(door, name, targets)).includes(kind)) return name
    }
    return undefined
  })

type Candidate = readonly [name: string, targets: ReadonlyArray<string>]

const candidates = ({ routes }: Door, status: Router.Status): ReadonlyArray<Candidate> => {
  if (routes.length > 0) {
    return routes.map((name) => {
      const { tiers = [] } = status.routes.find((route) => route.name === name) ?? {}
      return [name, (tiers[0]?.targets ?? []).map(({ target }) => target)]
    })
  }
  const known = (names: (each: Router.UpstreamStanding) => ReadonlyArray<string>): ReadonlyArray<Candidate> =>
    status.upstreams.flatMap((each) => names(each).map((name): Candidate => [name, [`${each.name}/${name}`]]))
  return known(({ loaded }) => loaded).concat(known(({ models }) => models))
}

/** What it can be asked for. Of what nobody has seen nothing is known: it is taken by its name. */
export const kindsOf = (
  { service }: Door,
  name: string,
  targets: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Kind>> =>
  Effect.map(Effect.forEach(targets, service.capabilities), (shown) => {
    const can = shown.find(({ length }) => length > 0)
    if (can !== undefined) return kinds.filter((kind) => can.includes(words[kind]))
    return [isForVectors([name, ...targets]) ? "embed" : "generate"]
  })

const kinds = ["generate", "embed"] as const

/** What a server calls it. */
const words = { generate: "completion", embed: "embedding" } as const

/** So many are looked at; whoever has more names one. */
export const candidatesMax = 32

/** A model for vectors cannot speak; where its server does not say so, it is told by what it is called. */
const isForVectors = (names: ReadonlyArray<string>): boolean =>
  names.some((name) => /embed|\b(bge|minilm|e5|gte)\b/i.test(name))

/** What is said to be missing of a model for the other kind. */
const lacking = { generate: /^(words: |a question for words)/, embed: /^vectors/ } as const

/** Who asks one for words that only makes vectors, or the other way round, is told so. */
export const misasked =
  (kind: Kind) =>
  (error: Refusal): Refusal => {
    if (error._tag === "NothingYet" || error.reason._tag !== "Unsupported") return error
    if (!lacking[kind].test(error.reason.capability)) return error
    const [read, expected] =
      kind === "embed"
        ? ["one that makes no vectors", "one that does"]
        : ["one for vectors", "one that answers in words"]
    return refusal({ _tag: "BadRequest", field: "model", read, expected: `${expected}: see list_models` })
  }

/** The model that is meant. */
export const modelOf = (door: Door, given: string | undefined, kind: Kind): Effect.Effect<string, SpillwayError> =>
  given !== undefined
    ? Effect.succeed(given)
    : Effect.gen(function* () {
        if (door.routes.length === 0) yield* door.service.look
        const status = yield* door.service.status
        const model = yield* defaultOf(door, status, kind)
        if (model !== undefined) return model
        const unseen = status.upstreams.filter(({ isDown, isSeen }) => isDown || !isSeen).map(({ name }) => name)
        // It may have what is not known to be there.
        if (door.routes.length === 0 && unseen.length > 0) {
          const problem = "nothing came of a look at it"
          return yield* refusal({ _tag: "Unreachable", target: unseen.join(" and "), problem, parts: 0 })
        }
        const what = kind === "embed" ? "makes vectors" : "answers in words"
        const expected = `the name of a model, since none that may be asked ${what}: see list_models`
        return yield* refusal({ _tag: "BadRequest", field: "model", read: "missing", expected })
      })
