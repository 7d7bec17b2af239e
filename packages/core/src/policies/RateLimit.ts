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
import { attemptsWithin, type CallFacts, Facts, plain } from "../domain/Facts.ts"
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
class Run extends Store.Ticket {
  readonly facts: Facts | undefined
  readonly attemptsBefore: number
  /** When it first asked for its place. */
  askedAt: number | undefined
  taken = false
  begun = false
  /** Whether the store has said, since it was last asked, that the time may have come. */
  told = false
  wake: (() => void) | undefined

  constructor(id: number, of: string, key: string, charges: ReadonlyArray<Store.Charge>, facts: Facts | undefined) {
    super(id, of, key, charges)
    this.facts = facts
    this.attemptsBefore = facts?.call.attempts.length ?? 0
  }

  override onTurn(): void {
    this.told = true
    this.wake?.()
  }
}

class Limit {
  private readonly per: Per
  private readonly waitMax: number
  private readonly scales: ReadonlyArray<Scale>
  private readonly printed: string
  /** The charges of a limit in requests alone, which are the same for every call. */
  private readonly fixed: ReadonlyArray<Store.Charge> | undefined
  private readonly store: Store.Store
  private readonly name: string
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

  /**
   * What is taken is taken inside the frame that gives it back: a fiber may be interrupted between any two operations.
   */
  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R> {
    const around = fiber.getRef(Facts)
    // What a plain Effect uses is told to the scopes around it: a limit in tokens needs one of its own to listen in.
    const listens = this.fixed === undefined && around?.call.question === undefined
    const facts = listens ? plain(fiber, around) : around
    const charges = this.fixed ?? this.scales.map((scale) => chargeOf(scale, facts?.call))
    const tooMuch =
      this.fixed === undefined ? this.scales.find((_, at) => charges[at]!.cost > charges[at]!.burst) : undefined
    if (tooMuch !== undefined) return Effect.fail(neverFits(tooMuch, costOf(tooMuch, facts?.call)))
    const run = new Run(++this.runs, this.name, keyOf(this.per, facts), charges, facts)
    const framed = Effect.onExitPrimitive(
      Effect.suspend(() => this.enter(run, self, fiber)),
      (exit) => this.leave(run, exit, fiber)
    )
    return listens ? Effect.provideService(framed, Facts, facts) : framed
  }

  private enter<A, E, R>(
    run: Run,
    inner: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R> {
    const again = Effect.suspend(() => this.enter(run, inner, fiber))
    // What starts has to start at the moment that is counted, not a turn later.
    if (Policy.yieldsNext(fiber)) return Effect.andThen(Effect.yieldNow, again)
    const now = Alarm.now(fiber)
    // Who has been let wait is not sent away because timers are late, unless it comes to twice what was allowed.
    const patience = run.askedAt === undefined ? this.waitMax : 2 * this.waitMax
    run.askedAt ??= now
    const until = Math.min(run.askedAt + patience, run.facts?.call.deadline ?? Infinity)
    run.taken = true
    run.told = false
    run.wake = undefined
    return Store.andThen(this.store.take(run, Math.max(until - now, 0), now), (decision) => {
      if (decision._tag === "Started") return Policy.begin(run, inner, fiber)
      if (decision._tag === "Waits") return Effect.andThen(turnOf(run, decision.wait, fiber), again)
      run.taken = false
      return Effect.fail(this.refused(run.key, decision))
    })
  }

  /** What was never sent costs nothing; what was is settled to what it used, where that is known. */
  private leave(
    run: Run,
    exit: Exit.Exit<unknown, unknown>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<void> | undefined {
    if (!run.taken) return undefined
    const attempts = run.facts === undefined ? [] : attemptsWithin(run.facts, run.attemptsBefore)
    const isPlain = run.facts?.call.question === undefined
    const wasSent = attempts.some((attempt) => attempt.sent) || (isPlain && run.begun && !wasRefused(exit))
    if (!wasSent) return settled(this.store.giveBack(run, Alarm.now(fiber)))
    if (this.fixed !== undefined) return undefined
    const usages = attempts.flatMap((attempt) => attempt.usage ?? []).filter(Usage.isCounted)
    if (usages.length === 0) return undefined
    const tokens = usages.reduce((sum, usage) => sum + Usage.total(usage), 0)
    const costs = this.scales.map((scale) => (scale.of === "tokens" ? tokens : 1) * scale.each)
    return settled(this.store.settle(run, costs, Alarm.now(fiber)))
  }

  private refused(key: string, { full = false, retryAfter }: Store.Refused): SpillwayError {
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

const keyOf = (per: Per, facts: Facts | undefined): string => {
  if (per === "all") return "all"
  return (per === "target" ? facts?.attempt.target : facts?.call[per]) ?? "default"
}

/** Waits until the run's time has come, or until the store says that it may come sooner. */
const turnOf = (run: Run, wait: number, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // It may have been said between the answer of the store and now.
    if (run.told) return resume(Effect.yieldNow)
    const now = Alarm.now(fiber)
    const alarm = Alarm.set(fiber, now, now + wait, { ring: () => resume(Effect.void) })
    run.wake = () => {
      alarm.cancel()
      // Not at once: the store that calls this is still busy with somebody else's ticket.
      resume(Effect.yieldNow)
    }
    return Effect.sync(() => alarm.cancel())
  })

/** A store that cannot take back what is settled must not fail an answer that has been given. */
const settled = (answer: Store.Answer<void>): Effect.Effect<void> | undefined =>
  Effect.isEffect(answer) ? Effect.ignore(answer) : undefined

const neverFits = (scale: Scale, cost: number): SpillwayError =>
  refusal({
    _tag: "BadRequest",
    field: "tokens",
    read: `about ${cost}`,
    expected: `at most ${scale.burst}, what ${scale.printed} lets through at once`
  })
