/**
 * A question as Anthropic wants it.
 *
 * A turn here is a list of blocks, the results of tools are blocks of the user's, and what the system says at first
 * stands apart. An empty block is refused there, so that nothing is written where nothing is said.
 */
import { type Part, Question, type SpillwayError } from "@spillway/core"
import { Redacted } from "effect"
import { exactObjectIn, fieldsOf, given, objectIn } from "../Fields.ts"
import { paired, type Turn } from "../Pairing.ts"
import { base64Of, isElsewhere, isKnown, typeOf } from "../Pictures.ts"
import {
  type Asked,
  isChoiceOfNothing,
  mistaken,
  notAnObject,
  notAPicture,
  notCalled,
  noTools,
  turnsOf,
  unsupported
} from "../Wire.ts"
import { type Style, thinkingOf } from "./Thinking.ts"

/** What a question may leave unsaid, and this server must be told. */
export interface Manner {
  readonly maxTokens: number
  readonly thinking: Style
}

type Content = Redacted.Redacted.Value<Question.Question["content"]>

/** Makes it, or says what cannot be carried. */
export const put =
  (manner: Manner) =>
  (asked: Asked): { readonly path: string; readonly body: string } | SpillwayError => {
    const { model, settings } = asked.question
    const content = Redacted.value(asked.question.content)
    const problem = problemOf(content, asked)
    if (problem !== undefined) return problem
    const turns = paired(turnsOf(content), /^[a-zA-Z0-9_-]+$/)
    if (turns === undefined) return notCalled
    const { maxTokens = manner.maxTokens, temperature, think, topP } = settings
    const thinking = thinkingOf(manner.thinking, model, think, maxTokens)
    if (!("fields" in thinking)) return thinking
    const first = turns.findIndex(({ role }) => role !== "system")
    const begun = first < 0 ? turns.length : first
    const messages = merged(turns.slice(begun))
    if (!messages.every(isInPlace)) return unsupported("a turn of the system in that place", asked)
    const output = given({ effort: thinking.effort, format: formatOf(content.format) })
    const body = {
      model,
      max_tokens: maxTokens,
      messages,
      stream: true,
      ...systemOf(turns.slice(0, begun)),
      ...offered(content),
      ...given({ temperature, top_p: topP, stop_sequences: content.stop }),
      ...thinking.fields,
      ...(Object.keys(output).length > 0 && { output_config: output })
    }
    return { path: "/v1/messages", body: JSON.stringify(body) }
  }

const problemOf = (content: Content, asked: Asked): SpillwayError | undefined => {
  const { logprobs, seed, temperature = 0 } = asked.question.settings
  if (content.kind === "embed") return unsupported("vectors", asked)
  if (content.kind === "generate" && content.suffix !== undefined) return unsupported("a suffix", asked)
  if (seed !== undefined) return unsupported("a seed", asked)
  if (logprobs !== undefined) return unsupported("how likely its tokens are", asked)
  if (temperature > 1) return unsupported("a temperature above 1", asked)
  if (isChoiceOfNothing(content)) return noTools
  if (content.format === "json") return unsupported("JSON without a schema", asked)
  if (content.format !== undefined && fieldsOf(content.format) === undefined) {
    return mistaken("format", "something else", "a JSON Schema")
  }
  const turns = turnsOf(content)
  if (turns.some(({ images = [], role }) => (role === "system" || role === "assistant") && images.length > 0)) {
    return unsupported("an image in a turn of the system or the assistant", asked)
  }
  if (!Question.imagesOf(content).every(isKnown)) return notAPicture
  const calls = turns.flatMap(({ toolCalls = [] }) => toolCalls)
  return calls.every(({ arguments: written }) => objectIn(written || "{}") !== undefined) ? undefined : notAnObject
}

const formatOf = (format: unknown) => (format === undefined ? undefined : { type: "json_schema", schema: format })

const offered = (content: Content) => {
  if (content.kind !== "chat" || content.tools === undefined || content.tools.length === 0) return {}
  const { toolChoice: choice, tools } = content
  return {
    tools: tools.map(({ description, name, parameters }) => ({
      name,
      ...given({ description }),
      input_schema: schemaOf(parameters)
    })),
    ...(choice !== undefined && {
      tool_choice: typeof choice === "string" ? { type: choices[choice] } : { type: "tool", name: choice.name }
    })
  }
}

/** Whoever takes nothing may have said nothing; here even that is an object. */
const schemaOf = (parameters: unknown): unknown => {
  const fields = fieldsOf(parameters) ?? (parameters === undefined || parameters === null ? {} : undefined)
  return fields === undefined || "type" in fields ? parameters : { type: "object", ...fields }
}

const choices = { auto: "auto", none: "none", required: "any" } as const

type Block = Readonly<Record<string, unknown>>

const systemOf = (turns: ReadonlyArray<Turn>) => {
  const system = turns.flatMap(({ text }) => blockOf(text))
  return system.length === 0 ? {} : { system }
}

interface Said {
  readonly role: string
  readonly content: Array<Block>
}

/** The system may speak again only after the user, and before the assistant or at last. */
const isInPlace = ({ role }: Said, index: number, all: ReadonlyArray<Said>): boolean =>
  role !== "system" || (all[index - 1]?.role === "user" && (all[index + 1]?.role ?? "assistant") === "assistant")

/** The turns, with the results of tools and what follows of the same speaker as one. */
const merged = (turns: ReadonlyArray<Turn>): ReadonlyArray<Said> => {
  const all: Array<Said> = []
  for (const turn of turns) {
    const role = turn.role === "tool" ? "user" : turn.role
    const blocks = blocksOf(turn)
    if (blocks.length === 0) continue
    const last = all.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else all.push({ role, content: [...blocks] })
  }
  return all
}

const blocksOf = (turn: Turn): ReadonlyArray<Block> => {
  const { images = [], role, text, thinking, toolCallId, toolCalls } = turn
  const said = [...blockOf(text), ...images.map(pictureOf)]
  if (role === "tool")
    return [{ type: "tool_result", tool_use_id: toolCallId, ...(said.length > 0 && { content: said }) }]
  const thoughts = typeof thinking === "string" || thinking === undefined ? [] : thinking.flatMap(thoughtOf)
  const calls = toolCalls.map(({ arguments: written, id, name }) => ({
    type: "tool_use",
    id,
    name,
    input: exactObjectIn(written || "{}")
  }))
  return [...thoughts, ...said, ...calls]
}

const blockOf = (text: string): ReadonlyArray<Block> => (text.trim() === "" ? [] : [{ type: "text", text }])

const pictureOf = (image: Question.Image): Block => {
  if (isElsewhere(image)) return { type: "image", source: { type: "url", url: image.url } }
  return { type: "image", source: { type: "base64", media_type: typeOf(image), data: base64Of(image) } }
}

/** Only what it has signed or sealed itself does it take back. */
const thoughtOf = (thought: Part.Thought): ReadonlyArray<Block> => {
  if ("sealed" in thought) return [{ type: "redacted_thinking", data: thought.sealed }]
  const { signature, text } = thought
  return signature === undefined ? [] : [{ type: "thinking", thinking: text, signature }]
}
