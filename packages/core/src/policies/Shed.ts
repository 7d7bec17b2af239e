/**
 * Refuses at once what cannot be over by its deadline, or begins after its caller will have left.
 *
 * Under lasting overload a line that takes everybody serves those who have waited longest, which are those who will be
 * gone before they are served: all the work is done and nobody has anything of it. Whoever is told at once that it
 * would take too long can ask elsewhere, and those who are let in are served in time. Who names no deadline has one all
 * the same: it is learned from when he left. Nobody is refused while nothing is known, nor where nobody waits.
 */
import { Cause, Effect, Exit, type Fiber, Result, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { contextOf, Facts, keyOf, plain } from "../domain/Facts.ts"
import { Known } from "../domain/Forecast.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { Keyed } from "../domain/Keyed.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Patience } from "../domain/Patience.ts"
import { Promises } from "../domain/Promises.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Target from "../domain/Target.ts"
import * as Units from "../domain/Units.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How much longer than expected it may take and still be let in: an expectation is a mean, and half take longer. */
  slack: Units.percent.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("0%"))),
  /** Whether it is learned how long a caller waits who names no deadline; else he is never refused. */
  patience: Schema.Literals(["learned", "endless"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("learned" as const))
  )
})

/** When a call would begin and be over, in nanoseconds from now, and how often a turn comes free: a `Queue` knows. */
export interface Expecting {
  readonly expectation: (
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts | undefined
  ) =>
    | {
        readonly startsIn: number
        readonly endsIn: number
        /** At the earliest, but for one call of ten. */
        readonly earliest?: number
        readonly every: number
        readonly isIdle?: boolean
      }
    | undefined
}

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  queue: Schema.optionalKey(
    Schema.declare((given): given is Expecting => given instanceof Object && "expectation" in given, {
      expected: "a queue that was made"
    })
  )
})

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded> {
  /** The line that a call would stand in; without one the forecast of the program is asked. */
  readonly queue?: Expecting
}

/** Makes it. It belongs to the whole call, within whatever gives it its deadline. */
export const make = (options: Options = {}): Effect.Effect<Policy.Policy<"call", SpillwayError>, OptionsRefused> =>
  Effect.map(decode("Shed", Extended)(options), ({ patience, queue, slack }) => {
    const settings: Settings = {
      queue: queue ?? forecast,
      slack,
      promises: new Keyed(targetsMax, () => new Promises()),
      patiences: new Keyed(callersMax, () => new Patience())
    }
    return Policy.make<"call", SpillwayError>("Shed", "call", (self) =>
      Effect.withFiber((fiber) => {
        const facts = fiber.getRef(Facts)
        const now = Alarm.now(fiber)
        const refused = (facts?.call.deadline ?? Infinity) < Infinity ? tooLate(fiber, facts, settings, now) : undefined
        if (refused !== undefined) return Effect.fail(refused)
        return patience === "learned" ? patiently(self, fiber, facts, settings, now) : self
      })
    )
  })

/** Of how many targets at most is remembered what was promised there, and of how many callers how long they wait. */
const targetsMax = 10_000
const callersMax = 10_000

interface Settings {
  readonly queue: Expecting
  readonly slack: number
  readonly promises: Keyed<Promises>
  readonly patiences: Keyed<Patience>
}

/** When to come back: once so much of the line is served as is too much of it now. */
const comeBack = ({ promises }: Settings, facts: Facts | undefined, tooLong: number, every: number, now: number) =>
  Alarm.spanOf(promises.get(keyOf("target", facts), now)?.next(tooLong, every, now) ?? tooLong)

/** Why one would not be done by his deadline, if so. */
const tooLate = (
  fiber: Fiber.Fiber<unknown, unknown>,
  facts: Facts | undefined,
  settings: Settings,
  now: number
): SpillwayError | undefined => {
  const left = (facts?.call.deadline ?? Infinity) - now
  const expected = settings.queue.expectation(fiber, facts)
  // Whoever may well be over in time is let in: of what is never begun nobody learns that it takes less.
  if (expected === undefined || (expected.earliest ?? expected.endsIn) <= left * (1 + settings.slack)) return undefined
  // What was learned of an idle target may be long over: one call at a time finds out.
  if (expected.isIdle === true) return undefined
  const { endsIn, every } = expected
  const retryAfter = comeBack(settings, facts, endsIn - left, every, now)
  return refusal({ _tag: "DeadlineUnmeetable", expected: Alarm.spanOf(endsIn), retryAfter })
}

/** One who will probably have left before his deadline, or has named none. */
const patiently = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  around: Facts | undefined,
  settings: Settings,
  now: number
): Effect.Effect<A, E | SpillwayError, R> => {
  const patience = settings.patiences.get(keyOf("caller", around), now)
  if (patience === undefined) return self
  const longest = patience.longest(now)
  const expected = longest < Infinity ? settings.queue.expectation(fiber, around) : undefined
  if (expected !== undefined && expected.startsIn > longest) {
    const { every, startsIn } = expected
    return Effect.fail(
      refusal({
        _tag: "DeadlineUnmeetable",
        expected: Alarm.spanOf(patience.usual + startsIn),
        patience: Alarm.spanOf(patience.usual + longest),
        retryAfter: comeBack(settings, around, startsIn - longest, every, now)
      })
    )
  }
  // How long he waits for his turn is told to the scope around it: there has to be one.
  const facts = around?.call.question === undefined ? plain(fiber, around) : around
  const run = new Run(self, fiber, facts, settings.patiences, now)
  return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
}

/** A call whose caller teaches how long he waits. */
class Run<A, E, R> implements Policy.Run<A, E, R> {
  private readonly self: Effect.Effect<A, E, R>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly facts: Facts
  private readonly patiences: Keyed<Patience>
  private readonly cameAt: number

  constructor(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts,
    patiences: Keyed<Patience>,
    cameAt: number
  ) {
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.patiences = patiences
    this.cameAt = cameAt
  }

  enter(): Effect.Effect<A, E, R> {
    return this.self
  }

  leave(exit: Exit.Exit<A, E>): undefined {
    const { cameAt, facts } = this
    const now = Alarm.now(this.fiber)
    // One of whom nothing is known may have been forgotten since he came.
    const patience = this.patiences.get(keyOf("caller", facts), now)
    if (patience === undefined) return undefined
    const firstAt = facts.call.delivery.parts === 0 ? undefined : firstWordAt(facts)
    if (firstAt !== undefined || Exit.isSuccess(exit)) {
      patience.stayed((firstAt ?? now) - cameAt, facts.call.waits.nanos, now)
    } else if (Cause.hasInterruptsOnly(exit.cause)) patience.left(now - cameAt, now)
    else patience.waited(now - cameAt, now)
    return undefined
  }
}

const firstWordAt = ({ call }: Facts): number | undefined =>
  call.attempts.find(({ firstAt }) => firstAt !== undefined)?.firstAt

/** What the forecast of the program says, where there is one and a question is asked. */
const forecast: Expecting = {
  expectation: (fiber, facts) => {
    const question = facts?.call.question
    const target = Target.parse(facts?.target ?? "")
    if (question === undefined || Result.isFailure(target)) return undefined
    const expected = fiber.getRef(Known)?.of(question, target.success, facts!.call.caller)
    if (expected === undefined) return undefined
    const endsIn = expected.endsIn.likely
    const startsIn = expected.startsIn.likely
    return { startsIn, endsIn, every: endsIn - startsIn }
  }
}
