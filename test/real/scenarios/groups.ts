/**
 * The table of all scenarios, by group.
 */
import type { Scenario } from "../scenario.ts"
import { bad } from "./bad.ts"
import { cancels } from "./cancels.ts"
import { context } from "./context.ts"
import { deaths } from "./deaths.ts"
import { framing } from "./framing.ts"
import { loads } from "./loads.ts"
import { queue } from "./queue.ts"
import { onSurfaces } from "./surfaces.ts"

/** Every group by its name. */
export const groups: Readonly<Record<string, ReadonlyArray<Scenario>>> = {
  framing,
  surfaces: onSurfaces,
  queue,
  loads,
  context,
  deaths,
  cancels,
  bad
}
