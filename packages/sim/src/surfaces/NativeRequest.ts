/**
 * What is asked at the native endpoints: the shapes that Go reads them with, and the questions that they become.
 */
import * as Duration from "../go/Duration.ts"
import * as Json from "../go/Json.ts"
import * as Quote from "../go/Quote.ts"
import type { Said } from "../ollama/Frame.ts"
import type { Chat, Embed, Generate, Message } from "../ollama/Request.ts"

const think: Json.Shape<boolean | string> = Json.custom<boolean | string>((value) => {
  if (typeof value === "boolean") return { value }
  if (typeof value !== "string") {
    return { error: 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)' }
  }
  const isLevel = ["high", "medium", "low", "max"].includes(value)
  const expected = '(must be "high", "medium", "low", "max", true, or false)'
  return isLevel ? { value } : { error: `invalid think value: ${Quote.quote(value)} ${expected}` }
})

const options = Json.map("map[string]interface {}")
const images = Json.list(Json.bytes("api.ImageData"), "[]api.ImageData")

const asking = {
  model: Json.string,
  stream: Json.boolean,
  format: Json.raw,
  keep_alive: Duration.keepAliveShape,
  options,
  think,
  truncate: Json.boolean,
  shift: Json.boolean,
  _debug_render_only: Json.boolean,
  logprobs: Json.boolean,
  top_logprobs: Json.integer
}

/** Arguments keep their order there, and so are read by hand: whatever is no object looks like a bad one. */
const givenArguments: Json.Shape<Record<string, unknown>> = Json.custom<Record<string, unknown>>((value) =>
  typeof value === "object" && !Array.isArray(value)
    ? { value: (value ?? {}) as Record<string, unknown> }
    : { error: "Value looks like object, but can't find closing '}' symbol" }
)

const toolCall = Json.struct("ToolCall", "api", {
  id: Json.string,
  function: Json.struct("ToolCallFunction", "api", {
    index: Json.integer,
    name: Json.string,
    arguments: givenArguments
  })
})

const turn = Json.struct("Alias", "api", {
  role: Json.string,
  content: Json.string,
  thinking: Json.string,
  images,
  tool_calls: Json.list(toolCall, "[]api.ToolCall"),
  tool_name: Json.string,
  tool_call_id: Json.string
})

/** A turn reads itself, so that a mistake in it ends the reading. */
const message: Json.Shape<Json.Value<typeof turn>> = Json.custom((_, text) => Json.unmarshal(turn, text))

const tool = Json.struct("Tool", "api", {
  type: Json.string,
  items: Json.any,
  function: Json.struct("ToolFunction", "api", { name: Json.string, description: Json.string, parameters: Json.any })
})

/** `POST /api/chat`. */
export const chatShape = Json.struct("ChatRequest", "api", {
  ...asking,
  messages: Json.list(message, "[]api.Message"),
  tools: Json.list(tool, "api.Tools")
})

/** `POST /api/generate`. */
export const generateShape = Json.struct("GenerateRequest", "api", {
  ...asking,
  prompt: Json.string,
  suffix: Json.string,
  system: Json.string,
  template: Json.string,
  context: Json.list(Json.integer, "[]int"),
  raw: Json.boolean,
  images
})

/** `POST /api/embed`. */
export const embedShape = Json.struct("EmbedRequest", "api", {
  model: Json.string,
  input: Json.any,
  keep_alive: Duration.keepAliveShape,
  truncate: Json.boolean,
  dimensions: Json.integer,
  options
})

/** `POST /api/embeddings`. */
export const legacyShape = Json.struct("EmbeddingRequest", "api", {
  model: Json.string,
  prompt: Json.string,
  keep_alive: Duration.keepAliveShape,
  options
})

/** The question of a chat. */
export const chatOf = (body: Json.Value<typeof chatShape>): Chat => ({
  ...askingOf(body),
  messages: (body.messages ?? []).map(messageOf),
  tools: (body.tools ?? []).map((each) => ({ name: each.function?.name ?? "" }))
})

/** The question of a text. */
export const generateOf = (body: Json.Value<typeof generateShape>): Generate => {
  const { context, prompt = "", raw = false, suffix, system, template } = body
  return {
    ...askingOf(body),
    prompt,
    raw,
    images: body.images ?? [],
    ...(suffix !== undefined && { suffix }),
    ...(system !== undefined && system !== "" && { system }),
    ...(template !== undefined && template !== "" && { template }),
    ...(context !== undefined && { context })
  }
}

/** The question of vectors, or why it is none. */
export const embedOf = (body: Json.Value<typeof embedShape>): Embed | Said => {
  const { dimensions, input, keep_alive: keepAlive, model = "", truncate } = body
  const texts = input === undefined || input === "" ? [] : Array.isArray(input) ? input : [input]
  const isRight = texts.every((text): text is string => typeof text === "string")
  if (!isRight) return { status: 400, message: "invalid input type" }
  return {
    model,
    options: body.options ?? {},
    input: texts,
    ...(keepAlive !== undefined && { keepAlive }),
    ...(truncate !== undefined && { truncate }),
    ...(dimensions !== undefined && { dimensions })
  }
}

const askingOf = (body: Json.Value<typeof chatShape> | Json.Value<typeof generateShape>) => {
  const { format, keep_alive: keepAlive, logprobs, model = "", shift, stream = true, truncate } = body
  return {
    model,
    stream,
    options: body.options ?? {},
    ...(keepAlive !== undefined && { keepAlive }),
    ...(format !== undefined && format !== "null" && format !== '""' && { format: JSON.parse(format) as unknown }),
    ...(body.think !== undefined && { think: body.think }),
    ...(truncate !== undefined && { truncate }),
    ...(shift !== undefined && { shift }),
    ...(body._debug_render_only === true && { isShown: true }),
    ...(logprobs !== undefined && { logprobs }),
    ...(body.top_logprobs !== undefined && { topLogprobs: body.top_logprobs })
  }
}

const messageOf = (each: Json.Value<typeof turn>): Message => ({
  role: (each.role ?? "").toLowerCase(),
  content: each.content ?? "",
  ...(each.thinking !== undefined && { thinking: each.thinking }),
  ...(each.images !== undefined && { images: each.images }),
  ...(each.tool_calls !== undefined && {
    toolCalls: each.tool_calls.map((call) => ({
      name: call.function?.name ?? "",
      arguments: call.function?.arguments ?? {}
    }))
  }),
  ...(each.tool_name !== undefined && { toolName: each.tool_name })
})
