/**
 * How a conversation becomes a prompt, and what is lost of it where it is too long.
 *
 * Ollama cuts twice, both times without a word: it drops the oldest turns, and what is still too long loses its middle
 * to half the context. A model that brings its own template is only cut the first way, so that its runner refuses the
 * rest: the same prompt is an answer on one endpoint and an error on the other.
 */
import * as Words from "../Words.ts"
import type { Failure } from "./Frame.ts"
import type { Model } from "./Model.ts"
import type { Message } from "./Request.ts"
import type { Ways } from "./Version.ts"

/** A conversation as the model reads it. */
export const render = (model: Model, messages: ReadonlyArray<Message>): string =>
  model.kind === "plain" ? renderPlain(messages) : messages.map(({ content, role }) => `<${role}>${content}`).join("")

/** The template that knows nobody but user and assistant: turns of one side in a row are one turn. */
const renderPlain = (messages: ReadonlyArray<Message>): string => {
  let text = ""
  let last: string | undefined
  for (const { content, role } of messages) {
    if (role === "user" || role === "assistant") text += (role === last ? "\n\n" : "") + content
    if (role !== "tool") last = role
  }
  return text
}

/** The conversation without the oldest turns that do not fit; what the system says and the last turn always stay. */
export const fitted = (model: Model, messages: ReadonlyArray<Message>, context: number): ReadonlyArray<Message> => {
  const least = leastOf(messages)
  for (let from = 0; from < messages.length; from++) {
    const isLast = from === messages.length - 1
    // A turn is only rendered where it may fit: to render all of them for each that is dropped takes too long.
    if (!isLast && least(from) > context) continue
    const system = messages.slice(0, from).filter(({ role }) => role === "system")
    const left = [...system, ...messages.slice(from)]
    if (isLast || Words.count(render(model, left)) <= context) return left
  }
  return messages
}

/** The fewest tokens that the turns from one on can have: where two meet, two tokens can become one. */
const leastOf = (messages: ReadonlyArray<Message>): ((from: number) => number) => {
  const sums = [0]
  for (const { content, role } of messages.toReversed()) {
    // Some templates leave out what neither side has said.
    const isSaid = role === "user" || role === "assistant"
    sums.push(sums.at(-1)! + (isSaid ? Math.max(Words.count(content) - 1, 0) : 0))
  }
  return (from) => sums[messages.length - from]!
}

/** What a runner is asked to read, or why it will not. */
export const cut = (
  prompt: string,
  {
    context,
    keep,
    mayCut,
    shift,
    ways
  }: {
    readonly context: number
    readonly keep: number
    readonly mayCut: boolean
    readonly shift: boolean
    readonly ways: Pick<Ways, "cutsToHalf" | "hasServer">
  }
): { readonly prompt: string; readonly tokens: number } | Failure => {
  const tokens = Words.count(prompt)
  const most = ways.hasServer ? context - 1 : context
  // So few characters cannot be too many tokens, which is all that is looked at.
  const isShort = prompt.length < context || tokens <= most
  if (mayCut && !isShort) {
    if (!shift && ways.hasServer) return { status: 400, message: tooLong, reason: "ContextTooLong", tokens, context }
    const kept = Math.min(keep < 0 ? tokens : keep, context - 1)
    const length = ways.cutsToHalf ? context - Math.max(Math.floor((context - kept) / 2), 1) : most
    const words = Words.split(prompt)
    return { prompt: [...words.slice(0, kept), ...words.slice(kept + tokens - length)].join(""), tokens: length }
  }
  if (!ways.hasServer) {
    return isShort
      ? { prompt, tokens }
      : {
          status: 400,
          message: "the input length exceeds the context length",
          reason: "ContextTooLong",
          tokens,
          context
        }
  }
  const room = windowOf(context)
  return tokens >= room
    ? { status: 400, message: exceeds(tokens, room), reason: "ContextTooLong", tokens, context: room }
    : { prompt, tokens }
}

/** The window that a runner really has: in steps of 256. */
export const windowOf = (context: number): number => Math.ceil(context / 256) * 256

/** The longest beginning of both that ends with a whole token. */
export const commonBeginning = (one: string, other: string): string => {
  let length = 0
  const most = Math.min(one.length, other.length)
  while (length < most && one.charCodeAt(length) === other.charCodeAt(length)) length++
  if (length === one.length && length === other.length) return one
  // A word that goes on differently is another token.
  const isInside = /\S/.test(one[length] ?? " ") || /\S/.test(other[length] ?? " ")
  if (isInside) {
    while (length > 0 && /\S/.test(one[length - 1]!)) length--
    while (length > 0 && /\s/.test(one[length - 1]!)) length--
  }
  return one.slice(0, length)
}

const tooLong =
  "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the " +
  "context length in settings, or use a model with a longer context length"

const exceeds = (tokens: number, room: number): string =>
  JSON.stringify({
    error: {
      code: 400,
      message: `request (${tokens} tokens) exceeds the available context size (${room} tokens), try increasing it`,
      type: "exceed_context_size_error",
      n_prompt_tokens: tokens,
      n_ctx: room
    }
  })
