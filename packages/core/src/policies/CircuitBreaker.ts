/**
 * Stops asking a target that keeps failing, asks it again with a few probes after a while, and lets traffic back
 * gently.
 *
 * It opens on failures in a row or on their share within a window, because either alone is blind: a share at few calls,
 * a row at many. Callers' mistakes and callers who left say nothing of the target and never count. How long the n-th
 * opening lasts is the n-th delay of a Schedule, and who is refused meanwhile is told exactly when the probes begin.
 */
import { Cause, Duration, Effect, type Exit, type Fiber, Random, Schedule, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { Circuit, type Outcome, type Run, type Settings as CircuitSettings, type State } from "../domain/Circuit.ts"
import { Delays, schema, type Timing } from "../domain/Delays.ts"
import { attemptsCount, attemptsWithin, Facts, keyOf } from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { Keyed } from "../domain/Keyed.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Target from "../domain/Target.ts"
import * as Units from "../domain/Units.ts"
import * as Verdict from "../domain/Verdict.ts"
import * as Policy from "../Policy.ts"

const firstOpenings = Effect.succeed("2s..10s")

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** So many failures in a row open it. */
  failures: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(5))),
  /** Such a share of failures opens it, once there were `calls` within the `window`. */
  failureRate: Units.percent.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("50%"))),
  window: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("30s"))),
  calls: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(10))),
  /**
   * How long it stays open: a fixed time, or the first one and the longest. Each opening doubles it, varied at random
   * within the range.
   */
  open: Schema.Union([Units.range.schema, Units.duration.schema]).pipe(Schema.withDecodingDefaultKey(firstOpenings)),
  /** So many probes run at once when it has been open long enough; all of them have to succeed. */
  probes: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** A probe that shows no sign of life for so long has failed. */
  probeFor: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("1m"))),
  /** After closing, each call that succeeds lets one more run at once, until so many have. */
  ramp: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(10))),
  /** Whose failures are counted together. */
  per: Schema.Literals(["target", "key", "caller", "all"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("target" as const))
  ),
  /** How many circuits are kept at most. When all are in use, calls of another key pass uncounted. */
  keysMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(10_000)))
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  open: Schema.Union([Units.range.schema, Units.duration.schema, schema]).pipe(
    Schema.withDecodingDefaultKey(firstOpenings)
  ),
  classify: Verdict.classifying
})

/** The options as TypeScript takes them. */
export interface Options<R = never> extends Omit<Widened<typeof Options.Encoded>, "open"> {
  /** A range, a fixed time, or a Schedule whose n-th delay is how long the n-th opening lasts; its last one stays. */
  readonly open?: string | number | Duration.Duration | Timing<R>
  /** Which row of the failure table a foreign failure belongs to. */
  readonly classify?: Verdict.Classify
}

/** A breaker: a policy whose circuits can be looked at and thrown by hand. */
export interface CircuitBreaker<R = never> extends Policy.Policy<"attempt", SpillwayError, R> {
  /** How a circuit stands; without a key that of the calls that named none. */
  readonly state: (key?: string) => Effect.Effect<State>
  /** In how many nanoseconds a call of this key may come in; for who chooses among several. */
  readonly waitFor: (key: string, now: number) => number
  /** Whether no call of this key is let in but probes. */
  readonly isShut: (key: string, now: number) => boolean
  /** Whether only so many calls of this key may run at once. */
  readonly isSpared: (key: string) => boolean
  /** Lets nobody of this key in until it is reset; without a key nobody at all. */
  readonly isolate: (key?: string) => Effect.Effect<void>
  /** Closes it, as if nothing had ever failed; without a key all of them. */
  readonly reset: (key?: string) => Effect.Effect<void>
}

/** Makes a breaker. It belongs to one attempt. */
export const make = <R = never>(options: Options<R> = {}): Effect.Effect<CircuitBreaker<NoInfer<R>>, OptionsRefused> =>
  Effect.map(decode("CircuitBreaker", Extended)(options), (settings) => {
    const breaker = new Breaker<R>(settings)
    const policy = Policy.make<"attempt", SpillwayError, R>("CircuitBreaker", "attempt", (self) =>
      Effect.withFiber((fiber) => breaker.guard(self, fiber))
    )
    return Object.assign(policy, {
      state: (key = "default") => breaker.state(key),
      waitFor: (key: string, now: number) => breaker.waitFor(key, now),
      isShut: (key: string, now: number) => breaker.isShut(key, now),
      isSpared: (key: string) => breaker.isSpared(key),
      isolate: (key?: string) => Effect.sync(() => breaker.isolate(key)),
      reset: (key?: string) => Effect.sync(() => breaker.reset(key))
    })
  })

type Settings = typeof Extended.Type

/** Doubles from the shortest to the longest, and varies by a fifth, so that not all probe at the same moment. */
const coolDown = ({ from, to }: Units.Range): Timing =>
  Schedule.exponential(from).pipe(
    Schedule.modifyDelay(({ duration }) =>
      Effect.map(Random.next, (chance) => {
        const capped = Duration.min(duration, to)
        const shortest = Duration.max(Duration.times(capped, 0.8), from)
        const longest = Duration.min(Duration.times(capped, 1.2), to)
        return Duration.sum(shortest, Duration.times(Duration.subtract(longest, shortest), chance))
      })
    )
  )

/** A circuit, with the delays of its openings. */
class Scheduled<R> extends Circuit {
  readonly delays: Delays<R>

  constructor(settings: CircuitSettings, timing: Timing<R>) {
    super(settings)
    this.delays = new Delays(timing)
  }
}

/** A call on its way through the breaker. */
class Passage<A, E, R, RS> implements Run, Policy.Run<A, E | SpillwayError, R | RS, RS> {
  generation = 0
  startedAt = 0
  private isIn = false
  private readonly breaker: Breaker<RS>
  private readonly circuit: Scheduled<RS>
  private readonly key: string
  private readonly self: Effect.Effect<A, E, R>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly facts: Facts | undefined
  private readonly attemptsBefore: number

  constructor(
    breaker: Breaker<RS>,
    circuit: Scheduled<RS>,
    key: string,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts | undefined
  ) {
    this.breaker = breaker
    this.circuit = circuit
    this.key = key
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
  }

  get seenAt(): number {
    return this.attempts.reduce(
      (latest, { lastAt = 0, resumedAt = 0, stretchAt = 0 }) => Math.max(latest, lastAt, resumedAt, stretchAt),
      0
    )
  }

  /** It waits for its turn further in, or for its reader. */
  get isOurs(): boolean {
    if (this.facts?.call.question === undefined) return false
    const attempt = this.attempts.at(-1)
    return attempt === undefined || attempt.blockedAt !== undefined
  }

  private get attempts(): ReadonlyArray<Attempt> {
    return attemptsWithin(this.facts, this.attemptsBefore)
  }

  enter(): Effect.Effect<A, E | SpillwayError, R | RS> {
    const { circuit, fiber } = this
    if (!circuit.pass(this)) {
      const now = Alarm.now(fiber)
      if (circuit.expire(now)) {
        return Effect.andThen(
          cool(circuit, undefined, fiber),
          Effect.suspend(() => this.enter())
        )
      }
      const wait = circuit.admit(this, now)
      if (wait > 0) return Effect.fail(refused(this.breaker.per === "target" ? this.key : "default", wait))
    }
    this.isIn = true
    return this.self
  }

  leave(exit: Exit.Exit<A, E>): Effect.Effect<void, never, RS> | undefined {
    if (!this.isIn) return undefined
    const { circuit, fiber } = this
    let outcome: Outcome = "failure"
    let mistake: Effect.Effect<never> | undefined
    try {
      outcome = this.breaker.outcomeOf(exit)
    } catch (thrown) {
      // Whatever `classify` throws: a probe's place must come free.
      mistake = Effect.die(thrown)
    }
    if (!circuit.record(this, outcome, Alarm.now(fiber))) return mistake
    const cooled = cool(circuit, exit._tag === "Failure" ? Cause.squash(exit.cause) : undefined, fiber)
    return mistake === undefined ? cooled : Effect.andThen(cooled, mistake)
  }
}

class Breaker<RS> {
  private readonly circuits: Keyed<Scheduled<RS>>
  private readonly classify: Verdict.Classify | undefined
  readonly per: Settings["per"]

  /** Whether everybody is kept out, whatever his circuit says. */
  private isIsolated = false

  constructor({ classify, keysMax, open, per, probeFor, window, ...counts }: Settings) {
    const settings = { ...counts, window: Alarm.nanos(window), probeFor: Alarm.nanos(probeFor) }
    const timing = Schedule.isSchedule(open)
      ? (open as Timing<RS>)
      : coolDown(Duration.isDuration(open) ? { from: open, to: open } : open)
    this.circuits = new Keyed(keysMax, () => new Scheduled(settings, timing))
    this.classify = classify
    this.per = per
  }

  state(key: string): Effect.Effect<State> {
    return Effect.withFiber((fiber) => {
      const state = this.circuits.find(this.keyed(key))?.state(Alarm.now(fiber))
      return Effect.succeed<State>(this.isIsolated ? { _tag: "Isolated" } : (state ?? { _tag: "Closed" }))
    })
  }

  waitFor(key: string, now: number): number {
    return this.isIsolated ? Infinity : (this.circuits.find(this.keyed(key))?.comesIn(now) ?? 0)
  }

  isShut(key: string, now: number): boolean {
    return this.isIsolated || this.circuits.find(this.keyed(key))?.isShut(now) === true
  }

  isSpared(key: string): boolean {
    return this.isIsolated || this.circuits.find(this.keyed(key))?.isSpared === true
  }

  isolate(key: string | undefined): void {
    if (key === undefined) this.isIsolated = true
    else this.circuits.keep(this.keyed(key)).isolate()
  }

  reset(key: string | undefined): void {
    if (key === undefined) {
      this.isIsolated = false
      this.circuits.clear()
    } else this.circuits.keep(this.keyed(key)).reset()
  }

  /**
   * Under which name the calls of a key are counted. Where all are counted together there is one circuit, whatever it
   * is called; and the cloud models of one Ollama are up or down together.
   */
  private keyed(key: string): string {
    if (this.per === "all") return keyOf("all", undefined)
    return this.per === "target" && Target.isCloudModel(key) ? Target.cloudOf(key) : key
  }

  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R | RS> {
    const facts = fiber.getRef(Facts)
    const key = keyOf(this.per, facts)
    if (this.isIsolated) return Effect.fail(refused(this.per === "target" ? key : "default", Infinity))
    const counted = this.keyed(key)
    const circuit = this.circuits.find(counted) ?? this.circuits.get(counted, Alarm.now(fiber))
    if (circuit === undefined) return self
    return framedAtOnce(new Passage(this, circuit, key, self, fiber, facts), fiber)
  }

  outcomeOf(exit: Exit.Exit<unknown, unknown>): Outcome {
    if (exit._tag === "Success") return "success"
    const failure = Verdict.failureOf(exit.cause)
    if (failure === undefined) return Cause.hasDies(exit.cause) ? "failure" : "ignored"
    return Verdict.of(failure.error, this.classify).blamesTarget ? "failure" : "ignored"
  }
}

/** How long the opening lasts that has just begun. */
const cool = <R>(
  circuit: Scheduled<R>,
  error: unknown,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void, never, R> => {
  if (circuit.openings === 1) circuit.delays.restart()
  return Effect.map(circuit.delays.next(error, fiber), (delay) => {
    if (delay !== undefined) circuit.opened(delay)
  })
}

const refused = (target: string, wait: number): SpillwayError =>
  refusal({
    _tag: "Unavailable",
    ...(target === "default" ? {} : { target }),
    ...(wait < Infinity ? { retryAfter: Alarm.spanOf(wait) } : {})
  })
