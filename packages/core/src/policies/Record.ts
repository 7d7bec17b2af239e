/**
 * Puts every call on record, exactly once, whatever becomes of it.
 *
 * What is kept hangs on a frame around everything else, so that success, failure, refusal, defect and interrupt all
 * come past it. It is written aside, on a fiber of its own behind a bounded buffer: a sink that is slow costs records,
 * which are counted, and never a call; one that breaks costs the record that it broke on.
 */
import { type Cause, Clock, type Duration, Effect, Exit, Fiber, Queue, Schema, type Scope } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { type CallRecord, type Ended, of } from "../domain/CallRecord.ts"
import { attemptsCount, attemptsWithin, contextOf, Facts, plain } from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { aFunction, decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { Priced, PriceList } from "../domain/PriceList.ts"
import * as Units from "../domain/Units.ts"
import type { Classify } from "../domain/Verdict.ts"
import * as Policy from "../Policy.ts"

export { type AttemptRecord, type CallRecord, toLine } from "../domain/CallRecord.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How many records may wait for the sink, the one that it has in hand included. */
  buffer: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000))),
  /** How long what still waits may take when the scope closes. */
  closing: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("5s"))),
  /** What its calls are asked for by, where that is no model. */
  route: Schema.optionalKey(Schema.String),
  /** What a model costs, by `upstream/model` or by model; what nobody has priced has no cost. */
  prices: Schema.Record(Schema.String, Priced).pipe(Schema.withDecodingDefaultKey(Effect.succeed({})))
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  sink: aFunction<Sink>(),
  classify: Schema.optionalKey(aFunction<Classify>())
})

/** Takes each record: at once, or as an Effect, which is waited for before the next. */
export type Sink = (record: CallRecord) => void | Effect.Effect<unknown>

/** The options as TypeScript takes them. */
export interface Options extends Widened<typeof Options.Encoded> {
  readonly sink: Sink
  /** Which row of the failure table a foreign failure belongs to. */
  readonly classify?: Classify
}

/** What became of the records so far; together they are as many as there were calls. */
export interface State {
  readonly written: number
  /** The sink broke on them. */
  readonly failed: number
  /** There was no room for them, or nobody to write them any more. */
  readonly dropped: number
  readonly waiting: number
}

/** A record: a policy that tells what became of its records. */
export interface Record extends Policy.Policy<"call"> {
  readonly state: Effect.Effect<State>
}

/** Makes it. It belongs to the whole call, before everything else; when the scope closes it writes what still waits. */
export const make = (options: Options): Effect.Effect<Record, OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* decode("Record", Extended)(options)
    const desk = new Desk(settings, yield* Queue.unbounded<CallRecord, Cause.Done>())
    const writer = yield* Effect.forkDetach(desk.write)
    yield* Effect.addFinalizer(() => desk.close(writer, settings.closing))
    const policy = Policy.make<"call">("Record", "call", (self) =>
      Effect.withFiber((fiber) => {
        const around = fiber.getRef(Facts)
        // What a plain Effect uses, and how long it waits, is told to the scopes around it: it needs one to listen in.
        const facts = around?.call.question === undefined ? plain(fiber, around) : around
        const run = new Run(desk, self, fiber, facts, facts === around ? facts.call.waits.nanos : 0)
        return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
      })
    )
    return Object.assign(policy, { state: Effect.sync(() => desk.state) })
  })

type Settings = typeof Extended.Type

/** One guarded call, from its beginning to its record. */
class Run<A, E, R> implements Policy.Run<A, E, R> {
  private readonly desk: Desk
  private readonly self: Effect.Effect<A, E, R>
  private readonly clock: Clock.Clock
  private readonly facts: Facts
  private readonly waitedBefore: number
  private readonly attemptsBefore: number
  private readonly ts: number
  private readonly startedAt: number

  constructor(
    desk: Desk,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts,
    waitedBefore: number
  ) {
    this.desk = desk
    this.self = self
    this.clock = fiber.getRef(Clock.Clock)
    this.facts = facts
    this.waitedBefore = waitedBefore
    this.attemptsBefore = attemptsCount(facts)
    this.ts = this.clock.currentTimeMillisUnsafe()
    this.startedAt = Alarm.read(this.clock)
  }

  enter(): Effect.Effect<A, E, R> {
    return this.self
  }

  leave(exit: Exit.Exit<A, E>): Effect.Effect<never> | undefined {
    const { desk } = this
    if (!desk.hasRoom()) return undefined
    const ended = this.ended(exit)
    try {
      desk.take(of(ended, desk.classify))
      return undefined
    } catch (thrown) {
      // Whatever `classify` throws: there is a record all the same, and an answer stays one.
      desk.take(of(ended, () => "Unknown"))
      return exit._tag === "Success" ? undefined : Effect.die(thrown)
    }
  }

  private ended(exit: Exit.Exit<A, E>): Ended {
    const { desk, facts, startedAt, ts } = this
    return {
      facts,
      attempts: attemptsWithin(facts, this.attemptsBefore),
      exit,
      route: desk.route,
      ts,
      startedAt,
      endedAt: Alarm.read(this.clock),
      waited: facts.call.waits.nanos - this.waitedBefore,
      prices: desk.prices
    }
  }
}

const isEffect = (said: unknown): said is Effect.Effect<unknown> => Effect.isEffect(said)

/** After so many records others have a turn. */
const atATime = 256

/** Where records are written: the buffer, its one writer, and what became of how many. */
class Desk {
  readonly route: string | undefined
  readonly prices: PriceList | undefined
  readonly classify: Classify | undefined
  private readonly buffer: number
  private readonly sink: Sink
  private readonly queue: Queue.Queue<CallRecord, Cause.Done>
  private isOpen = true
  private written = 0
  private failed = 0
  private dropped = 0
  private waiting = 0

  constructor({ buffer, classify, prices, route, sink }: Settings, queue: Queue.Queue<CallRecord, Cause.Done>) {
    this.route = route
    this.prices = Object.keys(prices).length === 0 ? undefined : new PriceList(prices, undefined)
    this.classify = classify
    this.buffer = buffer
    this.sink = sink
    this.queue = queue
  }

  get state(): State {
    const { dropped, failed, waiting, written } = this
    return { written, failed, dropped, waiting }
  }

  /** Whether one more can be taken; otherwise it counts as dropped. */
  hasRoom(): boolean {
    if (this.isOpen && this.waiting < this.buffer) return true
    this.dropped++
    return false
  }

  take(record: CallRecord): void {
    // Who is closing takes no more.
    if (Queue.offerUnsafe(this.queue, record)) this.waiting++
    else this.dropped++
  }

  /** Writes one record after the other, until there will be no more. */
  get write(): Effect.Effect<void> {
    return Queue.takeBetween(this.queue, 1, atATime).pipe(
      Effect.flatMap((records) => this.say(records, 0)),
      Effect.forever({ disableYield: true }),
      Effect.ignore
    )
  }

  /** Takes no more, and lets the writer write what waits, though not for ever. */
  close(writer: Fiber.Fiber<void>, within: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      Queue.endUnsafe(this.queue)
      return Effect.interruptible(Effect.timeoutOption(Fiber.await(writer), within))
    }).pipe(
      Effect.map(() => {
        this.isOpen = false
        writer.interruptUnsafe()
        this.dropped += this.waiting
        this.waiting = 0
      })
    )
  }

  /** Tells the sink all of them from one on; an Effect of the sink is waited for before the next. */
  private say(records: ReadonlyArray<CallRecord>, from: number): Effect.Effect<void> {
    for (let at = from; at < records.length; at++) {
      const said = this.tell(records[at]!)
      if (said !== undefined) {
        return Effect.exit(said).pipe(
          Effect.flatMap((exit) => this.wrote(exit) ?? Effect.void),
          Effect.flatMap(() => this.say(records, at + 1))
        )
      }
      void this.wrote(Exit.void)
    }
    return Effect.void
  }

  /** The Effect that writes it, or nothing where that is done; a promise, which no type allows, is waited for too. */
  private tell(record: CallRecord): Effect.Effect<unknown, "failed"> | undefined {
    try {
      const said: unknown = this.sink(record)
      if (isEffect(said)) return said
      return said instanceof Promise
        ? Effect.tryPromise({ try: () => said, catch: () => "failed" as const })
        : undefined
    } catch (thrown) {
      return Effect.die(thrown)
    }
  }

  private wrote(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    if (!this.isOpen) return undefined
    this.waiting--
    if (exit._tag === "Success") {
      this.written++
      return undefined
    }
    this.failed++
    // The first, the tenth, the hundredth: whoever looks learns of it, and nobody is flooded.
    if (!Number.isInteger(Math.log10(this.failed))) return undefined
    return Effect.logWarning(`Record: the sink has failed, ${this.failed} in all`, exit.cause)
  }
}
