/**
 * `generate`: asks a model, through everything that the router does.
 *
 * What it answers is told twice, as words for a person or a model and as data for a program: an answer that is not
 * whole says so in both.
 */
import { Part, Question, refusal, type SpillwayError, Usage } from "@spillway/core"
import { Clock, Effect, Result } from "effect"
import type { Called } from "../Calling.ts"
import * as Calling from "../Calling.ts"
import { type Door, misasked, modelOf } from "../Door.ts"
import type { Refusal } from "../Refused.ts"
import { type Asking, property, type Said, type Tool } from "../Tool.ts"
import * as Wire from "../Wire.ts"

/** What it takes. */
export interface Given {
  readonly prompt?: string
  readonly messages?: ReadonlyArray<{ readonly role: "user" | "assistant"; readonly content: string }>
  readonly system?: string
  readonly model?: string
  readonly max_tokens?: number
  readonly temperature?: number
  readonly format?: "text" | Readonly<Record<string, unknown>>
  readonly deadline_ms?: number
}

/** The tool. */
export const generate = (door: Door): Tool<Given> => ({
  name: "generate",
  title: "Ask a model",
  description:
    "Ask another model, local first. Waits for its turn, retries, and goes over to the next server by itself: " +
    "on an error do what it says, and come back no sooner than retry_after_ms.",
  input: {
    type: "object",
    properties: {
      prompt: property("string", "What to ask; or messages"),
      messages: {
        type: "array",
        minItems: 1,
        items: {
          type: "object",
          properties: { role: { enum: ["user", "assistant"] }, content: property("string") },
          required: ["role", "content"],
          additionalProperties: false
        }
      },
      system: property("string"),
      model: property("string", "A name from list_models; its default if absent"),
      max_tokens: { type: "integer", minimum: 1, maximum: 1_000_000 },
      temperature: { type: "number", minimum: 0, maximum: 2 },
      format: { type: ["string", "object"], description: '"text", or a JSON Schema for the answer' },
      deadline_ms: { type: "integer", minimum: 1, maximum: 86_400_000, description: "When you no longer need it" }
    },
    additionalProperties: false
  },
  output: {
    type: "object",
    properties: {
      text: property("string"),
      json: { description: "The answer, where format was a schema" },
      truncated: property("boolean", "Not the whole answer"),
      finish_reason: { enum: ["stop", "length", "timeout", "cut", "size", "refused", "unknown"] },
      model: property("string"),
      target: property("string"),
      fallback_used: property("boolean"),
      attempts: property("integer"),
      queue_ms: property("number"),
      latency_ms: property("number"),
      usage: { type: "object", properties: { input: property("integer"), output: property("integer") } },
      cost_usd: property("number")
    },
    required: ["truncated", "finish_reason", "model", "target", "attempts", "queue_ms", "latency_ms", "fallback_used"]
  },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  run: (given, asking) => run(door, given, asking)
})

const run = (door: Door, given: Given, asking: Asking): Effect.Effect<Said, Refusal> =>
  Effect.gen(function* () {
    const messages = yield* Effect.fromResult(messagesOf(given))
    const format = yield* Effect.fromResult(formatOf(given))
    const model = yield* modelOf(door, given.model, "generate")
    const content = { kind: "chat", messages, ...(format !== undefined && { format }) } as const
    const question = Question.make(model, content, {
      ...(given.max_tokens !== undefined && { maxTokens: given.max_tokens }),
      ...(given.temperature !== undefined && { temperature: given.temperature })
    })
    const clock = yield* Clock.Clock
    const begun = clock.currentTimeMillisUnsafe()
    const asked = Calling.ask(door, question, asking, given.deadline_ms)
    const called = yield* Effect.mapError(asked, misasked("generate"))
    const took = clock.currentTimeMillisUnsafe() - begun
    return saidOf(called, { asked: model, isJson: format !== undefined, bytesMax: door.bytesMax, took })
  })

const messagesOf = ({
  messages,
  prompt,
  system
}: Given): Result.Result<ReadonlyArray<Question.Message>, SpillwayError> => {
  if ((prompt === undefined) === (messages === undefined)) {
    const read = prompt === undefined ? "missing, and so was messages" : "given, and so was messages"
    return Result.fail(refusal({ _tag: "BadRequest", field: "prompt", read, expected: "one of the two" }))
  }
  const turns = messages?.map(({ content: text, role }) => ({ role, text })) ?? [
    { role: "user" as const, text: prompt! }
  ]
  return Result.succeed(system === undefined ? turns : [{ role: "system", text: system }, ...turns])
}

const formatOf = ({ format }: Given): Result.Result<object | undefined, SpillwayError> => {
  if (format === undefined || format === "text") return Result.succeed(undefined)
  return typeof format === "object"
    ? Result.succeed(format)
    : Result.fail(
        refusal({ _tag: "BadRequest", field: "format", read: "another word", expected: '"text" or a JSON Schema' })
      )
}

interface Meant {
  readonly asked: string
  readonly isJson: boolean
  readonly bytesMax: number
  readonly took: number
}

const saidOf = (called: Called, { asked, bytesMax, isJson, took }: Meant): Said => {
  const { attempts, costUsd, isFull, isOver, parts, queueMs, summary, target = "" } = called
  const text = Part.textOf(parts)
  const json = isJson ? parsed(text) : undefined
  const finish = isFull ? "size" : (summary?.finish ?? (isLate(called) ? "timeout" : "cut"))
  const cut = cutBy(finish, called, took, bytesMax)
  const usage = summary?.usage
  return {
    words: cut === undefined ? (isJson && json === undefined ? [text, noJson] : [text]) : [text, wholeNot(cut)],
    data: {
      ...(json === undefined ? { text } : { json: json.value }),
      truncated: cut !== undefined,
      // No tools are offered, so none is called.
      finish_reason: finish === "tool-calls" ? "unknown" : finish,
      // Names come from servers too.
      model: (summary?.model ?? (target.slice(target.indexOf("/") + 1) || asked)).slice(0, Wire.nameMax),
      target,
      fallback_used: isOver,
      attempts,
      queue_ms: Math.round(queueMs),
      latency_ms: took,
      ...(usage !== undefined && Usage.isCounted(usage) && { usage: { input: usage.input, output: usage.output } }),
      ...(costUsd !== undefined && { cost_usd: costUsd })
    }
  }
}

const wholeNot = (cut: string): string => `[Not the whole answer: ${cut}]`

const noJson = "[Not what format asks for: it is no JSON. Ask again, or ask another model.]"

/** Whether time has ended it, ours or its own. */
const isLate = ({ failed }: Called): boolean => failed === undefined || failed.reason._tag === "TimedOut"

/** What ended an answer before it was whole, and what to do. */
const cutBy = (finish: string, { failed, target = "The server" }: Called, took: number, bytesMax: number) => {
  const span = took < 10_000 ? `${(took / 1_000).toFixed(1)} s` : `${Math.round(took / 1_000)} s`
  if (finish === "length") return "it reached its most tokens. Ask for less, or name more max_tokens."
  if (finish === "size") return `it is longer than ${bytesMax / 1_000_000} MB. Ask for less.`
  if (finish === "cut") return `${target} broke off after ${span}. Ask again, or ask for less.`
  if (finish !== "timeout") return undefined
  return failed === undefined
    ? `it was ended after ${span}, before you would have given up. Ask for less, or for a bound with max_tokens.`
    : `its time was over after ${span}. Ask for less, or allow more time.`
}

const parsed = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
