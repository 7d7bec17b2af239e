/**
 * At most so many requests, and so many tokens, in any stretch of time, for each caller, key or target.
 *
 * In every window W at most burst + rate x W is admitted, requests and tokens together or neither. A call that has to
 * wait takes its place in line and gives it back if its caller leaves; one that would wait too long is refused at once
 * and told exactly when to come back. Tokens are taken at their likely number and settled to what was used; what was
 * never sent costs nothing.
 */
import { Duration, Effect, type Exit, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { attemptsCount, attemptsWithin, type CallFacts, contextOf, Facts, keyOf, plain } from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Store from "../domain/Store.ts"
import * as Units from "../domain/Units.ts"
import * as Usage from "../domain/Usage.ts"
import { wasRefused } from "../domain/Verdict.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** Requests in a time: `10/min`. */
  rate: Schema.optionalKey(Units.rate.schema),
  /** How many requests may come at once after a rest; the number of `rate` unless named. */
  burst: Schema.optionalKey(Units.count.schema),
  /** Tokens in a time: `50k tok/min`. */
  tokens: Schema.optionalKey(Units.tokenRate.schema),
  /** How many tokens may be asked for at once after a rest; the number of `tokens` unless named. */
  tokensBurst: Schema.optionalKey(Units.count.schema),
  /** Whose calls are counted together. */
  per: Schema.Literals(["caller", "key", "target", "all"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("caller" as const))
  ),
  /** The longest a call may wait for its turn; with none it is refused at once. */
  wait: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("0s")))
}).check(
  Schema.makeFilter((options) =>
    options.rate === undefined && options.tokens === undefined
      ? { path: ["rate"], issue: "missing: write rate as 10/min, or tokens as 50k tok/min, or both" }
      : options.rate === undefined && options.burst !== undefined
        ? { path: ["burst"], issue: "write the rate that it belongs to, or tokensBurst" }
        : options.tokens === undefined && options.tokensBurst !== undefined
          ? { path: ["tokensBurst"], issue: "write the tokens that it belongs to, or burst" }
          : undefined
  )
)

/** The options as TypeScript takes them. */
export type Options = Widened<typeof Options.Encoded>

/** Makes a limit. Per target it belongs to the attempt, otherwise to the whole call. */
export const make = <const By extends Per = "caller">(
  options: Options & { readonly per?: By }
): Effect.Effect<Policy.Policy<StageOf<By>, SpillwayError>, OptionsRefused> =>
  Effect.gen(function* () {
    const settings = yield* decode("RateLimit", Options)(options)
    const home = yield* Policy.home
    const limit = new Limit(settings, home.store, home.name)
    const stage = (settings.per === "target" ? "attempt" : "call") as StageOf<By>
    const name = settings.per === "caller" ? "RateLimit" : `RateLimit per ${settings.per}`
    return Policy.make<StageOf<By>, SpillwayError>(name, stage, (self) =>
      Effect.withFiber((fiber) => limit.guard(self, fiber))
    )
  })

type Per = typeof Options.Type.per
type StageOf<By> = By extends "target" ? "attempt" : "call"

/** One limit in nanoseconds: what one request or token takes to be earned back, and how many may come at once. */
interface Scale {
  readonly of: "requests" | "tokens"
  readonly each: number
  readonly burst: number
  readonly printed: string
}

/** One guarded run: its claim, and how far it has come, on which depends what it has to give back. */
class Run<A, E, R> extends Store.Ticket implements Policy.Run<A, E | SpillwayError, R> {
  readonly limit: Limit
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts | undefined
  readonly attemptsBefore: number
  /** When it first asked for its place, once it waits for it. */
  askedAt: number | undefined
  taken = false
  begun = false
  /** Whether the store has said, since it was last asked, that the time may have come. */
  told = false
  wake: (() => void) | undefined

  constructor(
    limit: Limit,
    charges: ReadonlyArray<Store.Charge>,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts | undefined
  ) {
    super(limit.nextId(), limit.name, keyOf(limit.per, facts), charges)
    this.limit = limit
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
  }

  override onTurn(): void {
    this.told = true
    this.wake?.()
  }

  enter(): Effect.Effect<A, E | SpillwayError, R> {
    const { fiber, limit } = this
    // What starts has to start at the moment that is counted, not a turn later.
    if (Policy.yieldsNext(fiber)) return Effect.andThen(Effect.yieldNow, this.again())
    const now = Alarm.now(fiber)
    // Who has been let wait is not sent away because timers are late, unless it comes to twice what was allowed.
    const patience = this.askedAt === undefined ? limit.waitMax : 2 * limit.waitMax
    const until = Math.min((this.askedAt ?? now) + patience, this.facts?.call.deadline ?? Infinity)
    this.taken = true
    this.told = false
    this.wake = undefined
    const decision = limit.store.take(this, Math.max(until - now, 0), now)
    return Store.isLater(decision)
      ? Effect.flatMap(decision, (decided) => this.follow(decided, now))
      : this.follow(decision, now)
  }

  leave(exit: Exit.Exit<A, E>): Effect.Effect<void> | undefined {
    return this.taken ? this.limit.settle(this, exit) : undefined
  }

  private follow(decision: Store.Decision, now: number): Effect.Effect<A, E | SpillwayError, R> {
    if (decision._tag === "Started") return Policy.begin(this)
    if (decision._tag === "Waits") {
      this.askedAt ??= now
      return Effect.andThen(turnOf(this, decision.wait, this.fiber), this.again())
    }
    this.taken = false
    return Effect.fail(this.limit.refused(this.key, decision))
  }

  private again(): Effect.Effect<A, E | SpillwayError, R> {
    return Effect.suspend(() => this.enter())
  }
}

type AnyRun = Run<unknown, unknown, unknown>

class Limit {
  readonly per: Per
  readonly waitMax: number
  readonly store: Store.Store
  readonly name: string
  private readonly scales: ReadonlyArray<Scale>
  private readonly printed: string
  /** The charges of a limit in requests alone, which are the same for every call. */
  private readonly fixed: ReadonlyArray<Store.Charge> | undefined
  private runs = 0

  constructor(settings: typeof Options.Type, store: Store.Store, name: string) {
    const { burst, rate, tokens, tokensBurst } = settings
    this.per = settings.per
    this.waitMax = Alarm.nanos(settings.wait)
    this.scales = [
      ...(rate === undefined ? [] : [scaleOf(rate, burst, Units.rate.print(rate))]),
      ...(tokens === undefined ? [] : [scaleOf(tokens, tokensBurst, Units.tokenRate.print(tokens))])
    ]
    this.printed = this.scales.map((scale) => scale.printed).join(" and ")
    this.fixed = tokens === undefined ? this.scales.map((scale) => chargeOf(scale, undefined)) : undefined
    this.store = store
    this.name = name
  }

  nextId(): number {
    return ++this.runs
  }

  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R> {
    const around = fiber.getRef(Facts)
    if (this.fixed !== undefined) return framedAtOnce(new Run(this, this.fixed, self, fiber, around), fiber)
    // What a plain Effect uses is told to the scopes around it: a limit in tokens needs one of its own to listen in.
    const facts = around?.call.question === undefined ? plain(fiber, around) : around
    const charges = this.scales.map((scale) => chargeOf(scale, facts.call))
    const tooMuch = this.scales.find((_, at) => charges[at]!.cost > charges[at]!.burst)
    if (tooMuch !== undefined) return Effect.fail(neverFits(tooMuch, costOf(tooMuch, facts.call)))
    const run = new Run(this, charges, self, fiber, facts)
    return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
  }

  /** What was never sent costs nothing; what was is settled to what it used, where that is known. */
  settle(run: AnyRun, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    const { attemptsBefore, begun, facts, fiber } = run
    const attempts = attemptsWithin(facts, attemptsBefore)
    const isPlain = facts?.call.question === undefined
    const wasSent = (isPlain && begun && !wasRefused(exit)) || attempts.some((attempt) => attempt.sent)
    if (!wasSent) return Store.settling(run, () => this.store.giveBack(run, Alarm.now(fiber)))
    if (this.fixed !== undefined) return undefined
    const usages = attempts.flatMap((attempt) => attempt.usage ?? []).filter(Usage.isCounted)
    if (usages.length === 0) return undefined
    const tokens = usages.reduce((sum, usage) => sum + Usage.total(usage), 0)
    const costs = this.scales.map((scale) => (scale.of === "tokens" ? tokens : 1) * scale.each)
    return Store.settling(run, () => this.store.settle(run, costs, Alarm.now(fiber)))
  }

  refused(key: string, { full = false, retryAfter }: Store.Refused): SpillwayError {
    return refusal({
      _tag: "RateLimited",
      key,
      limit: full ? `${this.printed}, and no room to count one more` : this.printed,
      retryAfter: Duration.millis(Math.ceil(retryAfter / Alarm.perMilli))
    })
  }
}

const scaleOf = (rate: Units.Rate<"requests" | "tokens">, burst: number | undefined, printed: string): Scale => ({
  of: rate.unit,
  // Rounded up to whole nanoseconds, so that costs add up exactly and never to one more.
  each: Math.ceil(Alarm.nanos(rate.per) / rate.amount),
  burst: burst ?? rate.amount,
  printed
})

const costOf = (scale: Scale, call: CallFacts | undefined): number =>
  scale.of === "requests" ? 1 : Math.max(Math.ceil(call?.tokens?.likely ?? 1), 1)

const chargeOf = (scale: Scale, call: CallFacts | undefined): Store.Charge => ({
  cost: costOf(scale, call) * scale.each,
  burst: scale.burst * scale.each
})

/** Waits until the run's time has come, or until the store says that it may come sooner. */
const turnOf = (run: AnyRun, wait: number, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // It may have been said between the answer of the store and now.
    if (run.told) return resume(Effect.yieldNow)
    const bell = Alarm.set(fiber, Alarm.now(fiber) + wait, { ring: () => resume(Effect.void) })
    const wake = (): void => {
      bell.cancel()
      // Not at once: the store that calls this is still busy with somebody else's ticket.
      resume(Effect.yieldNow)
    }
    // It has a name first, since V8 takes a function that is written into a field for long-lived, and all it holds.
    run.wake = wake
    return Effect.sync(() => bell.cancel())
  })

const neverFits = (scale: Scale, cost: number): SpillwayError =>
  refusal({
    _tag: "BadRequest",
    field: "tokens",
    read: `about ${cost}`,
    expected: `at most ${scale.burst}, what ${scale.printed} lets through at once`
  })
