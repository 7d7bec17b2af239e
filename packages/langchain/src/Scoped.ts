/**
 * A model for one attempt alone.
 *
 * A client of Ollama shares one switch among all calls of a model: who leaves turns off his neighbours, and the socket
 * of a call that hangs hears nothing at all. So each attempt gets a shallow copy of model and client, whose `fetch` is
 * given the attempt's own signal. It also keeps what that client drops of a refusal, its status and when to come back.
 * How an answer is bounded, and how a model is kept, stands in fields of a model, and is set in such a copy too. A
 * model with private fields cannot be copied: it is asked itself, and told with the call how it is bounded.
 */
import type { Question } from "@spillway/core"
import { Duration } from "effect"
import type { Seen } from "./Failures.ts"
import { type Fields, fieldsOf, known, numberOf } from "./Fields.ts"
import { insideOf, type Model } from "./Models.ts"

/** A model for one attempt, and what its server said. */
export interface Scoped {
  readonly model: Model
  /** What the call is told beside all else. */
  readonly options: Fields
  readonly seen: () => Seen | undefined
}

interface Client {
  fetch: typeof fetch
  ongoingStreamedRequests: Array<unknown>
}

/** A copy that shares everything but what is set in it. */
const copyOf = <A extends object>(of: A): A => Object.create(of) as A

/** Makes it. */
export const scopedTo = (given: Model, signal: AbortSignal, question: Question.Question): Scoped => {
  if (uncopied.has(given)) return { model: given, options: known(boundsOf(given, question)), seen: () => undefined }
  const model = settled(given, question)
  const client = insideOf(model)["client"]
  if (!isOllama(client)) return { model, options: {}, seen: () => undefined }
  let seen: Seen | undefined
  const { fetch: ask } = client
  const own = copyOf(client)
  own.ongoingStreamedRequests = []
  own.fetch = async (input, init = {}) => {
    const all = init.signal ? AbortSignal.any([init.signal, signal]) : signal
    const response = await ask(input, { ...init, signal: all })
    if (!response.ok) seen = { status: response.status, headers: response.headers }
    return response
  }
  const scoped = copyOf(model)
  Object.assign(scoped, { client: own })
  return { model: scoped, options: {}, seen: () => seen }
}

/** Models that have turned out to work only as themselves. */
const uncopied = new WeakSet<Model>()

/** Remembers a model that has failed because its copy has not its private fields; false where that is not why. */
export const isUncopied = (model: Model, thrown: unknown): boolean => {
  const isPrivate = thrown instanceof TypeError && privates.test(thrown.message)
  if (!isPrivate || uncopied.has(model)) return false
  uncopied.add(model)
  return true
}

const privates = /private (member|field|method)|whose class did not declare it|must be an instance of class/i

const isOllama = (client: unknown): client is Client =>
  typeof client === "object" &&
  client !== null &&
  "fetch" in client &&
  typeof client.fetch === "function" &&
  "ongoingStreamedRequests" in client &&
  Array.isArray(client.ongoingStreamedRequests)

/** By which names models know a bound of their answers. */
const bounds = ["numPredict", "maxTokens", "maxOutputTokens", "maxCompletionTokens"]

/** How an answer is to be bounded, by the names under which that model has a higher bound. */
const boundsOf = (model: Model, { settings: { maxTokens } }: Question.Question): Record<string, unknown> => {
  const set: Record<string, unknown> = {}
  const inside = insideOf(model)
  if (maxTokens === undefined) return set
  for (const name of bounds) {
    if (name in inside && isHigher(numberOf(inside[name]), maxTokens)) set[name] = maxTokens
  }
  return set
}

/** The model as a question wants it: bounded, where it has no bound that is lower, and kept as its route says. */
const settled = (model: Model, question: Question.Question): Model => {
  const { kept, settings } = question
  const set = boundsOf(model, question)
  const inside = insideOf(model)
  const { maxTokens } = settings
  if (maxTokens !== undefined) {
    // What only chooses between two others leaves the bound to them.
    for (const name of ["completions", "responses"]) {
      const inner = fieldsOf(inside[name])
      if (inner === undefined || !isHigher(numberOf(inner["maxTokens"]), maxTokens)) continue
      set[name] = Object.assign(copyOf(inner), { maxTokens })
    }
  }
  if (kept?.context !== undefined && "numCtx" in inside) set["numCtx"] = kept.context
  if (kept?.loadedFor !== undefined && "keepAlive" in inside) {
    set["keepAlive"] = Math.ceil(Duration.toSeconds(kept.loadedFor))
  }
  if (Object.keys(set).length === 0) return model
  const copy = copyOf(model)
  // What only reads a field of its own is not written to.
  for (const [name, value] of Object.entries(set)) Object.defineProperty(copy, name, { value, writable: true })
  return copy
}

const isHigher = (own: number | undefined, bound: number): boolean => own === undefined || own < 0 || own > bound
