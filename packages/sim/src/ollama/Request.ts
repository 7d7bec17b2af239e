/**
 * What is asked of the daemon, in the native form: other surfaces translate into it before anything else happens, as
 * Ollama's do.
 */

/** A turn of a conversation. */
export interface Message {
  readonly role: string
  readonly content: string
  readonly thinking?: string
  /** Base64. */
  readonly images?: ReadonlyArray<string>
  readonly toolCalls?: ReadonlyArray<{ readonly name: string; readonly arguments: Record<string, unknown> }>
  readonly toolName?: string
}

/** A tool that may be called: only its name is read. */
export interface Tool {
  readonly name: string
}

/** What all questions have. */
interface Question {
  /** As it was asked for. */
  readonly model: string
  /** Whatever options were sent, unread. */
  readonly options: Readonly<Record<string, unknown>>
  /** How long the model is to stay, in nanoseconds; negative for ever. */
  readonly keepAlive?: number
}

/** How an answer is to come. */
interface Asking extends Question {
  readonly stream: boolean
  /** `"json"`, a JSON Schema, or what is refused. */
  readonly format?: unknown
  readonly think?: boolean | string
  readonly truncate?: boolean
  readonly shift?: boolean
  /** Whether nothing is wanted but the prompt, as the model would read it. */
  readonly isShown?: boolean
  readonly logprobs?: boolean
  readonly topLogprobs?: number
}

/** A conversation to be continued. */
export interface Chat extends Asking {
  readonly messages: ReadonlyArray<Message>
  readonly tools: ReadonlyArray<Tool>
  /** Thinking that the model cannot do is left out rather than refused: how `/v1/messages` asks. */
  readonly relaxed?: boolean
}

/** A text to be continued. */
export interface Generate extends Asking {
  readonly prompt: string
  readonly suffix?: string
  readonly system?: string
  readonly template?: string
  readonly context?: ReadonlyArray<number>
  readonly raw: boolean
  readonly images: ReadonlyArray<string>
}

/** Texts to be made vectors of. */
export interface Embed extends Question {
  readonly input: ReadonlyArray<string>
  readonly truncate?: boolean
  /** By the old endpoint, which cuts nothing. */
  readonly isOld?: boolean
  readonly dimensions?: number
}
