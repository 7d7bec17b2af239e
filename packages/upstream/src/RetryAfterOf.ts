/**
 * When a server asks to come back, wherever it says so: in one of its headers, or only in its words.
 */
import { RetryAfter } from "@spillway/core"
import type { Duration } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** How long to wait, where anything is said that can be read; a header is believed before a sentence. */
export const retryAfterOf = (
  headers: IncomingHttpHeaders,
  nowMillis: number,
  sentence = ""
): { readonly retryAfter?: Duration.Duration } => {
  const retryAfter =
    RetryAfter.parseMillis(headers["retry-after-ms"]) ??
    RetryAfter.parse(headers["retry-after"], nowMillis) ??
    RetryAfter.parseSpan(spoken.exec(sentence)?.[1])
  return retryAfter === undefined ? {} : { retryAfter }
}

/** `Please try again in 6m0s.`, and `"retryDelay": "37s"` as Google has it. */
const spoken = /(?:try again in|retry in|"retryDelay":) ?"?((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)/
