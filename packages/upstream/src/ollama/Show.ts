/**
 * What an Ollama tells of one model: what it can, and what it is made of.
 *
 * It tells pages, with the template, the license and every number of the architecture. What is taken is what decides
 * whether a question can be put to it, and only where it has the kind that it should have.
 */
import type * as Core from "@spillway/core"
import { Effect } from "effect"
import type { Place } from "../Exchange.ts"
import { fieldsOf, type Fields, numberOf, textOf } from "../Fields.ts"
import { malformed } from "../Meaning.ts"
import { failed } from "../Wire.ts"
import * as Models from "./Models.ts"

/** A model as its server describes it. */
export interface Shown extends Core.Shown {
  readonly family?: string
  /** How many there are, as Ollama prints it: `8.0B`. */
  readonly parameters?: string
  readonly quantization?: string
}

/** Asks for it. It loads nothing. */
export const show = (place: Place, model: string): Effect.Effect<Shown, Core.SpillwayError> =>
  Effect.flatMap(Models.object(place, { path: "/api/show", said: { model } }), ({ about, fields }) => {
    const shown = shownIn(fields)
    return shown === undefined ? Effect.fail(failed(malformed(about))) : Effect.succeed(shown)
  })

const shownIn = (fields: Fields): Shown | undefined => {
  const { capabilities = [], details, model_info: info } = fields
  const made = fieldsOf(details)
  if (made === undefined || !Array.isArray(capabilities)) return undefined
  const numbers = fieldsOf(info) ?? {}
  const contextMax = numberOf(numbers[`${textOf(numbers["general.architecture"])}.context_length`])
  const family = textOf(made["family"])
  const parameters = textOf(made["parameter_size"])
  const quantization = textOf(made["quantization_level"])
  return {
    capabilities: capabilities.filter((each) => typeof each === "string"),
    ...(contextMax !== undefined && { contextMax }),
    ...(family !== undefined && { family }),
    ...(parameters !== undefined && { parameters }),
    ...(quantization !== undefined && { quantization })
  }
}
