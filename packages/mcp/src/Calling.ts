/**
 * One question on its way: its answer as it grows, and how far it has come; ended by us before its client gives up.
 *
 * A client that has waited for too long hears nothing, and what was answered by then is lost with it. So a call is over
 * a little sooner, with what is there. To the router that is a caller who has left, from which it learns how long he
 * waits; a deadline it is told only where the caller has named one himself.
 */
import { Answer, Facts, Part, Policy, type Question, refusal, type Router, SpillwayError } from "@spillway/core"
import type { Summary } from "@spillway/core"
import { Duration, Effect, Result } from "effect"
import type { Asking } from "./Tool.ts"
import { Telling } from "./Telling.ts"

/** What a call came to. */
export interface Called extends Router.Receipt {
  readonly parts: ReadonlyArray<Part.Part>
  /** Absent where the call was ended before the answer was. */
  readonly summary: Summary.Summary | undefined
  readonly isOver: boolean
  /** Whether it was ended for its length, and not for its time. */
  readonly isFull: boolean
}

/** What bounds a call. */
export interface Bounds {
  readonly patience: Duration.Duration
  /** So many characters are enough for any reader. */
  readonly lengthMax: number
  /** What the caller has named himself. */
  readonly deadline?: number | undefined
}

/** Asks, and answers what is there when it is over. */
export const ask = (
  service: Router.Service,
  question: Question.Question,
  { caller, progress }: Asking,
  { deadline, lengthMax, patience }: Bounds
): Effect.Effect<Called, SpillwayError> =>
  Effect.suspend(() => {
    const calling = new Calling(service, lengthMax)
    const about = { caller, ...(deadline !== undefined && { deadline }) }
    const answered = Answer.toSink(calling.noted, question, calling).pipe(Policy.about(about), Effect.result)
    const ended = progress === undefined ? Effect.sleep(patience) : calling.told(new Telling(progress), patience)
    const full = Effect.callback<void>((resume) => {
      calling.onFull = () => resume(Effect.void)
    })
    const cut = Effect.map(Effect.raceFirst(ended, full), () => undefined)
    return Effect.flatMap(
      Effect.raceFirst(
        answered,
        Effect.tap(cut, () => calling.stops)
      ),
      (result) => calling.outcome(result, patience)
    )
  })

class Calling {
  private readonly service: Router.Service
  private readonly parts: Array<Part.Part> = []
  private readonly lengthMax: number
  private length = 0
  private facts: Facts.Facts | undefined
  private stage: Router.Progress["stage"] = "queue"
  onFull: () => void = () => {}

  constructor(service: Router.Service, lengthMax: number) {
    this.service = service
    this.lengthMax = lengthMax
  }

  emit(part: Part.Part): void {
    this.parts.push(part)
    this.length += Part.lengthOf(part)
    if (this.isFull) this.onFull()
  }

  private get isFull(): boolean {
    return this.length > this.lengthMax
  }

  /** The call, which is known while it is under way. */
  get noted(): Router.Service["call"] {
    return Effect.withFiber((fiber) => {
      this.facts = fiber.getRef(Facts.Facts)
      return this.service.call
    })
  }

  /** Tells how far it has come, until patience is over. */
  told(telling: Telling, patience: Duration.Duration): Effect.Effect<void> {
    const look = Effect.flatMap(this.progress, (progress) => telling.look(progress))
    return Effect.asVoid(Effect.timeoutOption(Effect.forever(Effect.andThen(Effect.sleep(lookEvery), look)), patience))
  }

  /** Remembers what it waited for when it was ended. */
  get stops(): Effect.Effect<void> {
    return Effect.map(this.progress, (progress) => {
      this.stage = progress?.stage ?? "queue"
    })
  }

  /** What there is at the end: an answer, the beginning of one whose time was over, or why there is none. */
  outcome(
    result: Result.Result<Summary.Summary, SpillwayError> | undefined,
    patience: Duration.Duration
  ): Effect.Effect<Called, SpillwayError> {
    if (result === undefined && this.parts.length === 0) {
      const phase = this.stage === "answer" ? "idle" : this.stage
      return Effect.fail(refusal({ _tag: "TimedOut", phase, after: patience, parts: 0 }))
    }
    if (result !== undefined && Result.isFailure(result)) {
      const { reason } = result.failure
      const isLate = reason._tag === "TimedOut" && reason.phase === "total" && this.parts.length > 0
      if (!isLate) return Effect.fail(result.failure)
    }
    const summary = result !== undefined && Result.isSuccess(result) ? result.success : undefined
    return Effect.map(this.progress, (progress) => ({
      ...this.service.receipt(this.facts!),
      parts: this.parts,
      summary,
      isOver: progress?.isOver === true,
      isFull: this.isFull
    }))
  }

  private get progress(): Effect.Effect<Router.Progress | undefined> {
    return Effect.suspend(() => (this.facts === undefined ? Effect.undefined : this.service.progress(this.facts)))
  }
}

/** At most four times a second somebody hears of it. */
const lookEvery = 250
