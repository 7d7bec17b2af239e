/** The door for agents: a namespace for each thing, named as its file. */
export * as Binding from "./Binding.ts"
export * as Door from "./Door.ts"
export * as Gate from "./transports/Gate.ts"
export * as Http from "./transports/Http.ts"
export * as Stdio from "./transports/Stdio.ts"
export * as Surface from "./Surface.ts"
