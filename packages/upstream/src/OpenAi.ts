/**
 * A server that speaks as api.openai.com does: chat completions, embeddings and models.
 *
 * Many do, and hardly two alike. What differs is an option where a question needs to know it, and otherwise read
 * leniently; what only some can carry is sent, and their refusal named.
 */
import { Options as CoreOptions, type Upstream } from "@spillway/core"
import { Effect, Schema, type Scope } from "effect"
import { addressOf, reach } from "./Address.ts"
import * as Connection from "./Connection.ts"
import * as Exchange from "./Exchange.ts"
import { inspect } from "./Listing.ts"
import { put } from "./openai/Body.ts"
import { reading } from "./openai/Chunks.ts"
import { refused } from "./openai/Failures.ts"
import type { Wire } from "./Wire.ts"

/** Where a server is, in what it differs from others of its shape, and what bounds its answers. */
export const Options = Schema.Struct({
  ...reach("https://api.openai.com/v1"),
  /** The field that bounds an answer; where nothing is said, the newer one for api.openai.com alone. */
  maxTokens: Schema.optionalKey(Schema.Literals(["max_tokens", "max_completion_tokens"])),
  /** The field of a turn in which its thoughts are sent back; they are left out where none is named. */
  thinking: Schema.optionalKey(Schema.Literals(["reasoning", "reasoning_content"]))
})

/** The options as TypeScript takes them. */
export type Options = CoreOptions.Widened<typeof Options.Encoded>

/** What vLLM, OpenRouter and Groq call the context of a model. */
const contexts = ["max_model_len", "context_length", "context_window"]

/** Makes an upstream of it, whose connections are closed with its scope. */
export const make = (
  name: string,
  options: Options = {}
): Effect.Effect<Upstream, CoreOptions.OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { bodyMax, connections, key, lineMax, url, ...told } = yield* CoreOptions.decode("OpenAi", Options)(options)
    const { headers: named, origin, prefix } = addressOf(url, /\/(?:chat\/completions|embeddings|models)$/)
    const connection = yield* Connection.open({ origin, connections })
    const maxTokens = new URL(url).hostname === "api.openai.com" ? "max_completion_tokens" : "max_tokens"
    const place: Exchange.Place = {
      upstream: name,
      connection,
      prefix: prefix || "/v1",
      headers: key === undefined ? named : { ...named, authorization: `Bearer ${key.trim()}` },
      bounds: { lineMax, bodyMax }
    }
    const wire: Wire = { put: put({ maxTokens, ...told }), reading, refused }
    const beside = { ...place, connection: yield* Connection.open({ origin, connections: Connection.besideMax }) }
    return { name, call: Exchange.call(wire, place), inspect: inspect(wire, beside, "/models", contexts) }
  })
