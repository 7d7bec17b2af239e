/**
 * When a server asks to come back, wherever it says so: in one of its headers, or only in its words.
 */
import { RetryAfter } from "@spillway/core"
import { DateTime, Duration, Option } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** How long to wait, where anything is said that can be read; a header is believed before a sentence. */
export const retryAfterOf = (
  headers: IncomingHttpHeaders,
  nowMillis: number,
  sentence: string
): { readonly retryAfter?: Duration.Duration } => {
  const retryAfter =
    RetryAfter.parseMillis(headers["retry-after-ms"]) ??
    RetryAfter.parse(headers["retry-after"], nowMillis) ??
    spokenOf(sentence) ??
    resetOf(headers, nowMillis)
  return retryAfter === undefined ? {} : { retryAfter }
}

/** `try again in 6m0s`, `retry after 20 seconds`, `"retryDelay": "37s"` as Google has it, `"retry_after": 12.5`. */
const spokenOf = (sentence: string): Duration.Duration | undefined => {
  const [, span, number, unit] = spoken.exec(sentence) ?? []
  if (span !== undefined) return RetryAfter.parseSpan(span)
  if (number === undefined) return undefined
  return RetryAfter.parseSpan(`${number}${unit?.startsWith("m") === true ? "m" : "s"}`)
}

const spoken = new RegExp(
  '(?:(?:again|retry) (?:in|after)|"retry_?(?:Delay|after)":) ?"?' +
    "(?:((?:\\d+(?:\\.\\d+)?(?:h|ms|m|s))+)\\b|(\\d+(?:\\.\\d+)?) ?(s|min)?)",
  "i"
)

/** When a limit of which nothing remains is there again: a span at OpenAI, a moment at Anthropic. */
const resetOf = (headers: IncomingHttpHeaders, nowMillis: number): Duration.Duration | undefined => {
  for (const kind of ["requests", "tokens", "input-tokens", "output-tokens"]) {
    if (headers[`x-ratelimit-remaining-${kind}`] === "0") {
      const span = RetryAfter.parseSpan(headers[`x-ratelimit-reset-${kind}`])
      if (span !== undefined) return span
    }
    if (headers[`anthropic-ratelimit-${kind}-remaining`] === "0") {
      const moment = Option.getOrUndefined(DateTime.make(String(headers[`anthropic-ratelimit-${kind}-reset`])))
      if (moment !== undefined) return Duration.millis(Math.max(DateTime.toEpochMillis(moment) - nowMillis, 0))
    }
  }
  return undefined
}
