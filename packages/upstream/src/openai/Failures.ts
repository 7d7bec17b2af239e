/**
 * What the errors of OpenAI-shaped servers mean: the one place that knows their statuses and their sentences.
 *
 * Each server fills the same form in its own way: the error is an object or a sentence, its code a name or a status. So
 * the names that it has for an error and its sentence are read together. Words alone mean little, since a server may
 * quote what it was asked: each row says behind which statuses they are believed.
 */
import type { SpillwayError } from "@spillway/core"
import { among, type Fields, fieldsOf, numberOf, textOf } from "../Fields.ts"
import * as Meaning from "../Meaning.ts"
import { beside, refusedBy } from "../Refusals.ts"
import type { About, Refused } from "../Wire.ts"

/** Whether an object stands in the place of an answer to say that there is none. */
export const isError = (object: Fields): boolean =>
  (object["error"] !== undefined && object["error"] !== null) || object["object"] === "error"

/** What an error says; in the midst of an answer its status is 200, and its own may be told. */
export const said = (object: Fields, about: About, refused?: Refused): SpillwayError => {
  const error = fieldsOf(object["error"]) ?? object
  const { code, type } = error
  const message =
    textOf(error["message"]) ?? textOf(object["error"]) ?? textOf(object["message"]) ?? textOf(object["detail"])
  const sentence = [textOf(type), textOf(code), message].filter((each) => each !== undefined).join(" ")
  const status = refused?.status ?? 200
  const told = status === 200 ? (numberOf(code) ?? among(statusOf, textOf(type)) ?? status) : status
  return Meaning.errorOf(
    rows,
    { status: told, sentence, ...beside(object, about, refused), ...lengthsIn(sentence, error) },
    about
  )
}

/** What an answer that is none says. */
export const refused = refusedBy({ isError, said })

/** The status that an error would have had before the answer began. */
const statusOf: Readonly<Record<string, number>> = { server_error: 500, api_error: 500, requests: 429, tokens: 429 }

/** How long a prompt is and how long it may be, in fields or in words. */
const lengthsIn = (sentence: string, error: Fields): Pick<Meaning.Said, "tokens" | "context"> => {
  const words = sentence.slice(0, 2_000)
  const context = numberOf(error["n_ctx"]) ?? first(/maximum context length (?:is|of) (\d+)/i, words)
  const tokens =
    numberOf(error["n_prompt_tokens"]) ?? first(/(?:resulted in|requested|request has) (\d+)(?: input)? tokens/i, words)
  return { ...(tokens !== undefined && { tokens }), ...(context !== undefined && { context }) }
}

const first = (pattern: RegExp, text: string): number | undefined => {
  const [, digits] = pattern.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}

const words = (...all: ReadonlyArray<string>): RegExp => new RegExp(all.join("|"), "i")

const mistakes = [200, 400, 404, 422]

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Meaning.Row> = [
  { statuses: [200, 400, 413, 429], says: /request too large/i, means: Meaning.contextTooLong },
  {
    statuses: [200, 400, 402, 403, 429],
    says: words("insufficient_quota", "insufficient (balance|credits|funds)", "per[-_ ]?day"),
    means: Meaning.quotaSpent
  },
  { statuses: [200, 403, 429], says: /exceeded your current quota/i, means: Meaning.quotaOrRate },
  {
    statuses: [200, 400, 403, 422],
    says: words(
      "content_filter",
      "content_policy_violation",
      "ResponsibleAIPolicy",
      "flagged",
      "moderation",
      "content management policy"
    ),
    means: Meaning.contentRefused
  },
  {
    statuses: [400],
    says: /api[ _]key.{0,20}(not valid|invalid)|invalid.{0,20}api[ _]key/i,
    means: Meaning.unauthorized
  },
  ...Meaning.usual,
  {
    statuses: [...mistakes, 413, 500],
    says: words(
      "context_length_exceeded",
      "exceed_context_size",
      "maximum context length",
      "exceeds the (available )?context",
      "maximum model length",
      "exceeds the maximum number of tokens",
      "maximum prompt length",
      "context length of only",
      "(inputs|tokens).{0,80}must (have less than|be <=)"
    ),
    means: Meaning.contextTooLong,
    isPlain: true
  },
  { statuses: mistakes, says: /No endpoints found that support/, means: Meaning.unsupported },
  {
    statuses: mistakes,
    says: words(
      "model_not_(found|available)",
      "invalid_model",
      "DeploymentNotFound",
      "no such model",
      "models? .{0,200}(not found|does not exist|not exist|not loaded)",
      "models/.{0,200}not found",
      "no models loaded",
      "no endpoints found",
      "not a valid model",
      "model identifier is invalid"
    ),
    means: Meaning.modelNotFound,
    isPlain: true
  },
  {
    statuses: mistakes,
    says: words(
      "unsupported_(parameter|value)",
      "does not support",
      "not supported",
      "no multimodal",
      "unrecognized request argument",
      "extra_forbidden",
      "extra inputs are not permitted",
      "unknown (parameter|field)"
    ),
    means: Meaning.unsupported
  },
  { statuses: [200], says: /rate_limit_exceeded|too many requests/i, means: Meaning.limited, isPlain: true },
  {
    statuses: [200, 500],
    says: /overloaded|server busy|no slots available/i,
    means: Meaning.overloaded,
    isPlain: true
  },
  {
    statuses: [200, 500],
    says: /out of memory|out[-_]of[-_](device_)?memory/i,
    means: ({ target }) => ({ _tag: "OutOfMemory", target })
  },
  ...Meaning.otherwise,
  { statuses: [200], says: /invalid_request_error/, means: Meaning.badRequest },
  { statuses: [500, 200], means: Meaning.broken }
]
