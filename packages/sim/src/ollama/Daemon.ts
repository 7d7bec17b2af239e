/**
 * The daemon as its surfaces see it: questions go in, frames come out.
 */
import type { Caller } from "../Exchange.ts"
import type { Failure, Metrics, Writer } from "./Frame.ts"
import type { Model } from "./Model.ts"
import type { Chat, Embed, Generate } from "./Request.ts"

/** Vectors, one for each input, and what they took. */
export interface Embedded {
  readonly model: string
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly metrics: Pick<Metrics, "totalDuration" | "loadDuration" | "promptEvalCount">
}

/** A model that is loaded, for `/api/ps`. */
export interface Loaded {
  readonly model: Model
  readonly context: number
  readonly bytes: number
  /** Wall clock, in nanoseconds since 1970; in the past where it waits for its last answers to end. */
  readonly expiresAt: bigint
}

/** What answers. A caller who leaves cancels what he asked for. */
export interface Daemon {
  readonly version: string
  /** Every model that is there. */
  readonly models: ReadonlyArray<Model>
  readonly loaded: ReadonlyArray<Loaded>
  /** When it was made there, wall clock in nanoseconds. */
  readonly madeAt: bigint
  /** By a name as callers write it, without a tag or with one; nothing where there is none. */
  find(name: string): Model | undefined
  chat(request: Chat, writer: Writer, caller: Caller): void
  generate(request: Generate, writer: Writer, caller: Caller): void
  embed(request: Embed, caller: Caller, answer: (embedded: Embedded | Failure) => void): void
  /** Names one more, or takes a name away; false where there was none. */
  copy(from: string, to: string): boolean
  remove(name: string): boolean
}
