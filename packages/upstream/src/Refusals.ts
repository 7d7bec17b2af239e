/**
 * Reads a refusal whose body is an object with an error in it, or a page, or nothing.
 */
import type { SpillwayError } from "@spillway/core"
import { type Fields, objectIn } from "./Fields.ts"
import { malformed } from "./Meaning.ts"
import { retryAfterOf } from "./RetryAfterOf.ts"
import { type About, failed, type Refused } from "./Wire.ts"

/** How a kind of server says that there is no answer. */
export interface Saying {
  /** Whether an object stands in the place of an answer to say so. */
  readonly isError: (object: Fields) => boolean
  /** What it means, before an answer or in its midst. */
  readonly said: (object: Fields, about: About, refused?: Refused) => SpillwayError
}

/** What an answer that is none means. */
export const refusedBy =
  ({ isError, said }: Saying) =>
  (refused: Refused, about: About): SpillwayError => {
    const object = objectIn(refused.body) ?? {}
    // A page, or an answer of another kind, in the place of one.
    if (refused.status < 400 && !isError(object))
      return failed(malformed(about, "a page, or with another thing than an answer"), refused.body.slice(0, 8_000))
    return said(object, about, refused)
  }

/** What goes with every error: its body, and when to come back; in the midst of an answer there are no headers. */
export const beside = (object: Fields, about: About, refused: Refused | undefined) => {
  const body = refused?.body ?? JSON.stringify(object)
  const wait = retryAfterOf(refused?.headers ?? {}, about.nowMillis(), body.slice(0, 8_000))
  return { body, isInMidst: refused === undefined, ...wait }
}
