/**
 * Refusals as api.openai.com words them.
 *
 * A limit of requests and one of tokens differ by `type` alone, and money that is used up has the status of both: only
 * its `code` says that no wait helps.
 */
import type { Headers } from "../Exchange.ts"
import type { Refusal, Sent } from "./Refusal.ts"

/** The body of a refusal: an object with the error and nothing else. */
export interface Said {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

/** A refusal as this provider sends it, under the id of its request. */
export const refusal = (refused: Refusal, id: string, headers: Headers): Sent => {
  const { retryAfter } = refused
  const seconds = retryAfter === undefined ? 0 : retryAfter / 1e9
  const wait: Headers =
    retryAfter === undefined
      ? []
      : [
          ["retry-after", `${Math.max(Math.ceil(seconds), 1)}`],
          ["retry-after-ms", `${Math.max(Math.ceil(seconds * 1_000), 1)}`]
        ]
  const body = `${JSON.stringify(said(refused, id), null, 2)}\n`
  return {
    status: refused.status ?? forms[refused.reason][0],
    headers: [["content-type", "application/json"], ...headers, ...wait],
    body
  }
}

/** The words of a refusal. */
export const said = (refused: Refusal, id: string): Said => {
  const { code = null, param = null, reason } = refused
  const [, type, usual, message] = forms[reason]
  const named = reason === "rate-limited" && refused.limit?.of === "tokens" ? "tokens" : type
  return { error: { message: message(refused, id), type: named, param, code: code ?? usual } }
}

type Form = readonly [
  status: number,
  type: string,
  code: string | null,
  message: (refused: Refusal, id: string) => string
]

const limited = ({ limit, model = "", retryAfter = 0 }: Refusal): string => {
  const what = limit?.of === "tokens" ? "tokens per min (TPM)" : "requests per min (RPM)"
  const { limit: most = 500, requested = 1, used = most } = limit ?? {}
  return (
    `Rate limit reached for ${model} in organization org-sim on ${what}: Limit ${most}, Used ${used}, Requested ` +
    `${requested}. Please try again in ${span(retryAfter)}. Visit https://platform.openai.com/account/rate-limits ` +
    "to learn more."
  )
}

const forms: Readonly<Record<Refusal["reason"], Form>> = {
  invalid: [400, "invalid_request_error", null, ({ message = "Invalid request." }) => message],
  "no-key": [
    401,
    "invalid_request_error",
    null,
    () =>
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
      "(i.e. Authorization: Bearer YOUR_KEY)."
  ],
  unauthorized: [
    401,
    "invalid_request_error",
    "invalid_api_key",
    () => "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
  ],
  forbidden: [
    403,
    "invalid_request_error",
    "model_not_found",
    ({ model = "" }) => `Project \`proj_sim\` does not have access to model \`${model}\``
  ],
  "unknown-model": [
    404,
    "invalid_request_error",
    "model_not_found",
    ({ model = "" }) => `The model \`${model}\` does not exist or you do not have access to it.`
  ],
  "no-such-path": [404, "invalid_request_error", null, ({ message = "Invalid URL" }) => message],
  "no-such-method": [
    405,
    "invalid_request_error",
    "method_not_supported",
    ({ message = "Not allowed" }) => `${message}.`
  ],
  "too-large": [413, "server_error", null, () => "Maximum content size limit (33554432) exceeded"],
  "rate-limited": [429, "requests", "rate_limit_exceeded", limited],
  quota: [
    429,
    "insufficient_quota",
    "insufficient_quota",
    () =>
      "You exceeded your current quota, please check your plan and billing details. For more information on this " +
      "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
  ],
  internal: [
    500,
    "server_error",
    null,
    (_, id) =>
      "The server had an error while processing your request. Sorry about that! You can retry your request, or " +
      "contact us through our help center at help.openai.com if the error persists. (Please include the request ID " +
      `${id} in your message.)`
  ],
  overloaded: [503, "server_error", null, () => "The engine is currently overloaded, please try again later"]
}

/** A span as this provider writes it: `120ms`, `1.5s`, `6m0s`. */
export const span = (nanos: number): string => {
  const millis = Math.ceil(nanos / 1e6)
  if (millis < 1_000) return `${millis}ms`
  const hours = Math.floor(millis / 3_600_000)
  const minutes = Math.floor(millis / 60_000) % 60
  const seconds = `${(millis % 60_000) / 1_000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}
