/**
 * What is asked at `/v1/chat/completions`, as a native chat.
 *
 * A turn of several parts becomes as many turns as it has parts, and the temperature that nobody names is 1 where the
 * native one is 0.8: OpenAI's default, not the model's.
 */
import * as Base64 from "../go/Base64.ts"
import * as Json from "../go/Json.ts"
import type { Chat, Message } from "../ollama/Request.ts"
import {
  argumentsOf,
  goTypeOf,
  imageOf,
  isObject,
  option,
  type Read,
  schemaOf,
  stopsOf,
  streamOptions,
  thinkOf,
  tool
} from "./OpenAiParts.ts"

const toolCall = Json.struct("ToolCall", "openai", {
  id: Json.string,
  index: Json.integer,
  type: Json.string,
  function: Json.struct("", 'struct { Name string "json:\\"name\\""; Arguments string "json:\\"arguments\\"" }', {
    name: Json.string,
    arguments: Json.string
  })
})

const turnShape = Json.struct("Message", "openai", {
  role: Json.string,
  content: Json.any,
  reasoning: Json.string,
  tool_calls: Json.list(toolCall, "[]openai.ToolCall"),
  name: Json.string,
  tool_call_id: Json.string
})

/** A request, as it is read. */
export const request = Json.struct("ChatCompletionRequest", "openai", {
  model: Json.string,
  messages: Json.list(turnShape, "[]openai.Message"),
  stream: Json.boolean,
  stream_options: streamOptions,
  max_tokens: Json.integer,
  seed: Json.integer,
  stop: Json.any,
  temperature: Json.number,
  frequency_penalty: Json.number,
  presence_penalty: Json.number,
  top_p: Json.number,
  response_format: Json.struct("ResponseFormat", "openai", {
    type: Json.string,
    json_schema: Json.struct("JsonSchema", "openai", { schema: Json.raw })
  }),
  tools: Json.list(tool, "[]api.Tool"),
  reasoning: Json.struct("Reasoning", "openai", { effort: Json.string }),
  reasoning_effort: Json.string,
  logprobs: Json.boolean,
  top_logprobs: Json.integer
})

type Turn = Json.Value<typeof turnShape>
type Request = Json.Value<typeof request>

/** The native chat, or why there is none. */
export const chatOf = (asked: Request): Read<Chat> => {
  const messages: Array<Message> = []
  for (const turn of asked.messages ?? []) {
    const read = turnsOf(turn, asked.messages ?? [])
    if ("error" in read) return read
    messages.push(...read.value)
  }
  const think = thinkOf((asked.reasoning ? asked.reasoning.effort : asked.reasoning_effort) ?? "")
  if ("error" in think) return think
  const format = formatOf(asked.response_format)
  return {
    value: {
      model: asked.model ?? "",
      messages,
      tools: (asked.tools ?? []).map(({ function: { name = "" } = {} }) => ({ name })),
      stream: asked.stream ?? false,
      options: {
        ...option("stop", stopsOf(asked.stop)),
        ...option("num_predict", asked.max_tokens),
        temperature: asked.temperature ?? 1,
        ...option("seed", asked.seed),
        ...option("frequency_penalty", asked.frequency_penalty),
        ...option("presence_penalty", asked.presence_penalty),
        top_p: asked.top_p ?? 1
      },
      logprobs: asked.logprobs ?? false,
      topLogprobs: asked.top_logprobs ?? 0,
      ...option("format", format),
      ...option("think", think.value)
    }
  }
}

const formatOf = (format: Request["response_format"]): unknown => {
  const type = format?.type?.trim().toLowerCase()
  return type === "json_object" ? "json" : type === "json_schema" ? schemaOf(format?.json_schema?.schema) : undefined
}

/** The native turns of one turn: one of text, or one of each part. */
const turnsOf = (turn: Turn, all: ReadonlyArray<Turn>): Read<ReadonlyArray<Message>> => {
  const role = turn.role?.toLowerCase() ?? ""
  const { content } = turn
  const isText = typeof content === "string"
  if (!isText && !Array.isArray(content) && !turn.tool_calls) {
    return { error: `invalid message content type: ${goTypeOf(content)}` }
  }
  const parts = Array.isArray(content) ? partsOf(role, content) : { value: [{ role, content: isText ? content : "" }] }
  if ("error" in parts) return parts
  const last = parts.value.at(-1)
  const toolCalls = toolCallsOf(turn)
  if (last === undefined || (Array.isArray(content) && !turn.tool_calls?.length)) return parts
  if (toolCalls === undefined) return { error: "invalid tool call arguments" }
  const toolName = role === "tool" && content !== undefined && content !== null ? toolNameOf(turn, all) : ""
  const whole = {
    ...last,
    ...(turn.reasoning && { thinking: turn.reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(toolName !== "" && { toolName })
  }
  return { value: [...parts.value.slice(0, -1), whole] }
}

const partsOf = (role: string, parts: ReadonlyArray<unknown>): Read<ReadonlyArray<Message>> => {
  const messages: Array<Message> = []
  for (const part of parts) {
    const read = isObject(part) ? partOf(part) : invalid
    if ("error" in read) return read
    messages.push({ role, ...read.value })
  }
  return { value: messages }
}

const partOf = (part: Record<string, unknown>): Read<Pick<Message, "content" | "images">> => {
  const { image_url: image, input_audio: audio, text, type } = part
  if (type === "text") return typeof text === "string" ? { value: { content: text } } : invalid
  if (type === "image_url") {
    const url = isObject(image) ? image.url : image
    const read = typeof url === "string" ? imageOf(url) : invalid
    return "error" in read ? read : { value: { content: "", images: [read.value] } }
  }
  return type === "input_audio" ? audioOf(audio) : invalid
}

const audioOf = (audio: unknown): Read<Pick<Message, "content" | "images">> => {
  if (!isObject(audio)) return { error: "invalid input_audio format" }
  const { data } = audio
  if (typeof data !== "string") return { error: "invalid input_audio format: missing data" }
  const fault = Base64.faultIn(data)
  return fault === undefined
    ? { value: { content: "", images: [data] } }
    : { error: `invalid input_audio base64 data: illegal base64 data at input byte ${fault}` }
}

const invalid = { error: "invalid message format" }

const toolCallsOf = ({ tool_calls: calls }: Turn): Message["toolCalls"] => {
  const read = (calls ?? []).map((call) => ({
    name: call.function?.name ?? "",
    arguments: argumentsOf(call.function?.arguments ?? "")
  }))
  return read.every(
    (call): call is typeof call & { arguments: Record<string, unknown> } => call.arguments !== undefined
  )
    ? read
    : undefined
}

/** The tool that a result is of, which is named by the call where the result does not say so. */
const toolNameOf = ({ name, tool_call_id: id }: Turn, all: ReadonlyArray<Turn>): string => {
  if (name || !id) return name ?? ""
  const calls = all.flatMap((turn) => turn.tool_calls ?? [])
  return calls.findLast((call) => call.id === id)?.function?.name ?? ""
}
