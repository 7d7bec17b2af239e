/** What reaches servers: a namespace for each wire. */
export * as Anthropic from "./Anthropic.ts"
export * as Ollama from "./Ollama.ts"
export * as OpenAi from "./OpenAi.ts"
