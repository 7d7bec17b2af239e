/**
 * Saves an answer that breaks off: another one is asked the same, and goes on where the first one stopped.
 *
 * A model that reads what was heard as the beginning of its own answer goes on from there. Any other has to say it
 * again, letter by letter: two answers are never spliced. Where it says anything else, where a tool was called or an
 * object was being written, the caller hears why the first one broke, and nobody takes the half for the whole. `whole`
 * lets nothing through before an answer is complete, so that whatever breaks can begin anew; so does a sink that wants
 * nothing else. Before a word was heard it is a fallback.
 */
// @effect-diagnostics asyncFunction:off
import { Cause, Effect, Fiber, Redacted, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Sink } from "../domain/Attempt.ts"
import { attemptsCount, attemptsWithin, Facts, go, lose, usageTold } from "../domain/Facts.ts"
import { Heard, type Repeat } from "../domain/Heard.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { type Part, sizeOf } from "../domain/Part.ts"
import { SpillwayError } from "../domain/SpillwayError.ts"
import { Domains, Steps } from "../domain/Steps.ts"
import * as Units from "../domain/Units.ts"
import * as Verdict from "../domain/Verdict.ts"
import { letGo } from "../domain/Watch.ts"
import * as Plan from "../Plan.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** `resume` lets every part through at once, `whole` nothing before the answer is complete. */
  mode: Schema.Literals(["resume", "whole"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("resume" as const))),
  /** How many characters of an answer are remembered, or held back, where a part counts for 32 more. */
  held: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000_000))),
  /** Which upstreams fail together. */
  domains: Domains
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({ ...Options.fields, classify: Verdict.classifying })

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded>, Verdict.Classifying {}

/** Makes it. */
export const make = (options: Options = {}): Effect.Effect<Plan.Plan, OptionsRefused> =>
  Effect.map(decode("Rescue", Extended)(options), ({ classify, domains, held, mode }): Plan.Plan => {
    const settings = { classify, domains: new Map(Object.entries(domains)), held, isWhole: mode === "whole" }
    const whole = { ...settings, isWhole: true }
    return Plan.make("Rescue", (goes) =>
      Effect.withFiber((fiber) => {
        const isWhole = settings.isWhole || fiber.getRef(Facts)?.call.delivery.isWhole === true
        // Where nobody else can go on, there is nothing to compare.
        return goes.length === 1 && !isWhole ? goes[0] : new Run(goes, fiber, isWhole ? whole : settings).from(0)
      })
    )
  })

interface Settings {
  readonly classify: Verdict.Classify | undefined
  readonly domains: ReadonlyMap<string, string>
  readonly held: number
  readonly isWhole: boolean
}

/** One question, as far as its answer has come. */
class Run<A, E, R> {
  private readonly steps: Steps<Effect.Effect<A, E, R>>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly settings: Settings
  private readonly facts: Facts | undefined
  private readonly heard: Heard
  /** Why the answer that is heard broke off. */
  private broke: Cause.Cause<E> | undefined
  /** Why others have failed, the last of them first. */
  private others: ReadonlyArray<Cause.Reason<E>> = []

  constructor(goes: ReadonlyArray<Effect.Effect<A, E, R>>, fiber: Fiber.Fiber<unknown, unknown>, settings: Settings) {
    this.facts = fiber.getRef(Facts)
    this.steps = new Steps(goes, settings.domains, this.facts)
    this.fiber = fiber
    this.settings = settings
    this.heard = new Heard(settings.held)
  }

  /** The answer of that go, or of those after it. */
  from(index: number, mayGoOnFrom = true): Effect.Effect<A, E, R> {
    const self = this.steps.goes[index]!
    const toldBefore = usageTold(this.facts)
    const attemptsBefore = attemptsCount(this.facts)
    const voice = new Voice(this.heard, this.settings)
    const isPlain = this.facts?.call.question === undefined
    const asked = isPlain ? (index === 0 ? self : go(self)) : this.spoken(self, voice, attemptsBefore, mayGoOnFrom)
    return Effect.matchCauseEffect(asked, {
      onSuccess: (answer) => {
        if (voice.isSaid) return Effect.as(voice.rest, answer)
        // One that is over before it has said again what was heard is another answer, however well it ended.
        return this.another(index, attemptsBefore)
      },
      onFailure: (cause) => {
        voice.forget()
        if (voice.isOther) return this.another(index, attemptsBefore)
        // Who may not go on with it is asked for the whole: it was not his caller who asked him to.
        if (mayGoOnFrom && this.refusesToGoOn(cause, attemptsBefore)) return this.from(index, false)
        const verdict = Verdict.ofCause(cause, this.settings.classify)
        if (verdict === undefined) return Effect.failCause(cause)
        if (voice.wasHeard) {
          this.others = [...(this.broke?.reasons ?? []), ...this.others]
          this.broke = cause
        } else this.others = [...(this.settings.isWhole ? unheard(cause) : cause).reasons, ...this.others]
        const next = this.nextAfter(index, verdict)
        if (next === undefined) return Effect.failCause(this.whole)
        if (!verdict.isUnused && usageTold(this.facts) === toldBefore) lose(this.facts)
        return this.from(next)
      }
    })
  }

  /** That one has said something else: nobody hears it, and the one after it is asked. */
  private another(index: number, attemptsBefore: number): Effect.Effect<A, E, R> {
    for (const attempt of attemptsWithin(this.facts, attemptsBefore)) {
      if (attempt.endedAt === undefined || attempt.exit?._tag === "Success") attempt.left = true
    }
    const next = this.steps.after(index)
    return next === undefined || !this.mayGoOn() ? Effect.failCause(this.whole) : this.from(next)
  }

  /** The go, whose parts go through a voice, which lets go of it where it says something else than was heard. */
  private spoken(
    self: Effect.Effect<A, E, R>,
    voice: Voice,
    attemptsBefore: number,
    mayGoOnFrom: boolean
  ): Effect.Effect<A, E, R> {
    const { begun } = this.heard
    // Who begins an answer cannot differ from what was heard.
    if (begun === undefined) return go(self, (destination) => voice.before(destination))
    const told = mayGoOnFrom ? begun : { ...begun, text: undefined }
    return Effect.callback<A, E>((resume) => {
      let child: Fiber.Fiber<A, E> | undefined
      const abandon = (fiber: Fiber.Fiber<A, E>): void => {
        const attempts = attemptsWithin(this.facts, attemptsBefore).filter(({ endedAt }) => endedAt === undefined)
        fiber.interruptUnsafe(this.fiber.id)
        letGo(fiber, attempts, this.facts)
        resume(Effect.failCause(this.broke!))
      }
      const differs = (): void => {
        if (child !== undefined) abandon(child)
      }
      // It has a name first, since V8 takes a function that is written into a field for long-lived, and all it holds.
      voice.differs = differs
      const spoken = go(self, (destination) => voice.before(destination), told) as Effect.Effect<A, E>
      const fiber = Effect.runForkWith(this.fiber.context as never)(spoken)
      child = fiber
      // It may have said all at once.
      if (voice.isOther) abandon(fiber)
      else fiber.addObserver(resume)
      return Effect.suspend(() => Fiber.interrupt(fiber))
    })
  }

  /** Whether the last try was to go on with what was heard, and was refused for how it was asked. */
  private refusesToGoOn(cause: Cause.Cause<E>, attemptsBefore: number): boolean {
    const last = attemptsWithin(this.facts, attemptsBefore).at(-1)
    if (last?.goesOnFrom === undefined || last.parts > 0) return false
    const error = Verdict.failureOf(cause)?.error
    return error instanceof SpillwayError && formal.has(error.reason._tag)
  }

  /** Whether there is time left, and somebody who listens. */
  private mayGoOn(): boolean {
    const { deadline, delivery } = this.facts?.call ?? { deadline: Infinity, delivery: undefined }
    return Alarm.now(this.fiber) < deadline && delivery?.broken === undefined
  }

  private nextAfter(index: number, verdict: Verdict.Verdict): number | undefined {
    if (!verdict.failure.elsewhere || !this.mayBeginAnew(verdict) || !this.mayGoOn()) return undefined
    this.steps.failed(index, verdict)
    return this.steps.after(index)
  }

  /** Whether what was heard can be said again: words, and not the half of an object. */
  private mayBeginAnew(verdict: Verdict.Verdict): boolean {
    const question = this.facts?.call.question
    if (question === undefined) return verdict.parts === 0
    if (this.heard.isNothing) return true
    return this.heard.isRepeatable && Redacted.value(question.content).format === undefined
  }

  /** Why the answer broke off that was heard, else the last failure; and all others behind it. */
  private get whole(): Cause.Cause<E> {
    return Cause.fromReasons([...(this.broke?.reasons ?? []), ...this.others])
  }
}

const formal: ReadonlySet<string> = new Set(["BadRequest", "Unsupported"])

/** The same failures, of an answer of which nobody has heard a part. */
const unheard = <E>(cause: Cause.Cause<E>): Cause.Cause<E> =>
  Cause.map(cause, (error) => {
    if (!(error instanceof SpillwayError) || !("parts" in error.reason)) return error
    const { cause: why, reason } = error
    return new SpillwayError({ reason: { ...reason, parts: 0 }, ...(why !== undefined && { cause: why }) }) as E
  })

/** The way of one go's parts to the caller. */
class Voice {
  /** Called where it says something else than was heard. */
  differs: () => void = () => {}
  /** Whether any of its parts has gone on to the caller. */
  wasHeard = false
  /** Whether it is another answer: nobody hears any more of it. */
  isOther = false
  private readonly heard: Heard
  private readonly repeat: Repeat
  private isHolding: boolean
  private held: Array<Part> = []
  private heldSize = 0
  /** How many of these have gone out. */
  private said = 0
  private readonly most: number
  /** What was held goes out: whatever comes meanwhile stands behind it. */
  private flushing: Promise<void> | undefined
  private destination: Sink | undefined

  constructor(heard: Heard, { held, isWhole }: Settings) {
    this.heard = heard
    this.repeat = heard.again()
    this.isHolding = isWhole
    this.most = held
  }

  /** Whether it has said again all that was heard. */
  get isSaid(): boolean {
    return this.repeat.isSaid
  }

  before(destination: Sink): Sink {
    this.destination = destination
    return { emit: (part) => this.emit(part) }
  }

  /** What is held back goes to the caller when the answer is complete. */
  get rest(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const flushed = this.flushing ?? (this.held.length === 0 ? undefined : this.flush())
      return flushed === undefined ? Effect.void : Effect.promise(() => flushed)
    })
  }

  /** Nobody will hear what is held back. */
  forget(): void {
    this.held = []
    this.said = this.heldSize = 0
  }

  private emit(part: Part): void | Promise<void> {
    if (this.isOther) return
    const fresh = this.repeat.take(part)
    if (fresh === "differs") {
      this.isOther = true
      return this.differs()
    }
    if (fresh === undefined) return
    if (!this.isHolding && this.flushing === undefined) return this.say(fresh)
    this.held.push(fresh)
    this.heldSize += sizeOf(fresh)
    // Who does not wait for his reader is not waited for: the reader has a bound of his own for that.
    if (!this.isHolding && this.held.length - this.said > deafMax) return this.sayAll()
    if (!this.isHolding) return this.flushing
    if (this.heldSize <= this.most) return
    // More than may be held: it goes on as it comes, and is rescued as one that was let through at once.
    this.isHolding = false
    return (this.flushing = this.flush())
  }

  private async flush(): Promise<void> {
    // Not taken off the front one by one, which costs as much as there are; and always a turn later than it began.
    for (; this.said < this.held.length;) await this.say(this.held[this.said++]!)
    this.forget()
    this.flushing = undefined
  }

  private sayAll(): void {
    while (this.said < this.held.length) void this.say(this.held[this.said++]!)
    this.forget()
  }

  private say(part: Part): void | Promise<void> {
    this.wasHeard = true
    this.heard.add(part)
    return this.destination!.emit(part)
  }
}

/** So many parts may wait behind those that were held, of one who waits for nobody. */
const deafMax = 65_536
