/**
 * The guard of the demonstration: everything Spillway does in it stands here.
 *
 * It is a service, so that a program names it where it asks and a test may provide another. The limit of one caller
 * comes first: he is refused before anything shared is touched; the limit of all keeps them together below what the
 * server allows.
 */
import { Policy, RateLimit } from "@spillway/core"

/** What one caller may ask for; more is refused at once. */
export const perCaller = { rate: "14/s", burst: 4 } as const

/** What all may ask for together, which is below what the server allows; more waits its turn. */
export const together = { rate: "19/s", burst: 4, per: "all", wait: "500ms" } as const

/** The guard: `Guard.guard(ask)` is the same function, safer. */
export class Guard extends Policy.Service<Guard>()(
  "demonstration/Guard",
  Policy.all([RateLimit.make(perCaller), RateLimit.make(together)])
) {}
