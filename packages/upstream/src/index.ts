/** The wires to servers that answer: a namespace for each, named as its file. */
export * as Ollama from "./Ollama.ts"
