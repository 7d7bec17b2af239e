/**
 * What the faces of hosted providers have in common: a request is checked from the outside in, as they do, so that a
 * wrong key is refused before anybody reads what it came with.
 */
import type { Asked, Handler, Headers, Reply } from "../Exchange.ts"
import * as Script from "../Script.ts"
import type { Answer, Question } from "./Answer.ts"
import { type Fields, read } from "./Body.ts"
import type { Row } from "./Faults.ts"
import type { Arrival, Hosted, Visit, Wish } from "./Hosted.ts"
import type { Refusal, Sent } from "./Refusal.ts"

/** A request with all that is needed to answer it. */
export interface Call {
  readonly hosted: Hosted
  readonly arrival: Arrival
  readonly reply: Reply
  /** What the request is known by. */
  readonly id: string
  /** What stands above every answer, as of now. */
  readonly headers: () => Headers
  readonly refuse: (refused: Refusal) => void
  /** Lets it in, or has answered it. */
  readonly enter: (wish: Wish) => Visit | undefined
}

/** An answer of words on its way out. */
export interface Voice {
  readonly call: Call
  readonly visit: Visit
  readonly answer: Answer
  readonly model: string
}

/** How a provider does what all do. */
export interface Manner {
  readonly keyOf: (asked: Asked) => string | undefined
  readonly idOf: (arrival: Arrival) => string
  readonly headers: (hosted: Hosted, arrival: Arrival, id: string) => Headers
  readonly refusal: (refused: Refusal, id: string, headers: Headers) => Sent
  /** What else has to stand in its headers. */
  readonly check: (asked: Asked) => Refusal | undefined
  /** The body is no JSON object. */
  readonly unread: Refusal
  readonly posts: Readonly<Record<string, (call: Call, fields: Fields) => void>>
  /** Every model, or one. */
  readonly models: (call: Call) => string
  readonly model: (name: string) => unknown
  readonly json: (value: unknown) => string
}

const bytesMax = 32 * 2 ** 20
const list = "/v1/models"

/** Where faults of each kind can strike, by the paths that answer bit by bit and those that answer only as a whole. */
export const pathsOf = (streams: ReadonlyArray<string>, wholes: ReadonlyArray<string> = []) =>
  ({
    door: [...streams, ...wholes, list, `${list}/*`],
    answer: [...streams, ...wholes],
    stream: streams
  }) satisfies Record<Row["where"], ReadonlyArray<string>>

/** Lets in who asks for words, with what he is answered, or has refused him. */
export const voiceOf = (call: Call, question: Question | Refusal, isStream: boolean): Voice | undefined => {
  if ("reason" in question) return call.refuse(question) as undefined
  const { model } = question
  const mistaken = Script.refusal(question.prompt) ?? (isStream ? undefined : refusedWhole(question))
  if (mistaken !== undefined) return call.refuse({ reason: "invalid", message: mistaken }) as undefined
  const composed = call.hosted.compose(question)
  const tokens = composed.promptTokens + composed.pieces.length
  const visit = call.enter({ shape: isStream ? "stream" : "whole", model, tokens, answer: composed })
  return visit?.answer && { call, visit, answer: visit.answer, model }
}

/** Why a script makes no sense where the answer comes in one piece, whose end nobody has to say. */
const refusedWhole = ({ prompt }: Question): string | undefined =>
  Script.read(prompt).endAfter === undefined
    ? undefined
    : "sim script: end_after breaks only a stream, and this answer comes in one piece; ask for a stream or leave it out"

/** A handler of all the paths of a provider. */
export const make =
  (hosted: Hosted, manner: Manner): Handler =>
  (asked, reply) => {
    const call = callOf(hosted, hosted.arrive(asked, reply), manner)
    const refused = hosted.keyRefusal(manner.keyOf(asked)) ?? manner.check(asked)
    if (refused !== undefined) return call.refuse(refused)
    const { method, path } = asked
    const post = manner.posts[path]
    const isList = path === list || path.startsWith(`${list}/`)
    if (post === undefined && !isList) {
      return call.refuse({ reason: "no-such-path", message: `Invalid URL (${method} ${path})` })
    }
    if (method !== (isList ? "GET" : "POST")) {
      return call.refuse({ reason: "no-such-method", message: `Not allowed to ${method} on ${path}` })
    }
    if (post === undefined) return models(call, path, manner)
    // No character is less than a byte.
    if (asked.body.length > bytesMax) return call.refuse({ reason: "too-large" })
    const fields = read(asked.body)
    return fields === undefined ? call.refuse(manner.unread) : post(call, fields)
  }

const callOf = (hosted: Hosted, arrival: Arrival, manner: Manner): Call => {
  const { reply } = arrival
  const id = manner.idOf(arrival)
  const headers = () => manner.headers(hosted, arrival, id)
  const refuse = (refused: Refusal) => {
    const { body, headers: above, status } = manner.refusal(refused, id, headers())
    reply.whole(status, above, body)
  }
  const enter = (wish: Wish) => {
    const entered = hosted.enter(arrival, wish)
    if (entered === undefined || !("reason" in entered)) return entered
    return refuse(entered) as undefined
  }
  return { hosted, arrival, reply, id, headers, refuse, enter }
}

const models = (call: Call, path: string, manner: Manner): void => {
  if (call.enter({ shape: "list", tokens: 0 }) === undefined) return
  const headers: Headers = [["content-type", "application/json"], ...call.headers()]
  if (path === list) return call.reply.whole(200, headers, manner.models(call))
  const name = path.slice(list.length + 1)
  if (!call.hosted.options.models.includes(name)) return call.refuse({ reason: "unknown-model", model: name })
  return call.reply.whole(200, headers, manner.json(manner.model(name)))
}
