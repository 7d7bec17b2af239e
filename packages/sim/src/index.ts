/** A simulated Ollama and the faces of hosted providers: a namespace for each thing, named as its file. */
export * as Fault from "./Fault.ts"
export * as Model from "./ollama/Model.ts"
export * as Script from "./Script.ts"
export * as Server from "./Server.ts"
export * as Simulation from "./Simulation.ts"
export * as Virtual from "./Virtual.ts"
export * as Words from "./Words.ts"
