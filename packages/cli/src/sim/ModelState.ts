/** How the models of a simulated server stand at a moment. */
import type { Server } from "@spillway/sim"

/** How a model stands. */
export interface ModelState {
  readonly name: string
  readonly state: "cold" | "waiting" | "loading" | "loaded"
  /** Of a loaded one: how many answers it makes at once, how many it makes now, and how many wait in line for that. */
  readonly slots: number
  readonly running: number
  readonly waiting: number
  /** How many wait until it is loaded. */
  readonly waitingForLoad: number
}

/** How the models of an Ollama stand. */
export const modelsOf = ({ models, scheduler }: Server.Running["ollama"]): ReadonlyArray<ModelState> => {
  const waiting = scheduler.waiting.map(({ digest }) => digest)
  const loading = new Set(scheduler.loading.map(({ model }) => model.digest))
  return models.map(({ digest, name }) => {
    const runner = scheduler.residents.get(digest)?.runner
    return {
      name,
      state: stateOf(runner !== undefined, loading.has(digest), waiting.includes(digest)),
      slots: runner?.slots.length ?? 0,
      running: runner?.running ?? 0,
      waiting: runner?.waiting ?? 0,
      waitingForLoad: waiting.filter((each) => each === digest).length
    }
  })
}

/** Who waits for another load, or for an eviction, does not load yet. */
const stateOf = (isLoaded: boolean, isLoading: boolean, isAsked: boolean): ModelState["state"] =>
  isLoaded ? "loaded" : isLoading ? "loading" : isAsked ? "waiting" : "cold"
