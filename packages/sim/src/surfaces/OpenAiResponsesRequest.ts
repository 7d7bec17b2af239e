/**
 * What is asked at `/v1/responses`, as a native chat.
 *
 * A body is read twice, as Ollama does: once for the turns that ask for a summary in place of an answer, whose
 * complaints bear a code, and then as a request. Those summaries, and searches of the web, are not simulated.
 */
import * as Json from "../go/Json.ts"
import type { Chat } from "../ollama/Request.ts"
import { isObject, option, parameters, type Read, schemaOf, thinkOf } from "./OpenAiParts.ts"
import { input, messagesOf } from "./OpenAiResponsesInput.ts"

/** A tool, as it is declared and told again: a function, one that is built in, or a namespace of more of them. */
export interface Tool {
  readonly type?: string
  readonly name?: string
  readonly description?: string
  readonly strict?: boolean
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly execution?: string
  readonly defer_loading?: boolean
  readonly tools?: ReadonlyArray<Tool>
}

const tool: Json.Shape<Tool> = { takesNull: false, read: (reader) => declared.read(reader) }

const declared: Json.Shape<Tool> = Json.struct("ResponsesTool", "openai", {
  type: Json.string,
  name: Json.string,
  description: Json.string,
  strict: Json.boolean,
  parameters: Json.map("map[string]interface {}"),
  execution: Json.string,
  defer_loading: Json.boolean,
  tools: Json.list(tool, "[]openai.ResponsesTool")
})

const tools = Json.list(tool, "[]openai.ResponsesTool")

/** A request, as it is read. */
export const request = Json.struct("ResponsesRequest", "openai", {
  model: Json.string,
  background: Json.boolean,
  conversation: Json.raw,
  include: Json.list(Json.string, "[]string"),
  input,
  instructions: Json.string,
  max_output_tokens: Json.integer,
  reasoning: Json.struct("ResponsesReasoning", "openai", {
    effort: Json.string,
    generate_summary: Json.string,
    summary: Json.string
  }),
  temperature: Json.number,
  text: Json.struct("ResponsesText", "openai", {
    format: Json.struct("ResponsesTextFormat", "openai", {
      type: Json.string,
      name: Json.string,
      schema: Json.raw,
      strict: Json.boolean
    })
  }),
  top_p: Json.number,
  truncation: Json.string,
  tools,
  stream: Json.boolean
})

/** A request that was read. */
export type Request = Json.Value<typeof request>

/** What is wrong with a body before it is read as a request; nothing where it may be. */
export const complaintOf = (body: string): string | undefined => {
  if (body.trim() === "") return "missing request body"
  const fields = Json.unmarshal(Json.map("map[string]json.RawMessage", Json.raw), body)
  if (fields.error !== undefined) return `invalid Responses request: ${fields.error}`
  const { input: given, model = "", stream = "null", tools: declarations = "null" } = fields.value
  const named = Json.unmarshal(Json.string, model)
  if (named.error !== undefined || named.value.trim() === "") return "model is required"
  const misfits = {
    "invalid stream value": Json.unmarshal(Json.boolean, stream).error,
    "invalid tools": Json.unmarshal(tools, declarations).error
  }
  for (const [what, error] of Object.entries(misfits)) if (error !== undefined) return `${what}: ${error}`
  if (given === undefined || given === "null") return "input is required"
  if (Json.unmarshal(Json.string, given).error === undefined) return undefined
  const items = Json.unmarshal(Json.list(Json.raw, "[]json.RawMessage"), given)
  if (items.error !== undefined) return `input must be a string or array: ${items.error}`
  const summaries = items.value.flatMap((text) => {
    const read = Json.unmarshal(summary, text)
    return read.error === undefined && read.value.type === "compaction" ? [read.value] : []
  })
  if (summaries.length === 0) return undefined
  // None was ever given out here, so whatever it is, it is another server's.
  const isEmpty = (summaries.at(-1)?.encrypted_content ?? "") === ""
  return isEmpty ? "invalid compaction item" : "unsupported compaction item: encrypted_content is not an Ollama payload"
}

const summary = Json.struct("ResponsesCompactionItem", "openai", { type: Json.string, encrypted_content: Json.string })

/** The native chat, or why there is none. */
export const chatOf = (asked: Request): Read<Chat> => {
  const { input: given = "", instructions = "", text } = asked
  const messages = messagesOf(given, instructions)
  if ("error" in messages) return messages
  const think = thinkOf(asked.reasoning?.effort ?? "")
  if ("error" in think) return think
  const named = namesOf(asked.tools ?? [])
  if ("error" in named) return named
  const format = text?.format?.type === "json_schema" ? schemaOf(text.format.schema) : undefined
  return {
    value: {
      model: asked.model ?? "",
      messages: messages.value,
      tools: named.value.map((name) => ({ name })),
      stream: asked.stream ?? false,
      options: {
        temperature: asked.temperature ?? 1,
        ...option("top_p", asked.top_p),
        ...option("num_predict", asked.max_output_tokens)
      },
      ...option("format", format),
      ...option("think", think.value)
    }
  }
}

/** A declaration as it is told again, without what is empty. */
export const toldAgain = (given: Tool): Tool => {
  const { parameters: wanted, tools: members, ...rest } = given
  return {
    type: "",
    ...Object.fromEntries(Object.entries(rest).filter(([name, value]) => name === "description" || value !== "")),
    ...(wanted && Object.keys(wanted).length > 0 && { parameters: wanted }),
    ...(members && members.length > 0 && { tools: members.map(toldAgain) })
  }
}

/** The namespace and the name that a call of a tool has for its caller. */
export const namespaceOf = (given: ReadonlyArray<Tool>, called: string): { namespace?: string; name: string } => {
  for (const { name: namespace = "", tools: members = [], type } of given) {
    if (type !== "namespace" || namespace === "") continue
    for (const { name = "", type: kind } of members) {
      const names = [qualified(namespace, name), `${namespace}.${name}`, `${namespace}:${name}`]
      if (kind !== "namespace" && names.includes(called)) return { namespace, name }
    }
  }
  return { name: called }
}

/** What the model knows the tools by; the names of what is built in are taken. */
const namesOf = (given: ReadonlyArray<Tool>): Read<ReadonlyArray<string>> => {
  const taken = given.flatMap(({ type = "" }) => (builtIn.has(type) ? [type] : []))
  const names: Array<string> = []
  for (const each of given) {
    const { execution = "client", type = "" } = each
    if (type === "tool_search" && execution !== "client" && execution !== "") {
      return { error: `tool_search execution ${JSON.stringify(execution)} is not supported; use client execution` }
    }
    const read = builtIn.has(type) ? { value: [type] } : functionsIn(each)
    if ("error" in read) return read
    names.push(...read.value.filter((name) => builtIn.has(type) || !taken.includes(name)))
  }
  return { value: names }
}

const builtIn = new Set(["web_search", "tool_search"])

const functionsIn = ({
  name = "",
  parameters: wanted,
  tools: members = [],
  type
}: Tool): Read<ReadonlyArray<string>> => {
  if (type !== "namespace") {
    const { error } = isObject(wanted) ? Json.unmarshal(parameters, Json.encode(wanted)) : {}
    return error === undefined ? { value: [name] } : { error: `failed to unmarshal tool parameters: ${error}` }
  }
  const names: Array<string> = []
  for (const member of members) {
    const read = functionsIn(member)
    if ("error" in read) return read
    names.push(...read.value.map((each) => qualified(name, each)))
  }
  return { value: names }
}

const qualified = (namespace: string, member: string): string => {
  if (namespace === "" || member === "") return member
  if (member.startsWith(`${namespace}.`) || member.startsWith(`${namespace}_`)) return member
  return member.startsWith("_") ? namespace + member : `${namespace}.${member}`
}
