/**
 * Says in words how far a call has come: when that has changed, and every few seconds when it has not.
 *
 * Whoever waits wants to know for what, and a client that hears nothing for a while gives up.
 */
import type { Router } from "@spillway/core"
import { Clock, Duration, Effect } from "effect"

/** What was said last, and when. */
export class Telling {
  private readonly say: (words: string) => void
  private said = ""
  private saidAt = -Infinity

  constructor(say: (words: string) => void) {
    this.say = say
  }

  /** Somebody has looked. */
  look(progress: Router.Progress | undefined): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (progress === undefined) return
      const state = stateOf(progress)
      if (state === this.said && now - this.saidAt < beatMillis) return
      this.said = state
      this.saidAt = now
      this.say(wordsOf(progress))
    })
  }
}

/** So long nobody is left without a word. */
const beatMillis = 5_000

const stateOf = ({ attempts, isOver, position, stage, target }: Router.Progress): string =>
  [stage, position, target, isOver, attempts].join(" ")

/** How far it has come, as a person would say it. */
const wordsOf = (progress: Router.Progress): string => {
  const { attempts, isOver, parts, position, stage, startsIn, target = "a server" } = progress
  if (stage === "queue") {
    if (position === undefined) return attempts > 0 ? "about to try again" : "waiting for a turn"
    const wait = startsIn === undefined ? "" : `, about ${Math.ceil(Duration.toSeconds(startsIn))} s to go`
    return `waiting: place ${position} in line${wait}`
  }
  const where = isOver ? `${target} (went over)` : target
  if (stage === "connect") return `connecting to ${where}`
  if (stage === "load") return `loading the model at ${where}`
  if (stage === "firstToken") return `waiting for the first word of ${where}`
  return `answering: ${parts} parts so far from ${where}`
}
