/**
 * The model behind whatever LangChain calls one, and the options that were bound to it.
 *
 * A binding, a retry or a model that is chosen late is no chat model itself: asked through it, an answer would come in
 * one piece, or its own retries would stand inside of ours. So all of that is taken off, and what it says is kept.
 */
import { BaseChatModel } from "@langchain/core/language_models/chat_models"
import type { BaseLanguageModelInput } from "@langchain/core/language_models/base"
import type { BaseMessage } from "@langchain/core/messages"
import type { Runnable } from "@langchain/core/runnables"
import { refusal } from "@spillway/core"
import { type Fields, fieldsOf, known, listOf, numberOf, textOf } from "./Fields.ts"

/** A chat model of LangChain, or what stands for one: a binding, one that is chosen late, a sequence. */
export type Model = Runnable<BaseLanguageModelInput, BaseMessage, any>

/** A model, and the options that go with each of its calls. */
export interface Bound {
  readonly model: Model
  readonly options: Fields
}

/** What a model may have of all that packages call so. */
export interface Inside {
  readonly bound?: Model
  readonly config?: Fields
  readonly kwargs?: Fields
  readonly bindTools?: (tools: ReadonlyArray<unknown>, more: Fields) => Model
  readonly _getModelInstance?: (config: Fields) => Promise<Model>
  readonly _defaultConfig?: Fields
  readonly profile?: Fields
  readonly getLsParams?: (options: Fields) => Fields
  readonly invocationParams?: (options: Fields) => Fields
  readonly _identifyingParams?: () => Fields
  readonly baseUrl?: unknown
  readonly clientConfig?: { readonly baseURL?: unknown }
  readonly [key: string]: unknown
}

/** A model, seen from inside. */
export const insideOf = (model: Model): Inside => model as unknown as Inside

/** So many bindings are taken off: more is a mistake that would never end. */
const bindingsMax = 20

const ofRunnables: ReadonlySet<string> = new Set(
  "callbacks tags metadata runName configurable recursionLimit maxConcurrency runId signal store".split(" ")
)

/** Takes off what is bound, as far as that can be known before anybody is asked. */
export const withoutBindings = (from: Model): Bound => {
  let model = from
  let options: Fields = {}
  for (let count = 0; count < bindingsMax; count++) {
    const { bound, config, kwargs } = insideOf(model)
    if (bound === undefined) break
    const own = Object.entries({ ...config, ...kwargs }).filter(([name]) => !ofRunnables.has(name))
    options = { ...known(Object.fromEntries(own)), ...options }
    model = bound
  }
  return { model, options }
}

/** The chat model itself, where there is one; a model that is chosen late is chosen now. */
export const unwrapped = async (from: Model, configurable: Fields | undefined): Promise<Bound> => {
  let found = withoutBindings(from)
  for (let count = 0; count < bindingsMax; count++) {
    const inside = insideOf(found.model)
    if (inside._getModelInstance === undefined) break
    const chosen = withoutBindings(await inside._getModelInstance(configurable === undefined ? {} : { configurable }))
    found = { model: chosen.model, options: { ...chosen.options, ...found.options } }
  }
  return found
}

/** The model with the tools of a call, and the options without them. */
export const withTools = ({ model, options }: Bound, target: string | undefined): Bound => {
  const { tools, ...rest } = options
  const offered = listOf(tools)
  if (offered.length === 0) return { model, options: rest }
  const inside = insideOf(model)
  if (typeof inside.bindTools !== "function") {
    throw refusal({ _tag: "Unsupported", capability: "tools", ...(target !== undefined && { target }) })
  }
  const { strict, tool_choice } = rest
  const bound = withoutBindings(inside.bindTools(offered, known({ strict, tool_choice })))
  return { model: bound.model, options: { ...rest, ...bound.options } }
}

/** What a model is called by whoever made it: its provider, and its name there. */
export const namesOf = (from: Model): { readonly provider: string; readonly name: string } => {
  const { model } = withoutBindings(from)
  const inside = insideOf(model)
  const { ls_model_name: told, ls_provider: by } = inside.getLsParams?.({}) ?? {}
  const { model: later, modelProvider } = inside._defaultConfig ?? {}
  const [prefix, rest] = splitAt(textOf(later))
  const name = rest ?? textOf(told) ?? textOf(inside["model"]) ?? textOf(inside["modelName"]) ?? "model"
  const kind = typeof inside["_llmType"] === "function" ? (inside["_llmType"] as () => unknown)() : undefined
  const provider = textOf(modelProvider) ?? prefix ?? textOf(by) ?? textOf(kind) ?? "model"
  return { provider: provider.replaceAll(/[\s/]+/g, "-"), name: name.replaceAll(/\s+/g, "-") }
}

/** A name such as `openai:gpt-4o`, of which some models are chosen. */
const splitAt = (name: string | undefined): readonly [prefix: string | undefined, rest: string | undefined] => {
  const colon = name?.indexOf(":") ?? -1
  // A tag of Ollama is none of these.
  return colon > 0 && /^[a-z_-]+$/.test(name!.slice(0, colon)) && !name!.includes("/")
    ? [name!.slice(0, colon), name!.slice(colon + 1)]
    : [undefined, name]
}

/** Where a model's server listens, as far as that is known. */
export const addressOf = (from: Model): string | undefined => {
  const { baseUrl, clientConfig } = insideOf(withoutBindings(from).model)
  return textOf(baseUrl) ?? textOf(clientConfig?.baseURL)
}

/** What tells two models apart: for a cache. */
export const identityOf = (from: Model): Fields => {
  const { model, options } = withoutBindings(from)
  const inside = insideOf(model)
  try {
    const own = { ...inside._defaultConfig, ...inside._identifyingParams?.(), ...inside.invocationParams?.({}) }
    return Object.fromEntries(Object.entries({ ...options, ...own }).filter(([name]) => !secret.test(name)))
  } catch {
    return namesOf(from)
  }
}

/** What a cache has no use for, and nobody is to read in one. */
const secret = /key|secret|password|credential|authorization|headers|configuration/i

/** Whether a model streams by a method of its own. */
export const streams = (model: Model): boolean => {
  const { _streamResponseChunks: own, disableStreaming } = insideOf(model)
  return typeof own === "function" && own !== BaseChatModel.prototype._streamResponseChunks && disableStreaming !== true
}

/** What a model of another copy of LangChain says that does not stream, though it looks as if it did. */
export const isNotStreaming = (thrown: unknown): boolean => fieldsOf(thrown)?.["message"] === "Not implemented."

/** How long a bound option lets a model take, in milliseconds. */
export const timeoutIn = ({ timeout }: Fields): number | undefined => numberOf(timeout)
