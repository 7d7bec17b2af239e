/**
 * Tries again what may pass: on any Schedule, bent by Retry-After, within a budget that all calls share.
 *
 * Only before the first part has gone out, never past the deadline, and never what cannot succeed: the failure that
 * ends it is the one that happened, as it was. A refusal from further in (an open breaker, a spent limit) is no try
 * and ends it too, with the failure that came before. Of several retries around one another only the innermost tries
 * again, so that three times three stays three.
 */
import { Cause, Clock, Context, Duration, Effect, type Fiber, Random, Schedule, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { Delays, schema, type Timing } from "../domain/Delays.ts"
import { attemptsCount, attemptsWithin, Facts, go, lose, usageTold } from "../domain/Facts.ts"
import { passedBy, type Since, wasHeard } from "../domain/Go.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { RetryBudget } from "../domain/RetryBudget.ts"
import * as Units from "../domain/Units.ts"
import type { Usage } from "../domain/Usage.ts"
import * as Verdict from "../domain/Verdict.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How often it is sent in all. What failed before anything was sent does not count, up to as many times again. */
  attempts: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(3))),
  /** The first wait; each further one is twice as long, and all are shortened at random by up to half. */
  base: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("200ms"))),
  /** The longest wait. */
  max: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("5s"))),
  /** The longest Retry-After that is waited for; a longer one ends it at once. */
  retryAfterMax: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("1m"))),
  /**
   * Whether what another target may do better is tried again too: around a plan, whose goes are the others. A failure
   * that is kept of any of them is enough.
   */
  elsewhere: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  /** How many retries all calls together may cost: a share of the calls, and one a second. */
  budget: Schema.Union([Schema.Literal("off"), Units.percent.schema]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("20%"))
  )
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  schedule: Schema.optionalKey(schema),
  classify: Verdict.classifying
}).check(
  Schema.makeFilter(({ base, max }) =>
    Duration.isGreaterThan(base, max)
      ? { path: ["base"], issue: `write one of at most ${Units.duration.print(max)}, as max says, or a longer max` }
      : undefined
  )
)

/** The options as TypeScript takes them. */
export interface Options<R = never> extends Widened<typeof Options.Encoded> {
  /** When to try again, in place of `base` and `max`; it is fed the failures, and ends the tries where it ends. */
  readonly schedule?: Timing<R>
  /** Which row of the failure table a foreign failure belongs to. */
  readonly classify?: Verdict.Classify
}

/** Makes a retry. It stands between what belongs to the whole call and what belongs to one attempt. */
export const make = <R = never>(
  options: Options<R> = {}
): Effect.Effect<Policy.Policy<"between", never, NoInfer<R>>, OptionsRefused> =>
  Effect.map(decode("Retry", Extended)(options), (settings) => {
    const retry = new Retry<R>(settings, options.schedule ?? backOff(settings), settings.classify)
    return Policy.make<"between", never, R>("Retry", "between", (self) =>
      Effect.withFiber((fiber) => retry.guard(self, fiber))
    )
  })

type Settings = typeof Options.Type

const backOff = ({ base, max }: Settings): Schedule.Schedule<unknown> =>
  Schedule.min([Schedule.exponential(base), Schedule.spaced(max)]).pipe(
    Schedule.modifyDelay(({ duration }) =>
      Effect.map(Random.next, (chance) => Duration.times(duration, 1 - chance / 2))
    )
  )

/** That an error has been retried already, as often as it should be. */
class Retried extends Context.Service<Retried, true>()("spillway/Retry/Retried") {}

const retried = Context.make(Retried, true)

/** How far a guarded run has come. */
interface Position extends Since {
  /** How often it has run. */
  goes: number
  /** What had been told when it last began. */
  toldBefore: Usage | undefined
}

/** One guarded run that has failed at least once. */
interface Run<A, E, R, RS> extends Position {
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** Why it failed last, other than by a refusal. */
  last: Cause.Cause<E> | undefined
  readonly delays: Delays<RS>
}

class Retry<RS> {
  private readonly attemptsMax: number
  private readonly retryAfterMax: number
  private readonly elsewhere: boolean
  private readonly budget: RetryBudget | undefined
  private readonly timing: Timing<RS>
  private readonly classify: Verdict.Classify | undefined

  constructor(settings: Settings, timing: Timing<RS>, classify: Verdict.Classify | undefined) {
    this.attemptsMax = settings.attempts
    this.retryAfterMax = Alarm.nanos(settings.retryAfterMax)
    this.elsewhere = settings.elsewhere
    this.budget = settings.budget === "off" ? undefined : new RetryBudget(settings.budget)
    this.timing = timing
    this.classify = classify
  }

  guard<A, E, R>(self: Effect.Effect<A, E, R>, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A, E, R | RS> {
    const facts = fiber.getRef(Facts)
    this.budget?.call(Alarm.now(fiber))
    const deliveredBefore = facts?.call.delivery.parts ?? 0
    const passedBefore = passedBy(facts)
    const attemptsBefore = attemptsCount(facts)
    const toldBefore = usageTold(facts)
    return Effect.catchCause(self, (cause) => {
      const delays = new Delays(this.timing)
      const before = { deliveredBefore, passedBefore, attemptsBefore, toldBefore }
      return this.failed<A, E, R>({ ...before, self, fiber, facts, delays, goes: 1, last: undefined }, cause)
    })
  }

  private failed<A, E, R>(run: Run<A, E, R, RS>, cause: Cause.Cause<E>): Effect.Effect<A, E, R | RS> {
    const clock = run.fiber.getRef(Clock.Clock)
    const judged = this.judged(run, cause, clock)
    if (judged === undefined) return Effect.failCause(cause)
    const { error, verdict } = judged
    if (verdict.isRefusal) return giveUp(run, run.last ?? cause)
    if (!this.mayPass(run, verdict) || wasRetried(cause)) return giveUp(run, cause)
    run.last = cause
    if (this.isTriedEnough(run)) return giveUp(run, cause)
    if (verdict.retryAfter !== undefined && verdict.retryAfter > this.retryAfterMax) return giveUpForAll(cause)
    return Effect.flatMap(delayOf(run, error, verdict), (delay) => {
      const now = Alarm.read(clock)
      if (delay === undefined || now + delay >= (run.facts?.call.deadline ?? Infinity)) return giveUp(run, cause)
      if (this.budget?.retry(now) === false) return giveUpForAll(cause)
      return Effect.flatMap(pause(run.fiber, delay), () => {
        if (!verdict.isUnused && usageTold(run.facts) === run.toldBefore) lose(run.facts)
        run.goes++
        run.toldBefore = usageTold(run.facts)
        return Effect.catchCause(go(run.self), (next) => this.failed(run, next))
      })
    })
  }

  /** The failure that decides, and what it means: the last, or around a plan any that may pass. */
  private judged<A, E, R>(run: Run<A, E, R, RS>, cause: Cause.Cause<E>, clock: Clock.Clock) {
    const last = Verdict.failureOf(cause)
    if (last === undefined) return undefined
    const judge = (error: unknown) => ({
      error,
      verdict: Verdict.of(error, this.classify, () => clock.currentTimeMillisUnsafe())
    })
    const first = judge(last.error)
    if (!this.elsewhere) return first
    for (const reason of cause.reasons) {
      const each = Cause.isFailReason(reason) ? judge(reason.error) : first
      if (!each.verdict.isRefusal && this.mayPass(run, each.verdict)) return each
    }
    return first
  }

  /** Whether the same may succeed: nothing of an answer has gone out, and what failed may pass. */
  private mayPass(position: Position, verdict: Verdict.Verdict): boolean {
    const isPlain = position.facts?.call.question === undefined
    const { again, elsewhere, here } = verdict.failure
    // Nobody else picks another target for a plain Effect; but who has waited in our line for as long as he may has.
    const isOwn = isPlain && again === "elsewhere-before-first-part" && verdict.blamesTarget
    return (here || isOwn || (this.elsewhere && elsewhere)) && !wasHeard(position, verdict)
  }

  private isTriedEnough({ attemptsBefore, facts, goes }: Position): boolean {
    const unsent =
      facts?.call.question === undefined
        ? 0
        : attemptsWithin(facts, attemptsBefore).filter((attempt) => !attempt.sent).length
    return goes - Math.min(unsent, this.attemptsMax) >= this.attemptsMax
  }
}

/** How long to wait, in nanoseconds; nothing where the schedule has ended. */
const delayOf = <RS>(
  { delays, fiber }: Pick<Run<unknown, unknown, unknown, RS>, "delays" | "fiber">,
  error: unknown,
  { retryAfter }: Verdict.Verdict
): Effect.Effect<number | undefined, never, RS> => {
  const delay = delays.next(error, fiber)
  if (retryAfter === undefined) return delay
  // Those who were told the same moment must not all come back in it.
  return Effect.zipWith(delay, Random.next, (scheduled = Infinity, chance) =>
    scheduled < Infinity ? Math.max(scheduled, retryAfter + Math.floor(scheduled * chance)) : undefined
  )
}

const giveUp = <E>({ goes }: Position, cause: Cause.Cause<E>): Effect.Effect<never, E> =>
  Effect.failCause(goes > 1 ? Cause.annotate(cause, retried) : cause)

/** Who retries around this one must not do what this one was not allowed to. */
const giveUpForAll = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E> =>
  Effect.failCause(Cause.annotate(cause, retried))

const wasRetried = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason.annotations.has(Retried.key))

/**
 * Even a try without a wait lets others run first, and can be interrupted. A wait is never cut short by a timer that
 * knows no fractions of a millisecond: who comes back early is refused again.
 */
const pause = (fiber: Fiber.Fiber<unknown, unknown>, delay: number): Effect.Effect<void> =>
  delay === 0
    ? Effect.yieldNow
    : Effect.callback((resume) => {
        const bell = Alarm.set(fiber, Alarm.now(fiber) + Math.ceil(delay), { ring: () => resume(Effect.void) })
        return Effect.sync(() => bell.cancel())
      })
