/**
 * Whether a model goes on with an answer that has begun, or begins a new turn after it.
 *
 * That is up to the template of the model: most leave the last turn open where it is the model's own, some close it
 * whatever it is. Nobody can tell by the name, so the server is asked how the model would read it. An old one, which
 * does not know that question, answers with a token instead and says nothing of it: there an answer is begun again.
 */
import { Question, type SpillwayError } from "@spillway/core"
import { Effect } from "effect"
import type { Place } from "../Exchange.ts"
import { fieldsOf, objectIn, textOf } from "../Fields.ts"
import { put } from "./Body.ts"
import * as Models from "./Models.ts"

/** How much of what was heard its model would read as the beginning of its own answer: all of it, or nothing. */
export const reads =
  (place: Place) =>
  (question: Question.Question, heard: string): Effect.Effect<string | undefined, SpillwayError> => {
    // Words that no template ends in: else one that closes the turn could end as what was heard does.
    const shown = heard + mark
    const asked = Question.begunWith(question, shown)
    const written = asked && put({ question: asked, target: place.upstream, parts: () => 0, nowMillis: () => 0 })
    const body = written && "body" in written ? objectIn(written.body) : undefined
    if (asked === undefined || body === undefined) return Effect.succeed(undefined)
    const options = { ...fieldsOf(body["options"]), num_predict: 1 }
    const said = { ...body, model: asked.model, options, stream: false, _debug_render_only: true }
    return Effect.match(Models.object(place, { path: "/api/chat", said }), {
      // What is wrong with the server shows when it is asked for the answer.
      onFailure: () => undefined,
      onSuccess: ({ fields }) => {
        const prompt = textOf(fieldsOf(fields["_debug_info"])?.["rendered_template"]) ?? ""
        return prompt.endsWith(shown) ? heard : undefined
      }
    })
  }

const mark = " and so it goes on,"
