/**
 * What the errors of OpenAI-shaped servers mean: the one place that knows their statuses and their sentences.
 *
 * Each server fills the same form in its own way: the error is an object or a sentence, its code a name or a status. So
 * all of its words are read together, the names that it has for them first.
 */
import type { SpillwayError } from "@spillway/core"
import { type Fields, fieldsOf, numberOf } from "../Fields.ts"
import * as Meaning from "../Meaning.ts"
import { refusedBy } from "../Refusals.ts"
import type { About } from "../Wire.ts"

/** Whether an object stands in the place of an answer to say that there is none. */
export const isError = (object: Fields): boolean =>
  (object["error"] !== undefined && object["error"] !== null) || object["object"] === "error"

/** What an error says, behind a status; in the midst of an answer that is 200, and its own may be told. */
export const said = (
  object: Fields,
  status: number,
  asked: About,
  wait: Pick<Meaning.Said, "retryAfter"> = {},
  body = JSON.stringify(object)
): SpillwayError => {
  const error = fieldsOf(object["error"]) ?? object
  const { code, message = object["error"] ?? object["detail"], type } = error
  const words = [type, code, message].filter((each) => typeof each === "string")
  const sentence = words.length === 0 ? body : words.join(" ")
  const told = status === 200 ? (numberOf(code) ?? statusOf[String(type)] ?? status) : status
  return Meaning.errorOf(rows, { status: told, sentence, ...wait, ...lengthsIn(sentence, error) }, asked)
}

/** What an answer that is none says. */
export const refused = refusedBy({ isError, said })

/** The status that an error would have had before the answer began. */
const statusOf: Readonly<Record<string, number>> = { server_error: 500, api_error: 500, requests: 429, tokens: 429 }

/** How long a prompt is and how long it may be, in fields or in words. */
const lengthsIn = (sentence: string, error: Fields): Pick<Meaning.Said, "tokens" | "context"> => {
  const context = numberOf(error["n_ctx"]) ?? first(/maximum context length (?:is|of) (\d+)/i, sentence)
  const tokens =
    numberOf(error["n_prompt_tokens"]) ??
    first(/(?:resulted in|requested|request has) (\d+)(?: input)? tokens/i, sentence)
  return { ...(tokens !== undefined && { tokens }), ...(context !== undefined && { context }) }
}

const first = (pattern: RegExp, text: string): number | undefined => {
  const [, digits] = pattern.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Meaning.Row> = [
  { statuses: [402], means: Meaning.quotaSpent },
  {
    says: /insufficient_quota|exceeded your current quota|insufficient (balance|credits|funds)/i,
    means: Meaning.quotaSpent
  },
  ...Meaning.usual,
  {
    says: /content_filter|content_policy_violation|ResponsibleAIPolicy/i,
    means: ({ target }) => ({ _tag: "ContentRefused", target })
  },
  {
    says: /context_length_exceeded|exceed_context_size|maximum context length|exceeds the (available )?context/i,
    means: Meaning.contextTooLong,
    isPlain: true
  },
  {
    says: /model_not_found|model\b.*\b(not found|does not exist)|no such model/i,
    means: Meaning.modelNotFound,
    isPlain: true
  },
  { says: /unsupported_(parameter|value)|does not support|not supported|no multimodal/i, means: Meaning.unsupported },
  { says: /rate_limit_exceeded|too many requests/i, means: Meaning.limited, isPlain: true },
  { says: /overloaded|server busy|no slots available/i, means: Meaning.overloaded, isPlain: true },
  { says: /out of memory|out[-_]of[-_](device_)?memory/i, means: ({ target }) => ({ _tag: "OutOfMemory", target }) },
  ...Meaning.otherwise,
  { says: /invalid_request_error/, means: Meaning.badRequest },
  { statuses: [500, 200], means: Meaning.broken }
]
