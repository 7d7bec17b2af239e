/**
 * Anthropic's messages, as its reference, its list of validation errors and the types of its own client have them:
 * `/v1/messages`, named events around blocks, of which the last is `message_stop`.
 *
 * Its server is the strictest: results come at the beginning of the turn after their calls, ids are unique and of few
 * characters, no block is empty, and a turn of the system stands behind the user's and before the assistant's. Sampling
 * can be set in the version of 2023 only, so every request has to name that one.
 */
import type { Part, Question } from "@spillway/core"
import { Anthropic } from "@spillway/upstream"
import { write } from "./AnthropicEvents.ts"
import {
  type Asked,
  base64,
  demand,
  type Dialect,
  type Fields,
  given,
  list,
  number,
  object,
  text,
  toolName
} from "./Dialect.ts"

const fields =
  "model max_tokens messages system stream temperature top_p stop_sequences tools tool_choice thinking output_config"

const read: Dialect["read"] = (body) => {
  const asked = object(JSON.parse(body), "the body", fields.split(" "))
  demand(asked["stream"] === true, "the answer is no stream")
  const most = number(asked["max_tokens"], "max_tokens", 0)
  demand(most !== undefined, "max_tokens is required")
  const output = object(asked["output_config"] ?? {}, "output_config", ["effort", "format"])
  const turns = list(asked["messages"], "messages", 1).map((each, index) => turnOf(each, `messages.${index}`))
  paired(turns)
  placed(turns)
  const stops = asked["stop_sequences"]
  return {
    model: text(asked["model"], "model"),
    content: {
      kind: "chat",
      messages: [...systemOf(asked["system"]), ...turns.flatMap(messagesOf)],
      ...toolsOf(asked),
      ...given({
        format: output["format"] === undefined ? undefined : schemaOf(output["format"]),
        stop: stops === undefined ? undefined : list(stops, "stop_sequences").map(stopOf)
      })
    },
    settings: given({
      maxTokens: most,
      temperature: number(asked["temperature"], "temperature", 0, 1),
      topP: number(asked["top_p"], "top_p", 0, 1),
      think: thinkOf(asked["thinking"], output["effort"], most)
    })
  }
}

const stopOf = (value: unknown): string => {
  const stop = text(value, "stop_sequences")
  demand(stop.trim() !== "", "a stop sequence is only space")
  return stop
}

const schemaOf = (value: unknown): unknown => {
  const { schema, type } = object(value, "output_config.format", ["type", "schema"])
  demand(type === "json_schema" && typeof schema === "object" && schema !== null, "a format is no schema")
  return schema
}

/** How much is to be thought; a budget that a bound has cut is the level that it still covers. */
const thinkOf = (value: unknown, effort: unknown, most: number): Question.Settings["think"] | undefined => {
  const { budget_tokens: budget, type } = object(value ?? {}, "thinking", ["type", "budget_tokens", "display"])
  demand(effort === undefined || type === "adaptive", "effort goes with thinking that adapts")
  if (type === undefined) return undefined
  if (type === "disabled") return false
  if (type === "adaptive") {
    demand(budget === undefined, "thinking that adapts has no budget")
    if (effort === undefined) return true
    demand(effort === "low" || effort === "medium" || effort === "high", `there is no effort ${JSON.stringify(effort)}`)
    return effort
  }
  demand(type === "enabled", `there is no thinking ${JSON.stringify(type)}`)
  const tokens = number(budget, "budget_tokens", 1_024, most - 1)
  demand(tokens !== undefined, "a budget is missing")
  return levelOf(tokens)
}

/** What a budget stands for. */
export const levelOf = (tokens: number): "low" | "medium" | "high" =>
  tokens >= 16_384 ? "high" : tokens >= 8_192 ? "medium" : "low"

const systemOf = (value: unknown): ReadonlyArray<Question.Message> => {
  if (value === undefined) return []
  if (typeof value === "string") return [{ role: "system", text: value }]
  return list(value, "system", 1).map((each) => {
    const { type, ...block } = object(each, "system", ["type", "text", "cache_control"])
    demand(type === "text", "the system says text")
    return { role: "system", text: words(block["text"], "system") }
  })
}

/** A turn as it is sent. */
interface Turn {
  readonly where: string
  readonly role: "user" | "assistant" | "system"
  readonly blocks: ReadonlyArray<Fields>
}

const blockFields: Readonly<Record<string, ReadonlyArray<string>>> = {
  text: ["text", "cache_control"],
  image: ["source", "cache_control"],
  thinking: ["thinking", "signature"],
  redacted_thinking: ["data"],
  tool_use: ["id", "name", "input", "cache_control"],
  tool_result: ["tool_use_id", "content", "is_error", "cache_control"]
}

const kinds = {
  user: ["text", "image", "tool_result"],
  assistant: ["text", "thinking", "redacted_thinking", "tool_use"],
  system: ["text"]
}

const turnOf = (value: unknown, where: string): Turn => {
  const { content, role } = object(value, where, ["role", "content"])
  demand(role === "user" || role === "assistant" || role === "system", `${where} has no role`)
  if (typeof content === "string") return { where, role, blocks: [{ type: "text", text: words(content, where) }] }
  const blocks = list(content, `${where}.content`, 1).map((each) => {
    const type = (each as Fields)["type"] as string
    demand(kinds[role].includes(type), `${where} must not have a block ${type}`)
    return object(each, where, ["type", ...(blockFields[type] ?? [])])
  })
  return { where, role, blocks }
}

/** Text that a block may have: some. */
const words = (value: unknown, where: string): string => {
  const said = text(value, where)
  demand(said.trim() !== "", `${where} has a text that says nothing`)
  return said
}

const of = (type: string, blocks: ReadonlyArray<Fields>) => blocks.filter((block) => block["type"] === type)

/** Turns of one role in a row are one: each call in it is answered at the beginning of the next. */
const paired = (turns: ReadonlyArray<Turn>): void => {
  const known = new Set<unknown>()
  let open: ReadonlyArray<unknown> = []
  let before: Turn["role"] | undefined
  for (const { blocks, role, where } of turns) {
    const results = of("tool_result", blocks).map((block) => block["tool_use_id"])
    const atOnce = blocks.slice(0, results.length).every((block) => block["type"] === "tool_result")
    demand(atOnce, `${where} has results behind something else`)
    if (role !== before) {
      const isRight = results.length === open.length && open.every((id) => results.includes(id))
      demand(isRight, `${where} has results of ${results.join(", ")}, and calls of ${open.join(", ")} are open`)
      open = []
    } else demand(results.length === 0, `${where} has results that come too late`)
    before = role
    const calls = of("tool_use", blocks).map((block) => block["id"])
    for (const id of calls) {
      demand(/^[a-zA-Z0-9_-]+$/.test(text(id, where)), `${where}: "${String(id)}" is no id of a call`)
      demand(!known.has(id), `${where}: there are two calls ${String(id)}`)
      known.add(id)
    }
    open = [...open, ...calls]
  }
  demand(open.length === 0, `nothing answers ${open.join(", ")}`)
}

/** A turn of the system follows one of the user, and comes before one of the assistant or last. */
const placed = (turns: ReadonlyArray<Turn>): void => {
  for (const [index, { role, where }] of turns.entries()) {
    if (role !== "system") continue
    demand(turns[index - 1]?.role === "user", `${where}: role 'system' must follow a 'user' message`)
    const next = turns[index + 1]?.role
    demand(next === undefined || next === "assistant", `${where}: role 'system' must precede an 'assistant' message`)
  }
}

const isThought = ({ type }: Fields): boolean => type === "thinking" || type === "redacted_thinking"

/** A thought behind words is the beginning of another turn. */
const messagesOf = ({ blocks, role, where }: Turn): ReadonlyArray<Question.Message> => {
  const again = blocks.findIndex((block, index) => isThought(block) && index > 0 && !isThought(blocks[index - 1]!))
  if (again >= 0) {
    return [blocks.slice(0, again), blocks.slice(again)].flatMap((part) => messagesOf({ blocks: part, role, where }))
  }
  const said = of("text", blocks).map((block) => words(block["text"], where))
  const images = of("image", blocks).map((block) => imageOf(block, where))
  const thoughts = blocks.filter(isThought).map((block) => thoughtOf(block, where))
  const toolCalls = of("tool_use", blocks).map((block) => callOf(block, where))
  const results = of("tool_result", blocks).map((block) => resultOf(block, where))
  const isResult = said.length + images.length === 0 && results.length > 0
  const own = {
    role,
    text: said.join(""),
    ...(images.length > 0 && { images }),
    ...(thoughts.length > 0 && { thinking: thoughts }),
    ...(toolCalls.length > 0 && { toolCalls })
  }
  return isResult ? results : [...results, own]
}

const imageOf = (block: Fields, where: string): Question.Image => {
  const {
    data,
    media_type: mediaType,
    type,
    url
  } = object(block["source"], where, ["type", "media_type", "data", "url"])
  if (type === "url") {
    demand(data === undefined && /^https?:\/\//.test(text(url, where)), `${where} has no address of a picture`)
    return { url: text(url, where) }
  }
  demand(type === "base64" && url === undefined && mediaType !== undefined, `${where} has no picture`)
  return { base64: base64(data, where, mediaType) }
}

const thoughtOf = (block: Fields, where: string): Part.Thought =>
  block["type"] === "redacted_thinking"
    ? { sealed: text(block["data"], where) }
    : { text: text(block["thinking"], where), signature: text(block["signature"], `${where}: a signature`) }

const callOf = ({ id, input, name }: Fields, where: string) => {
  demand(
    typeof input === "object" && input !== null && !Array.isArray(input),
    `${where} has an input that is no object`
  )
  return { id: text(id, where), name: toolName(name, where), arguments: JSON.stringify(input) }
}

const resultOf = ({ content = "", tool_use_id: id }: Fields, where: string): Question.Message => {
  const toolCallId = text(id, where)
  if (typeof content === "string") return { role: "tool", text: content, toolCallId }
  const turn = turnOf({ role: "user", content }, `${where}.tool_result`)
  demand(of("tool_result", turn.blocks).length === 0, `${where} has a result in a result`)
  const said = of("text", turn.blocks).map((block) => words(block["text"], where))
  const images = of("image", turn.blocks).map((block) => imageOf(block, where))
  return { role: "tool", text: said.join(""), toolCallId, ...(images.length > 0 && { images }) }
}

const toolsOf = ({ tool_choice: choice, tools }: Fields): Pick<Asked["content"], "tools" | "toolChoice"> => {
  demand(choice === undefined || tools !== undefined, "tool_choice goes with tools")
  if (tools === undefined) return {}
  const known = list(tools, "tools").map((each) => {
    const tool = object(each, "a tool", ["name", "description", "input_schema", "type", "cache_control", "strict"])
    const { description, input_schema: parameters } = tool
    demand((parameters as Fields | undefined)?.["type"] === "object", "an input_schema is no object")
    const described = description === undefined ? undefined : text(description, "a description")
    return { name: toolName(tool["name"], "a tool"), ...given({ description: described }), parameters }
  })
  if (choice === undefined) return { tools: known }
  const { name, type } = object(choice, "tool_choice", ["type", "name", "disable_parallel_tool_use"])
  demand(typeof type === "string" && type in choices, `there is no choice ${JSON.stringify(type)}`)
  if (type !== "tool") return { tools: known, toolChoice: choices[type]! }
  demand(
    known.some((tool) => tool.name === name),
    "tool_choice names none of the tools"
  )
  return { tools: known, toolChoice: { name: text(name, "tool_choice") } }
}

const choices: Readonly<Record<string, Question.ToolChoice>> = {
  auto: "auto",
  none: "none",
  any: "required",
  tool: "auto"
}

/** Anthropic. */
export const anthropic: Dialect = {
  name: "Anthropic",
  make: (url) => Anthropic.make("cloud", { url }),
  path: "/v1/messages",
  head: [/^anthropic-version: 2023-06-01\r$/im],
  read,
  type: "text/event-stream; charset=utf-8",
  write
}
