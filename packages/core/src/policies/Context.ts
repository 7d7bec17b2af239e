/**
 * A prompt that cannot fit is refused before it is sent, and one that was cut without a word is no answer.
 *
 * Servers cut what is too long and answer what is left of it as if nothing had happened. What a prompt comes to is only
 * estimated here, so whoever might fit is let through: a refusal needs an estimate that is too long even at the low end
 * of its error, which is learned for each model from what its servers count. The count tells afterwards whether a
 * prompt was cut, and the answer to it fails then, although it has been read: it is the answer to another question.
 */
import { Effect, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { attemptsCount, attemptsWithin, Facts } from "../domain/Facts.ts"
import * as Fit from "../domain/Fit.ts"
import { Keyed } from "../domain/Keyed.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import type { Question } from "../domain/Question.ts"
import * as Ratio from "../domain/Ratio.ts"
import { refusal, SpillwayError } from "../domain/SpillwayError.ts"
import type { Tokens } from "../domain/Tokens.ts"
import * as Units from "../domain/Units.ts"
import * as Usage from "../domain/Usage.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How many tokens are read at most: everywhere, or by `upstream/model` or by model; what is not named reads any. */
  context: Schema.Union([Units.count.schema, Schema.Record(Schema.String, Units.count.schema)]),
  /** Of how many models is learned what they count. */
  modelsMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000)))
})

/** The options as TypeScript takes them. */
export type Options = Widened<typeof Options.Encoded>

/** What is known of a model: how many tokens it counts for each that is expected. */
export interface State {
  readonly ratio: number
  /** How far it is off, as a standard deviation. */
  readonly spread: number
  /** What is taken for its low end, for prose and source code in Latin or Cyrillic letters. */
  readonly low: number
  /** From how many counts it was learned. */
  readonly seen: number
}

/** A bound on prompts: a policy that tells what it has learned. */
export interface Context extends Policy.Policy<"call", SpillwayError> {
  /** What is known of a model, by its name without the upstream. */
  readonly state: (model: string) => Effect.Effect<State>
}

/** Makes it. It belongs to the whole call. */
export const make = (options: Options): Effect.Effect<Context, OptionsRefused> =>
  Effect.map(decode("Context", Options)(options), (settings) => {
    const bounds = new Bounds(settings)
    const policy = Policy.make<"call", SpillwayError>("Context", "call", (self) =>
      Effect.withFiber((fiber) => bounds.guard(self, fiber))
    )
    return Object.assign(policy, { state: (model: string) => Effect.sync(() => bounds.state(model)) })
  })

type Settings = typeof Options.Type

class Bounds {
  private readonly everywhere: number | undefined
  private readonly contexts: ReadonlyMap<string, number>
  private readonly ratios: Keyed<Ratio.Ratio>

  constructor({ context, modelsMax }: Settings) {
    this.everywhere = typeof context === "number" ? context : undefined
    this.contexts = new Map(typeof context === "number" ? [] : Object.entries(context))
    this.ratios = new Keyed(modelsMax, () => new Ratio.Ratio())
  }

  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R> {
    const facts = fiber.getRef(Facts)
    if (facts === undefined) return self
    const { question, tokens } = facts.call
    const context = this.contextOf(facts.target, question?.model)
    const tooMany = context === undefined ? 0 : this.tooMany(question, tokens, facts.target, context)
    if (tooMany > 0) return Effect.fail(tooLong(tooMany, context!, facts.target))
    // What a plain Effect uses is more than a prompt.
    if (question === undefined) return self
    const attemptsBefore = attemptsCount(facts)
    return Effect.onExitPrimitive(self, (exit) => {
      const attempts = attemptsWithin(facts, attemptsBefore)
      const cut = exit._tag === "Success" ? this.cut(question, attempts.findLast(succeeded)) : undefined
      if (cut !== undefined) return Effect.fail(cut)
      const counted = attempts.find(isCounted)
      if (counted !== undefined) this.learn(question, counted, Alarm.now(fiber))
      return undefined
    })
  }

  state(model: string): State {
    const { low, ratio, seen, spread } = this.ratios.find(model) ?? unknown
    return { ratio, spread, low, seen }
  }

  /** The failure of an answer to a prompt of which only a part has been read. */
  private cut(question: Question, answered: Attempt | undefined): SpillwayError | undefined {
    const counted = answered?.usage?.input
    if (answered === undefined || counted === undefined || !isCounted(answered)) return undefined
    const context = this.contextOf(answered.target, question.model)
    if (context === undefined) return undefined
    const known = this.ratios.find(modelOf(answered.target) ?? question.model)
    const low = Fit.lowOf(question, known)
    if (!Fit.isCut(counted, question.prompt.likely * low, context)) return undefined
    const certain = Fit.certainOf(question)
    if (!Fit.isCut(counted, certain * low, context)) return undefined
    const target = answered.target ?? question.model
    const expected = Ratio.told(certain, known, Math.max(context, counted))
    return new SpillwayError({ reason: { _tag: "Truncated", target, expected, counted } })
  }

  /** Learns from what cannot have been cut, for the model that counted and for what was asked for. */
  private learn(question: Question, { target, usage }: Attempt, now: number): void {
    const context = this.contextOf(target, question.model)
    if (context === undefined || question.prompt.most > context || !Ratio.teaches(question)) return
    // A server that leaves out what it had read before says nothing of what a prompt has.
    if (usage!.input < question.prompt.likely * Ratio.lowest) return
    const model = modelOf(target)
    for (const name of model === undefined || model === question.model ? [question.model] : [model, question.model]) {
      this.ratios.get(name, now)?.learn(usage!.input, question.prompt.likely, now)
    }
  }

  /** How many tokens a prompt has, where they are too many at the least; else none. */
  private tooMany(
    question: Question | undefined,
    said: Tokens | undefined,
    target: string | undefined,
    context: number
  ): number {
    if (question === undefined) {
      const { likely, most } = said ?? nothingSaid
      return likely * (likely === most ? 1 : Ratio.lowest) > context ? likely : 0
    }
    return Fit.tooMany(question, this.ratios.find(modelOf(target) ?? question.model), context)
  }

  private contextOf(target: string | undefined, model: string | undefined): number | undefined {
    const { contexts, everywhere } = this
    if (everywhere !== undefined) return everywhere
    const there = target === undefined ? undefined : (contexts.get(target) ?? contexts.get(modelOf(target)!))
    return there ?? (model === undefined ? undefined : contexts.get(model))
  }
}

const unknown = new Ratio.Ratio()

const nothingSaid: Tokens = { likely: 0, most: 0 }

/** The model of a target; nothing where none is known. */
const modelOf = (target: string | undefined): string | undefined => target?.slice(target.indexOf("/") + 1)

const succeeded = ({ exit }: Attempt): boolean => exit?._tag === "Success"

const isCounted = ({ usage }: Attempt): boolean => usage !== undefined && usage.input > 0 && Usage.isCounted(usage)

const tooLong = (tokens: number, context: number, target: string | undefined): SpillwayError =>
  refusal({ _tag: "ContextTooLong", tokens, context, ...(target !== undefined && { target }) })
