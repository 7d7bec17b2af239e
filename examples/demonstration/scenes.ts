/**
 * The scenes, in the order in which they are shown.
 */
import type { Scene } from "./scene.ts"
import { breaker } from "./scenes/breaker.ts"
import { budget } from "./scenes/budget.ts"
import { deadline } from "./scenes/deadline.ts"
import { floodOf } from "./scenes/flood.ts"
import { retry } from "./scenes/retry.ts"
import { router } from "./scenes/router.ts"
import { timeout } from "./scenes/timeout.ts"

/** All of them; the seed decides the luck of the first. */
export const scenesOf = (seed: string): ReadonlyArray<Scene> => [
  floodOf(seed),
  router,
  retry,
  breaker,
  timeout,
  deadline,
  budget
]
