/**
 * What Anthropic's errors mean: the one place that knows its statuses and its sentences.
 *
 * An error in the midst of an answer has no status of its own but a type, which stands for one. A credit that is used
 * up is an invalid request there, which only its words tell from a mistake of the caller's.
 */
import type { SpillwayError } from "@spillway/core"
import { among, type Fields, fieldsOf, textOf } from "../Fields.ts"
import * as Meaning from "../Meaning.ts"
import { beside, refusedBy } from "../Refusals.ts"
import type { About, Refused } from "../Wire.ts"

/** Whether an object stands in the place of an answer, or of an event, to say that there is none. */
export const isError = (object: Fields): boolean =>
  object["type"] === "error" || (object["error"] !== undefined && object["error"] !== null)

/** What an error says; in the midst of an answer its status is 200, and its type tells another. */
export const said = (object: Fields, about: About, refused?: Refused): SpillwayError => {
  const { error } = object
  const type = textOf(fieldsOf(error)?.["type"])
  const message = textOf(fieldsOf(error)?.["message"]) ?? textOf(error)
  const sentence = [type, message].filter((each) => each !== undefined).join(" ")
  const status = refused?.status ?? 200
  const told = status === 200 ? (among(statusOf, type) ?? status) : status
  return Meaning.errorOf(
    rows,
    { status: told, sentence, ...beside(object, about, refused), ...lengthsIn(sentence.slice(0, 2_000)) },
    about
  )
}

/** What an answer that is none says. */
export const refused = refusedBy({ isError, said })

/** The status that an error would have had before the answer began. */
const statusOf: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529
}

/** `prompt is too long: 208310 tokens > 200000 maximum`; with the bound of the answer it is a sum that is too long. */
const lengthsIn = (sentence: string): Pick<Meaning.Said, "tokens" | "context"> => {
  const [, tokens, context] =
    /(\d+) tokens > (\d+) maximum/.exec(sentence) ?? /(\d+) \+ \d+ > (\d+)/.exec(sentence) ?? []
  return tokens === undefined ? {} : { tokens: Number(tokens), context: Number(context) }
}

const mistakes = [200, 400, 404]

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Meaning.Row> = [
  {
    statuses: [200, 400, 402, 403, 429],
    says: /billing_error|credit balance is too low|specified API usage limits/i,
    means: Meaning.quotaSpent
  },
  { statuses: [200, 400, 403], says: /content filtering policy|output blocked/i, means: Meaning.contentRefused },
  ...Meaning.usual,
  {
    statuses: [...mistakes, 413],
    says: /prompt is too long|exceed context limit|exceed_context_size|exceeds the (available )?context/i,
    means: Meaning.contextTooLong,
    isPlain: true
  },
  { statuses: [404], says: /not_found_error.{0,20}\bmodel/i, means: Meaning.modelNotFound, isPlain: true },
  { statuses: mistakes, says: /model\b.{0,200}\bnot found/i, means: Meaning.modelNotFound, isPlain: true },
  {
    statuses: mistakes,
    says: new RegExp(
      "does not support|not supported|unsupported|no multimodal|cannot both be|may (only|not) be|" +
        "when (thinking|tool)|extra inputs are not permitted|role.{0,3}.system",
      "i"
    ),
    means: Meaning.unsupported
  },
  ...Meaning.otherwise,
  { statuses: [500, 200], means: Meaning.broken }
]
