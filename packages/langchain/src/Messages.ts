/**
 * A conversation of LangChain as turns of the core, and back.
 *
 * Servers of LangChain have written pictures and thoughts in many ways over the years: all of them are read here. What
 * is no picture, a sound or a file, goes into the place of one that nobody can open, so that a wire refuses it before
 * anything is sent instead of leaving it out.
 */
import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages"
import { Part, Question } from "@spillway/core"
import { Base64 } from "effect/encoding"
import { type Fields, fieldsOf, listOf, textOf } from "./Fields.ts"

/** The turns of a conversation. */
export const turnsOf = (messages: ReadonlyArray<BaseMessage>): ReadonlyArray<Question.Message> => {
  const names = new Map<string, string>()
  return messages.flatMap((message): ReadonlyArray<Question.Message> => {
    const turn = turnOf(message, names)
    for (const { id, name } of turn?.toolCalls ?? []) if (id !== undefined) names.set(id, name)
    return turn === undefined ? [] : [turn]
  })
}

const turnOf = (message: BaseMessage, names: ReadonlyMap<string, string>): Question.Message | undefined => {
  const role = roleOf(message)
  if (role === undefined) return undefined
  const blocks = typeof message.content === "string" ? [] : message.content.map(fieldsOf)
  const turn = { role, text: spokenIn(message.content) }
  if (role === "assistant") return { ...turn, ...thoughtsIn(message, blocks), ...callsIn(message) }
  const images = blocks.flatMap((block) => (block === undefined ? [] : pictureIn(block)))
  const answers = role === "tool" ? answeredBy(message, names) : {}
  return { ...turn, ...answers, ...(images.length > 0 && { images }) }
}

const roles: Readonly<Record<string, Question.Message["role"]>> = {
  system: "system",
  developer: "system",
  human: "user",
  user: "user",
  generic: "user",
  ai: "assistant",
  assistant: "assistant",
  tool: "tool",
  function: "tool"
}

/** What only edits a history, as `remove` does, is nothing that was said. */
const roleOf = (message: BaseMessage): Question.Message["role"] | undefined =>
  roles[textOf((message as { readonly role?: unknown }).role) ?? message.getType()] ?? roles[message.getType()]

/** The words of a content, without pictures and thoughts. */
export const spokenIn = (content: unknown): string =>
  typeof content === "string"
    ? content
    : listOf(content)
        .map((block) => (typeof block === "string" ? block : wordsIn(fieldsOf(block))))
        .join("")

const wordsIn = (block: Fields | undefined): string =>
  block?.["type"] === "text" || block?.["type"] === "text_delta" ? (textOf(block["text"]) ?? "") : ""

/** What thoughts say that stand among the blocks of a content. */
export const thoughtIn = (block: Fields): string | undefined =>
  block["type"] === "reasoning" || block["type"] === "thinking"
    ? (textOf(block["reasoning"]) ?? textOf(block["thinking"]))
    : undefined

const thoughtsIn = (
  message: BaseMessage,
  blocks: ReadonlyArray<Fields | undefined>
): Pick<Question.Message, "thinking"> => {
  const kept = listOf(message.additional_kwargs["spillway_thoughts"]) as ReadonlyArray<Part.Thought>
  if (kept.length > 0) return { thinking: kept }
  const thoughts = blocks.flatMap((block): ReadonlyArray<Part.Thought> => {
    const sealed = block?.["type"] === "redacted_thinking" ? textOf(block["data"]) : undefined
    if (sealed !== undefined) return [{ sealed }]
    const text = block && thoughtIn(block)
    if (text === undefined) return []
    const signature = textOf(block?.["signature"])
    return [{ text, ...(signature !== undefined && { signature }) }]
  })
  if (thoughts.length > 0) return { thinking: thoughts }
  const thinking = textOf(message.additional_kwargs["reasoning_content"])
  return thinking === undefined ? {} : { thinking }
}

const callsIn = (message: BaseMessage): Pick<Question.Message, "toolCalls"> => {
  const { tool_calls: calls = [] } = message as AIMessage
  if (calls.length === 0) return {}
  return {
    toolCalls: calls.map(({ args, id, name }) => ({
      name,
      arguments: JSON.stringify(args ?? {}),
      ...(id !== undefined && { id })
    }))
  }
}

const answeredBy = (
  message: BaseMessage,
  names: ReadonlyMap<string, string>
): Pick<Question.Message, "toolCallId" | "toolName"> => {
  const toolCallId = textOf((message as ToolMessage).tool_call_id)
  const toolName = textOf(message.name) ?? names.get(toolCallId ?? "")
  return { ...(toolCallId !== undefined && { toolCallId }), ...(toolName !== undefined && { toolName }) }
}

const said: ReadonlySet<unknown> = new Set(["text", "text_delta", "tool_use", "tool_call", "reasoning", "thinking"])

const pictureIn = (block: Fields): ReadonlyArray<Question.Image> => {
  if (said.has(block["type"])) return []
  const source = fieldsOf(block["source"])
  const address = fieldsOf(block["image_url"])?.["url"] ?? block["image_url"]
  const url = textOf(address) ?? textOf(block["url"]) ?? textOf(source?.["url"])
  if (block["type"] === "image_url" && url !== undefined) return [{ url }]
  if (block["type"] !== "image") return [{ url: `data:,${String(block["type"])}` }]
  if (url !== undefined) return [{ url }]
  const data = block["data"] ?? source?.["data"]
  if (data instanceof Uint8Array) return [{ bytes: data }]
  return [typeof data === "string" ? { base64: data } : { url: "data:,image" }]
}

/** The messages of a conversation that was put to the core, for a model that knows only these. */
export const messagesOf = (turns: ReadonlyArray<Question.Message>): ReadonlyArray<BaseMessage> => turns.map(messageOf)

const messageOf = (turn: Question.Message): BaseMessage => {
  const { images = [], role, text, toolCallId = "", toolCalls = [], toolName } = turn
  if (role === "system") return new SystemMessage(text)
  if (role === "tool") {
    return new ToolMessage({
      content: text,
      tool_call_id: toolCallId,
      ...(toolName !== undefined && { name: toolName })
    })
  }
  if (role === "assistant") {
    const thinking = Question.thinkingOf(turn)
    return new AIMessage({
      content: text,
      tool_calls: toolCalls.map(({ arguments: written, id, name }) => ({
        type: "tool_call" as const,
        name,
        args: { ...argumentsIn(written) },
        ...(id !== undefined && { id })
      })),
      ...(thinking !== "" && { additional_kwargs: { reasoning_content: thinking } })
    })
  }
  if (images.length === 0) return new HumanMessage(text)
  const pictures = images.map((image) => ({ type: "image_url", image_url: { url: addressOf(image) } }))
  return new HumanMessage({ content: [...(text === "" ? [] : [{ type: "text", text }]), ...pictures] })
}

/** What a tool was called with; nothing where that was written as no object of JSON. */
export const argumentsIn = (written: string): Fields | undefined => {
  try {
    return fieldsOf(JSON.parse(written || "{}"))
  } catch {
    return undefined
  }
}

const addressOf = (image: Question.Image): string => {
  if ("url" in image) return image.url
  const base64 = "base64" in image ? image.base64 : Base64.encode(image.bytes)
  return `data:${typeOf(base64)};base64,${base64}`
}

/** What a picture is, from how it begins. */
const typeOf = (base64: string): string => types.find(([begins]) => base64.startsWith(begins))?.[1] ?? "image/png"

const types: ReadonlyArray<readonly [begins: string, type: string]> = [
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"]
]
