/**
 * What an Ollama tells of itself: its version, its models, and which of them are loaded.
 *
 * A look loads nothing and takes no slot.
 */
import { type Inspection, type ModelFound, type SpillwayError } from "@spillway/core"
import { Effect } from "effect"
import type { Place } from "../Exchange.ts"
import { type Fields, objectIn } from "../Fields.ts"
import { malformed } from "../Meaning.ts"
import { type Wanted, whole } from "../Whole.ts"
import { type About, failed } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** All of it. */
export const inspect = (place: Place): Effect.Effect<Inspection, SpillwayError> =>
  Effect.map(
    Effect.all([version(place), list(place, "/api/tags"), list(place, "/api/ps")], { concurrency: "unbounded" }),
    ([said, tags, loaded]) => ({
      version: said,
      models: tags.map((model) =>
        found(
          model,
          loaded.find(({ name }) => name === model.name)
        )
      )
    })
  )

/** Which version it is. */
export const version = (place: Place): Effect.Effect<string, SpillwayError> =>
  Effect.flatMap(object(place, { path: "/api/version" }), ({ about, fields }) =>
    typeof fields["version"] === "string" ? Effect.succeed(fields["version"]) : Effect.fail(failed(malformed(about)))
  )

/** The context with which a model is loaded, where it is. */
export const contextOf = (place: Place, model: string): Effect.Effect<number | undefined, SpillwayError> =>
  Effect.map(loadedAs(place, model), (loaded) => loaded?.context)

/** Whether a model is loaded. */
export const isLoaded = (place: Place, model: string): Effect.Effect<boolean, SpillwayError> =>
  Effect.map(loadedAs(place, model), (loaded) => loaded !== undefined)

/** The object that is answered. */
export const object = (
  place: Place,
  wanted: Wanted
): Effect.Effect<{ readonly fields: Fields; readonly about: About }, SpillwayError> =>
  Effect.flatMap(whole(place, wanted), ({ about, ...answer }) => {
    const fields = answer.status === 200 ? objectIn(answer.body) : undefined
    return fields === undefined || fields["error"] !== undefined
      ? Effect.fail(Failures.refused(answer, about))
      : Effect.succeed({ fields, about })
  })

/** A model as one of the two lists has it. */
interface Listed {
  readonly name: string
  readonly digest: string | undefined
  readonly bytes: number | undefined
  readonly context: number | undefined
}

const found = ({ bytes, digest, name }: Listed, loaded: Listed | undefined): ModelFound => ({
  name,
  loaded: loaded !== undefined,
  ...(digest !== undefined && { digest }),
  ...(bytes !== undefined && { bytes }),
  // What it was trained for is more than it reads: only a model that is loaded shows what it can really use.
  ...(loaded?.context !== undefined && { context: loaded.context })
})

const loadedAs = (place: Place, model: string): Effect.Effect<Listed | undefined, SpillwayError> =>
  Effect.map(list(place, "/api/ps"), (loaded) =>
    loaded.find(({ name }) => name === model || name === `${model}:latest`)
  )

const list = (place: Place, path: string): Effect.Effect<ReadonlyArray<Listed>, SpillwayError> =>
  Effect.flatMap(object(place, { path }), ({ about, fields: { models } }) =>
    Array.isArray(models) && models.every(isNamed)
      ? Effect.succeed(models.map(listedOf))
      : Effect.fail(failed(malformed(about)))
  )

const isNamed = (model: unknown): model is Fields & { readonly name: string } =>
  typeof model === "object" && model !== null && typeof (model as Fields)["name"] === "string"

const listedOf = (model: Fields & { readonly name: string }): Listed => {
  const { context_length: context, digest, name, size } = model
  return {
    name,
    digest: typeof digest === "string" ? digest : undefined,
    bytes: typeof size === "number" ? size : undefined,
    context: typeof context === "number" ? context : undefined
  }
}
