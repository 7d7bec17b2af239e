/**
 * A question as Ollama wants it: the path and the JSON.
 *
 * Every question is asked as a stream, since an answer in one piece shows neither its first token nor a caller who has
 * left; and with `truncate` off, since Ollama cuts a prompt that is too long without a word and would pass the rest off
 * as the whole. `shift` is left alone: a model is loaded anew whenever another value comes, as it is for another
 * `num_ctx`, so that comes from whoever keeps the model and never from a caller.
 */
import { Question, type SpillwayError } from "@spillway/core"
import { Duration, Redacted } from "effect"
import { exactObjectIn, given, objectIn, textOf } from "../Fields.ts"
import { base64Of, isElsewhere, isNowhere } from "../Pictures.ts"
import { type Asked, notAnObject, notAPicture, unsupported } from "../Wire.ts"

type Content = Redacted.Redacted.Value<Question.Question["content"]>

/** Makes it, or says what cannot be carried. */
export const put = (asked: Asked): { readonly path: string; readonly body: string } | SpillwayError => {
  const { model, settings } = asked.question
  const content = Redacted.value(asked.question.content)
  const problem = problemOf(content, asked)
  if (problem !== undefined) return problem
  const { logprobs, maxTokens, seed, temperature, think, topP } = settings
  const kept = keeping(asked.question.kept)
  const wanted = given({ num_predict: maxTokens, temperature, top_p: topP, seed, stop: content.stop })
  const options = { ...kept.options, ...wanted }
  const likelihoods = logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) }
  const more = { ...given({ format: content.format, think }), ...likelihoods }
  const as = { ...kept, ...(Object.keys(options).length > 0 && { options }), ...more }
  const all = { model, stream: true, truncate: false, ...as }
  if (content.kind === "embed") {
    return { path: "/api/embed", body: JSON.stringify({ model, input: content.inputs, truncate: false, ...kept }) }
  }
  if (content.kind === "generate") {
    const { images, prompt, suffix } = content
    const body = { ...all, prompt, ...given({ suffix, images: images?.map(base64Of) }) }
    return { path: "/api/generate", body: JSON.stringify(body) }
  }
  // Whoever must not call one is not told of any.
  const offered = content.toolChoice === "none" ? undefined : content.tools
  const tools = offered?.map((tool) => ({ type: "function", function: tool }))
  const calls = content.messages.flatMap((each) => each.toolCalls ?? [])
  const messages = content.messages.map((message) => messageOf(message, calls))
  const body = { ...all, messages, ...given({ tools }) }
  return { path: "/api/chat", body: JSON.stringify(body) }
}

/** How a model is kept, in Ollama's words, which are the same on all of its paths. */
export const keeping = ({ context, loadedFor }: Question.Kept = {}) => ({
  ...(context !== undefined && { options: { num_ctx: context } }),
  ...(loadedFor !== undefined && { keep_alive: spanOf(loadedFor) })
})

/** In seconds, as Go reads them: never so few that it is none at all, and for ever where Go has no number for it. */
const spanOf = (duration: Duration.Duration): string => {
  const seconds = Math.ceil(Duration.toMillis(duration)) / 1_000
  return seconds > secondsMax ? "-1s" : `${seconds}s`
}

/** Go counts nanoseconds in 63 bits. */
const secondsMax = 9_223_372_036

type Calls = NonNullable<Question.Message["toolCalls"]>

const messageOf = (message: Question.Message, calls: Calls) => {
  const { images, role, text, toolCallId, toolCalls } = message
  // Templates tell an answer by the name of its tool, others by that of the call.
  const { toolName = calls.findLast(({ id }) => id !== undefined && id === toolCallId)?.name } = message
  const more = given({
    thinking: textOf(Question.thinkingOf(message)),
    images: images?.map(base64Of),
    tool_calls: toolCalls?.map(({ id, name, arguments: written }, index) => ({
      ...given({ id }),
      function: { index, name, arguments: exactObjectIn(written || "{}") }
    })),
    tool_call_id: toolCallId,
    tool_name: toolName
  })
  return { role, content: text, ...more }
}

const problemOf = (content: Content, asked: Asked): SpillwayError | undefined => {
  const images = Question.imagesOf(content)
  if (images.some(isElsewhere)) return unsupported("an image by its address", asked)
  if (images.some(isNowhere)) return notAPicture
  if (content.kind === "chat" && isForced(content.toolChoice)) return unsupported("that a tool must be called", asked)
  const calls = content.kind === "chat" ? content.messages.flatMap((each) => each.toolCalls ?? []) : []
  return calls.every(({ arguments: written }) => objectIn(written || "{}") !== undefined) ? undefined : notAnObject
}

const isForced = (choice: Question.ToolChoice = "auto"): boolean => choice !== "auto" && choice !== "none"
