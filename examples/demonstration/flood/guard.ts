/**
 * The guard of the flood: everything Spillway does in that scene stands here.
 *
 * It is a service, so that a program names it where it asks and a test may provide another. The limit of one caller
 * comes first: he is refused before anything shared is touched; the limit of all keeps them together below what the
 * server allows.
 */
import { Policy, RateLimit } from "@spillway/core"

/** The guard: `Guard.guard(ask)` is the same function, safer. */
export class Guard extends Policy.Service<Guard>()(
  "demonstration/Guard",
  Policy.all([
    // What one caller may ask for; more is refused at once.
    RateLimit.make({ rate: "14/s", burst: 4 }),
    // What all may ask for together; more waits its turn.
    RateLimit.make({ rate: "19/s", burst: 4, per: "all", wait: "500ms" })
  ])
) {}
