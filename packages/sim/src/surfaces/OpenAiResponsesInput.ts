/**
 * The input of `/v1/responses`: a text, or a list of what was said, thought, called and answered, as native turns.
 *
 * Calls of tools are items of their own here and part of a turn there, so that neighbours become one.
 */
import * as Json from "../go/Json.ts"
import type { Message } from "../ollama/Request.ts"
import { argumentsOf, imageOf, isObject, type Read } from "./OpenAiParts.ts"

const partShapes = {
  input_text: Json.struct("ResponsesTextContent", "openai", { type: Json.string, text: Json.string }),
  input_image: Json.struct("ResponsesImageContent", "openai", {
    type: Json.string,
    detail: Json.string,
    file_id: Json.string,
    image_url: Json.string
  }),
  output_text: Json.struct("ResponsesOutputTextContent", "openai", { type: Json.string, text: Json.string }),
  input_file: Json.struct("ResponsesFileContent", "openai", { type: Json.string }),
  encrypted_content: Json.struct("ResponsesEncryptedContent", "openai", {
    type: Json.string,
    encrypted_content: Json.string
  })
}

/** A part of what was said. */
export interface Part {
  readonly type?: string
  readonly text?: string
  readonly image_url?: string
  readonly encrypted_content?: string
}

const partHead = Json.struct("", 'struct { Type string "json:\\"type\\"" }', { type: Json.string })

const part = (text: string): Json.Decoded<Part> => {
  const head = Json.unmarshal(partHead, text)
  if (head.error !== undefined) return head
  const { type = "" } = head.value
  const shape: Json.Shape<Part> | undefined =
    type in partShapes ? partShapes[type as keyof typeof partShapes] : undefined
  return shape === undefined ? { error: `unknown content type: ${type}` } : Json.unmarshal(shape, text)
}

/** A text, or a list of parts, under the name that complaints of it have. */
const partsIn = (what: string, text: string | undefined): Json.Decoded<ReadonlyArray<Part>> => {
  if (text === undefined) return { value: [] }
  const said = Json.unmarshal(Json.string, text)
  if (said.error === undefined) return { value: [{ type: "input_text", text: said.value }] }
  const items = Json.unmarshal(Json.list(Json.raw, "[]json.RawMessage"), text)
  if (items.error !== undefined) return { error: `${what} must be a string or array: ${items.error}` }
  return eachOf(what, items.value, part)
}

const eachOf = <A>(
  what: string,
  texts: ReadonlyArray<string>,
  read: (text: string) => Json.Decoded<A>
): Json.Decoded<ReadonlyArray<A>> => {
  const values: Array<A> = []
  for (const [index, text] of texts.entries()) {
    const value = read(text)
    if (value.error !== undefined) return { error: `${what}[${index}]: ${value.error}` }
    values.push(value.value)
  }
  return { value: values }
}

const itemShapes = {
  function_call: Json.struct("ResponsesFunctionCall", "openai", {
    type: Json.string,
    call_id: Json.string,
    name: Json.string,
    namespace: Json.string,
    arguments: Json.string
  }),
  reasoning: Json.struct("ResponsesReasoningInput", "openai", { type: Json.string, encrypted_content: Json.string }),
  tool_search_call: Json.struct("ResponsesToolSearchCall", "openai", { type: Json.string, call_id: Json.string }),
  tool_search_output: Json.struct("ResponsesToolSearchOutput", "openai", { type: Json.string, tools: Json.any }),
  web_search_call: Json.struct("ResponsesWebSearchCall", "openai", { type: Json.string }),
  compaction: Json.struct("ResponsesCompactionItem", "openai", { type: Json.string }),
  compaction_trigger: Json.struct("ResponsesCompactionTrigger", "openai", { type: Json.string })
}

const spoken = Json.struct("", "struct", {
  type: Json.string,
  role: Json.string,
  content: Json.raw,
  output: Json.raw,
  call_id: Json.string,
  name: Json.string,
  namespace: Json.string
})

const agentMessage = Json.struct("", "struct", {
  type: Json.string,
  author: Json.string,
  recipient: Json.string,
  content: Json.list(Json.raw, "[]json.RawMessage")
})

/** What was said, thought, called or answered. */
export interface Item {
  readonly type?: string
  readonly role?: string
  readonly parts?: ReadonlyArray<Part>
  readonly call_id?: string
  readonly name?: string
  readonly namespace?: string
  readonly arguments?: string
  readonly encrypted_content?: string
  readonly author?: string
  readonly recipient?: string
  readonly tools?: unknown
}

const headType = 'struct { Type string "json:\\"type\\""; Role string "json:\\"role\\"" }'

const itemHead = Json.struct("", headType, { type: Json.string, role: Json.string })

const item = (text: string): Json.Decoded<Item> => {
  const head = Json.unmarshal(itemHead, text)
  if (head.error !== undefined) return head
  const { role = "", type: given = "" } = head.value
  const type = given === "" && role !== "" ? "message" : given
  if (type === "message" || type === "function_call_output") return speech(type, text)
  if (type === "agent_message") return messageOfAgent(text)
  const shape: Json.Shape<Item> | undefined =
    type in itemShapes ? itemShapes[type as keyof typeof itemShapes] : undefined
  if (shape !== undefined) return Json.unmarshal(shape, text)
  const quoted = JSON.stringify(type)
  return {
    error: type === "" ? "input item missing required 'type' field" : `unknown input item type: ${quoted}`
  }
}

const speech = (type: string, text: string): Json.Decoded<Item> => {
  const read = Json.unmarshal(spoken, text)
  if (read.error !== undefined) return read
  const { call_id: id, content, name = "", output, ...rest } = read.value
  const isOutput = type === "function_call_output"
  if (isOutput && id?.trim() === "") return { error: "function output call_id must not be empty" }
  if (isOutput && id === undefined && name.trim() === "") return { error: "standalone function output is missing name" }
  const parts = isOutput ? partsIn("output", output) : partsIn("content", content)
  if (parts.error !== undefined) return parts
  return { value: { ...rest, type, name, parts: parts.value, ...(id !== undefined && { call_id: id }) } }
}

const messageOfAgent = (text: string): Json.Decoded<Item> => {
  const read = Json.unmarshal(agentMessage, text)
  if (read.error !== undefined) return read
  const { content = [], ...rest } = read.value
  const parts = eachOf("content", content, part)
  return parts.error === undefined ? { value: { ...rest, parts: parts.value } } : parts
}

/** A text, or a list of items. */
export const input = Json.custom((value, text): Json.Decoded<string | ReadonlyArray<Item>> => {
  if (typeof value === "string") return { value }
  const items = Json.unmarshal(Json.list(Json.raw, "[]json.RawMessage"), text)
  if (items.error !== undefined) return { error: `input must be a string or array: ${items.error}` }
  return eachOf("input", items.value, item)
})

/** The native turns, or why there are none. */
export const messagesOf = (given: string | ReadonlyArray<Item>, instructions: string): Read<ReadonlyArray<Message>> => {
  const turns = new Turns()
  if (instructions !== "") turns.add({ role: "system", content: instructions })
  if (typeof given === "string") {
    if (given !== "") turns.add({ role: "user", content: given })
    return { value: turns.all }
  }
  for (const [index, each] of given.entries()) {
    const error = turns.item(each, given[index + 1])
    if (error !== undefined) return { error }
  }
  return { value: turns.end() }
}

/** The turns so far, with what was thought and belongs to the next of them. */
class Turns {
  readonly all: Array<Message> = []
  /** Of the calls in the last turn. */
  private ids: Array<string> = []
  private thought = ""

  add(message: Message): void {
    this.all.push(message)
    this.ids = []
  }

  /** One item, with the one behind it: what is wrong with it, if anything. */
  item(each: Item, next: Item | undefined): string | undefined {
    const { type } = each
    if (type === "reasoning") this.thought = each.encrypted_content ?? ""
    if (type === "function_call") return this.call(each.call_id, each.name, each.arguments)
    if (type === "tool_search_call") return this.call(each.call_id, "tool_search", "{}")
    if (type === "tool_search_output") {
      this.add({ role: "tool", content: Json.encode(each.tools ?? []), toolName: "tool_search" })
    }
    if (type === "compaction") return "compaction items must be expanded before Responses conversion"
    if (type === "compaction_trigger") return "compaction_trigger must be handled before Responses conversion"
    if (each.parts === undefined) return undefined
    const read = said(each.parts)
    if ("error" in read) return read.error
    if (type === "message") this.message({ role: (each.role ?? "").toLowerCase(), ...read.value }, next)
    else if (type === "agent_message") this.add({ role: "user", content: routed(each) + read.value.content })
    else this.add({ role: "tool", ...read.value, ...(!each.call_id && each.name && { toolName: each.name }) })
    return undefined
  }

  /** All turns, and what was thought without anything after it. */
  end(): ReadonlyArray<Message> {
    if (this.thought !== "") this.add({ role: "assistant", content: "", thinking: this.thought })
    return this.all
  }

  private message(message: Message, next: Item | undefined): void {
    if (message.role !== "assistant") return this.add(message)
    const thought = this.thinking()
    const last = this.all.at(-1)
    const id = next?.type === "function_call_output" ? next.call_id : undefined
    if (last === undefined || id === undefined || !this.ids.includes(id)) return this.add({ ...message, ...thought })
    // What is said between a call and its answer belongs to the turn of the call, which the answer has to follow.
    const content = [last.content, message.content].filter((each) => each !== "").join("\n")
    this.all[this.all.length - 1] = { ...last, content, ...thought }
  }

  private call(id = "", name = "", text = ""): string | undefined {
    const given = text === "" ? {} : argumentsOf(text)
    if (given === undefined) return `failed to parse function call arguments: ${complaintOf(text)}`
    const last = this.all.at(-1)
    const isNew = last?.role !== "assistant"
    if (isNew) this.add({ role: "assistant", content: "" })
    const turn = this.all[this.all.length - 1]!
    const toolCalls = [...(turn.toolCalls ?? []), { name, arguments: given }]
    this.all[this.all.length - 1] = { ...turn, toolCalls, ...this.thinking() }
    this.ids.push(id)
    return undefined
  }

  private thinking(): { readonly thinking?: string } {
    const { thought } = this
    this.thought = ""
    return thought === "" ? {} : { thinking: thought }
  }
}

const complaintOf = (text: string): string => {
  const read = Json.unmarshal(Json.any, text)
  return read.error ?? (isObject(read.value) ? "" : "Value looks like object, but can't find closing '}' symbol")
}

const routed = ({ author = "", recipient = "" }: Item): string =>
  author === "" && recipient === ""
    ? ""
    : `Agent message from ${JSON.stringify(author)} to ${JSON.stringify(recipient)}:\n`

const said = (parts: ReadonlyArray<Part>): Read<Pick<Message, "content" | "images">> => {
  const images: Array<string> = []
  for (const { image_url: url = "", type } of parts) {
    if (type === "input_file") return { error: "file inputs are not currently supported" }
    if (type !== "input_image" || url === "") continue
    const read = imageOf(url)
    if ("error" in read) return read
    images.push(read.value)
  }
  const content = parts.map(({ encrypted_content: plain = "", text = "" }) => text + plain).join("")
  return { value: { content, ...(images.length > 0 && { images }) } }
}
