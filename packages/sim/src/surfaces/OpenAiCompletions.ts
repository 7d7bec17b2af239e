/**
 * `/v1/completions`: OpenAI's older endpoint, translated to the native `/api/generate` and back.
 *
 * Unlike chat it has no chunk of its own for the finish, and with usage asked for, every chunk counts zero tokens until
 * one more, with no choices, counts them.
 */
import type { Handler } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import type { Frame } from "../ollama/Frame.ts"
import type { Generate } from "../ollama/Request.ts"
import { refusal, refuse } from "./OpenAiErrors.ts"
import { goTypeOf, option, type Read, stopsOf, streamOptions, usageOf } from "./OpenAiParts.ts"
import * as Writing from "./Writing.ts"

/** Answers `POST /v1/completions`. */
export const handler =
  (daemon: Daemon, draw: () => number): Handler =>
  (asked, reply) => {
    const decoded = Json.decode(request, asked.body)
    if (decoded.error !== undefined) return refuse(reply, decoded.error)
    const generate = generateOf(decoded.value)
    if ("error" in generate) return refuse(reply, generate.error)
    const hasUsage = decoded.value.stream_options?.include_usage === true
    const wording = wordingOf(`cmpl-${draw() % 999}`, generate.value, hasUsage)
    daemon.generate(generate.value, Writing.make(reply, wording), reply)
  }

const request = Json.struct("CompletionRequest", "openai", {
  model: Json.string,
  prompt: Json.string,
  frequency_penalty: Json.float32,
  max_tokens: Json.integer,
  presence_penalty: Json.float32,
  seed: Json.integer,
  stop: Json.any,
  stream: Json.boolean,
  stream_options: streamOptions,
  temperature: Json.float32,
  top_p: Json.float32,
  suffix: Json.string,
  logprobs: Json.integer
})

const generateOf = (asked: Json.Value<typeof request>): Read<Generate> => {
  const odd = Array.isArray(asked.stop) ? asked.stop.filter((each) => typeof each !== "string") : []
  if (odd.length > 0) return { error: `invalid type for 'stop' field: ${goTypeOf(odd[0])}` }
  const logprobs = asked.logprobs ?? 0
  return {
    value: {
      model: asked.model ?? "",
      prompt: asked.prompt ?? "",
      stream: asked.stream ?? false,
      raw: false,
      images: [],
      options: {
        ...option("stop", stopsOf(asked.stop)),
        ...option("num_predict", asked.max_tokens),
        temperature: asked.temperature ?? 1,
        ...option("seed", asked.seed),
        frequency_penalty: asked.frequency_penalty ?? 0,
        presence_penalty: asked.presence_penalty ?? 0,
        // A zero cannot be told from nothing here, so that it is 1 as well.
        top_p: asked.top_p || 1
      },
      logprobs: logprobs > 0,
      topLogprobs: Math.max(logprobs, 0),
      ...option("suffix", asked.suffix)
    }
  }
}

const wordingOf = (id: string, { stream }: Generate, hasUsage: boolean): Writing.Wording => {
  let createdAt = Writing.nothing.createdAt
  const textOf = (frame: Frame): string => {
    const { done, model } = frame
    const system_fingerprint = "fp_ollama"
    const head = { id, object: "text_completion", created: Writing.secondsOf({ createdAt }) }
    const chunk = (choices: ReadonlyArray<unknown>, usage: unknown): string =>
      `data: ${Json.encode({ ...head, choices, model, system_fingerprint, ...option("usage", usage) })}\n\n`
    const said = chunk([choiceOf(frame)], hasUsage ? usageOf({}) : undefined)
    if (!done) return said
    return `${said}${hasUsage ? chunk([], usageOf(frame)) : ""}data: [DONE]\n\n`
  }
  return {
    manner: Writing.translated,
    stream,
    frame: (frame) => {
      createdAt = frame.createdAt
      return [textOf(frame)]
    },
    broken: () => [textOf(Writing.nothing)],
    whole: (frame) => Json.encode(completionOf(id, frame)),
    refusal
  }
}

const choiceOf = ({ content, doneReason }: Frame) => ({ text: content, index: 0, finish_reason: doneReason ?? null })

const completionOf = (id: string, frame: Frame) => ({
  id,
  object: "text_completion",
  created: Writing.secondsOf(frame),
  model: frame.model,
  system_fingerprint: "fp_ollama",
  choices: [choiceOf(frame)],
  usage: usageOf(frame)
})
