/**
 * What the daemon says while it answers, before a surface has put it into its own words.
 *
 * Ollama's other surfaces are made from the native frames, and its oddities come from that: an error in mid-stream is
 * no frame, so that `/v1` makes an empty chunk of it. A writer takes frames as they come and makes bytes of them.
 */

/** A tool call as the model made it: whole, never in fragments. */
export interface ToolCall {
  readonly id: string
  readonly function: { readonly index: number; readonly name: string; readonly arguments: Record<string, unknown> }
}

/** What the last frame tells, in nanoseconds and tokens. */
export interface Metrics {
  readonly totalDuration: number
  readonly loadDuration: number
  readonly promptEvalCount: number
  readonly promptEvalCachedCount: number
  readonly promptEvalDuration: number
  readonly evalCount: number
  readonly evalDuration: number
}

/** A piece of an answer. */
export interface Frame {
  readonly model: string
  /** Wall clock, in nanoseconds since 1970. */
  readonly createdAt: bigint
  readonly content: string
  readonly thinking?: string
  readonly toolCalls?: ReadonlyArray<ToolCall>
  readonly logprobs?: ReadonlyArray<Logprob>
  readonly done: boolean
  /** Absent on a frame that is not the last, and on a last one that a fault took it from. */
  readonly doneReason?: "stop" | "length" | "load" | "unload"
  /** The tokens of the whole conversation, on the last frame of `/api/generate`. */
  readonly context?: ReadonlyArray<number>
  readonly metrics?: Metrics
  /** The prompt as the model reads it, where that was all that was asked for. */
  readonly prompt?: string
}

/** How likely a token was, and which others were. */
export interface Logprob {
  readonly token: string
  readonly logprob: number
  readonly top: ReadonlyArray<{ readonly token: string; readonly logprob: number }>
}

/** An error in words, as surfaces say it. */
export interface Said {
  readonly status: number
  readonly message: string
  /**
   * Whether nothing was begun: such an error is an object with a length also where a stream was asked for, and one that
   * comes from the runner before the first frame is chunked there.
   */
  readonly isRefusal?: boolean
  /** Whether a stream says it in its midst although nothing came before it, as old versions do. */
  readonly isLate?: boolean
  /** More fields of the error object: `signin_url`. */
  readonly more?: Readonly<Record<string, string>>
}

/** What a failure is to a program that needs no bytes to be told: the reasons of the core that a server can give. */
export type Why =
  | "BadRequest"
  | "Cancelled"
  | "ContextTooLong"
  | "Cut"
  | "LoadFailed"
  | "Malformed"
  | "ModelNotFound"
  | "OutOfMemory"
  | "Overloaded"
  | "QuotaSpent"
  | "RunnerDied"
  | "Unreachable"
  | "Unsupported"
  | "UpstreamRateLimited"
  | "UpstreamUnauthorized"

/** Why there is no answer, or no more of it. */
export interface Failure extends Said {
  readonly reason: Why
  /** Of a prompt that is too long: how long it is, and how long it may be. */
  readonly tokens?: number
  readonly context?: number
}

/** Makes bytes of frames, on one surface and for one request. */
export interface Writer {
  /** A piece; false asks to wait until the reply has room. */
  frame(frame: Frame): boolean
  /** It failed: before the first frame with its status, after it as the surface has it. The answer ends with it. */
  fail(failure: Failure): void
  /** An answer that is one object also where a stream was asked for: loaded, unloaded. */
  only(frame: Frame): void
  /** Nothing more comes, whether or not a last frame did. */
  end(): void
}
