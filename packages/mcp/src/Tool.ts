/**
 * What a tool is: a name, what it takes and gives as JSON Schema, and an Effect that does it.
 *
 * Nothing here knows a transport or the SDK, so that another era of the protocol is another binding and no other tool.
 * There is no signal beside the Effect: whoever leaves interrupts it, as he does with every call of ours.
 */
import type { Effect } from "effect"
import type { Refusal } from "./Refused.ts"

/** A JSON Schema of an object, as it goes over the wire. */
export interface Schema {
  readonly type: "object"
  readonly properties: Readonly<Record<string, unknown>>
  readonly required?: ReadonlyArray<string>
  readonly additionalProperties?: boolean
}

/** What a client may assume before it asks its user. */
export interface Annotations {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

/** Who asks, and how he is told how far it has come, where he wants to hear it. */
export interface Asking {
  readonly caller: string
  readonly progress?: (words: string) => void
}

/** What a tool answers: the data, and the words for clients that show nothing else, where those are not the same. */
export interface Said {
  readonly data: Readonly<Record<string, unknown>>
  readonly words?: ReadonlyArray<string>
}

/** A tool. What it is run with has been held to its schema before. */
export interface Tool<Given = never> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Schema
  readonly output: Schema
  readonly annotations: Annotations
  readonly run: (given: Given, asking: Asking) => Effect.Effect<Said, Refusal>
}

/** What looks at something of ours, and changes nothing. */
export const looking: Annotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false
}

/** What changes how everybody's calls go. */
export const changing: Annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false
}

/** A property that has that type, and what it is in words where its name does not say so. */
export const property = (type: string, description?: string): Readonly<Record<string, unknown>> => ({
  type,
  ...(description !== undefined && { description })
})

/** A list of objects that have these among their properties. */
export const listOf = (
  properties: Schema["properties"],
  required?: ReadonlyArray<string>
): Readonly<Record<string, unknown>> => ({
  type: "array",
  items: { type: "object", properties, ...(required !== undefined && { required }) }
})
