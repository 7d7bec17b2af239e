/**
 * Reads a refusal whose body is an object with an error in it, or a page, or nothing.
 */
import type { SpillwayError } from "@spillway/core"
import { type Fields, objectIn } from "./Fields.ts"
import { malformed, type Said } from "./Meaning.ts"
import { retryAfterOf } from "./RetryAfterOf.ts"
import { type About, failed, type Refused } from "./Wire.ts"

/** How a kind of server says that there is no answer. */
export interface Saying {
  /** Whether an object stands in the place of an answer to say so. */
  readonly isError: (object: Fields) => boolean
  /** What it means, behind a status; `body` is all that was said. */
  readonly said: (
    object: Fields,
    status: number,
    about: About,
    wait?: Pick<Said, "retryAfter">,
    body?: string
  ) => SpillwayError
}

/** What an answer that is none means. */
export const refusedBy =
  ({ isError, said }: Saying) =>
  ({ body, headers, status }: Refused, about: About): SpillwayError => {
    const object = objectIn(body) ?? {}
    // A page, or an answer of another kind, in the place of one.
    if (status < 400 && !isError(object)) return failed(malformed(about), body)
    return said(object, status, about, retryAfterOf(headers, about.nowMillis(), body), body)
  }
