/**
 * Asks the next where one has failed, in the order in which they stand.
 *
 * Only what another can answer goes on to it: not what the caller got wrong or may not have, nor what a model refuses
 * to say. Only before a word of an answer was heard, within the one deadline that all of them share, and never to what
 * fails together with one that has failed already. The failure that ends it keeps all that came before.
 */
import { Cause, Effect, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { attemptsCount, Facts, go, lose, usageTold } from "../domain/Facts.ts"
import { passedBy, type Since, wasHeard } from "../domain/Go.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Domains, Steps } from "../domain/Steps.ts"
import * as Verdict from "../domain/Verdict.ts"
import * as Plan from "../Plan.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** Which upstreams fail together. */
  domains: Domains
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({ ...Options.fields, classify: Verdict.classifying })

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded>, Verdict.Classifying {}

/** Makes it. */
export const make = (options: Options = {}): Effect.Effect<Plan.Plan, OptionsRefused> =>
  Effect.map(decode("Fallback", Extended)(options), ({ classify, domains }): Plan.Plan => {
    const settings = { classify, domains: new Map(Object.entries(domains)) }
    return Plan.make("Fallback", (goes) =>
      goes.length === 1 ? goes[0] : Effect.withFiber((fiber) => new Run(goes, fiber, settings).first)
    )
  })

interface Settings {
  readonly classify: Verdict.Classify | undefined
  readonly domains: ReadonlyMap<string, string>
}

/** One question, as far as it has come. */
class Run<A, E, R> {
  private readonly steps: Steps<Effect.Effect<A, E, R>>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly settings: Settings
  private readonly since: Since
  /** Why those before have failed, the last of them first. */
  private before: ReadonlyArray<Cause.Reason<E>> = []

  constructor(goes: ReadonlyArray<Effect.Effect<A, E, R>>, fiber: Fiber.Fiber<unknown, unknown>, settings: Settings) {
    const facts = fiber.getRef(Facts)
    this.steps = new Steps(goes, settings.domains, facts)
    this.fiber = fiber
    this.settings = settings
    const deliveredBefore = facts?.call.delivery.parts ?? 0
    this.since = { facts, deliveredBefore, passedBefore: passedBy(facts), attemptsBefore: attemptsCount(facts) }
  }

  get first(): Effect.Effect<A, E, R> {
    return this.watched(0, this.steps.goes[0]!)
  }

  private watched(index: number, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const toldBefore = usageTold(this.since.facts)
    return Effect.catchCause(self, (cause) => {
      const verdict = Verdict.ofCause(cause, this.settings.classify)
      const next = verdict && this.nextAfter(index, verdict)
      if (next === undefined) return Effect.failCause(this.whole(cause))
      this.before = [...cause.reasons, ...this.before]
      const { facts } = this.since
      // What a plain Effect came to is told by nobody, unless it was said.
      if (verdict?.isUnused !== true && usageTold(facts) === toldBefore) lose(facts)
      return this.watched(next, go(this.steps.goes[next]!))
    })
  }

  /** Which one is asked after that failure, if any. */
  private nextAfter(index: number, verdict: Verdict.Verdict): number | undefined {
    if (!verdict.failure.elsewhere || wasHeard(this.since, verdict)) return undefined
    if (Alarm.now(this.fiber) >= (this.since.facts?.call.deadline ?? Infinity)) return undefined
    this.steps.failed(index, verdict)
    return this.steps.after(index)
  }

  /** The failure, and all before it; a defect or an interrupt is none, and has nothing to do with them. */
  private whole(cause: Cause.Cause<E>): Cause.Cause<E> {
    if (this.before.length === 0 || Verdict.failureOf(cause) === undefined) return cause
    return Cause.fromReasons([...cause.reasons, ...this.before])
  }
}
