/** How the servers of each wire say a few words: as much as the laws need, which hold whatever is said. */
import type { Options, Upstream } from "@spillway/core"
import { Anthropic, Ollama, OpenAi } from "@spillway/upstream"
import type { Effect, Scope } from "effect"
import * as Bytes from "../bytes.ts"

/** A server's words. */
export interface Spoken {
  readonly name: string
  readonly make: (
    url: string,
    bounds?: { readonly connections?: number; readonly lineMax?: number }
  ) => Effect.Effect<Upstream, Options.OptionsRefused, Scope.Scope>
  /** What a stream is labelled. */
  readonly type: string
  /** What comes before all words, a piece of them, and the end of an answer of three tokens read and two written. */
  readonly begin: string
  readonly say: (words: string) => string
  readonly end: string
}

const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

const ollama: Spoken = {
  name: "Ollama",
  make: (url, bounds) => Ollama.make("gpu", { url, ...bounds }),
  type: "application/x-ndjson",
  begin: "",
  say: Bytes.frame,
  end: Bytes.done
}

const openai: Spoken = {
  name: "OpenAi",
  make: (url, bounds) => OpenAi.make("hosted", { url, ...bounds }),
  type: "text/event-stream",
  begin: event({ model: "a", choices: [{ delta: { role: "assistant", content: "" }, finish_reason: null }] }),
  say: (words) => event({ model: "a", choices: [{ delta: { content: words }, finish_reason: null }] }),
  end:
    event({ model: "a", choices: [{ delta: {}, finish_reason: "stop" }] }) +
    event({ model: "a", choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }) +
    event("[DONE]")
}

const anthropic: Spoken = {
  name: "Anthropic",
  make: (url, bounds) => Anthropic.make("claude", { url, ...bounds }),
  type: "text/event-stream",
  begin:
    event({ type: "message_start", message: { model: "a", usage: { input_tokens: 3, output_tokens: 1 } } }) +
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
  say: (text) => event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
  end:
    event({ type: "content_block_stop", index: 0 }) +
    event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }) +
    event({ type: "message_stop" })
}

/** The words of all of them. */
export const all: ReadonlyArray<Spoken> = [ollama, openai, anthropic]
