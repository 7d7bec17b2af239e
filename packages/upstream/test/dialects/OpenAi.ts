/**
 * OpenAI's chat completions, as its reference and the types of its own client have them: `/v1/chat/completions`, events
 * of which the last says `[DONE]`.
 *
 * What api.openai.com answers with a 400 is refused here too: an answer of a tool without its call, a call that nobody
 * has answered, an empty list of tools, a schema that is called strict and is not. Thoughts are an extension of other
 * servers, under either of two names.
 */
import type { Part, Question } from "@spillway/core"
import { OpenAi } from "@spillway/upstream"
import {
  type Asked,
  base64,
  chosen,
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
  "model messages stream stream_options temperature top_p seed stop max_tokens max_completion_tokens " +
  "reasoning_effort response_format logprobs top_logprobs tools tool_choice parallel_tool_calls"

const efforts: Readonly<Record<string, Question.Settings["think"]>> = {
  none: false,
  low: "low",
  medium: "medium",
  high: "high"
}

const readWith =
  (thinking: string | undefined): Dialect["read"] =>
  (body) => {
    const asked = object(JSON.parse(body), "the body", fields.split(" "))
    const { logprobs, max_completion_tokens: most, reasoning_effort: effort, stop, top_logprobs: top } = asked
    demand(asked["stream"] === true, "the answer is no stream")
    const streamed = object(asked["stream_options"], "stream_options", ["include_usage", "include_obfuscation"])
    demand(streamed["include_usage"] === true, "nobody asked for the usage")
    demand(most === undefined || asked["max_tokens"] === undefined, "there are two bounds of the answer")
    demand(top === undefined || logprobs === true, "top_logprobs goes with logprobs")
    demand(effort === undefined || text(effort, "effort") in efforts, `there is no effort ${String(effort)}`)
    const stops = stop === undefined ? undefined : typeof stop === "string" ? [stop] : list(stop, "stop", 1)
    demand((stops?.length ?? 0) <= 4, "there are more than four stops")
    const messages = list(asked["messages"], "messages", 1).map((each, index) =>
      messageOf(each, `messages.${index}`, thinking)
    )
    answered(messages)
    return {
      model: text(asked["model"], "model"),
      content: {
        kind: "chat",
        messages,
        ...toolsOf(asked),
        ...given({ format: formatOf(asked["response_format"]), stop: stops?.map((each) => text(each, "stop")) })
      },
      settings: given({
        maxTokens: number(most ?? asked["max_tokens"], "the bound", 1),
        temperature: number(asked["temperature"], "temperature", 0, 2),
        topP: number(asked["top_p"], "top_p", 0, 1),
        seed: number(asked["seed"], "seed", -Infinity),
        think: effort === undefined ? undefined : efforts[effort as string],
        logprobs: logprobs === true ? (number(top, "top_logprobs", 0, 20) ?? 0) : undefined
      })
    }
  }

const messageOf = (value: unknown, where: string, thinking: string | undefined): Question.Message => {
  const { role } = object(value, where, Object.keys(value as Fields))
  const { content: said } = value as Fields
  if (role === "system" || role === "developer") {
    object(value, where, ["role", "content", "name"])
    return { role: "system", ...saidIn(said, where, false) }
  }
  if (role === "user") {
    object(value, where, ["role", "content", "name"])
    return { role, ...saidIn(said, where, true) }
  }
  if (role === "tool") {
    const { tool_call_id: id } = object(value, where, ["role", "content", "tool_call_id"])
    return { role, ...saidIn(said, where, false), toolCallId: text(id, `${where}.tool_call_id`) }
  }
  demand(role === "assistant", `${where} has no role`)
  const own = thinking === undefined ? [] : [thinking]
  const turn = object(value, where, ["role", "content", "name", "tool_calls", ...own])
  const { tool_calls: calls } = turn
  const isSilent = (said ?? undefined) === undefined
  demand(!isSilent || calls !== undefined, `${where} has neither content nor calls`)
  const thought = thinking === undefined ? undefined : turn[thinking]
  return {
    role,
    ...(isSilent ? { text: "" } : saidIn(said, where, false)),
    ...given({
      toolCalls:
        calls === undefined ? undefined : list(calls, `${where}.tool_calls`, 1).map((each) => callOf(each, where)),
      thinking: thought === undefined ? undefined : text(thought, where)
    })
  }
}

/** What a turn says: a text, or parts of which only the user's may be pictures. */
const saidIn = (content: unknown, where: string, mayShow: boolean): Pick<Question.Message, "text" | "images"> => {
  if (typeof content === "string") return { text: content }
  const images: Array<Question.Image> = []
  const texts = list(content, `${where}.content`, 1).map((each) => {
    const { type, ...part } = object(each, where, ["type", "text", "image_url"])
    if (type === "text") return text(object(part, where, ["text"])["text"], where)
    demand(type === "image_url" && mayShow, `${where} must not have a part ${String(type)}`)
    const { url } = object(object(part, where, ["image_url"])["image_url"], where, ["url", "detail"])
    images.push(imageOf(text(url, where), where))
    return ""
  })
  return { text: texts.join(""), ...(images.length > 0 && { images }) }
}

const imageOf = (url: string, where: string): Question.Image => {
  const [, mediaType, data] = /^data:([^;,]*);base64,(.*)$/.exec(url) ?? []
  demand(data !== undefined || /^https?:\/\//.test(url), `${where} has no address of a picture`)
  if (data !== undefined) base64(data, where, mediaType)
  return { url }
}

const callOf = (value: unknown, where: string) => {
  const { function: called, id, type } = object(value, where, ["id", "type", "function"])
  demand(type === "function", `${where} calls no function`)
  const { arguments: written, name } = object(called, where, ["name", "arguments"])
  const known = text(id, `${where}: the id of a call`)
  demand(known !== "" && known.length <= 40, `${where}: the id of a call is empty, or longer than 40`)
  return { id: known, name: toolName(name, where), arguments: text(written, `${where}.arguments`) }
}

/** Each call is answered once, at once, and nothing else is. */
const answered = (messages: ReadonlyArray<Question.Message>): void => {
  let open = new Set<string>()
  for (const [index, { role, toolCallId = "", toolCalls = [] }] of messages.entries()) {
    if (role === "tool") demand(open.delete(toolCallId), `messages.${index} answers nothing that was called`)
    else {
      demand(open.size === 0, `messages.${index} comes before the answers of ${[...open].join(", ")}`)
      open = new Set(toolCalls.map(({ id = "" }) => id))
      demand(open.size === toolCalls.length, `messages.${index} has two calls with one id`)
    }
  }
  demand(open.size === 0, "the last calls have no answers")
}

const toolsOf = ({ tool_choice: choice, tools }: Fields): Pick<Asked["content"], "tools" | "toolChoice"> => {
  if (tools === undefined) {
    demand(choice === undefined, "tool_choice goes with tools")
    return {}
  }
  const read = list(tools, "tools", 1).map((each) => {
    const tool = object(each, "a tool", ["type", "function"])
    demand(tool["type"] === "function", "a tool is no function")
    const known = object(tool["function"], "a tool", ["name", "description", "parameters", "strict"])
    const { description } = known
    return {
      name: toolName(known["name"], "a tool"),
      ...given({ description: description === undefined ? undefined : text(description, "a description") }),
      parameters: known["parameters"]
    }
  })
  if (choice === undefined) return { tools: read }
  if (choice === "auto" || choice === "none" || choice === "required") return { tools: read, toolChoice: choice }
  const { function: named, type } = object(choice, "tool_choice", ["type", "function"])
  const { name } = object(named, "tool_choice", ["name"])
  demand(type === "function" && read.some((tool) => tool.name === name), "tool_choice names none of the tools")
  return { tools: read, toolChoice: { name: text(name, "tool_choice") } }
}

const formatOf = (value: unknown): unknown => {
  if (value === undefined) return undefined
  const { json_schema: named, type } = object(value, "response_format", ["type", "json_schema"])
  if (type === "json_object" && named === undefined) return "json"
  demand(type === "json_schema", "response_format is neither JSON nor a schema")
  const { name, schema, strict } = object(named, "json_schema", ["name", "description", "schema", "strict"])
  toolName(name, "the name of a schema")
  demand(strict !== true || isStrict(schema), "a schema that is not strict is called so")
  return schema
}

/** Whether every object of a schema asks for each of its fields and takes no others. */
const isStrict = (schema: unknown): boolean => {
  if (typeof schema !== "object" || schema === null) return true
  const { additionalProperties: more, properties, required, type } = schema as Fields
  const names = Object.keys(properties ?? {})
  const isClosed = more === false && Array.isArray(required) && names.every((name) => required.includes(name))
  return (type !== "object" || isClosed) && Object.values(schema).every(isStrict)
}

const write: Dialect["write"] = (parts, { finish, model, usage }) => {
  const line = (more: Fields): string => {
    const head = {
      id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
      object: "chat.completion.chunk",
      created: 1_741_570_283
    }
    const own = { model: model ?? "a", service_tier: "default", system_fingerprint: "fp_fc9f1d7035" }
    return `data: ${JSON.stringify({ ...head, ...own, ...more, obfuscation: "kJ3" })}\n\n`
  }
  const chunk = (delta: Fields, logprobs: unknown = null, reason: string | null = null): string =>
    line({ choices: [{ index: 0, delta, logprobs, finish_reason: reason }], usage: null })
  const begun = new Set<number>()
  const isOdd = parts.length % 2 === 1
  // A model declines in words of its own, or a filter cuts it off.
  const isDeclined = finish === "refused" && !parts.some((part) => "logprobs" in part)
  const said = parts.map((part) => {
    if (part._tag === "ToolCall") return chunk(callDelta(part, begun))
    // Half of the servers call it one name and half of them another.
    if (part._tag === "Thinking") return chunk({ [isOdd ? "reasoning" : "reasoning_content"]: part.text })
    demand(part._tag === "Text", "a chat has no vectors")
    const { logprobs } = part
    if (isDeclined) return chunk({ refusal: part.text })
    return chunk({ content: part.text }, logprobs && { content: logprobs.map(chosen), refusal: null })
  })
  return [
    chunk({ role: "assistant", content: "", refusal: null }),
    ": keep-alive\n\n",
    ...said,
    chunk({}, null, isDeclined ? "stop" : (finishes[finish] ?? "stop")),
    usage === undefined ? "" : line({ choices: [], usage: usageOf(usage) }),
    "data: [DONE]\n\n"
  ].join("")
}

const finishes: Readonly<Record<string, string>> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  refused: "content_filter"
}

const callDelta = ({ arguments: written, id, index, name }: Part.ToolCall, begun: Set<number>): Fields => {
  const isFirst = !begun.has(index)
  begun.add(index)
  const called = { ...(isFirst && { name }), arguments: written }
  return { tool_calls: [{ index, ...(isFirst && { ...given({ id }), type: "function" }), function: called }] }
}

const usageOf = ({ cached, input, output }: { input: number; output: number; cached?: number }) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  ...(cached !== undefined && { prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 } }),
  completion_tokens_details: { reasoning_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }
})

const speaking = (name: string, thinking?: "reasoning" | "reasoning_content"): Dialect => ({
  name,
  make: (url) => OpenAi.make("cloud", { url, ...given({ thinking }) }),
  path: "/v1/chat/completions",
  head: [],
  read: readWith(thinking),
  type: "text/event-stream; charset=utf-8",
  write
})

/** OpenAI, and those that took its shape. */
export const openAi = speaking("OpenAI")

/** A server of its shape that takes the thoughts of earlier turns back. */
export const openAiWithThoughts = speaking("OpenAI with thoughts", "reasoning_content")
