/**
 * What is asked, in LangChain's own words and in those of the core.
 *
 * The core is asked a question, so that limits, budgets and fitness know what it is, and so that any wire can answer
 * it. A model of LangChain is asked the very messages and options instead: nothing of them may be lost on the way. They
 * stand in a reference of the fiber, where the leaf finds them.
 */
import type { BaseMessage } from "@langchain/core/messages"
import { HumanMessage } from "@langchain/core/messages"
import { convertToOpenAITool } from "@langchain/core/utils/function_calling"
import { Question, refusal, SpillwayError } from "@spillway/core"
import { Context, Redacted } from "effect"
import { type Fields, fieldsOf, known, listOf, numberOf, textOf } from "./Fields.ts"
import { argumentsIn, messagesOf, turnsOf } from "./Messages.ts"
import type { Model } from "./Models.ts"
import type { Structured } from "./Structured.ts"

/** A call as LangChain makes it. */
export interface Asked {
  readonly messages: ReadonlyArray<BaseMessage>
  /** The options of the call: tools and all that a model knows itself, and nothing of ours. */
  readonly options: Fields
  /** What models read that are chosen when they are called. */
  readonly configurable?: Fields | undefined
  /** The model that answers this call, where the target leaves that open. */
  readonly model?: Model | undefined
  /** The shape that the answer has to have. */
  readonly structured?: Structured | undefined
}

/** The call that runs in this fiber, if it came from LangChain. */
export const Asked = Context.Reference<Asked | undefined>("spillway/langchain/Asked", {
  defaultValue: () => undefined
})

/** The question that it is to the core. */
export const questionOf = (model: string, { messages, options, structured }: Asked): Question.Question => {
  const tools = listOf(options["tools"]).map(toolOf)
  const toolChoice = choiceOf(options["tool_choice"])
  const format = structured?.jsonSchema ?? formatOf(options)
  const stop = listOf(options["stop"]).filter((each) => typeof each === "string")
  return Question.make(
    model,
    {
      kind: "chat",
      messages: turnsOf(messages),
      ...(tools.length > 0 && { tools }),
      ...(tools.length > 0 && toolChoice !== undefined && { toolChoice }),
      ...(format !== undefined && { format }),
      ...(stop.length > 0 && { stop })
    },
    known({
      maxTokens: boundIn(options),
      temperature: numberOf(options["temperature"]),
      topP: numberOf(options["topP"] ?? options["top_p"]),
      seed: numberOf(options["seed"])
    })
  )
}

/** The most tokens of an answer, by whichever name that was said. */
export const boundIn = (options: Fields): number | undefined => {
  const names = ["maxTokens", "max_tokens", "maxOutputTokens", "max_completion_tokens", "numPredict"]
  return names.map((name) => numberOf(options[name])).find((bound) => bound !== undefined && bound >= 1)
}

/** A tool, whichever form it has: one of LangChain, of OpenAI, of Anthropic, or one that a provider brings along. */
const toolOf = (given: unknown): Question.Tool => {
  const tool = fieldsOf(given) ?? {}
  const { function: told, input_schema: schema } = fieldsOf(formOf(tool)) ?? {}
  const { description, name, parameters } = fieldsOf(told) ?? tool
  return {
    name: textOf(name) ?? textOf(tool["type"]) ?? "tool",
    parameters: parameters ?? schema ?? {},
    ...(textOf(description) !== undefined && { description: textOf(description)! })
  }
}

/** What has a schema of its own is written down as one of JSON; what that cannot be is counted as it is. */
const formOf = (tool: Fields): unknown => {
  if (tool["schema"] === undefined) return tool
  try {
    return convertToOpenAITool(tool as never)
  } catch {
    return tool
  }
}

const choices: Readonly<Record<string, Question.ToolChoice>> = {
  auto: "auto",
  none: "none",
  any: "required",
  required: "required"
}

const choiceOf = (choice: unknown): Question.ToolChoice | undefined => {
  const { function: called, name, type } = fieldsOf(choice) ?? { type: choice }
  const chosen = textOf(fieldsOf(called)?.["name"]) ?? textOf(name)
  if (chosen !== undefined) return { name: chosen }
  const word = textOf(type)
  return word === undefined ? undefined : (choices[word] ?? { name: word })
}

const formatOf = ({ format, response_format: asked }: Fields): unknown => {
  if (format !== undefined) return format
  const { json_schema: schema, type } = fieldsOf(asked) ?? {}
  return type === "json_object" ? "json" : (fieldsOf(schema)?.["schema"] ?? schema)
}

/** The call that a question is which came through another door, or why no model of LangChain can answer it. */
export const askedOf = (question: Question.Question, target: string | undefined): Asked | SpillwayError => {
  const content = Redacted.value(question.content)
  if (content.kind === "embed") return unsupported("vectors", target)
  const { format, stop } = content
  const options = known({ stop, ...formatted(format) })
  if (content.kind === "generate") {
    if (content.suffix !== undefined) return unsupported("a suffix", target)
    const { images, prompt } = content
    if (images === undefined) return { messages: [new HumanMessage(prompt)], options }
    return { messages: messagesOf([{ role: "user", text: prompt, images }]), options }
  }
  const { messages, toolChoice, tools = [] } = content
  const calls = messages.flatMap(({ toolCalls = [] }) => toolCalls)
  if (calls.some(({ arguments: written }) => argumentsIn(written) === undefined)) return notAnObject
  const offered = tools.map((tool) => ({ type: "function", function: tool }))
  const choice = typeof toolChoice === "object" ? toolChoice.name : toolChoice === "required" ? "any" : toolChoice
  return {
    messages: messagesOf(messages),
    options: known({ ...options, ...(offered.length > 0 && { tools: offered, tool_choice: choice }) })
  }
}

/** In the words of all who know such a thing: each of them reads its own. */
const formatted = (format: unknown): Fields => {
  if (format === undefined) return {}
  if (format === "json") return { format, response_format: { type: "json_object" } }
  return { format, response_format: { type: "json_schema", json_schema: { name: "answer", schema: format } } }
}

const notAnObject = refusal({
  _tag: "BadRequest",
  field: "A tool call",
  read: "written with arguments that are no JSON object",
  expected: "written with one"
})

const unsupported = (capability: string, target: string | undefined): SpillwayError =>
  refusal({ _tag: "Unsupported", capability, ...(target !== undefined && { target }) })
