/**
 * What is refused before anything is begun, in Ollama's own words, of which every endpoint has others.
 */
import * as Quote from "../go/Quote.ts"
import type { Failure } from "./Frame.ts"
import type { Model } from "./Model.ts"
import * as Name from "./Name.ts"
import type { Chat, Generate } from "./Request.ts"

/** The model that is asked for words, if it is there and can say any. */
export const modelFor = (
  request: Chat | Generate,
  endpoint: "chat" | "generate",
  model: Model | undefined
): Model | Failure => {
  const { model: name, topLogprobs = 0 } = request
  if (topLogprobs < 0 || topLogprobs > 20) return bad("top_logprobs must be between 0 and 20")
  if (model === undefined) return missing(name, endpoint)
  return model
}

/** Why a model that is there says no words of the kind that is asked for. */
export const mismatch = (
  request: Chat | Generate,
  endpoint: "chat" | "generate",
  model: Model
): Failure | undefined => {
  const { model: name, think } = request
  if (model.kind === "embed") return unsupported(`${Quote.quote(name)} does not support ${endpoint}`)
  const isRelaxed = "relaxed" in request && request.relaxed
  if (think !== undefined && think !== false && !model.can.includes("thinking") && !isRelaxed) {
    return unsupported(`${Quote.quote(name)} does not support thinking`)
  }
  return undefined
}

/** That there is no such model, or that this is no name of one. */
export const missing = (name: string, endpoint: "chat" | "generate" | "embed"): Failure => {
  if (name === "" && endpoint === "chat") return bad("model is required")
  if (name !== "" && Name.full(name) === undefined) return bad("invalid model name")
  const isBare = endpoint === "embed" && name !== ""
  return {
    status: 404,
    reason: "ModelNotFound",
    message: isBare ? `model ${Quote.quote(name)} not found, try pulling it first` : `model '${name}' not found`
  }
}

/** That the caller has made a mistake, for which Ollama has more than one status. */
export const bad = (message: string, status = 400): Failure => ({ status, message, reason: "BadRequest" })

/** That a model cannot do what is asked. */
export const unsupported = (message: string): Failure => ({ status: 400, message, reason: "Unsupported" })

/** The same, of what its template or its weights lack. */
export const lacks = ({ fullName }: Model, what: string): Failure => unsupported(`${fullName} does not support ${what}`)
