/**
 * What a policy may know, in two halves: of the call, and of the attempt.
 *
 * They stand in one `Context.Reference`, so that no policy needs anything in its type and all of them work around any
 * Effect. Where nobody has said anything there are no facts: the caller is "default", the cost one request, the answer
 * one part.
 */
import { Clock, Context, Effect, Exit, type Fiber } from "effect"
import * as Alarm from "./Alarm.ts"
import { Attempt, type Begun, type Sink } from "./Attempt.ts"
import { Delivery, nowhere } from "./Delivery.ts"
import * as Frame from "./Frame.ts"
import * as Questions from "./Question.ts"
import type { Tokens } from "./Tokens.ts"
import * as Usages from "./Usage.ts"

/** How urgent a call is beside others that wait. */
export type Priority = "low" | "normal" | "high"

/** How long a call has waited in lines of ours, all goes together, in nanoseconds; and whether the last was in vain. */
export class Waits {
  nanos = 0
  isInVain = false
}

/** What is known of the whole call. */
export interface CallFacts {
  /** What is asked; absent around a plain Effect. */
  readonly question: Questions.Question | undefined
  readonly caller: string
  /** What a limit `per: "key"` counts by: a tenant, a conversation, whatever the caller names. */
  readonly key: string
  /** What it may come to in tokens, where anybody said. */
  readonly tokens: Tokens | undefined
  /** The moment by which the whole call has to be over, in monotonic nanoseconds. */
  readonly deadline: number
  readonly priority: Priority
  readonly waits: Waits
  /** What has reached the caller. */
  readonly delivery: Delivery
  /** Every go whose leaf has started, in that order. */
  readonly attempts: Array<Attempt>
}

/** Both halves; `outer` is the scope around this one, which sees what this one uses. */
export interface Facts {
  readonly call: CallFacts
  readonly attempt: Attempt
  /** Where the attempt goes, as `upstream/model`, where that is known. */
  readonly target: string | undefined
  readonly outer: Facts | undefined
}

/** The facts of the running fiber, or nothing. */
export const Facts = Context.Reference<Facts | undefined>("spillway/Facts", { defaultValue: () => undefined })

/** Whose calls may be counted together. */
export type Per = "caller" | "key" | "target" | "all"

/** Under which name a call is counted; `default` where nobody said one. */
export const keyOf = (per: Per, facts: Facts | undefined): string => {
  if (per === "all") return "all"
  if (facts === undefined) return "default"
  return (per === "target" ? facts.target : per === "caller" ? facts.call.caller : facts.call.key) ?? "default"
}

/** What a program may say about a call; what it leaves out is taken from the scope around it. */
export interface Said {
  readonly caller?: string | undefined
  readonly key?: string | undefined
  readonly priority?: Priority | undefined
  readonly tokens?: Tokens | undefined
  /** How long it may take from now, in nanoseconds. */
  readonly within?: number | undefined
  readonly target?: string | undefined
}

/** A plain Effect delivers no parts, so all of them share one way to nobody. */
const undelivered = new Delivery(nowhere)

const silent: Said = {}

/**
 * A scope around a plain Effect, both halves in one: most Effects use nothing that anybody tells, so its attempt is
 * made when it is first asked for.
 */
class PlainScope implements Facts, CallFacts {
  readonly outer: Facts | undefined
  private readonly said: Said
  private readonly until: number | undefined
  /** Holds the clock, which is asked for as seldom as the attempt. */
  private readonly context: Context.Context<never>
  private made: Attempt | undefined
  private told: Array<Attempt> | undefined
  private waited: Waits | undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, outer: Facts | undefined, said: Said, now?: number) {
    this.outer = outer
    this.said = said
    this.until = said.within === undefined ? undefined : deadlineOf(fiber, outer, said, now)
    this.context = fiber.context
    this.made = undefined
    this.told = undefined
    this.waited = undefined
  }

  get call(): CallFacts {
    return this
  }

  get question(): undefined {
    return undefined
  }

  get delivery(): Delivery {
    return undelivered
  }

  get caller(): string {
    return this.said.caller ?? this.outer?.call.caller ?? "default"
  }

  get key(): string {
    return this.said.key ?? this.outer?.call.key ?? "default"
  }

  get tokens(): Tokens | undefined {
    return this.said.tokens ?? this.outer?.call.tokens
  }

  get deadline(): number {
    return this.until ?? this.outer?.call.deadline ?? Infinity
  }

  get priority(): Priority {
    return this.said.priority ?? this.outer?.call.priority ?? "normal"
  }

  get waits(): Waits {
    return (this.waited ??= new Waits())
  }

  get target(): string | undefined {
    return this.said.target ?? this.outer?.target
  }

  get attempt(): Attempt {
    return (this.made ??= new Attempt(Context.get(this.context, Clock.Clock), nowhere, this.target))
  }

  get attempts(): Array<Attempt> {
    return (this.told ??= [])
  }

  get attemptsCount(): number {
    return this.told?.length ?? 0
  }

  get usageTold(): Usages.Usage | undefined {
    return this.made?.usage
  }

  get lingering(): Promise<void> | undefined {
    return this.made?.lingering
  }
}

/** A scope of its own around a plain Effect: what is used inside is seen here, and by every scope around. */
export const plain = (fiber: Fiber.Fiber<unknown, unknown>, outer: Facts | undefined, said: Said = silent): Facts =>
  new PlainScope(fiber, outer, said)

/** The fiber's context with these facts. */
export const contextOf = (fiber: Fiber.Fiber<unknown, unknown>, facts: Facts | undefined): Context.Context<never> =>
  Context.add(fiber.context, Facts, facts)

/** The Effect under these facts. To be answered by the operation that calls it. */
export const under = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  facts: Facts | undefined
): Effect.Effect<A, E, R> => Frame.within(self, fiber, contextOf(fiber, facts))

/** The scope of a call, or of one go of it. */
class CallScope implements Facts {
  readonly call: CallFacts
  readonly attempt: Attempt
  readonly outer: Facts | undefined

  constructor(call: CallFacts, attempt: Attempt, outer: Facts | undefined) {
    this.call = call
    this.attempt = attempt
    this.outer = outer
  }

  get target(): string | undefined {
    return this.attempt.target
  }
}

/** The same scope, with something else known of its call. */
export const withCall = (facts: Facts, call: CallFacts): Facts => new CallScope(call, facts.attempt, facts.outer)

/** What has been told to the scope of a plain Effect: another value with everything that is told. */
export const usageTold = (facts: Facts | undefined): Usages.Usage | undefined =>
  facts instanceof PlainScope ? facts.usageTold : undefined

/** How many goes have started. */
export const attemptsCount = (facts: Facts | undefined): number =>
  facts === undefined ? 0 : facts instanceof PlainScope ? facts.attemptsCount : facts.call.attempts.length

const deadlineOf = (
  fiber: Fiber.Fiber<unknown, unknown>,
  outer: Facts | undefined,
  { within }: Said,
  now?: number
): number => {
  const given = outer?.call.deadline ?? Infinity
  return within === undefined ? given : Math.min((now ?? Alarm.now(fiber)) + within, given)
}

/** A question put, with a sink for its answer: who asks, and by when, is taken from the scope around. */
export const asking = (fiber: Fiber.Fiber<unknown, unknown>, question: Questions.Question, sink: Sink): Facts => {
  const around = fiber.getRef(Facts)
  // Another call that is under way around this one has nothing to do with it; a plain scope speaks of it, and hears of
  // it.
  const outer = around?.call.question === undefined ? around : around.outer
  const tokens = Questions.tokens(question)
  const clock = fiber.getRef(Clock.Clock)
  const delivery = new Delivery(sink, clock)
  const call = {
    question,
    caller: around?.call.caller ?? "default",
    key: around?.call.key ?? "default",
    tokens: outer === around ? (around?.call.tokens ?? tokens) : tokens,
    deadline: around?.call.deadline ?? Infinity,
    priority: around?.call.priority ?? "normal",
    waits: new Waits(),
    delivery,
    attempts: []
  }
  const target = outer === around ? around?.target : undefined
  return new CallScope(call, new Attempt(clock, delivery, target), outer)
}

/** Says something about the Effect: who asks, what it may come to, by when it has to be over, where it goes. */
export const about = <A, E, R>(self: Effect.Effect<A, E, R>, said: Said): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => under(self, fiber, saying(fiber, said)))

/** The facts of the fiber with something said of what runs under them; `now` where it is known already. */
export const saying = (fiber: Fiber.Fiber<unknown, unknown>, said: Said, now?: number): Facts => {
  const outer = fiber.getRef(Facts)
  if (outer?.call.question === undefined) return new PlainScope(fiber, outer, said, now)
  const { call } = outer
  const attempt =
    said.target === undefined ? outer.attempt : outer.attempt.again(outer.attempt.destination, said.target)
  // Written out in the order of `asking`, and not spread: everybody reads it, and reads objects of one shape faster.
  const known: CallFacts = {
    question: call.question,
    caller: said.caller ?? call.caller,
    key: said.key ?? call.key,
    tokens: said.tokens ?? call.tokens,
    deadline: deadlineOf(fiber, outer, said, now),
    priority: said.priority ?? call.priority,
    waits: call.waits,
    delivery: call.delivery,
    attempts: call.attempts
  }
  return new CallScope(known, attempt, outer.outer)
}

/** The goes that have started under these facts since there were so many, and not in another go beside them. */
export const attemptsWithin = (facts: Facts | undefined, attemptsBefore: number): ReadonlyArray<Attempt> => {
  if (facts === undefined || attemptsCount(facts) === attemptsBefore) return noAttempts
  const { attempt, call } = facts
  const since = call.attempts.slice(attemptsBefore)
  return since.every((each) => each.isWithin(attempt)) ? since : since.filter((each) => each.isWithin(attempt))
}

const noAttempts: ReadonlyArray<Attempt> = []

/** Says what an Effect used, to every scope around it. */
export const used = (usage: Usages.Usage): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    tell(fiber.getRef(Facts), usage)
    return Effect.void
  })

/** Tells a scope, and those around it, what was used inside. */
export const tell = (scope: Facts | undefined, usage: Usages.Usage): void => {
  if (!Usages.isCounted(usage)) return
  for (let facts = scope; facts !== undefined; facts = facts.outer) {
    const { attempts, question } = facts.call
    // The attempt of a call is its leaf's: what is used beside the leaf goes on record by itself.
    const told = question === undefined ? facts.attempt : facts.attempt.again()
    if (!attempts.includes(told)) attempts.push(told)
    told.sent = true
    told.usage = told.usage === undefined ? usage : Usages.add(told.usage, usage)
  }
}

/** Tells a scope, and those around it, that it has waited in a line, and whether its turn came. */
export const waited = (scope: Facts | undefined, nanos: number, isInVain: boolean): void => {
  for (let facts = scope; facts !== undefined; facts = facts.outer) {
    facts.call.waits.nanos += nanos
    facts.call.waits.isInVain = isInVain
  }
}

/** Work goes on that nobody waits for any more: the scopes of a plain Effect around it hear when it has ended. */
export const linger = (scope: Facts | undefined, until: Promise<unknown>): void => {
  for (let facts = scope; facts !== undefined && facts.call.question === undefined; facts = facts.outer) {
    facts.attempt.linger(until)
  }
}

/** What goes on of the goes that have started under these facts since there were so many, although they have ended. */
export const lingeringWithin = (facts: Facts | undefined, attemptsBefore: number): ReadonlyArray<Promise<void>> => {
  const own = facts instanceof PlainScope ? facts.lingering : undefined
  const goes = attemptsWithin(facts, attemptsBefore)
  if (own === undefined && !goes.some(lingers)) return none
  return [own, ...goes.map(({ lingering }) => lingering)].flatMap((each) => each ?? [])
}

const none: ReadonlyArray<never> = []

const lingers = ({ lingering }: Attempt): boolean => lingering !== undefined

/**
 * How much the goes have done that have started under these facts since there were so many, in tokens as far as anybody
 * counted them: one that is read costs a tenth of one that is written. What nobody counts is one if it went well.
 */
export const workWithin = (
  facts: Facts | undefined,
  attemptsBefore: number,
  exit: Exit.Exit<unknown, unknown>
): number => {
  let work = 0
  for (const { length, usage } of attemptsWithin(facts, attemptsBefore)) {
    work += usage === undefined ? length / lengthOfToken : usage.output + (usage.input - (usage.cached ?? 0)) / 10
  }
  return work > 0 ? work : Exit.isSuccess(exit) ? 1 : 0
}

const lengthOfToken = 4

/** A plain Effect was sent and lost, and will be tried again: every scope around it has one go more to answer for. */
export const lose = (scope: Facts | undefined): void => {
  for (let facts = scope; facts !== undefined && facts.call.question === undefined; facts = facts.outer) {
    const attempt = facts.attempt.again()
    attempt.sent = attempt.lost = true
    facts.call.attempts.push(attempt)
  }
}

/**
 * One go of several: the Effect with an attempt of its own. Whoever tries again, races or falls back wraps each try in
 * it, so that tries never share a sink. One after the other they may all go the same way, until one has delivered a
 * part; to go on after that, or to run side by side, each needs a `gate` of its own before the common destination, and
 * the gates together let one answer through. One that is to finish an answer is told what of it was heard.
 */
export const go = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  gate?: (destination: Sink) => Sink,
  begun?: Begun
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const outer = fiber.getRef(Facts)
    if (outer === undefined) return self
    if (outer.call.question === undefined) {
      // What the one before waited for in vain says nothing of this one.
      waited(outer, 0, false)
      return under(self, fiber, plain(fiber, outer))
    }
    const attempt = outer.attempt.again(gate?.(outer.attempt.door))
    if (begun !== undefined) attempt.begun = begun
    const run: Frame.Run<A, E, R> = {
      enter: () => self,
      leave: () => {
        attempt.close()
        return undefined
      }
    }
    return Frame.framedAtOnce(run, fiber, contextOf(fiber, new CallScope(outer.call, attempt, outer.outer)))
  })
