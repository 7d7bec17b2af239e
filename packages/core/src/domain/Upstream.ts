/**
 * The port that a wire fills: one server, how to ask it, and what is there.
 *
 * A wire names its failures itself, in one file, so that nobody further in has to know a status or a message of its
 * server.
 */
import type { Effect } from "effect"
import type { Call } from "./Call.ts"
import type { Kept } from "./Question.ts"
import type { SpillwayError } from "./SpillwayError.ts"

/** A model as its server tells of it. */
export interface ModelFound {
  readonly name: string
  readonly digest?: string
  readonly loaded: boolean
  /** The context it can really use, in tokens. */
  readonly context?: number
  readonly bytes?: number
}

/** What a look at a server shows. */
export interface Inspection {
  readonly version?: string
  readonly models: ReadonlyArray<ModelFound>
}

/** What a server says of one model, loaded or not. */
export interface Shown {
  /** What it can, in the server's words, as `completion`, `tools` or `vision`; nothing where it does not say. */
  readonly capabilities: ReadonlyArray<string>
  /** The context that it was trained for, in tokens: what it uses is mostly less, and shows once it is loaded. */
  readonly contextMax?: number
}

/** One server that answers. */
export interface Upstream {
  readonly name: string
  readonly call: Call<SpillwayError>
  readonly inspect: Effect.Effect<Inspection, SpillwayError>
  /** What a model is, where the server tells; it loads nothing. */
  readonly show?: (model: string) => Effect.Effect<Shown, SpillwayError>
  /** Loads a model without asking it anything, and ends when it is there. */
  readonly load?: (model: string, kept?: Kept) => Effect.Effect<void, SpillwayError>
}
