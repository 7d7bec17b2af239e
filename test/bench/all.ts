/**
 * Every case there is.
 */
import { Effect } from "effect"
import type { Subject } from "./measure.ts"
import { parts } from "./parts.ts"
import { peers } from "./peers.ts"
import { policies } from "./policies.ts"
import { routes } from "./routes.ts"
import { wires } from "./wires.ts"

export const subjects: Promise<ReadonlyArray<Subject>> = Effect.runPromise(
  Effect.map(Effect.all([policies, routes, peers, parts, wires]), (groups) => groups.flat())
)
