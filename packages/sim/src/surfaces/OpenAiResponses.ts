/**
 * `/v1/responses`: OpenAI's newest endpoint, translated to the native chat and back.
 *
 * Whatever came of it, an answer that is one object says that it is completed: also one that the runner broke off, and
 * one that reached its limit. A stream says so at its last frame, and nothing at all where that does not come.
 */
import type { Handler } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import type { Frame } from "../ollama/Frame.ts"
import { refusal, refuse } from "./OpenAiErrors.ts"
import { option, schemaOf, toolCallsOf } from "./OpenAiParts.ts"
import { Events, functionCallOf, messageOf, reasoningOf, usageOf } from "./OpenAiResponsesEvents.ts"
import { chatOf, complaintOf, namespaceOf, type Request, request, toldAgain } from "./OpenAiResponsesRequest.ts"
import * as Writing from "./Writing.ts"

/** Answers `POST /v1/responses`. */
export const handler =
  (daemon: Daemon, draw: () => number): Handler =>
  (asked, reply) => {
    const complaint = complaintOf(asked.body)
    if (complaint !== undefined) return refuse(reply, complaint, "invalid_request_error")
    const decoded = Json.decode(request, asked.body)
    if (decoded.error !== undefined) return refuse(reply, decoded.error)
    const chat = chatOf(decoded.value)
    if ("error" in chat) return refuse(reply, chat.error)
    const id = `resp_${draw() % 999_999}`
    const item = `msg_${draw() % 999_999}`
    const { tools = [] } = decoded.value
    const { stream } = chat.value
    const told = (more: Told): unknown => responseOf(id, decoded.value, more)
    const events = new Events({ item, told, draw, nameOf: (name) => namespaceOf(tools, name) })
    const wording: Writing.Wording = {
      manner: Writing.flushed,
      stream,
      frame: (frame) => events.frame(frame),
      broken: () => [],
      whole: (frame) => {
        const createdAt = frame === Writing.nothing ? daemon.madeAt : frame.createdAt
        const completedAt = Writing.secondsOf({ createdAt })
        const output = outputOf(id, item, frame, (name) => namespaceOf(tools, name))
        const usage = usageOf(frame)
        return Json.encode(told({ createdAt: Writing.secondsOf(frame), completedAt, output, usage }))
      },
      refusal
    }
    daemon.chat(chat.value, Writing.make(reply, wording), reply)
  }

/** What differs between the beginning and the end of an answer. */
interface Told {
  readonly createdAt: number
  /** Absent while it goes on. */
  readonly completedAt?: number
  readonly output: ReadonlyArray<unknown> | null
  readonly usage: unknown
}

const responseOf = (id: string, asked: Request, told: Told) => ({
  id,
  object: "response",
  created_at: told.createdAt,
  completed_at: told.completedAt ?? null,
  status: told.completedAt === undefined ? "in_progress" : "completed",
  incomplete_details: null,
  model: asked.model,
  previous_response_id: null,
  instructions: asked.instructions || null,
  output: told.output,
  error: null,
  tools: (asked.tools ?? []).map(toldAgain),
  tool_choice: "auto",
  truncation: asked.truncation ?? "disabled",
  parallel_tool_calls: true,
  text: { format: formatOf(asked) },
  top_p: asked.top_p ?? 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  top_logprobs: 0,
  temperature: asked.temperature ?? 1,
  reasoning: reasoningIn(asked),
  usage: told.usage,
  max_output_tokens: asked.max_output_tokens ?? null,
  max_tool_calls: null,
  store: false,
  background: asked.background ?? false,
  service_tier: "default",
  metadata: {},
  safety_identifier: null,
  prompt_cache_key: null
})

const formatOf = ({ text }: Request) => {
  if (text?.format === undefined) return { type: "text" }
  const { name, schema, strict, type = "" } = text.format
  return {
    type,
    ...option("name", name || undefined),
    ...(schema !== undefined && { schema: schemaOf(schema) ?? null }),
    ...option("strict", strict)
  }
}

/** The reasoning that was asked for; a stream also tells what of it nobody named. */
const reasoningIn = ({ reasoning: { effort = "", summary = "" } = {}, stream = false }: Request) => {
  if (effort === "" && summary === "") return null
  const unnamed = stream ? { effort: null, summary: null } : {}
  return { ...unnamed, ...(effort && { effort }), ...(summary && { summary }) }
}

/** The items of an answer that is one object: what was thought, and then either calls of tools or what was said. */
const outputOf = (
  id: string,
  item: string,
  { content, thinking = "", toolCalls = [] }: Frame,
  nameOf: (name: string) => object
): ReadonlyArray<unknown> => [
  ...(thinking === "" ? [] : [reasoningOf(`rs_${id}`, thinking)]),
  ...toolCallsOf(toolCalls).map((call, index) =>
    functionCallOf(`fc_${id}_${index}`, call.id, nameOf(call.function.name), call.function.arguments)
  ),
  ...(toolCalls.length > 0 ? [] : [messageOf(item, content)])
]
