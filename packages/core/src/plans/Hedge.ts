/**
 * Asks a second one where the first has not said a word in time, and takes whoever speaks first.
 *
 * Of all that are slow a few are much slower than the rest, and asking once more is cheaper than waiting for them. But
 * a second question costs the model as much as the first, so that all of them together have a budget: a share of the
 * calls. The loser is interrupted as soon as there is a winner, and reaches nobody any more; how long it would have
 * taken is not known, and is learned as just that. Whoever fails before a second one was asked has failed.
 */
import { Effect, Exit, Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { attemptsCount, attemptsWithin, Facts, go } from "../domain/Facts.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Share } from "../domain/Share.ts"
import { Survival } from "../domain/Survival.ts"
import * as Units from "../domain/Units.ts"
import * as Verdict from "../domain/Verdict.ts"
import { letGo } from "../domain/Watch.ts"
import * as Plan from "../Plan.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** After how long without a word another one is asked; `auto` is when most have long spoken. */
  after: Schema.Union([Schema.Literal("auto"), Units.span.schema]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))
  ),
  /** For `auto`: how many have spoken by then. */
  slower: Units.percent.schema
    .check(Schema.isGreaterThan(0), Schema.isLessThan(1))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("95%"))),
  /** How much may be asked a second time, as a share of the calls. */
  budget: Units.percent.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("5%")))
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({ ...Options.fields, classify: Verdict.classifying })

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded>, Verdict.Classifying {}

/** Makes it. */
export const make = (options: Options = {}): Effect.Effect<Plan.Plan, OptionsRefused> =>
  Effect.map(decode("Hedge", Extended)(options), ({ after, budget, classify, slower }): Plan.Plan => {
    const settings: Settings = {
      after: after === "auto" ? undefined : Alarm.nanos(after),
      slower,
      classify,
      budget: new Share(budget),
      words: new Survival()
    }
    return Plan.make("Hedge", (goes) =>
      goes.length < 2 ? goes[0] : Effect.withFiber((fiber) => new Race(goes, fiber, settings).run())
    )
  })

interface Settings {
  readonly after: number | undefined
  readonly slower: number
  readonly classify: Verdict.Classify | undefined
  readonly budget: Share
  /** After how long the first one has spoken. */
  readonly words: Survival
}

/** One question, and who has been asked it. */
class Race<A, E, R> implements Alarm.Ringing {
  private readonly goes: ReadonlyArray<Effect.Effect<A, E, R>>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly settings: Settings
  private readonly facts: Facts | undefined
  private readonly attemptsBefore: number
  private readonly startedAt: number
  private readonly asked: Array<Fiber.Fiber<A, E>> = []
  private winner: number | undefined
  private failed: Exit.Exit<A, E> | undefined
  private running = 0
  private resume: ((exit: Exit.Exit<A, E>) => void) | undefined
  private bell: Alarm.Bell | undefined

  constructor(goes: ReadonlyArray<Effect.Effect<A, E, R>>, fiber: Fiber.Fiber<unknown, unknown>, settings: Settings) {
    this.goes = goes
    this.fiber = fiber
    this.settings = settings
    this.facts = fiber.getRef(Facts)
    this.attemptsBefore = attemptsCount(this.facts)
    this.startedAt = Alarm.now(fiber)
  }

  run(): Effect.Effect<A, E, R> {
    this.settings.budget.call()
    return Effect.onExitPrimitive(
      Effect.callback<A, E>((resume) => {
        this.resume = resume
        this.ask()
        if (this.resume !== undefined && this.winner === undefined) this.set()
      }),
      this.leave.bind(this)
    )
  }

  /** Nobody has spoken in time. */
  ring(): void {
    if (!this.settings.budget.take()) return
    this.ask()
    if (this.resume !== undefined && this.winner === undefined) this.set()
  }

  private set(): void {
    if (this.asked.length === this.goes.length) return
    const { after, slower, words } = this.settings
    const wait = after ?? words.fewerThan(1 - slower).latest
    if (wait < Infinity) this.bell = Alarm.set(this.fiber, Alarm.now(this.fiber) + wait, this)
  }

  private ask(): void {
    const index = this.asked.length
    const self = go(this.goes[index]!, (destination) => ({
      emit: (part) => {
        if (this.winner === undefined && this.resume !== undefined) this.win(index, true)
        return this.winner === index ? destination.emit(part) : undefined
      }
    }))
    const child = Effect.runForkWith(this.fiber.context as never)(self as Effect.Effect<A, E>)
    this.asked.push(child)
    this.running++
    child.addObserver((exit) => this.ended(index, exit))
    // A word of his, said at once, may have made the caller leave, or another one win.
    if (this.resume === undefined || (this.winner ?? index) !== index) child.interruptUnsafe(this.fiber.id)
  }

  private ended(index: number, exit: Exit.Exit<A, E>): void {
    this.running--
    if (this.resume === undefined) return
    if (this.winner === undefined) {
      if (mayBeBetterElsewhere(exit, this.settings.classify)) {
        if (index === 0 || this.failed === undefined) this.failed = exit
        return this.running > 0 ? undefined : this.finish(this.failed)
      }
      this.win(index, Exit.isSuccess(exit))
    }
    if (this.winner === index) this.finish(exit)
  }

  /** Whoever spoke first, or answered: the others are asked no more. */
  private win(index: number, hasSpoken: boolean): void {
    this.winner = index
    this.bell?.cancel()
    if (hasSpoken || index > 0) this.learn(index === 0)
    for (const [each, fiber] of this.asked.entries()) if (each !== index) fiber.interruptUnsafe(this.fiber.id)
  }

  /** When the first one has spoken, or that it had not when nobody looked any more. */
  private learn(hasSpoken: boolean): void {
    const after = Alarm.now(this.fiber) - this.startedAt
    if (hasSpoken) this.settings.words.ended(after)
    else this.settings.words.lasted(after)
  }

  private finish(exit: Exit.Exit<A, E>): void {
    const resume = this.resume!
    this.resume = undefined
    this.bell?.cancel()
    const attempts = attemptsWithin(this.facts, this.attemptsBefore).filter(({ endedAt }) => endedAt === undefined)
    for (const fiber of this.asked) letGo(fiber, attempts, this.facts)
    resume(exit)
  }

  /** Its caller leaves: he waits until all of it has ended. */
  private leave(): Effect.Effect<void> | undefined {
    if (this.resume === undefined) return undefined
    this.resume = undefined
    this.bell?.cancel()
    if (this.winner === undefined) this.learn(false)
    return Fiber.interruptAll(this.asked)
  }
}

/** Whether the others are still waited for: a defect, or what fails everywhere, ends it at once. */
const mayBeBetterElsewhere = (exit: Exit.Exit<unknown, unknown>, classify: Verdict.Classify | undefined): boolean =>
  Exit.isFailure(exit) && Verdict.ofCause(exit.cause, classify)?.failure.elsewhere === true
