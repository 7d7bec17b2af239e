/**
 * Refuses at once what cannot be over by its deadline.
 *
 * Under lasting overload a line that takes everybody serves those who have waited longest, which are those who will be
 * gone before they are served: all the work is done and nobody has anything of it. Whoever is told at once that it
 * would take too long can ask elsewhere, and those who are let in are served in time. Nobody is refused while nothing
 * is known.
 */
import { Effect, type Fiber, Result, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { Facts, keyOf } from "../domain/Facts.ts"
import { Known } from "../domain/Forecast.ts"
import { Keyed } from "../domain/Keyed.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Promises } from "../domain/Promises.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Target from "../domain/Target.ts"
import * as Units from "../domain/Units.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How much longer than expected it may take and still be let in: an expectation is a mean, and half take longer. */
  slack: Units.percent.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("0%")))
})

/** When a call would be over, in nanoseconds from now, and how often a turn comes free, as a `Queue` knows it. */
export interface Expecting {
  readonly expectation: (
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts | undefined
  ) => { readonly endsIn: number; readonly every: number } | undefined
}

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded> {
  /** The line that a call would stand in; without one the forecast of the program is asked. */
  readonly queue?: Expecting
}

/** Makes it. It belongs to the whole call, within whatever gives it its deadline. */
export const make = (options: Options = {}): Effect.Effect<Policy.Policy<"call", SpillwayError>, OptionsRefused> => {
  const { queue = forecast, ...given } = options
  return Effect.map(decode("Shed", Options)(given), ({ slack }) => {
    const promises = new Keyed(targetsMax, () => new Promises())
    return Policy.make<"call", SpillwayError>("Shed", "call", (self) =>
      Effect.withFiber((fiber) => guard(self, fiber, { queue, slack, promises }))
    )
  })
}

/** Of how many targets at most is remembered what was promised there. */
const targetsMax = 10_000

interface Settings {
  readonly queue: Expecting
  readonly slack: number
  readonly promises: Keyed<Promises>
}

const guard = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  { promises, queue, slack }: Settings
): Effect.Effect<A, E | SpillwayError, R> => {
  const facts = fiber.getRef(Facts)
  const deadline = facts?.call.deadline ?? Infinity
  if (deadline === Infinity) return self
  const now = Alarm.now(fiber)
  const left = deadline - now
  const expected = queue.expectation(fiber, facts)
  if (expected === undefined || expected.endsIn <= left * (1 + slack)) return self
  const { endsIn, every } = expected
  // By then so much of the line is served as is too much of it now.
  const comeBack = promises.get(keyOf("target", facts), now)?.next(endsIn - left, every, now) ?? endsIn - left
  return Effect.fail(
    refusal({
      _tag: "DeadlineUnmeetable",
      expected: Alarm.spanOf(endsIn),
      retryAfter: Alarm.spanOf(comeBack)
    })
  )
}

/** What the forecast of the program says, where there is one and a question is asked. */
const forecast: Expecting = {
  expectation: (fiber, facts) => {
    const question = facts?.call.question
    const target = Target.parse(facts?.target ?? "")
    if (question === undefined || Result.isFailure(target)) return undefined
    const expected = fiber.getRef(Known)?.of(question, target.success)
    if (expected === undefined) return undefined
    const endsIn = Alarm.nanos(expected.endsIn)
    return { endsIn, every: endsIn - Alarm.nanos(expected.startsIn) }
  }
}
