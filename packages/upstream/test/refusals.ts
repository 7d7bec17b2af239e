/** Puts the words of servers to a wire's table of failures. */
import type { Reason, SpillwayError } from "@spillway/core"
import type { Asked, Wire } from "../src/Wire.ts"

/** Who says what, behind which status, and what it means. */
export type Row = readonly [
  title: string,
  status: number,
  body: unknown,
  means: Partial<Reason> & { readonly _tag: string }
]

/** What a wire makes of a status and a body, an object as JSON. */
export const refusedWith =
  (refused: Wire["refused"], asked: Asked) =>
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): SpillwayError =>
    refused({ status, headers, body: typeof body === "string" ? body : JSON.stringify(body) }, asked)
