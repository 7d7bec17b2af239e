/**
 * Has an Ollama load a model without asking it anything.
 *
 * A text without a prompt loads whatever makes words, and is answered once that is there. What only makes vectors is
 * refused there in every version, and loads for vectors of nothing. Which of the two a model is, its refusal tells for
 * one short request; to ask first would cost one each time, also of the many that make words.
 */
import type { Question, SpillwayError } from "@spillway/core"
import { Duration, Effect } from "effect"
import type { Place } from "../Exchange.ts"
import type { Fields } from "../Fields.ts"
import { malformed } from "../Meaning.ts"
import { failed } from "../Wire.ts"
import { keeping } from "./Body.ts"
import * as Loading from "./Loading.ts"
import * as Models from "./Models.ts"

/** Loads it as it is to be kept; whoever is interrupted closes the connection, and the server gives the load up. */
export const load = (
  place: Place,
  origin: string,
  model: string,
  kept?: Question.Kept
): Effect.Effect<void, SpillwayError> => {
  // To be kept for no time at all, without a prompt, is an order to unload.
  const isOrder = kept?.loadedFor !== undefined && Duration.toMillis(kept.loadedFor) <= 0
  if (isOrder || Loading.isInCloud(origin, model)) return Effect.void
  const said = { model, ...keeping(kept) }
  const vectors = asking(place, "/api/embed", { ...said, input: [] }, ({ embeddings }) => Array.isArray(embeddings))
  return asking(place, "/api/generate", { ...said, stream: false }, ({ done }) => done === true).pipe(
    Effect.catch((error) => (error.reason._tag === "Unsupported" ? vectors : Effect.fail(error)))
  )
}

/** Asks for it, and waits for an answer that says that it is there. */
const asking = (
  place: Place,
  path: string,
  said: { readonly model: string } & Fields,
  isThere: (fields: Fields) => boolean
): Effect.Effect<void, SpillwayError> =>
  Effect.flatMap(Models.object(place, { path, said }), ({ about, fields }) =>
    isThere(fields) ? Effect.void : Effect.fail(failed(malformed(about)))
  )
