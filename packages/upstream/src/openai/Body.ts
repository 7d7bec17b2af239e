/**
 * A question as an OpenAI-shaped server wants it: the path and the JSON.
 *
 * Everything is asked for as a stream with its usage, since an answer in one piece shows neither its first token nor a
 * caller who has left.
 */
import { Question, type SpillwayError } from "@spillway/core"
import { Redacted } from "effect"
import { fieldsOf, given, textOf } from "../Fields.ts"
import { paired, type Turn } from "../Pairing.ts"
import { base64Of, isElsewhere, isKnown, typeOf } from "../Pictures.ts"
import {
  type Asked,
  isChoiceOfNothing,
  mistaken,
  notAPicture,
  notCalled,
  noTools,
  turnsOf,
  unsupported
} from "../Wire.ts"

/** In what servers of this shape differ. */
export interface Manner {
  readonly maxTokens: "max_tokens" | "max_completion_tokens"
  /** The field of a turn in which its thoughts are sent back. */
  readonly thinking?: string
}

type Content = Redacted.Redacted.Value<Question.Question["content"]>

/** Makes it, or says what cannot be carried. */
export const put =
  (manner: Manner) =>
  (asked: Asked): { readonly path: string; readonly body: string } | SpillwayError => {
    const { model } = asked.question
    const content = Redacted.value(asked.question.content)
    if (content.kind === "embed") {
      return { path: "/embeddings", body: JSON.stringify({ model, input: content.inputs }) }
    }
    if (content.kind === "generate" && content.suffix !== undefined) return unsupported("a suffix", asked)
    if (isChoiceOfNothing(content)) return noTools
    const format = formatOf(content.format)
    if (format === false) return mistaken("format", "something else", '"json" or a JSON Schema')
    const turns = paired(turnsOf(content), /^[^]{1,40}$/)
    if (turns === undefined) return notCalled
    const problem = problemOf(turns, asked)
    if (problem !== undefined) return problem
    const messages = turns.map((turn) => messageOf(turn, manner))
    const body = { model, messages, ...offered(content), ...given({ response_format: format }) }
    return { path: "/chat/completions", body: JSON.stringify({ ...body, ...settingsOf(asked, content, manner) }) }
  }

const settingsOf = ({ question: { settings } }: Asked, { stop }: Content, manner: Manner) => {
  const { logprobs, maxTokens, seed, temperature, think, topP } = settings
  return {
    stream: true,
    stream_options: { include_usage: true },
    ...given({
      [manner.maxTokens]: maxTokens,
      temperature,
      top_p: topP,
      seed,
      stop,
      reasoning_effort: effortOf(think)
    }),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) })
  }
}

const effortOf = (think: Question.Settings["think"]): string | undefined =>
  think === undefined || typeof think === "string" ? think : think ? "medium" : "none"

const offered = (content: Content) => {
  if (content.kind !== "chat" || content.tools === undefined || content.tools.length === 0) return {}
  const { toolChoice: choice, tools } = content
  return {
    tools: tools.map((tool) => ({ type: "function", function: tool })),
    ...(choice !== undefined && {
      tool_choice: typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } }
    })
  }
}

const messageOf = (turn: Turn, manner: Manner) => {
  const { images = [], role, text, toolCallId, toolCalls } = turn
  if (role === "tool") return { role, tool_call_id: toolCallId, content: text }
  if (role === "user" && images.length > 0) {
    const pictures = images.map((image) => ({ type: "image_url", image_url: { url: addressOf(image) } }))
    return { role, content: [...(text === "" ? [] : [{ type: "text", text }]), ...pictures] }
  }
  const calls = toolCalls.map(({ arguments: written, id, name }) => ({
    id,
    type: "function",
    function: { name, arguments: written || "{}" }
  }))
  const thought = manner.thinking === undefined ? undefined : textOf(Question.thinkingOf(turn))
  return {
    role,
    // Who only calls says nothing.
    content: text === "" && calls.length > 0 ? null : text,
    ...(thought !== undefined && { [manner.thinking!]: thought }),
    ...(calls.length > 0 && { tool_calls: calls })
  }
}

const addressOf = (image: Question.Image): string => {
  if (isElsewhere(image)) return image.url
  return `data:${typeOf(image)};base64,${base64Of(image)}`
}

const problemOf = (turns: ReadonlyArray<Turn>, asked: Asked): SpillwayError | undefined => {
  if (turns.some(({ images = [], role }) => role !== "user" && images.length > 0)) {
    return unsupported("an image in a turn that is not the user's", asked)
  }
  return turns.every(({ images = [] }) => images.every(isKnown)) ? undefined : notAPicture
}

const formatOf = (format: unknown): unknown => {
  if (format === undefined) return undefined
  if (format === "json") return { type: "json_object" }
  const schema = fieldsOf(format)
  if (schema === undefined) return false
  return { type: "json_schema", json_schema: { name: "answer", schema, ...(isStrict(schema) && { strict: true }) } }
}

/** Whether every object in a schema names all that it may have, as a schema has to that is kept to the letter. */
const isStrict = (schema: unknown): boolean => {
  if (Array.isArray(schema)) return schema.every(isStrict)
  const fields = fieldsOf(schema)
  if (fields === undefined) return true
  const { additionalProperties, properties, required, type } = fields
  const names = Object.keys(fieldsOf(properties) ?? {})
  const isObject = type === "object" || properties !== undefined
  const isClosed = additionalProperties === false && Array.isArray(required)
  if (isObject && !(isClosed && names.every((name) => required.includes(name)))) return false
  return Object.values(fields).every(isStrict)
}
