/**
 * The models of a server that lists them as OpenAI does, and Anthropic in its turn.
 *
 * A list says which models may be asked for and nothing of memory: all of them are taken to be loaded.
 */
import type { Inspection, ModelFound, SpillwayError } from "@spillway/core"
import { Effect } from "effect"
import type { Place } from "./Exchange.ts"
import { type Fields, fieldsOf, numberOf, objectIn, textOf } from "./Fields.ts"
import { malformed } from "./Meaning.ts"
import { whole } from "./Whole.ts"
import { failed, type Wire } from "./Wire.ts"

/** What is at a path; of each model the context, in whichever of these fields it is told. */
export const inspect = (
  { refused }: Pick<Wire, "refused">,
  place: Place,
  path: string,
  contexts: ReadonlyArray<string>
): Effect.Effect<Inspection, SpillwayError> =>
  Effect.flatMap(whole(place, { path }), ({ about, ...answer }) => {
    const data = answer.status === 200 ? objectIn(answer.body)?.["data"] : undefined
    if (!Array.isArray(data)) return Effect.fail(refused(answer, about))
    const models = data.map((each) => found(fieldsOf(each) ?? {}, contexts))
    return models.every((model) => model !== undefined)
      ? Effect.succeed({ models })
      : Effect.fail(failed(malformed(about)))
  })

const found = (model: Fields, contexts: ReadonlyArray<string>): ModelFound | undefined => {
  const name = textOf(model["id"])
  const context = contexts.map((field) => numberOf(model[field])).find((each) => each !== undefined)
  return name === undefined ? undefined : { name, loaded: true, ...(context !== undefined && { context }) }
}
