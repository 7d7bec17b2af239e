/**
 * When a server asks to come back, in whichever of its headers it says so.
 */
import { RetryAfter } from "@spillway/core"
import type { Duration } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** How long to wait, where anything is said that can be read. */
export const retryAfterOf = (
  headers: IncomingHttpHeaders,
  nowMillis: number
): { readonly retryAfter?: Duration.Duration } => {
  const retryAfter =
    RetryAfter.parseMillis(headers["retry-after-ms"]) ?? RetryAfter.parse(headers["retry-after"], nowMillis)
  return retryAfter === undefined ? {} : { retryAfter }
}
