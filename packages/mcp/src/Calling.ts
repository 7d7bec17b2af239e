/**
 * One question on its way: its answer as it grows, and how far it has come; ended by us before its client gives up.
 *
 * A client that has waited for too long hears nothing, and what was answered by then is lost with it. So a call is over
 * a little sooner, with what is there. To the router that is a caller who has left, from which it learns how long he
 * waits; a deadline it is told only where the caller has named one himself.
 */
import { Answer, Facts, Part, Policy, type Question, type Router, SpillwayError, type Summary } from "@spillway/core"
import { Effect, Fiber, Result } from "effect"
import type { Door } from "./Door.ts"
import { NothingYet, type Refusal } from "./Refused.ts"
import type { Asking } from "./Tool.ts"
import { Telling } from "./Telling.ts"
import * as Wire from "./Wire.ts"

/** What a call came to. */
export interface Called extends Router.Receipt {
  readonly parts: ReadonlyArray<Part.Part>
  /** Absent where the call was ended before the answer was. */
  readonly summary: Summary.Summary | undefined
  readonly isOver: boolean
  /** Whether it was ended for its size, and not for its time. */
  readonly isFull: boolean
  /** What ended it, where that was neither. */
  readonly failed: SpillwayError | undefined
}

/** Asks, and answers what is there when it is over. */
export const ask = (
  door: Door,
  question: Question.Question,
  { caller, progress }: Asking,
  deadline?: number
): Effect.Effect<Called, Refusal> =>
  Effect.suspend(() => {
    const { patience } = door
    const calling = new Calling(door)
    const about = { caller, ...(deadline !== undefined && { deadline }) }
    const answered = Answer.toSink(calling.noted, question, calling).pipe(Policy.about(about), Effect.result)
    const ended = progress === undefined ? Effect.sleep(patience) : calling.told(new Telling(progress))
    const full = Effect.callback<void>((resume) => {
      calling.onFull = () => resume(Effect.void)
    })
    return Effect.flatMap(door.loads.fork(answered), (call) => {
      const over = Effect.as(Fiber.await(call), Fiber.join(call))
      const cut = Effect.as(Effect.raceFirst(ended, full), Effect.as(calling.stop(call), undefined))
      return Effect.flatten(Effect.raceFirst(over, cut)).pipe(
        Effect.onInterrupt(() => Fiber.interrupt(call)),
        Effect.flatMap((result) => calling.outcome(result))
      )
    })
  })

class Calling {
  private readonly door: Door
  private readonly parts: Array<Part.Part> = []
  private room: number
  private facts: Facts.Facts | undefined
  private last: Router.Progress | undefined
  onFull: () => void = () => {}
  private onPart: () => void = () => {}

  constructor(door: Door) {
    this.door = door
    // Its words stand twice in a result.
    this.room = door.bytesMax / 2
  }

  emit(part: Part.Part): void {
    this.onPart()
    if (this.isFull) return
    const bytes = part._tag === "Text" ? Wire.bytesOf(part.text) : Part.lengthOf(part)
    if (bytes <= this.room) this.parts.push(part)
    else if (part._tag === "Text") this.parts.push(Part.text(Wire.cut(part.text, this.room)))
    this.room -= bytes
    if (this.isFull) this.onFull()
  }

  private get isFull(): boolean {
    return this.room < 0
  }

  /** The call, which is known while it is under way. */
  get noted(): Router.Service["call"] {
    return Effect.withFiber((fiber) => {
      this.facts = fiber.getRef(Facts.Facts)
      return this.door.service.call
    })
  }

  /** Tells how far it has come, until patience is over. */
  told(telling: Telling): Effect.Effect<void> {
    const look = Effect.flatMap(this.progress, (progress) => telling.look(progress))
    const looking = Effect.forever(Effect.andThen(Effect.sleep(lookEvery), look))
    return Effect.asVoid(Effect.timeoutOption(looking, this.door.patience))
  }

  /** Ends it, or lets it go on where a model is being loaded for it; what it waited for is remembered. */
  stop(call: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> {
    return Effect.flatMap(this.progress, (progress) => {
      this.last = progress
      const isLoading = this.parts.length === 0 && progress?.stage === "load" && progress.target !== undefined
      if (!isLoading) return Effect.asVoid(Fiber.interrupt(call))
      this.onPart = () => call.interruptUnsafe()
      return Effect.asVoid(this.door.loads.keep(progress.target, call))
    })
  }

  /** What there is at the end: an answer, the beginning of one that was ended, or why there is none. */
  outcome(result: Result.Result<Summary.Summary, SpillwayError> | undefined): Effect.Effect<Called, Refusal> {
    const { last, parts } = this
    if (result === undefined && parts.length === 0) {
      const { stage = "queue", startsIn, target } = last ?? {}
      return Effect.fail(new NothingYet({ stage, target, startsIn, waited: this.door.patience }))
    }
    const failed = result !== undefined && Result.isFailure(result) ? result.failure : undefined
    // What has come is worth more than why it is not more, except where it answers another question than was asked.
    if (failed !== undefined && (parts.length === 0 || !("parts" in failed.reason))) return Effect.fail(failed)
    const summary = result !== undefined && Result.isSuccess(result) ? result.success : undefined
    return Effect.map(this.progress, (progress) => ({
      ...this.door.service.receipt(this.facts!),
      parts,
      summary,
      isOver: progress?.isOver === true,
      isFull: this.isFull,
      failed
    }))
  }

  private get progress(): Effect.Effect<Router.Progress | undefined> {
    return Effect.suspend(() => (this.facts === undefined ? Effect.undefined : this.door.service.progress(this.facts)))
  }
}

/** At most four times a second somebody hears of it. */
const lookEvery = 250
