/**
 * What is asked at `/v1/messages`, as a native chat.
 *
 * One turn may hold what are several native ones: the results of tools come before what the user says with them, and
 * after whatever else a turn holds.
 */
import * as Base64 from "../go/Base64.ts"
import * as Json from "../go/Json.ts"
import type { Chat, Message } from "../ollama/Request.ts"
import { isObject, option, ordered, parameters, type Read } from "./OpenAiParts.ts"

const source = Json.struct("ImageSource", "anthropic", {
  type: Json.string,
  media_type: Json.string,
  data: Json.string,
  url: Json.string
})

const block = Json.struct("ContentBlock", "anthropic", {
  type: Json.string,
  text: Json.string,
  citations: Json.any,
  source,
  id: Json.string,
  name: Json.string,
  input: ordered(Json.any),
  tool_use_id: Json.string,
  content: Json.any,
  is_error: Json.boolean,
  thinking: Json.string,
  signature: Json.string
})

const blocks = Json.list(block, "[]anthropic.ContentBlock")

const turnType = 'struct { Role string "json:\\"role\\""; Content json.RawMessage "json:\\"content\\"" }'

const rawTurn = Json.struct("", turnType, { role: Json.string, content: Json.raw })

/** A turn reads itself, since its content is a text or a list of blocks. */
const turn = Json.custom((_, text): Json.Decoded<{ readonly role: string; readonly content: ReadonlyArray<Block> }> => {
  const read = Json.unmarshal(rawTurn, text)
  if (read.error !== undefined) return read
  const { content = "", role = "" } = read.value
  const said = Json.unmarshal(Json.string, content)
  if (said.error === undefined) return { value: { role, content: [{ type: "text", text: said.value }] } }
  const parts = Json.unmarshal(blocks, content)
  return parts.error === undefined ? { value: { role, content: parts.value } } : parts
})

/** A request, as it is read. */
export const request = Json.struct("MessagesRequest", "anthropic", {
  model: Json.string,
  max_tokens: Json.integer,
  messages: Json.list(turn, "[]anthropic.MessageParam"),
  system: Json.any,
  stream: Json.boolean,
  temperature: Json.number,
  top_p: Json.number,
  top_k: Json.integer,
  stop_sequences: Json.list(Json.string, "[]string"),
  tools: Json.list(
    Json.struct("Tool", "anthropic", {
      type: Json.string,
      name: Json.string,
      description: Json.string,
      input_schema: Json.raw,
      max_uses: Json.integer
    }),
    "[]anthropic.Tool"
  ),
  thinking: Json.struct("ThinkingConfig", "anthropic", { type: Json.string, budget_tokens: Json.integer }),
  output_config: Json.struct("OutputConfig", "anthropic", { effort: Json.string })
})

type Block = Json.Value<typeof block>
type Request = Json.Value<typeof request>

/** The native chat, or why there is none. */
export const chatOf = (asked: Request): Read<Chat> => {
  const { max_tokens: tokens = 0, messages: turns = [], model = "" } = asked
  if (model === "") return { error: "model is required" }
  if (tokens <= 0) return { error: "max_tokens is required and must be positive" }
  if (turns.length === 0) return { error: "messages is required" }
  const system = systemOf(asked.system)
  const messages: Array<Message> = system === "" ? [] : [{ role: "system", content: system }]
  for (const each of turns) {
    const read = turnsOf(each.role.toLowerCase(), each.content)
    if ("error" in read) return read
    messages.push(...read.value)
  }
  const tools = toolsOf(asked.tools ?? [])
  if ("error" in tools) return tools
  return {
    value: {
      model,
      messages,
      tools: tools.value,
      stream: asked.stream ?? false,
      options: {
        num_predict: tokens,
        ...option("temperature", asked.temperature),
        ...option("top_p", asked.top_p),
        ...option("top_k", asked.top_k),
        ...option("stop", asked.stop_sequences?.length ? asked.stop_sequences : undefined)
      },
      relaxed: true,
      ...option("think", thinkOf(asked))
    }
  }
}

/** About how many tokens a request has, of which nobody knows before it is answered: four bytes are one. */
export const estimateOf = ({ messages = [], system, tools = [] }: Request): number => {
  const turns = messages.map(({ content, role }) => bytesOf(role) + sum(content.map(bytesOfBlock)))
  const declared = tools.map(
    ({ description = "", input_schema: schema = "", name = "" }) =>
      bytesOf(name) + bytesOf(description) + bytesOf(schema)
  )
  const bytes = bytesOfSystem(system) + sum(turns) + sum(declared)
  return Math.max(Math.floor(bytes / 4), 1)
}

const systemOf = (system: unknown): string => {
  if (typeof system === "string") return system
  if (!Array.isArray(system)) return ""
  return system.map((each: unknown) => textOf(each)).join("")
}

const textOf = (part: unknown): string =>
  isObject(part) && part.type === "text" && typeof part.text === "string" ? part.text : ""

/** The built-in search owns its name: another tool of that name is dropped beside it. */
const toolsOf = (tools: NonNullable<Request["tools"]>): Read<Chat["tools"]> => {
  const isSearch = ({ type = "" }: (typeof tools)[number]): boolean => type.startsWith("web_search")
  const hasSearch = tools.some(isSearch)
  const kept: Array<Chat["tools"][number]> = []
  for (const each of tools) {
    const { input_schema: schema = "null", name = "" } = each
    if (!isSearch(each) && hasSearch && name === searchName) continue
    const { error } = isSearch(each) ? {} : Json.unmarshal(parameters, schema)
    if (error !== undefined) return { error: `invalid input_schema for tool ${JSON.stringify(name)}: ${error}` }
    kept.push({ name: isSearch(each) ? searchName : name })
  }
  return { value: kept }
}

const searchName = "web_search"

const thinkOf = ({ output_config: output, thinking }: Request): boolean | string | undefined => {
  if (thinking?.type === "enabled") return true
  if (thinking?.type === "disabled") return false
  const effort = output?.effort?.trim().toLowerCase() ?? ""
  return { xhigh: "high", high: "high", medium: "medium", low: "low", max: "max" }[effort]
}

/** The native turns of one turn. */
const turnsOf = (role: string, content: ReadonlyArray<Block>): Read<ReadonlyArray<Message>> => {
  const images: Array<string> = []
  const results: Array<Message> = []
  for (const each of content) {
    const read = partOf(each)
    if ("error" in read) return read
    if (typeof read.value === "string") images.push(read.value)
    else if (read.value !== undefined) results.push(read.value)
  }
  const uses = content.filter(({ type }) => type === "tool_use" || type === "server_tool_use")
  const toolCalls = uses.map(({ input = {}, name = "" }) => ({ name, arguments: { ...input } }))
  const text = content.map(({ text: said = "", type }) => (type === "text" ? said : "")).join("")
  const thinking = content.findLast(
    ({ thinking: thought, type }) => type === "thinking" && thought !== undefined
  )?.thinking
  const isSaid = text !== "" || images.length > 0 || toolCalls.length > 0 || (thinking ?? "") !== ""
  const said: ReadonlyArray<Message> = isSaid
    ? [
        {
          role,
          content: text,
          ...(images.length > 0 && { images }),
          ...(toolCalls.length > 0 && { toolCalls }),
          ...(thinking && { thinking })
        }
      ]
    : []
  return { value: role === "user" ? [...results, ...said] : [...said, ...results] }
}

/** The image or the tool's result that a block is; nothing where it is part of what is said. */
const partOf = (each: Block): Read<string | Message | undefined> => {
  const { id, name, type } = each
  if (type === "image") return imageOf(each.source)
  if (type === "tool_result") return resultOf(each)
  if (type !== "tool_use" || (id && name)) return { value: undefined }
  return { error: `tool_use block missing required '${id ? "name" : "id"}' field` }
}

const imageOf = (given: Json.Value<typeof source> | undefined): Read<string> => {
  if (given === undefined) return { error: "invalid image source" }
  const { data = "", type = "" } = given
  if (type !== "base64") return { error: `invalid image source type: ${type}. Only base64 images are supported.` }
  const fault = Base64.faultIn(data)
  return fault === undefined
    ? { value: data }
    : { error: `invalid base64 image data: illegal base64 data at input byte ${fault}` }
}

const resultOf = ({ content }: Block): Read<Message> => {
  if (!Array.isArray(content)) return { value: { role: "tool", content: typeof content === "string" ? content : "" } }
  const images: Array<string> = []
  for (const part of content as ReadonlyArray<unknown>) {
    if (!isObject(part) || part.type !== "image") continue
    const { source: given } = part
    if (!isObject(given)) return { error: "invalid tool_result image source" }
    const read = imageOf({ type: textIn(given.type), data: textIn(given.data) })
    if ("error" in read) return read
    images.push(read.value)
  }
  const text = content.map(textOf).join("")
  return { value: { role: "tool", content: text, ...(images.length > 0 && { images }) } }
}

const textIn = (value: unknown): string => (typeof value === "string" ? value : "")

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)

const bytesOf = (text: string): number => Buffer.byteLength(text)

const bytesOfBlock = (each: Block): number => {
  const { text = "", thinking = "", type } = each
  const isWhole = type === "tool_use" || type === "tool_result"
  const told = Object.entries(each).filter(
    ([name, value]) => isAlwaysTold.has(name) || (value !== "" && value !== false)
  )
  return bytesOf(text) + bytesOf(thinking) + (isWhole ? bytesOf(Json.encode(Object.fromEntries(told))) : 0)
}

/** What Go writes also where it is empty. */
const isAlwaysTold = new Set(["type", "text", "thinking"])

const bytesOfSystem = (system: unknown): number => {
  if (system === undefined || system === null) return 0
  if (typeof system === "string") return bytesOf(system)
  if (!Array.isArray(system)) return bytesOf(Json.encode(system))
  return sum(
    system.map((each: unknown) => {
      const read = Json.unmarshal(block, Json.encode(each))
      return read.error === undefined ? bytesOfBlock(read.value) : 0
    })
  )
}
