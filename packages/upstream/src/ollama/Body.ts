/**
 * A question as Ollama wants it: the path and the JSON.
 *
 * Every question is asked as a stream, since an answer in one piece shows neither its first token nor a caller who has
 * left; and with `truncate` off, since Ollama cuts a prompt that is too long without a word and would pass the rest off
 * as the whole. `shift` is left alone: a model is loaded anew whenever another value comes.
 */
import { type Question, refusal, type SpillwayError } from "@spillway/core"
import { Redacted } from "effect"
import { type Asked, unsupported } from "../Wire.ts"

type Content = Redacted.Redacted.Value<Question.Question["content"]>

/** Makes it, or says what cannot be carried. */
export const put = (asked: Asked): { readonly path: string; readonly body: string } | SpillwayError => {
  const { model, settings } = asked.question
  const content = Redacted.value(asked.question.content)
  const problem = problemOf(content, settings, asked)
  if (problem !== undefined) return problem
  const { maxTokens, seed, temperature, think, topP } = settings
  const options = given({ num_predict: maxTokens, temperature, top_p: topP, seed, stop: content.stop })
  const more = given({ format: content.format, think })
  const all = { model, stream: true, truncate: false, ...(Object.keys(options).length > 0 && { options }), ...more }
  if (content.kind === "embed") {
    return { path: "/api/embed", body: JSON.stringify({ model, input: content.inputs, truncate: false }) }
  }
  if (content.kind === "generate") {
    const { images, prompt, suffix } = content
    const body = { ...all, prompt, ...given({ suffix, images: images?.map(base64Of) }) }
    return { path: "/api/generate", body: JSON.stringify(body) }
  }
  const tools = content.tools?.map((tool) => ({ type: "function", function: tool }))
  const body = { ...all, messages: content.messages.map(messageOf), ...given({ tools }) }
  return { path: "/api/chat", body: JSON.stringify(body) }
}

const messageOf = ({ images, role, text, thinking, toolCallId, toolCalls, toolName }: Question.Message) => ({
  role,
  content: text,
  ...given({
    thinking,
    images: images?.map(base64Of),
    tool_calls: toolCalls?.map(({ id, name, arguments: written }, index) => ({
      ...given({ id }),
      function: { index, name, arguments: JSON.parse(written || "{}") as unknown }
    })),
    tool_call_id: toolCallId,
    tool_name: toolName
  })
})

const problemOf = (content: Content, settings: Question.Settings, asked: Asked): SpillwayError | undefined => {
  const { maxTokens } = settings
  // Nothing is no bound to an Ollama: it would answer without an end, and hold its slot.
  if (maxTokens !== undefined && !(maxTokens >= 1)) {
    return refusal({ _tag: "BadRequest", field: "maxTokens", read: String(maxTokens), expected: "1 or more" })
  }
  const images = content.kind === "chat" ? content.messages.flatMap((each) => each.images ?? []) : imagesOf(content)
  if (images.some((image) => "url" in image && !isInline(image.url))) {
    return unsupported("an image by its address", asked)
  }
  const calls = content.kind === "chat" ? content.messages.flatMap((each) => each.toolCalls ?? []) : []
  if (!calls.every(({ arguments: written }) => isObject(written || "{}"))) {
    const field = "The arguments of a tool call"
    return refusal({ _tag: "BadRequest", field, read: "something else", expected: "a JSON object" })
  }
  return undefined
}

const imagesOf = (content: Exclude<Content, { readonly kind: "chat" }>): ReadonlyArray<Question.Image> =>
  content.kind === "generate" ? (content.images ?? []) : []

const inline = /^data:[^,]*;base64,/

const isInline = (url: string): boolean => inline.test(url)

const base64Of = (image: Question.Image): string =>
  "bytes" in image
    ? Buffer.from(image.bytes).toString("base64")
    : "base64" in image
      ? image.base64
      : image.url.replace(inline, "")

const isObject = (text: string): boolean => {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === "object" && read !== null && !Array.isArray(read)
  } catch {
    return false
  }
}

/** Only what was said. */
const given = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
