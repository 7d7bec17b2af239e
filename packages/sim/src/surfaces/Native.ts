/**
 * `/api/chat`, `/api/generate` and the embeddings: what Ollama itself speaks.
 *
 * A stream is a line of JSON a frame, and an error in its midst one line more: there is no other sign that the answer
 * before it is not whole.
 */
import type { Handler, Headers, Reply } from "../Exchange.ts"
import * as Float from "../go/Float.ts"
import * as Json from "../go/Json.ts"
import { timeOf } from "../go/Time.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import type { Frame, Logprob, Said } from "../ollama/Frame.ts"
import { chatOf, chatShape, embedOf, embedShape, generateOf, generateShape, legacyShape } from "./NativeRequest.ts"
import * as Writing from "./Writing.ts"

const json: Headers = [["Content-Type", Writing.native.object]]

/** Answers with an object. */
export const object = (reply: Reply, status: number, value: unknown): void =>
  reply.whole(status, json, Json.encode(value))

/** Answers with an error. */
export const refuse = (reply: Reply, failure: Said): void => object(reply, failure.status, errorOf(failure))

/** Reads a body, or answers why it cannot be read. */
export const read = <A>(reply: Reply, shape: Json.Shape<A>, body: string): A | undefined => {
  const decoded = Json.decode(shape, body)
  if (decoded.error === undefined) return decoded.value
  refuse(reply, { status: 400, message: decoded.error === "EOF" ? "missing request body" : decoded.error })
  return undefined
}

/** Answers `POST /api/chat`. */
export const chat =
  (daemon: Daemon): Handler =>
  (asked, reply) => {
    const body = read(reply, chatShape, asked.body)
    if (body === undefined) return
    const request = chatOf(body)
    daemon.chat(request, Writing.make(reply, wordingOf(request.stream, chatFrame)), reply)
  }

/** Answers `POST /api/generate`. */
export const generate =
  (daemon: Daemon): Handler =>
  (asked, reply) => {
    const body = read(reply, generateShape, asked.body)
    if (body === undefined) return
    const request = generateOf(body)
    daemon.generate(request, Writing.make(reply, wordingOf(request.stream, generateFrame)), reply)
  }

/** Answers `POST /api/embed`. */
export const embed =
  (daemon: Daemon): Handler =>
  (asked, reply) => {
    const body = read(reply, embedShape, asked.body)
    if (body === undefined) return
    const request = embedOf(body)
    if ("status" in request) return refuse(reply, request)
    daemon.embed(request, reply, (embedded) => {
      if ("status" in embedded) return refuse(reply, embedded)
      const { metrics, model, vectors } = embedded
      const told = vectors.length === 0 ? {} : metricsOf(metrics)
      object(reply, 200, { model, embeddings: vectors.map((vector) => vector.map(Float.shortest)), ...told })
    })
  }

/** Answers `POST /api/embeddings`, as it was before there was `/api/embed`. */
export const embeddings =
  (daemon: Daemon): Handler =>
  (asked, reply) => {
    const body = read(reply, legacyShape, asked.body)
    if (body === undefined) return
    const { model = "", prompt = "" } = body
    if (model === "") return refuse(reply, { status: 400, message: "model is required" })
    const { keep_alive: keepAlive, options = {} } = body
    const request = {
      model,
      options,
      input: prompt === "" ? [] : [prompt],
      isOld: true,
      ...(keepAlive !== undefined && { keepAlive })
    }
    daemon.embed(request, reply, (embedded) =>
      "status" in embedded
        ? refuse(reply, older(embedded))
        : object(reply, 200, { embedding: embedded.vectors[0] ?? [] })
    )
  }

/** Whatever is wrong with a runner was the server's own mistake then. */
const older = (failure: Said): Said =>
  [400, 501].includes(failure.status) && failure.message !== "invalid model name"
    ? { ...failure, status: 500 }
    : failure

/** A frame of a chat. */
const chatFrame = (frame: Frame): unknown => ({
  ...head(frame),
  message: {
    role: frame === Writing.nothing || frame.prompt !== undefined ? "" : "assistant",
    content: frame.content,
    ...(frame.thinking && { thinking: frame.thinking }),
    ...(frame.toolCalls && frame.toolCalls.length > 0 && { tool_calls: frame.toolCalls })
  },
  ...tail(frame)
})

/** A frame of a generated text. */
const generateFrame = (frame: Frame): unknown => ({
  ...head(frame),
  response: frame.content,
  ...(frame.thinking && { thinking: frame.thinking }),
  ...tail(frame)
})

const head = ({ createdAt, model }: Frame) => ({ model, created_at: timeOf(createdAt) })

const tail = ({ context, done, doneReason, logprobs = [], metrics, prompt }: Frame) => ({
  done,
  ...(prompt !== undefined && { _debug_info: { rendered_template: prompt } }),
  ...(doneReason && { done_reason: doneReason }),
  ...(context && { context }),
  ...(logprobs.length > 0 && { logprobs: logprobs.map(logprobOf) }),
  ...(metrics && metricsOf(metrics))
})

/** What is nothing is left out, but for the tokens that came from the cache. */
const metricsOf = (metrics: NonNullable<Frame["metrics"]> | { totalDuration: number; loadDuration: number }) => {
  const names: Record<string, string> = {
    totalDuration: "total_duration",
    loadDuration: "load_duration",
    promptEvalCount: "prompt_eval_count",
    promptEvalCachedCount: "prompt_eval_cached_count",
    promptEvalDuration: "prompt_eval_duration",
    evalCount: "eval_count",
    evalDuration: "eval_duration"
  }
  const told: Record<string, number> = {}
  for (const [name, value] of Object.entries(metrics)) {
    if (value !== 0 || name === "promptEvalCachedCount") told[names[name]!] = value
  }
  return told
}

const logprobOf = ({ logprob, token, top }: Logprob) => ({
  ...tokenOf({ logprob, token }),
  ...(top.length > 0 && { top_logprobs: top.map(tokenOf) })
})

const tokenOf = ({ logprob, token }: { readonly token: string; readonly logprob: number }) => ({
  token,
  logprob,
  bytes: [...Buffer.from(token)]
})

const errorOf = ({ message, more }: Said) => ({ error: message, ...more })

/** Lines of JSON, and an object without one. */
const wordingOf = (stream: boolean, frameOf: (frame: Frame) => unknown): Writing.Wording => ({
  manner: Writing.native,
  stream,
  frame: (frame) => [`${Json.encode(frameOf(frame))}\n`],
  broken: (failure) => [`${Json.encode(errorOf(failure))}\n`],
  whole: (frame) => Json.encode(frameOf(frame)),
  refusal: (said) => Json.encode(errorOf(said))
})
