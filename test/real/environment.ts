/**
 * What a scenario wants of the server that it is played against, in words that a real one and a simulated one share.
 */
import type { ModelName } from "./models.ts"

/** What becomes of every load of a model. */
export interface Load {
  readonly millis?: number
  /** Its runner ends with this status, after it has written a line. */
  readonly exit?: number
  readonly log?: string
  /** Its runner never says that it is ready. */
  readonly hangs?: boolean
}

/** Where nothing is said, Ollama's own defaults hold. */
export interface Environment {
  /** OLLAMA_NUM_PARALLEL, OLLAMA_MAX_QUEUE and OLLAMA_MAX_LOADED_MODELS. */
  readonly parallel?: number
  readonly queueMax?: number
  readonly modelsMax?: number
  /** OLLAMA_KEEP_ALIVE and OLLAMA_LOAD_TIMEOUT, as Go writes spans. */
  readonly keepAlive?: string
  readonly loadTimeout?: string
  readonly loads?: Readonly<Partial<Record<ModelName, Load>>>
}

/** A server that runs, and how to end it with all that it has started. */
export interface Started {
  readonly url: string
  readonly stop: () => Promise<void>
}
