/**
 * The whole call, waits and retries included, is over by one moment.
 *
 * The moment is fixed once, on the monotonic clock, when the call comes in, and is the earliest of all that were named
 * around it. Everything inside reads it: nothing waits, and nobody tries again, beyond it. At that moment the caller is
 * told, and the work is interrupted; work that ignores its interrupt goes on without him.
 */
import { Effect, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { type CallFacts, contextOf, saying } from "../domain/Facts.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Units from "../domain/Units.ts"
import { Watch } from "../domain/Watch.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How long the whole call may take. */
  deadline: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("2m")))
})

/** The options as TypeScript takes them. */
export type Options = Widened<typeof Options.Encoded>

/** Makes a deadline. It belongs to the whole call. */
export const make = (options: Options = {}): Effect.Effect<Policy.Policy<"call", SpillwayError>, OptionsRefused> =>
  Effect.map(decode("Deadline", Options)(options), ({ deadline }) => {
    const within = Alarm.nanos(deadline)
    const said = { within }
    return Policy.make<"call", SpillwayError>("Deadline", "call", (self) =>
      Effect.withFiber((fiber) => {
        const now = Alarm.now(fiber)
        const facts = saying(fiber, said, now)
        const watch = new Moment(fiber, facts, now)
        // What is watched has a fiber of its own, which is all that has to know them.
        return watch.isAhead ? watch.run(self, contextOf(fiber, facts)) : Effect.fail(watch.look())
      })
    )
  })

/** The one moment by which a call has to be over. */
class Moment extends Watch {
  get isAhead(): boolean {
    return this.startedAt < this.firstAt
  }

  protected get firstAt(): number {
    return this.call.deadline
  }

  look(): SpillwayError {
    const after = Alarm.spanOf(this.firstAt - this.startedAt)
    return refusal({ _tag: "TimedOut", phase: "total", after, parts: this.call.delivery.parts })
  }

  /** A deadline has made a scope for itself, so there are facts. */
  private get call(): CallFacts {
    return this.facts!.call
  }
}
