/**
 * What a caller asks, in two halves: what may be logged, and the content, which may not.
 *
 * The content is an Effect `Redacted`: printing, inspecting or serialising a question shows its shape and never its
 * words, and only a wire that sends them asks for `Redacted.value`. A log takes `Loggable`, which has no place for
 * content.
 */
import { type Duration, Redacted } from "effect"
import * as Part from "./Part.ts"
import * as Tokens from "./Tokens.ts"

/** A picture: its bytes, or where they are. */
export type Image = { readonly bytes: Uint8Array } | { readonly base64: string } | { readonly url: string }

/** One turn of a conversation. */
export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
  readonly images?: ReadonlyArray<Image>
  readonly thinking?: string | ReadonlyArray<Part.Thought>
  readonly toolCalls?: ReadonlyArray<{ readonly id?: string; readonly name: string; readonly arguments: string }>
  /** In a turn of a tool: the call that it answers. */
  readonly toolCallId?: string
  readonly toolName?: string
}

/** A tool that the model may call; `parameters` is a JSON Schema. */
export interface Tool {
  readonly name: string
  readonly description?: string
  readonly parameters: unknown
}

/** Whether a tool has to be called: as the model likes, none, any of them, or that one. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string }

/** The words of a question, by kind. */
export type Content =
  | {
      readonly kind: "chat"
      readonly messages: ReadonlyArray<Message>
      readonly tools?: ReadonlyArray<Tool>
      readonly toolChoice?: ToolChoice
    }
  | {
      readonly kind: "generate"
      readonly prompt: string
      readonly suffix?: string
      readonly images?: ReadonlyArray<Image>
    }
  | { readonly kind: "embed"; readonly inputs: ReadonlyArray<string> }

/** How the answer is to be made. */
export interface Settings {
  /** The most tokens the answer may have. */
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  readonly think?: boolean | "low" | "medium" | "high"
  /** Tells how likely each token was, and so many of the likeliest at its place. */
  readonly logprobs?: number
}

/** How the model is kept that answers: what its route says, and no caller. */
export interface Kept {
  /** The context that it is loaded for, in tokens. */
  readonly context?: number
  /** How long it stays loaded after its last question. */
  readonly loadedFor?: Duration.Duration
}

/** What may be logged of a question. */
export interface Loggable {
  readonly kind: Content["kind"]
  readonly model: string
  readonly settings: Settings
  readonly kept?: Kept
  /** What the prompt comes to, estimated without a model. */
  readonly prompt: Tokens.Tokens
  /** About how many bytes it keeps in memory. */
  readonly bytes: number
  readonly images: number
  readonly tools: number
}

/** A question: what may be logged of it, and its words, which may not. */
export interface Question extends Loggable {
  readonly content: Redacted.Redacted<Content & { readonly format?: unknown; readonly stop?: ReadonlyArray<string> }>
}

/** Makes a question: counts what a limit needs to know, and hides the words. */
export const make = (
  model: string,
  content: Content & { readonly format?: unknown; readonly stop?: ReadonlyArray<string> },
  settings: Settings = {}
): Question => {
  const images = imagesOf(content)
  const words = textOf(content) + (content.format === undefined ? "" : writtenOf(content.format))
  return {
    kind: content.kind,
    model,
    settings,
    prompt: images.map(tokensOfImage).reduce(Tokens.add, Tokens.ofText(words)),
    bytes: images.reduce((sum, image) => sum + bytesOfImage(image), words.length),
    images: images.length,
    tools: content.kind === "chat" ? (content.tools?.length ?? 0) : 0,
    content: Redacted.make(content, { label: "content" })
  }
}

/** A conversation of one turn, or of those given. */
export const chat = (model: string, asked: string | ReadonlyArray<Message>, settings?: Settings): Question =>
  make(model, { kind: "chat", messages: typeof asked === "string" ? [{ role: "user", text: asked }] : asked }, settings)

/** A question without what may not be logged. */
export const loggable = ({ content: _content, ...rest }: Question): Loggable => rest

/** What an answer said, as the turn of the conversation that goes on from it: thoughts with their seals, and calls. */
export const turnOf = (parts: ReadonlyArray<Part.Part>): Message => {
  const toolCalls = Part.toolCallsOf(parts)
  const thinking = Part.thoughtsOf(parts)
  return {
    role: "assistant",
    text: Part.textOf(parts),
    ...(thinking.length > 0 && { thinking }),
    ...(toolCalls.length > 0 && { toolCalls })
  }
}

/**
 * The question with the beginning of its answer as the last turn, for a model that goes on from there. Nothing where
 * that would not be the same answer: of no turns, of an object, of one that thinks first, or of one as long as it may
 * be. What was heard counts with the most tokens that it can have, so that the whole is never longer than its bound.
 */
export const begunWith = (question: Question, beginning: string, parts = 0): Question | undefined => {
  const content = Redacted.value(question.content)
  const { maxTokens = Infinity, think = false } = question.settings
  if (beginning === "" || content.kind !== "chat" || content.format !== undefined || think !== false) return undefined
  // A part has a token or more.
  const left = maxTokens === Infinity ? maxTokens : maxTokens - Math.max(Tokens.ofText(beginning).most, parts)
  const last = content.messages.at(-1)
  if (left < 1 || last?.toolCalls !== undefined) return undefined
  const messages: ReadonlyArray<Message> =
    last?.role === "assistant"
      ? [...content.messages.slice(0, -1), { ...last, text: last.text + beginning }]
      : [...content.messages, { role: "assistant", text: beginning }]
  const settings = { ...question.settings, ...(left < Infinity && { maxTokens: left }) }
  // Whatever else was said of it still holds.
  return { ...question, ...make(question.model, { ...content, messages }, settings) }
}

/** The words of a turn's thoughts; what is sealed has none. */
export const thinkingOf = ({ thinking = "" }: Pick<Message, "thinking">): string =>
  typeof thinking === "string" ? thinking : thinking.map((each) => ("text" in each ? each.text : "")).join("")

/** What the whole call may come to: the prompt, and at most the bound of the answer. */
export const tokens = (question: Question): Tokens.Tokens => ({
  likely: question.prompt.likely,
  most: question.prompt.most + (question.settings.maxTokens ?? 0)
})

/** Every picture of it. */
export const imagesOf = (content: Content): ReadonlyArray<Image> =>
  content.kind === "chat"
    ? content.messages.flatMap((message) => message.images ?? [])
    : content.kind === "generate"
      ? (content.images ?? [])
      : []

const textOf = (content: Content): string => {
  if (content.kind === "generate") return content.prompt + (content.suffix ?? "")
  if (content.kind === "embed") return content.inputs.join("\n")
  const turns = content.messages.map(
    (message) =>
      `${message.role}\n${message.text}${thinkingOf(message)}${sealsOf(message)}` +
      (message.toolCalls ?? []).map((call) => call.name + call.arguments).join("")
  )
  return turns.join("\n") + (content.tools === undefined ? "" : JSON.stringify(content.tools))
}

const bytesOfImage = (image: Image): number =>
  ("bytes" in image ? image.bytes : "base64" in image ? image.base64 : image.url).length

/** What a server reads of a thought beside its words. */
const sealsOf = ({ thinking }: Message): string =>
  typeof thinking === "object"
    ? thinking.map((each) => ("sealed" in each ? each.sealed : (each.signature ?? ""))).join("")
    : ""

/** A format that has no form in JSON is refused by whoever would have to write it. */
const writtenOf = (format: unknown): string => {
  try {
    return typeof format === "string" ? format : (JSON.stringify(format) ?? "")
  } catch {
    return ""
  }
}

const tokensOfImage = (image: Image): Tokens.Tokens =>
  Tokens.ofImage("bytes" in image ? image.bytes : "base64" in image ? image.base64 : inline(image.url))

const inline = (url: string): string => (url.startsWith("data:") ? url : "")
