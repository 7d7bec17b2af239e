/**
 * Ollama's own language, as its documentation and its source have it: `/api/chat`, a line of JSON for each frame.
 *
 * Frames leave out what is nothing. Its daemon ignores an option that it does not know, so that one is refused here: it
 * would be lost without a word.
 */
import type { Part, Question } from "@spillway/core"
import { Ollama } from "@spillway/upstream"
import { base64, chosen, demand, type Dialect, type Fields, given, list, number, object, text } from "./Dialect.ts"

const roles = ["system", "user", "assistant", "tool"] as const

const asking = "model messages stream format keep_alive tools options think truncate shift logprobs top_logprobs"
const options = "num_predict temperature top_p seed stop"

const read: Dialect["read"] = (body) => {
  const asked = object(JSON.parse(body), "the body", asking.split(" "))
  const { logprobs, stream = true, think, top_logprobs: top } = asked
  demand(stream === true, "the answer is no stream")
  demand(asked["truncate"] === false, "the prompt may be cut")
  demand(
    [undefined, true, false, "low", "medium", "high", "max"].includes(think as never),
    `think is ${JSON.stringify(think)}`
  )
  const {
    num_predict: most,
    seed,
    stop,
    temperature,
    top_p: topP
  } = object(asked["options"] ?? {}, "options", options.split(" "))
  const tools = asked["tools"]
  return {
    model: text(asked["model"], "model"),
    content: {
      kind: "chat",
      messages: list(asked["messages"], "messages").map((each, index) => messageOf(each, `messages.${index}`)),
      ...given({
        tools: tools === undefined ? undefined : list(tools, "tools").map(toolOf),
        format: asked["format"],
        stop: stop === undefined ? undefined : list(stop, "stop").map((each) => text(each, "stop"))
      })
    },
    settings: given({
      maxTokens: number(most, "num_predict", 1),
      temperature: number(temperature, "temperature", 0),
      topP: number(topP, "top_p", 0, 1),
      seed: number(seed, "seed", -Infinity),
      think: think as Question.Settings["think"],
      logprobs: logprobs === true ? (number(top, "top_logprobs", 0, 20) ?? 0) : undefined
    })
  }
}

const messageFields = "role content thinking images tool_calls tool_name tool_call_id".split(" ")

const messageOf = (value: unknown, where: string): Question.Message => {
  const turn = object(value, where, messageFields)
  const { images, thinking, tool_call_id: toolCallId, tool_calls: calls, tool_name: toolName } = turn
  const role = roles.find((each) => each === turn["role"])
  demand(role !== undefined, `${where} has no role`)
  return {
    role,
    text: text(turn["content"] ?? "", `${where}.content`),
    ...given({
      images: images === undefined ? undefined : list(images, where).map((each) => ({ base64: base64(each, where) })),
      thinking: thinking === undefined ? undefined : text(thinking, `${where}.thinking`),
      toolCalls:
        calls === undefined ? undefined : list(calls, where).map((each) => callOf(each, `${where}.tool_calls`)),
      toolCallId: toolCallId === undefined ? undefined : text(toolCallId, `${where}.tool_call_id`),
      toolName: toolName === undefined ? undefined : text(toolName, `${where}.tool_name`)
    })
  }
}

const callOf = (value: unknown, where: string) => {
  const call = object(value, where, ["id", "function"])
  const called = object(call["function"], `${where}.function`, ["index", "name", "arguments"])
  const written = called["arguments"]
  demand(typeof written === "object" && written !== null && !Array.isArray(written), `${where} has no arguments`)
  return {
    ...given({ id: call["id"] === undefined ? undefined : text(call["id"], `${where}.id`) }),
    name: text(called["name"], `${where}.name`),
    arguments: JSON.stringify(written)
  }
}

const toolOf = (value: unknown): Question.Tool => {
  const tool = object(value, "a tool", ["type", "function"])
  demand(tool["type"] === "function", "a tool is no function")
  const { description, name, parameters } = object(tool["function"], "a tool", ["name", "description", "parameters"])
  const described = description === undefined ? undefined : text(description, "a description")
  return { name: text(name, "a tool"), ...given({ description: described }), parameters }
}

const write: Dialect["write"] = (parts, { finish, model, timings, usage }) => {
  const line = (message: Fields, more: Fields = {}): string => {
    const head = { model: model ?? "a", created_at: "2026-11-29T12:00:00.123456789Z" }
    return `${JSON.stringify({ ...head, message: { role: "assistant", ...message }, done: false, ...more })}\n`
  }
  const metrics = {
    total_duration: timings?.total,
    load_duration: timings?.load,
    prompt_eval_count: usage?.input,
    prompt_eval_cached_count: usage?.cached,
    prompt_eval_duration: timings?.prompt,
    eval_count: usage?.output,
    eval_duration: timings?.output
  }
  const told = Object.entries(metrics).filter(([name, value]) => value !== 0 || name === "prompt_eval_cached_count")
  const end = { done: true, done_reason: finish === "length" ? "length" : "stop", ...Object.fromEntries(told) }
  return parts.map((part) => line(...frameOf(part))).join("") + line({ content: "" }, end)
}

const frameOf = (part: Part.Part): readonly [Fields, Fields?] => {
  if (part._tag === "Thinking") return [{ content: "", thinking: part.text }]
  if (part._tag === "Text") {
    const { logprobs, text: content } = part
    return [{ content }, given({ logprobs: logprobs?.map(chosen) })]
  }
  demand(part._tag === "ToolCall", "a chat has no vectors")
  const { arguments: written, id, index, name } = part
  const called = { index, name, arguments: JSON.parse(written || "{}") as unknown }
  return [{ content: "", tool_calls: [{ ...given({ id }), function: called }] }]
}

/** Ollama. */
export const ollama: Dialect = {
  name: "Ollama",
  make: (url) => Ollama.make("gpu", { url }),
  path: "/api/chat",
  head: [],
  read,
  type: "application/x-ndjson",
  write
}
