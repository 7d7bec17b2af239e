/**
 * Clocks for one attempt: to connect, to load, to the first token, between tokens, and for a reader who stopped.
 *
 * They start when the work does, so that neither our own queue nor a wait for a slot counts as the upstream's silence;
 * a leaf that loads a model, or still connects, says so and is measured by the clock of that. Parts run past without
 * being watched: the alarm rings at least as often as the shortest clock, and looks at what the attempt says of itself.
 * That is exact all the same, since no clock can have run out that was not running when the alarm rang before.
 */
import { Duration, Effect, type Fiber, Result, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { attemptsWithin, Facts } from "../domain/Facts.ts"
import { type Expectation, type Forecast, Known, type Quiet } from "../domain/Forecast.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { type Phase, refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import { exactly } from "../domain/Spread.ts"
import * as Target from "../domain/Target.ts"
import * as Units from "../domain/Units.ts"
import { Watch } from "../domain/Watch.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** To reach the server, for a leaf that says when it has. */
  connect: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("2s"))),
  /** To the first part: a time, one that grows with the prompt, or what the forecast expects. */
  firstToken: Schema.Union([Schema.Literal("auto"), Units.scaled.schema]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))
  ),
  /** Between two parts. */
  idle: Schema.Union([Schema.Literal("auto"), Units.span.schema]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))
  ),
  /** For a reader to take the next part. */
  reader: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("30s"))),
  /** For a model to load, for a leaf that says so; and the bound of what is `auto`. */
  load: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("5m")))
})

/**
 * Shares of the time that a call has left: no silence that is `auto` may last longer, and no load. Who has little left
 * says nothing of a target: they are never shares of less than `leastOf` says in nanoseconds.
 */
export interface Shares {
  readonly silent: number
  readonly load: number
  readonly leastOf: (caller: string) => number
}

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  forecast: Schema.optionalKey(
    Schema.declare((given): given is Forecast => given instanceof Object && "of" in given, { expected: "a forecast" })
  ),
  shares: Schema.optionalKey(
    Schema.declare((given): given is Shares => given instanceof Object && "leastOf" in given, { expected: "shares" })
  )
})

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded> {
  /** Who is asked what to expect; without one the forecast of the program. */
  readonly forecast?: Forecast
  /** How much of the time that its call has left each of them may take, where there is a deadline. */
  readonly shares?: Shares
}

/** Makes the clocks. They belong to one attempt. */
export const make = (options: Options = {}): Effect.Effect<Policy.Policy<"attempt", SpillwayError>, OptionsRefused> =>
  Effect.map(decode("Timeout", Extended)(options), (settings) => {
    const unscaled = limitsOf(settings)
    const fixed = isFixed(settings) && settings.shares === undefined ? unscaled : undefined
    return Policy.make<"attempt", SpillwayError>("Timeout", "attempt", (self) =>
      Effect.withFiber((fiber) => {
        const facts = fiber.getRef(Facts)
        const now = Alarm.now(fiber)
        const limits = fixed ?? limitsFor(settings, unscaled, facts, fiber, now)
        return new Clocks(fiber, facts, now, limits).run(self)
      })
    )
  })

type Settings = typeof Extended.Type

/** How long each clock runs, and the shortest of them, in nanoseconds. */
type Limits = Readonly<Record<Clock["phase"] | "shortest", number>>

/** The clock that runs, and since when. */
interface Clock {
  readonly phase: Extract<Phase, "connect" | "load" | "firstToken" | "idle" | "reader">
  readonly since: number
}

/** The clocks of one attempt; without a question, of a plain Effect, which is an answer of one part. */
class Clocks extends Watch {
  private readonly limits: Limits

  constructor(fiber: Fiber.Fiber<unknown, unknown>, facts: Facts | undefined, startedAt: number, limits: Limits) {
    super(fiber, facts, startedAt)
    this.limits = limits
  }

  protected get firstAt(): number {
    return this.startedAt + (this.isPlain ? this.limits.firstToken : this.limits.shortest)
  }

  protected look(now: number): number | SpillwayError {
    const attempts = this.isPlain ? [] : attemptsWithin(this.facts, this.attemptsBefore)
    // Of several that run side by side the last may be one that has lost.
    const attempt = attempts.findLast(({ endedAt }) => endedAt === undefined) ?? attempts.at(-1)
    const clock = this.isPlain ? this.plain : clockOf(attempt)
    // Nothing is late before the leaf has begun.
    if (clock === undefined) return now + this.limits.shortest
    const due = clock.since + this.limits[clock.phase]
    if (now < due) return Math.min(due, now + this.limits.shortest)
    const after = Alarm.spanOf(this.limits[clock.phase])
    return refusal({ _tag: "TimedOut", phase: clock.phase, after, parts: attempt?.parts ?? 0 })
  }

  private get isPlain(): boolean {
    return this.facts?.call.question === undefined
  }

  private get plain(): Clock {
    return { phase: "firstToken", since: this.startedAt }
  }
}

const clockOf = (attempt: Attempt | undefined): Clock | undefined => {
  if (attempt?.startedAt === undefined || attempt.endedAt !== undefined) return undefined
  if (attempt.blockedAt !== undefined) return { phase: "reader", since: attempt.blockedAt }
  const { lastAt, stretch } = attempt
  if (lastAt === undefined) {
    // A line of our own says nothing of the server.
    return stretch === "queue" ? undefined : { phase: stretch, since: attempt.stretchAt ?? attempt.startedAt }
  }
  return { phase: "idle", since: Math.max(lastAt, attempt.resumedAt ?? 0) }
}

/** The limits before the prompt and the forecast are known: `load` stands in for what is `auto`. */
const limitsOf = ({ connect, firstToken, idle, load, reader }: Settings): Limits =>
  withShortest({
    connect: Alarm.nanos(connect),
    load: Alarm.nanos(load),
    firstToken: Alarm.nanos(firstToken === "auto" ? load : firstToken.base),
    idle: Alarm.nanos(idle === "auto" ? load : idle),
    reader: Alarm.nanos(reader)
  })

const withShortest = (limits: Omit<Limits, "shortest">): Limits => {
  const { connect, firstToken, idle, load, reader } = limits
  return { ...limits, shortest: Math.min(connect, load, firstToken, idle, reader) }
}

const isFixed = ({ firstToken, idle }: Settings): boolean =>
  firstToken !== "auto" && Duration.isZero(firstToken.per) && idle !== "auto"

/** No hang is what takes so many times as long as is likely, or as a target may be quiet, or is shorter than this. */
const auto = {
  firstToken: { ofLikely: 4, ofQuiet: 2, floor: 10_000_000_000 },
  idle: { ofLikely: 20, ofQuiet: 2, floor: 15_000_000_000 }
}

const limitsFor = (
  settings: Settings,
  unscaled: Limits,
  facts: Facts | undefined,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: number
): Limits => {
  const { firstToken, idle, shares = all } = settings
  const { question, tokens } = facts?.call ?? {}
  const prompt = (question?.prompt ?? tokens)?.likely ?? 0
  const expected = firstToken === "auto" || idle === "auto" ? expectationOf(settings, facts, fiber) : undefined
  const { caller = "default", deadline = Infinity } = facts?.call ?? {}
  const left = Math.max(deadline - now, shares.leastOf(caller))
  const silent = Math.min(unscaled.load, left * shares.silent)
  // What a forecast knows no end of is not known: a difference of two such is no number.
  const bounded = (likely: number, quiet: number, { floor, ofLikely, ofQuiet }: typeof auto.idle) =>
    Math.min(Math.max((Number.isNaN(likely) ? Infinity : likely) * ofLikely, quiet * ofQuiet, floor), silent)
  const limits = { ...unscaled, load: Math.min(unscaled.load, left * shares.load) }
  const { firstTokenIn, pauses, quiet = neverQuiet, startsIn } = expected ?? unexpected
  if (firstToken !== "auto") limits.firstToken = Alarm.nanos(Units.clockOf(firstToken, prompt))
  else limits.firstToken = bounded(firstTokenIn.likely - startsIn.likely, quiet.first, auto.firstToken)
  if (idle === "auto") limits.idle = bounded(pauses.likely, quiet.between, auto.idle)
  return withShortest(limits)
}

const all: Shares = { silent: 1, load: 1, leastOf: () => Infinity }

const neverQuiet: Quiet = { first: 0, between: 0 }

const never = exactly(Infinity)

/** Of what nobody expects anything it is not known when it ends. */
const unexpected: Expectation = { startsIn: exactly(0), firstTokenIn: never, endsIn: never, pauses: never }

const expectationOf = (
  { forecast }: Settings,
  facts: Facts | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Expectation | undefined => {
  const question = facts?.call.question
  const target = Target.parse(facts?.target ?? "")
  if (question === undefined || Result.isFailure(target)) return undefined
  return (forecast ?? fiber.getRef(Known))?.of(question, target.success, facts!.call.caller)
}
