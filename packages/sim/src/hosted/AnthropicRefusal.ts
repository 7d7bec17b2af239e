/**
 * Refusals as api.anthropic.com words them.
 *
 * Money that is used up is an invalid request here: it has the status of a mistake of the caller, no header says when
 * to come back, and only the text tells it apart.
 */
import type { Headers } from "../Exchange.ts"
import type { Refusal, Sent } from "./Refusal.ts"

/** The body of a refusal, and the data of an `error` event. */
export interface Said {
  readonly type: "error"
  readonly error: { readonly type: string; readonly message: string }
  readonly request_id: string
}

/** A refusal as this provider sends it, under the id of its request. */
export const refusal = (refused: Refusal, id: string, headers: Headers): Sent => {
  const { reason, retryAfter = 0, status } = refused
  const more: Headers = [
    ...(reason === "rate-limited" ? [["retry-after", `${Math.max(Math.ceil(retryAfter / 1e9), 1)}`] as const] : []),
    ...(mended.has(reason) ? [["x-should-retry", "true"] as const] : [])
  ]
  return {
    status: status ?? forms[reason][0],
    headers: [["content-type", "application/json"], ...headers, ...more],
    body: JSON.stringify(said(refused, id))
  }
}

/** The words of a refusal. */
export const said = (refused: Refusal, id: string): Said => {
  const [, type, message] = forms[refused.reason]
  return { type: "error", error: { type, message: message(refused) }, request_id: id }
}

/** What another try may mend: this provider says so. */
const mended: ReadonlySet<Refusal["reason"]> = new Set(["rate-limited", "internal", "overloaded"])

type Form = readonly [status: number, type: string, message: (refused: Refusal) => string]

const limited = ({ limit }: Refusal): string => {
  if (limit?.of === "running") {
    return (
      "Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales at " +
      "https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase."
    )
  }
  const what = limit?.of === "tokens" ? "input tokens" : "requests"
  return (
    `This request would exceed the rate limit for your organization of ${limit?.limit ?? 50} ${what} per minute. ` +
    "For details, refer to: https://docs.claude.com/en/api/rate-limits."
  )
}

const forms: Readonly<Record<Refusal["reason"], Form>> = {
  invalid: [400, "invalid_request_error", ({ message = "Invalid request" }) => message],
  "no-key": [401, "authentication_error", () => "x-api-key header is required"],
  unauthorized: [401, "authentication_error", () => "invalid x-api-key"],
  forbidden: [403, "permission_error", () => "Your API key does not have permission to use the specified resource."],
  "unknown-model": [404, "not_found_error", ({ model = "" }) => `model: ${model}`],
  "no-such-path": [404, "not_found_error", () => "Not Found"],
  "no-such-method": [405, "invalid_request_error", () => "Method Not Allowed"],
  "too-large": [413, "request_too_large", () => "Request exceeds the maximum size"],
  "rate-limited": [429, "rate_limit_error", limited],
  quota: [
    400,
    "invalid_request_error",
    () =>
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or " +
      "purchase credits."
  ],
  internal: [500, "api_error", () => "Internal server error"],
  overloaded: [529, "overloaded_error", () => "Overloaded"]
}
