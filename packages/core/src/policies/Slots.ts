/**
 * Never more calls really running at a target than it has slots.
 *
 * An Ollama takes any number of requests and works on a few: the rest wait where nobody sees them. Slots count what
 * runs until it has really ended, work included that ignores its interrupt, and refuse at once what would be one too
 * many. Whoever would rather wait for his turn stands in a `Queue`, which takes these slots for him.
 */
import { Effect, type Exit, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { attemptsCount, contextOf, Facts, plain } from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Count, Held, type Places, release, type State, type Taken, Targets } from "../domain/Places.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Units from "../domain/Units.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How many may run at once; `auto` is learned from where more at once does not get more done. */
  slots: Count.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** Whose calls share them. */
  per: Schema.Literals(["target", "key", "caller", "all"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("target" as const))
  ),
  /** How many targets are told apart at most; those of all others share their slots. */
  keysMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(10_000)))
})

const ByHand = Schema.Struct({ slots: Count })

/** The options as TypeScript takes them. */
export type Options = Widened<typeof Options.Encoded>

/** Slots: a policy that can be looked at, and whose number can be changed while calls run. */
export interface Slots extends Policy.Policy<"attempt", SpillwayError> {
  /** How those of a target stand; without a key those of the calls that named none. */
  readonly state: (key?: string) => Effect.Effect<State>
  /** Changes the number of one target, for good: what runs goes on, and nobody is let in until enough have ended. */
  readonly resize: (slots: typeof Count.Type, key?: string) => Effect.Effect<void, OptionsRefused>
  /** For a queue, which takes them in another's name. */
  readonly targets: Targets
}

/** Makes them. They belong to one attempt. */
export const make = (options: Options = {}): Effect.Effect<Slots, OptionsRefused> =>
  Effect.map(decode("Slots", Options)(options), ({ keysMax, per, slots }) => {
    const targets = new Targets(slots, per, keysMax)
    const policy = Policy.make<"attempt", SpillwayError>("Slots", "attempt", (self) =>
      Effect.withFiber((fiber) => {
        const around = fiber.getRef(Facts)
        // Work that a clock gives up tells the scope around it when it has really ended: there has to be one.
        const facts = around?.call.question === undefined ? plain(fiber, around) : around
        const run = new Run(targets, self, fiber, facts)
        return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
      })
    )
    return Object.assign(policy, {
      targets,
      state: (key = "default") => Effect.sync(() => targets.find(key).state),
      resize: (bound: typeof Count.Type, key = "default") =>
        Effect.flatMap(decode("Slots", ByHand)({ slots: bound }), ({ slots: given }) =>
          Effect.withFiber((fiber) => Effect.sync(() => targets.of(key).resize(given, Alarm.now(fiber))))
        )
    })
  })

/** A call that holds a place until it has really ended. */
class Run<A, E, R> extends Held implements Policy.Run<A, E | SpillwayError, R>, Taken {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts
  readonly attemptsBefore: number
  private taken: Places | undefined
  private readonly targets: Targets
  private readonly self: Effect.Effect<A, E, R>

  constructor(targets: Targets, self: Effect.Effect<A, E, R>, fiber: Fiber.Fiber<unknown, unknown>, facts: Facts) {
    super()
    this.taken = undefined
    this.targets = targets
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
  }

  get places(): Places {
    return this.taken!
  }

  enter(): Effect.Effect<A, E | SpillwayError, R> {
    const now = Alarm.now(this.fiber)
    // Places that nobody holds may be forgotten while a fiber yields: what is found is taken at once.
    const places = this.targets.placesOf(this.facts, now)
    if (!places.take(this, now)) return Effect.fail(refused(places, now))
    this.taken = places
    return this.self
  }

  leave(exit: Exit.Exit<A, E | SpillwayError>): undefined {
    if (this.taken !== undefined) release(this, exit)
    return undefined
  }
}

const refused = (places: Places, now: number): SpillwayError => {
  const freeIn = places.freeIn(0, now)
  const every = (places.holds ?? 0) / places.bound
  return refusal({
    _tag: "QueueFull",
    queued: 0,
    queuedMax: 0,
    ...(freeIn !== undefined && { retryAfter: Alarm.spanOf(places.promises.next(freeIn, every, now)) })
  })
}
