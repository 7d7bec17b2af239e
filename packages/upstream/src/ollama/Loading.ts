/**
 * Tells a load from a hang: where nothing comes, the server is asked whether the model is loaded at all.
 *
 * An Ollama says nothing before its first token, not even that it has heard, so minutes of loading look like a server
 * that has died. Who has waited for a second looks at what is loaded, and says that the attempt loads for as long as
 * the model is not there: a clock has another limit for that. Nearly every call is answered before, and pays for one
 * alarm. v0.11.4 lists a model as soon as it begins to load; there a load stays a wait for the first token.
 */
import { Alarm, type Attempt, type Call, type Question, type SpillwayError, type Summary } from "@spillway/core"
import { Effect, type Fiber } from "effect"
import type { Place } from "../Exchange.ts"
import * as Models from "./Models.ts"

/** How long nothing has come before somebody looks, and then from one look to the next, in nanoseconds. */
const lookAfter = 1_000_000_000

/** The same call, whose attempt says when it waits for a model to load; this place is asked what is loaded. */
export const told = (call: Call.Call<SpillwayError>, place: Place, origin: string): Call.Call<SpillwayError> => {
  const isCloudItself = isInCloud(origin, "")
  return (question, attempt) =>
    isCloudItself || isInCloud("", question.model)
      ? call(question, attempt)
      : Effect.withFiber((fiber) => new Waiting(fiber, place, call, question, attempt).run())
}

/** Whether nothing is loaded, as far as shows: in the cloud itself, and at a server that only passes a model on. */
export const isInCloud = (origin: string, model: string): boolean =>
  isCloud.test(origin) || (model.endsWith("cloud") && runsInCloud.test(model))

const isCloud = /[/.]ollama\.com(:\d+)?$/
const runsInCloud = /[:-]cloud$/

/** A call, and the looks beside it as long as nothing comes of it. */
class Waiting implements Alarm.Ringing {
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly place: Place
  private readonly call: Call.Call<SpillwayError>
  private readonly question: Question.Question
  private readonly attempt: Attempt.Attempt
  private bell: Alarm.Bell | undefined
  private looking: Fiber.Fiber<void> | undefined

  constructor(
    fiber: Fiber.Fiber<unknown, unknown>,
    place: Place,
    call: Call.Call<SpillwayError>,
    question: Question.Question,
    attempt: Attempt.Attempt
  ) {
    this.fiber = fiber
    this.place = place
    this.call = call
    this.question = question
    this.attempt = attempt
    this.bell = undefined
    this.looking = undefined
  }

  run(): Effect.Effect<Summary.Summary, SpillwayError> {
    // The alarm is set within what takes it back: a fiber may be interrupted between any two operations.
    return Effect.onExitPrimitive(Effect.suspend(this.begin.bind(this)), this.end.bind(this))
  }

  ring(): void {
    const { parts, stretch, stretchAt = 0 } = this.attempt
    if (parts > 0) return
    const now = Alarm.now(this.fiber)
    // Who still waits for a connection has asked for nothing yet.
    const due = (stretch === "connect" || stretch === "queue" ? now : stretchAt) + lookAfter
    if (due > now) return this.set(due)
    const look = Effect.map(Models.isLoaded(this.place, this.question.model), this.seen)
    // What cannot be looked up leaves the attempt as it is.
    this.looking = Effect.runForkWith(this.fiber.context)(Effect.ignore(look))
  }

  private begin(): Effect.Effect<Summary.Summary, SpillwayError> {
    this.set(Alarm.now(this.fiber) + lookAfter)
    return this.call(this.question, this.attempt)
  }

  private end(): undefined {
    this.bell?.cancel()
    this.looking?.interruptUnsafe()
  }

  private readonly seen = (isLoaded: boolean): void => {
    const { attempt } = this
    if (attempt.parts > 0) return
    const isLoading = attempt.stretch === "load"
    if (isLoaded === isLoading) attempt.enter(isLoaded ? "firstToken" : "load")
    if (!isLoaded) this.set(Alarm.now(this.fiber) + lookAfter)
  }

  private set(due: number): void {
    this.bell = Alarm.set(this.fiber, due, this)
  }
}
