/**
 * What an Ollama's errors mean: the one place that knows its statuses and its sentences.
 *
 * Many of its failures share a status, and two that share it can mean the opposite: a 429 passes with the next answer
 * or lasts for hours, a 400 is the caller's mistake or the cloud's, a 500 is a wrong option or a model that died. Its
 * words tell them apart. What no row names is not retried.
 */
import type { Reason, SpillwayError } from "@spillway/core"
import { Duration } from "effect"
import { type Fields, objectIn } from "../Fields.ts"
import { retryAfterOf } from "../RetryAfterOf.ts"
import { type Asked, failed, type Refused } from "../Wire.ts"

/** Whoever asked, and what: a look at a server has no question. */
type About = Omit<Asked, "question"> & { readonly question?: Asked["question"] }

/** What an answer that is none says. */
export const refused = ({ body, headers, status }: Refused, asked: About): SpillwayError => {
  const { parts, target } = asked
  const error = objectIn(body)?.["error"]
  // A page, or an answer of another kind, in the place of one.
  if (status < 400 && error === undefined) return failed({ _tag: "Malformed", target, parts: parts() }, body)
  return said(typeof error === "string" ? error : body, status, asked, retryAfterOf(headers, asked.nowMillis()))
}

/** What a sentence says, behind a status; in the midst of an answer that is 200. */
export const said = (
  sentence: string,
  status: number,
  asked: About,
  wait: { readonly retryAfter?: Duration.Duration } = {}
): SpillwayError => {
  const nested = objectIn(sentence)
  const row = rows.find(
    ({ says, statuses }) =>
      (statuses === undefined || statuses.includes(status)) && (says === undefined || says.test(sentence))
  )
  const reason = row?.means(asked, wait, fieldsIn(nested)) ?? { _tag: "Unknown", target: asked.target }
  return failed(reason, row?.isPlain === true ? undefined : sentence)
}

interface Row {
  readonly statuses?: ReadonlyArray<number>
  readonly says?: RegExp
  readonly means: (asked: About, wait: { readonly retryAfter?: Duration.Duration }, nested: Nested) => Reason
  /** Whether its words say nothing that the reason does not. */
  readonly isPlain?: boolean
}

/** What llama-server says of a prompt that is too long, in JSON within the error. */
interface Nested {
  readonly tokens: number | undefined
  readonly context: number | undefined
}

const fieldsIn = (nested: Fields | undefined): Nested => {
  const { n_ctx: context, n_prompt_tokens: tokens } = (nested?.["error"] ?? {}) as Record<string, unknown>
  return {
    tokens: typeof tokens === "number" ? tokens : undefined,
    context: typeof context === "number" ? context : undefined
  }
}

/** What asks for longer than this is no limit of a rate. */
const quotaFrom = Duration.minutes(15)

const overloaded: Row["means"] = ({ target }, wait) => ({ _tag: "Overloaded", target, ...wait })
const unauthorized: Row["means"] = ({ target }) => ({ _tag: "UpstreamUnauthorized", target })
const unreachable: Row["means"] = ({ parts, target }) => ({
  _tag: "Unreachable",
  target,
  problem: "what stands before it did not reach it",
  parts: parts()
})
const badRequest: Row["means"] = () => ({
  _tag: "BadRequest",
  field: "The question",
  read: "refused by the server",
  expected: "what it takes"
})

const noMemory =
  /out of memory|cudaMalloc failed|failed to allocate|(not enough|insufficient) memory|out[-_]of[-_](device_)?memory/i

const noLoad = new RegExp(
  "process has terminated|timed out waiting for|unable to load|failed to load|invalid file magic|" +
    "requires more system memory",
  "i"
)

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Row> = [
  { statuses: [401, 403], means: unauthorized },
  {
    statuses: [429],
    says: /usage limit|quota|upgrade (for|to)/i,
    means: ({ target }, wait) => ({ _tag: "QuotaSpent", target, ...wait })
  },
  {
    statuses: [429],
    means: ({ target }, { retryAfter }) =>
      retryAfter !== undefined && Duration.isGreaterThanOrEqualTo(retryAfter, quotaFrom)
        ? { _tag: "QuotaSpent", target, retryAfter }
        : { _tag: "UpstreamRateLimited", target, ...(retryAfter && { retryAfter }) },
    isPlain: true
  },
  { statuses: [503, 529], means: overloaded, isPlain: true },
  { statuses: [502, 504, 520, 521, 522, 523, 524], means: unreachable },
  { statuses: [499], means: () => ({ _tag: "Cancelled" }), isPlain: true },
  {
    says: noMemory,
    means: ({ target }) => ({ _tag: "OutOfMemory", target })
  },
  {
    says: /exceed_context_size_error|exceeds the (available )?context|longer than the context/i,
    means: ({ question, target }, _, { context, tokens }) => ({
      _tag: "ContextTooLong",
      tokens: tokens ?? question?.prompt.likely ?? 0,
      target,
      ...(context !== undefined && { context })
    }),
    isPlain: true
  },
  {
    says: /model .*not found|^model is required$/i,
    means: ({ question, target }) => ({ _tag: "ModelNotFound", model: question?.model ?? "", target }),
    isPlain: true
  },
  {
    says: /does not support|no multimodal|not supported|start it with `--embeddings/i,
    means: ({ target }) => ({ _tag: "Unsupported", capability: "what was asked", target })
  },
  {
    says: noLoad,
    means: ({ target }) => ({ _tag: "LoadFailed", target })
  },
  // The cloud now and then reads only half of a request, and a daemon dies in one that was right.
  { statuses: [400], says: /unexpected EOF/, means: unreachable },
  { says: /unmarshalling/, means: ({ parts, target }) => ({ _tag: "Malformed", target, parts: parts() }) },
  {
    says: /unexpected EOF|unexpectedly stopped|no longer running|error reading .*response|POST predict|: EOF$/,
    means: ({ parts, target }) => ({ _tag: "RunnerDied", target, parts: parts() })
  },
  { says: /no slots available|server busy|llm busy|overloaded/i, means: overloaded, isPlain: true },
  { says: /must be of type|invalid format|invalid (JSON )?schema/i, means: badRequest },
  { statuses: [404], means: ({ parts, target }) => ({ _tag: "Malformed", target, parts: parts() }) },
  { statuses: [400, 405, 413, 415, 422], means: badRequest },
  { statuses: [501], means: ({ target }) => ({ _tag: "Unsupported", capability: "what was asked", target }) },
  // Whatever broke said so in plain text, as the cloud does.
  { statuses: [500], says: /^internal server error$/i, means: overloaded }
]
