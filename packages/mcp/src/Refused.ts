/**
 * How a refusal reaches an agent: as a tool error in plain words, which end with the same facts for a program.
 *
 * It is no error of the protocol, since those are shown to no model. It has no structured content, which clients hold
 * to the tool's schema and then report instead of the refusal. Clients that drop `_meta` still have the facts at the
 * end of the words.
 */
import { refusal, SpillwayError } from "@spillway/core"
import { Cause } from "effect"
import { millis } from "./Wire.ts"

/** Where the facts stand in `_meta`. */
const metaKey = "dev.spillway/error"

/** What a program reads of a refusal. */
export interface Facts {
  readonly code: string
  readonly retryable: boolean
  readonly retry_after_ms?: number
}

/** A refusal as the result of a tool. */
export interface Refused {
  readonly isError: true
  readonly content: ReadonlyArray<{ readonly type: "text"; readonly text: string }>
  readonly _meta: { readonly [metaKey]: Facts }
}

/** The result that tells it. */
export const refused = (error: SpillwayError): Refused => {
  const facts = factsOf(error)
  return {
    isError: true,
    content: [{ type: "text", text: `${sentenceOf(error)} ${JSON.stringify(facts)}` }],
    _meta: { [metaKey]: facts }
  }
}

/** The error of a cause. What broke by itself is `Unknown`: its own words may quote what was asked. */
export const errorOf = (cause: Cause.Cause<SpillwayError>): SpillwayError => {
  const error = Cause.squash(cause)
  if (error instanceof SpillwayError) return error
  return refusal({ _tag: Cause.hasInterruptsOnly(cause) ? "Cancelled" : "Unknown" })
}

/** An agent holds no error in its hands: of what has no name here it cannot be told where to look. */
const sentenceOf = ({ message, reason }: SpillwayError): string =>
  reason._tag === "Unknown"
    ? `${reason.target ?? "Spillway"} failed in a way that has no name here: tell whoever runs it.`
    : message

const factsOf = ({ failure, retryable, retryAfter }: SpillwayError): Facts => ({
  code: failure.code,
  retryable,
  ...(retryAfter !== undefined && { retry_after_ms: millis(retryAfter) })
})
