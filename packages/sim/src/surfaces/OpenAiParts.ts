/**
 * What the surfaces that speak OpenAI's language share: how their fields become native ones, and native ones theirs.
 *
 * What cannot be translated is told by an error in place of the value, in Ollama's words.
 */
import * as Base64 from "../go/Base64.ts"
import * as Json from "../go/Json.ts"
import type { Frame, Logprob, ToolCall } from "../ollama/Frame.ts"

/** Something read, or why it cannot be. */
export type Read<A> = { readonly value: A } | { readonly error: string }

/** What a stream is to hold beside the answer. */
export const streamOptions = Json.struct("StreamOptions", "openai", { include_usage: Json.boolean })

/** An object that keeps its order, which Go reads with a parser of its own. */
export const ordered = <A>(value: Json.Shape<A>): Json.Shape<Readonly<Record<string, A>>> =>
  Json.custom((given, text) =>
    isObject(given)
      ? Json.unmarshal(Json.map("", value), text)
      : { error: "Value looks like object, but can't find closing '}' symbol" }
  )

const typeNames = Json.custom((given, text): Json.Decoded<unknown> =>
  typeof given === "string" ? { value: given } : Json.unmarshal(Json.list(Json.string, "[]string"), text)
)

/** What a tool is to be called with, which is checked and not used. */
export const parameters = Json.struct("ToolFunctionParameters", "api", {
  type: Json.string,
  required: Json.list(Json.string, "[]string"),
  properties: ordered(Json.struct("ToolProperty", "api", { type: typeNames, description: Json.string }))
})

/** A tool, of which only the name is used. */
export const tool = Json.struct("Tool", "api", {
  type: Json.string,
  function: Json.struct("ToolFunction", "api", { name: Json.string, description: Json.string, parameters })
})

/** What was counted, with what came from the cache where that is known. */
export const usageOf = ({ metrics }: Pick<Frame, "metrics">) => ({
  prompt_tokens: metrics?.promptEvalCount ?? 0,
  ...(metrics && { prompt_tokens_details: { cached_tokens: metrics.promptEvalCachedCount } }),
  completion_tokens: metrics?.evalCount ?? 0,
  total_tokens: (metrics?.promptEvalCount ?? 0) + (metrics?.evalCount ?? 0)
})

/** Calls of tools, with their arguments as text. */
export const toolCallsOf = (calls: ReadonlyArray<ToolCall> = []) =>
  calls.map(({ function: { arguments: given, index, name }, id }) => ({
    id,
    index,
    type: "function",
    function: { name, arguments: Json.encode(given) }
  }))

/** How likely each token was, with its bytes; nothing where nobody asked. */
export const logprobsOf = (logprobs: ReadonlyArray<Logprob> = []) =>
  logprobs.length === 0
    ? {}
    : {
        logprobs: {
          content: logprobs.map(({ logprob, token, top }) => ({
            ...likely({ logprob, token }),
            ...(top.length > 0 && { top_logprobs: top.map(likely) })
          }))
        }
      }

const likely = ({ logprob, token }: { readonly logprob: number; readonly token: string }) => ({
  token,
  logprob,
  ...(token !== "" && { bytes: [...new TextEncoder().encode(token)] })
})

/** An optional number or text under another name. */
export const option = (name: string, value: unknown): Readonly<Record<string, unknown>> =>
  value === undefined ? {} : { [name]: value }

/** Where an answer is to stop: one text, or those of a list that are texts. */
export const stopsOf = (stop: unknown): ReadonlyArray<string> | undefined => {
  if (typeof stop === "string") return [stop]
  return Array.isArray(stop) ? stop.filter((each) => typeof each === "string") : undefined
}

/** A schema, of which only the text was read. */
export const schemaOf = (text: string | undefined): unknown =>
  text === undefined ? undefined : (JSON.parse(text) ?? undefined)

/** How much is to be thought, for a reasoning effort; nothing where none is named. */
export const thinkOf = (effort: string): Read<boolean | string | undefined> => {
  if (effort === "") return { value: undefined }
  if (effort in efforts) return { value: efforts[effort] }
  const known = ["minimal", "low", "medium", "high", "xhigh", "ultra", "max"].map((each) => `"${each}"`).join(", ")
  return { error: `invalid reasoning value: ${JSON.stringify(effort)} (must be ${known}, or "none")` }
}

const efforts: Readonly<Record<string, boolean | string>> = {
  none: false,
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  max: "max",
  xhigh: "max",
  ultra: "max"
}

/** The image that a data URL holds, in base64. */
export const imageOf = (url: string): Read<string> => {
  if (/^https?:\/\//.test(url)) {
    return { error: "image URLs are not currently supported, please use base64 encoded data instead" }
  }
  const data = /^data:(?:image\/(?:jpeg|jpg|png|webp))?;base64,([^]*)$/.exec(url)?.[1]
  return data !== undefined && Base64.faultIn(data) === undefined ? { value: data } : { error: "invalid image input" }
}

/** The arguments of a call, which come as text. */
export const argumentsOf = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return value === null ? {} : isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether it is a JSON object. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What Go calls the type of a JSON value that is read as whatever it is. */
export const goTypeOf = (value: unknown): string => {
  if (value === undefined || value === null) return "<nil>"
  if (Array.isArray(value)) return "[]interface {}"
  if (typeof value === "object") return "map[string]interface {}"
  return typeof value === "number" ? "float64" : typeof value === "boolean" ? "bool" : "string"
}
