/** What the package offers: the chat model, and a model of LangChain as an upstream of the core. */
export { type CallOptions, ChatSpillway } from "./ChatSpillway.ts"
export type { Model } from "./Models.ts"
export type { Options, OverModels, OverSpillway } from "./Options.ts"
export type { Target, Targeted } from "./Targets.ts"
export { upstreamOf } from "./Upstream.ts"
