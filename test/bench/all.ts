/**
 * Every case there is.
 */
import { Effect } from "effect"
import type { Subject } from "./measure.ts"
import { parts } from "./parts.ts"
import { peers } from "./peers.ts"
import { policies } from "./policies.ts"

export const subjects: Promise<ReadonlyArray<Subject>> = Effect.runPromise(
  Effect.map(Effect.all([policies, peers, parts]), (groups) => groups.flat())
)
