/**
 * All dialects: what each has a place for by its page, and what its answers hold.
 */
import type { Says } from "./Answering.ts"
import { anthropic } from "./Anthropic.ts"
import type { Carries } from "./Asking.ts"
import type { Dialect } from "./Dialect.ts"
import { ollama } from "./Ollama.ts"
import { openAi, openAiWithThoughts } from "./OpenAi.ts"

/** A dialect, and what can be said in it. */
export interface Spoken {
  readonly dialect: Dialect
  readonly carries: Carries
  readonly says: Says
}

const ofOllama: Spoken = {
  dialect: ollama,
  carries: {
    imagesIn: ["system", "user", "assistant", "tool"],
    imagesByAddress: false,
    seed: true,
    logprobs: true,
    json: true,
    forcedTools: false,
    systemAnywhere: true,
    thinksAlone: false
  },
  says: { proofs: false, logprobs: true, calls: "whole", refusals: false, timings: true }
}

const ofOpenAi: Spoken = {
  dialect: openAi,
  carries: {
    imagesIn: ["user"],
    imagesByAddress: true,
    seed: true,
    logprobs: true,
    json: true,
    forcedTools: true,
    systemAnywhere: true,
    thinksAlone: false
  },
  says: { proofs: false, logprobs: true, calls: "at once", refusals: true, timings: false }
}

const ofAnthropic: Spoken = {
  dialect: anthropic,
  carries: {
    imagesIn: ["user", "tool"],
    imagesByAddress: true,
    seed: false,
    logprobs: false,
    json: false,
    forcedTools: true,
    systemAnywhere: false,
    thinksAlone: true
  },
  says: { proofs: true, logprobs: false, calls: "in turn", refusals: true, timings: false }
}

/** One for each wire. */
export const all: ReadonlyArray<Spoken> = [ofOllama, ofOpenAi, ofAnthropic]

/** A server of OpenAI's shape that takes the thoughts of earlier turns back. */
export const thoughtful: Spoken = { ...ofOpenAi, dialect: openAiWithThoughts }
