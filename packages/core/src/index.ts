/**
 * What the core offers: a namespace for each thing, named as its file.
 *
 * A star import keeps a program that uses one policy from carrying all of them.
 */
export * as Answer from "./domain/Answer.ts"
export * as Attempt from "./domain/Attempt.ts"
export * as Call from "./domain/Call.ts"
export * as Facts from "./domain/Facts.ts"
export * as Failure from "./domain/Failure.ts"
export * as MemoryStore from "./state/MemoryStore.ts"
export * as Options from "./domain/Options.ts"
export * as Part from "./domain/Part.ts"
export * as Plan from "./Plan.ts"
export * as Policy from "./Policy.ts"
export * as Price from "./domain/Price.ts"
export * as Question from "./domain/Question.ts"
export * as RateLimit from "./policies/RateLimit.ts"
export { type Reason, refusal, SpillwayError } from "./domain/SpillwayError.ts"
export * as Store from "./domain/Store.ts"
export * as Summary from "./domain/Summary.ts"
export * as Target from "./domain/Target.ts"
export * as Tokens from "./domain/Tokens.ts"
export * as Units from "./domain/Units.ts"
export * as Usage from "./domain/Usage.ts"
export type { Forecast, Expectation } from "./domain/Forecast.ts"
export type { Inspection, ModelFound, Upstream } from "./domain/Upstream.ts"
