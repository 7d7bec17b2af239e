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
  return models.map(({ digest, name }) => {
    const runner = scheduler.residents.get(digest)?.runner
    // One load at a time: whoever waits for another model than the first one's waits for that load, too.
    const state = runner !== undefined ? "loaded" : waiting[0] === digest ? "loading" : "waiting"
    return {
      name,
      state: state === "waiting" && !waiting.includes(digest) ? "cold" : state,
      slots: runner?.slots.length ?? 0,
      running: runner?.running ?? 0,
      waiting: runner?.waiting ?? 0,
      waitingForLoad: waiting.filter((each) => each === digest).length
    }
  })
}
