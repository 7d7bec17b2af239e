/**
 * A model for one attempt alone.
 *
 * A client of Ollama shares one switch among all calls of a model: who leaves turns off his neighbours, and the socket
 * of a call that hangs hears nothing at all. So each attempt gets a shallow copy of model and client, whose `fetch` is
 * given the attempt's own signal. It also keeps what that client drops of a refusal, its status and when to come back.
 * How an answer is bounded, and how a model is kept, stands in fields of a model, and is set in such a copy too.
 */
import type { Question } from "@spillway/core"
import { Duration } from "effect"
import type { Seen } from "./Failures.ts"
import { fieldsOf, numberOf } from "./Fields.ts"
import { insideOf, type Model } from "./Models.ts"

/** A model for one attempt, and what its server said. */
export interface Scoped {
  readonly model: Model
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
  const model = settled(given, question)
  const client = insideOf(model)["client"]
  if (!isOllama(client)) return { model, seen: () => undefined }
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
  return { model: scoped, seen: () => seen }
}

const isOllama = (client: unknown): client is Client =>
  typeof client === "object" &&
  client !== null &&
  "fetch" in client &&
  typeof client.fetch === "function" &&
  "ongoingStreamedRequests" in client &&
  Array.isArray(client.ongoingStreamedRequests)

/** By which names models know a bound of their answers. */
const bounds = ["numPredict", "maxTokens", "maxOutputTokens", "maxCompletionTokens"]

/** The model as a question wants it: bounded, where it has no bound that is lower, and kept as its route says. */
const settled = (model: Model, { kept, settings }: Question.Question): Model => {
  const set: Record<string, unknown> = {}
  const inside = insideOf(model)
  const { maxTokens } = settings
  if (maxTokens !== undefined) {
    for (const name of bounds) {
      if (name in inside && isHigher(numberOf(inside[name]), maxTokens)) set[name] = maxTokens
    }
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
  return Object.keys(set).length === 0 ? model : Object.assign(copyOf(model), set)
}

const isHigher = (own: number | undefined, bound: number): boolean => own === undefined || own < 0 || own > bound
