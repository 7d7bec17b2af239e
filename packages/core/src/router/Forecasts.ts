/**
 * The one forecast of a router: how long a question of somebody takes at a target, once it has its turn there.
 *
 * How fast a target is it has shown itself; how long an answer is depends on who asks for what, so lengths are learned
 * for each caller on each route, and where he is new there, from all others.
 */
import type { Attempt } from "../domain/Attempt.ts"
import type { Facts } from "../domain/Facts.ts"
import type { Expectation, Forecast } from "../domain/Forecast.ts"
import { type Forgettable, Keyed } from "../domain/Keyed.ts"
import type { Question } from "../domain/Question.ts"
import { type Lasts, type Rates, tokensOf, type Wanted } from "../domain/Rates.ts"
import * as Spread from "../domain/Spread.ts"
import type { Target } from "../domain/Target.ts"
import { conversationOf } from "./Conversation.ts"
import type { Member } from "./Member.ts"

/** What the forecast knows of a target. */
export interface Known {
  readonly rates: Rates
  readonly isLoaded: boolean | undefined
}

/** A target that learns from what it does. */
type Learning = Pick<Member, "rates" | "hasRead" | "reads">

/** How long the answers of one kind are, in tokens. */
class Length extends Spread.Spread implements Forgettable {
  private seenAt = -Infinity

  add(tokens: number, now: number): void {
    this.learn(tokens)
    this.seenAt = now
  }

  isIdle(now: number): boolean {
    return now - this.seenAt > rememberedFor
  }
}

/** What is expected of all targets of a router. */
export class Forecasts implements Forecast {
  private readonly lengths = new Keyed(lengthsMax, () => new Length())
  private readonly find: (target: string) => Known | undefined

  constructor(find: (target: string) => Known | undefined) {
    this.find = find
  }

  /** What the answer to a question will be; nothing where that has no words, or no question is asked. */
  wanted(question: Question | undefined, caller: string): Wanted | undefined {
    if (question === undefined || question.kind === "embed") return undefined
    const { model, prompt, settings, tools } = question
    const length = (this.lengths.find(keyOf(caller, model)) ?? this.lengths.find(keyOf("", model)))?.range
    const { maxTokens } = settings
    const answer =
      maxTokens === undefined ? length : Spread.atMost(length ?? Spread.exactly(maxTokens), Math.max(maxTokens, 1))
    return {
      prompt: prompt.likely,
      answer: length && answer,
      answerMax: maxTokens ?? Infinity,
      isHeldBack: tools > 0
    }
  }

  /** How long it takes at a target that has read so many tokens already; nothing while that has shown nothing. */
  lasts(wanted: Wanted | undefined, { isLoaded, rates }: Known, already = 0): Lasts | undefined {
    return wanted && rates.expect(wanted, isLoaded, already)
  }

  /** For the clocks of an attempt, which has its turn. */
  of(question: Question, target: Target, caller = ""): Expectation | undefined {
    const known = this.find(target.id)
    const lasts = known && this.lasts(this.wanted(question, caller), known)
    if (lasts === undefined) return undefined
    const { first, pauses, quiet, whole } = lasts
    return { startsIn: nothing, firstTokenIn: first, endsIn: whole, pauses, quiet }
  }

  /** A go at that target has ended. */
  learn({ call }: Facts, attempt: Attempt, member: Learning, now: number): void {
    const { caller, question } = call
    if (question === undefined || question.kind === "embed" || attempt.goesOnFrom !== undefined) return
    const conversation = conversationOf(question, caller)
    // Whose own time is over has not been given up: who gives little of it must not make clocks long for others.
    const isGivenUp = attempt.lost && now < call.deadline
    member.rates.learn(attempt, question.prompt.likely, member.hasRead(conversation), isGivenUp)
    if (attempt.exit?._tag !== "Success") return
    const tokens = tokensOf(attempt)
    if (conversation !== undefined) member.reads(conversation, question.prompt.likely + tokens)
    this.lengths.get(keyOf(caller, question.model), now)?.add(tokens, now)
    this.lengths.get(keyOf("", question.model), now)?.add(tokens, now)
  }
}

/** A name of a caller may hold anything but this. */
const keyOf = (caller: string, model: string): string => `${caller}\u0000${model}`

const nothing = Spread.exactly(0)

/** Of so many callers and routes the lengths of answers are remembered, for a day. */
const lengthsMax = 10_000
const rememberedFor = 86_400_000_000_000
