/**
 * A bounded, fair line for the slots of a target.
 *
 * Servers of models queue without a bound and in the order of arrival, so that one careless agent keeps all others
 * waiting and nobody learns of it. Here turns go round between callers by their weights, urgent ones first but not for
 * ever; how long the line may be, in calls and in bytes, is bounded; whoever leaves it leaves no trace, and whose time
 * is over is never let in. A turn is a slot: it is held until the work has really ended.
 */
import { Effect, type Exit, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import {
  about,
  attemptsCount,
  type CallFacts,
  contextOf,
  Facts,
  keyOf,
  plain,
  type Priority,
  waited
} from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { Line, type Waiting } from "../domain/Line.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import {
  Count,
  Held,
  type Places,
  type Queued,
  release,
  type State as Slots,
  type Taken,
  Targets
} from "../domain/Places.ts"
import { type Expected, full, isShared, type Rooms, type Shared, type Waits } from "../domain/Rooms.ts"
import { Running } from "../domain/Running.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Units from "../domain/Units.ts"
import * as Policy from "../Policy.ts"

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** How many may run at once at a target; `auto` is learned from where more at once does not get more done. */
  slots: Count.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** How many may wait for a target, and how many bytes their questions may hold together. */
  max: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(Schema.withDecodingDefaultKey(Effect.succeed(64))),
  bytesMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(64_000_000))),
  /** The longest that anybody waits. */
  wait: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("30s"))),
  /** Between whom turns are shared. */
  per: Schema.Literals(["caller", "key"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("caller" as const))),
  /** How much of the turns each has, beside the 1 of everybody else. */
  weights: Schema.Record(Schema.String, Schema.Finite.check(Schema.isGreaterThan(0))).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed({}))
  ),
  /** How many calls of each may run at once. */
  running: Schema.optionalKey(Units.count.schema),
  /** After how long in vain those of one priority are as urgent as those of the next, for a turn. */
  ageing: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("10s")))
})

/** The options as TypeScript takes them: slots may also be those of a `Slots`, which others take from as well. */
export type Options = Omit<Widened<typeof Options.Encoded>, "slots"> & {
  readonly slots?: typeof Count.Type | { readonly targets: Shared }
}

export type { Expected, Waits }

/** How a target stands: its slots, and who waits for them, in the order in which they will go. */
export interface State extends Slots {
  readonly waiting: ReadonlyArray<Waits>
  readonly bytes: number
}

/** A queue: a policy whose line can be looked at. */
export interface Queue extends Policy.Policy<"between", SpillwayError> {
  readonly state: (target?: string) => Effect.Effect<State>
  /** Where a call stands in the line of a target, known by its waits; nothing where it does not wait there. */
  readonly place: (waits: CallFacts["waits"], now: number, target?: string) => Waits | undefined
  /** When a call with these facts would have its turn and be over, in nanoseconds; nothing while nobody knows. */
  readonly expectation: (fiber: Fiber.Fiber<unknown, unknown>, facts: Facts | undefined) => Expected | undefined
}

/**
 * Makes a queue. It stands between a call and its attempts: inside a `Retry`, so that who waits to try again holds
 * nothing.
 */
export const make = (options: Options = {}): Effect.Effect<Queue, OptionsRefused> =>
  Effect.gen(function* () {
    const given = options instanceof Object ? options.slots : undefined
    const settings = yield* decode("Queue", Options)(isShared(given) ? { ...options, slots: 1 } : options)
    const targets = isShared(given) ? given.targets : new Targets(settings.slots, "target", targetsMax)
    const desk = new Desk(targets, settings)
    const policy = Policy.make<"between", SpillwayError>("Queue", "between", (self) =>
      Effect.withFiber((fiber) => {
        const around = fiber.getRef(Facts)
        const facts = around?.call.question === undefined ? plain(fiber, around) : around
        const run = new Run(desk, self, fiber, facts)
        return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
      })
    )
    return Object.assign(policy, {
      expectation: (fiber: Fiber.Fiber<unknown, unknown>, around: Facts | undefined) => {
        const now = Alarm.now(fiber)
        const pool = desk.poolOf(targets.placesOf(around, now))
        if (pool.line.size === 0 && settings.running === undefined) return pool.expectation(0, undefined, around, now)
        const run = new Run(desk, Effect.void, fiber, around ?? plain(fiber, undefined))
        run.cameAt = now
        return pool.expectation(pool.line.before(run, now) ?? pool.line.size, run.key, around, now)
      },
      place: (waits: CallFacts["waits"], now: number, target = "default") =>
        desk.poolOf(targets.find(target)).place(waits, now),
      state: (target = "default") =>
        Effect.withFiber((fiber) => Effect.succeed(desk.poolOf(targets.find(target)).state(Alarm.now(fiber))))
    })
  })

/** How many targets have lines of their own at most; all others stand in one. */
const targetsMax = 10_000

type Settings = typeof Options.Type

const urgencies: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 }

/** What all lines of a queue share: its settings, and how many calls of each run. */
class Desk {
  readonly targets: Shared
  readonly settings: Settings
  readonly waitMax: number
  /** Keys come from callers, and may be called what every object has. */
  readonly weights: ReadonlyMap<string, number>
  readonly running: Running
  private readonly pools = new WeakMap<Rooms, Pool>()

  constructor(targets: Shared, settings: Settings) {
    this.targets = targets
    this.settings = settings
    this.waitMax = Alarm.nanos(settings.wait)
    this.weights = new Map(Object.entries(settings.weights))
    this.running = new Running(settings.running ?? Infinity)
  }

  poolOf(rooms: Rooms): Pool {
    let pool = this.pools.get(rooms)
    if (pool === undefined) this.pools.set(rooms, (pool = new Pool(rooms, this)))
    return pool
  }
}

/** The line before the places of one target, or of several. */
class Pool implements Queued {
  readonly rooms: Rooms
  readonly line: Line<AnyRun>
  private readonly desk: Desk

  constructor(rooms: Rooms, desk: Desk) {
    this.rooms = rooms
    this.desk = desk
    const { ageing, bytesMax, max } = desk.settings
    this.line = new Line({ max, bytesMax, ageing: Alarm.nanos(ageing) })
    rooms.onRoom(this)
  }

  /** Takes a place for him at once, or puts him into the line, or says why neither. */
  enter(run: AnyRun): SpillwayError | undefined {
    const now = run.cameAt
    if (now >= run.until) return run.late(now)
    const refused = this.rooms.refusal(run.until, now, run.facts)
    if (refused !== undefined) return refused
    // Where a place is free nobody waits for it but those whose key runs as many as it may, or whom it does not fit.
    if (this.line.size > 0) this.dispatch(now)
    if (this.rooms.hasRoomAt(now) && this.desk.running.hasRoom(run.key) && this.rooms.fits(run, now)) {
      this.start(run, now)
      return undefined
    }
    run.until = Math.min(run.until, this.rooms.lastMoment?.(run.facts, now) ?? Infinity)
    if (now >= run.until) return run.late(now)
    const victims = this.line.enter(run)
    if (victims === undefined) return this.full(run, now)
    for (const victim of victims) victim.end(this.full(victim, now))
    this.desk.running.changed(this)
    this.rooms.waited(run.fiber)
    return undefined
  }

  leave(run: AnyRun): boolean {
    const wasThere = this.line.leave(run)
    if (wasThere) this.desk.running.changed(this)
    return wasThere
  }

  place(waits: CallFacts["waits"], now: number): Waits | undefined {
    return this.waiting(now)[this.line.order(now).findIndex(({ facts }) => facts.call.waits === waits)]
  }

  state(now: number): State {
    return { ...this.rooms.state, waiting: this.waiting(now), bytes: this.line.bytes }
  }

  private waiting(now: number): ReadonlyArray<Waits> {
    const own = new Map<string, number>()
    return this.line.order(now).map((run, index) => {
      const ownBefore = own.get(run.key) ?? 0
      own.set(run.key, ownBefore + 1)
      return {
        key: run.key,
        priority: run.facts.call.priority,
        position: index + 1,
        since: Alarm.spanOf(now - run.cameAt),
        expected: Alarm.spanIfKnown(this.startsIn(index, run.key, ownBefore, now))
      }
    })
  }

  /** What one may expect who has so many before him. */
  expectation(before: number, key: string | undefined, facts: Facts | undefined, now: number): Expected | undefined {
    const { bound, holds, taken } = this.rooms
    const startsIn = this.startsIn(before, key, key === undefined ? 0 : this.line.countOf(key), now)
    if (holds === undefined || startsIn === undefined) return undefined
    const every = holds / Math.max(bound, 1)
    const isIdle = taken === 0 && this.line.size === 0
    const { likely = holds, low = holds } = (isIdle ? undefined : facts && this.rooms.lasts?.(facts, now)) ?? {}
    return { startsIn, endsIn: startsIn + likely, earliest: startsIn + low, every, isIdle }
  }

  /** When his turn comes who has so many before him, so many of them of his own key. */
  private startsIn(before: number, key: string | undefined, ownBefore: number, now: number): number | undefined {
    const { holds } = this.rooms
    const freeIn = this.rooms.freeIn(before, now)
    const { running } = this.desk
    if (freeIn === undefined || holds === undefined || key === undefined || running.most === Infinity) return freeIn
    const turns = Math.max(ownBefore + 1 - (running.most - running.of(key)), 0)
    return Math.max(freeIn, (turns * holds) / running.most)
  }

  sweep(now: number): void {
    for (const run of this.line.order(now)) {
      const refused = this.rooms.refusal(run.until, now, run.facts)
      if (refused !== undefined && this.line.leave(run)) run.end(refused)
    }
  }

  /** Lets in whoever may go; who is woken goes on when all of them have been told. */
  dispatch(now: number): void {
    // Where nobody can have one any more, who waits is told so, and may go elsewhere.
    if (this.line.size > 0 && this.rooms.refusal(now, now) !== undefined) this.sweep(now)
    while (this.line.size > 0 && this.rooms.hasRoomAt(now)) {
      const run = this.line.next(now, this.desk.running.hasRoom, (who) => this.rooms.fits(who, now))
      if (run === undefined) break
      // An alarm may be late: whose time is over has gone already.
      if (now >= run.until) run.end(run.late(now))
      else this.start(run, now)
    }
    this.desk.running.changed(this)
  }

  private start(run: AnyRun, now: number): void {
    run.taken = this.rooms.choose(run, now)
    this.desk.running.begin(run.key)
    run.start(now)
  }

  private full({ bytes }: AnyRun, now: number): SpillwayError {
    const { bytesMax, max } = this.desk.settings
    return full(this.rooms, { line: this.line, max, bytesMax, bytes }, now)
  }
}

type AnyRun = Run<unknown, unknown, unknown>

/** A call that waits for its turn, and then has it until its work has really ended. */
class Run<A, E, R> extends Held implements Waiting, Taken, Alarm.Ringing, Policy.Run<A, E | SpillwayError, R> {
  readonly key: string
  readonly weight: number
  readonly priority: number
  readonly cost: number
  readonly bytes: number
  readonly facts: Facts
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly attemptsBefore: number
  cameAt = 0
  /** When his patience ends. */
  until = Infinity
  taken: Places | undefined = undefined
  private pool: Pool | undefined = undefined
  private hasTurn = false
  private readonly desk: Desk
  private readonly self: Effect.Effect<A, E, R>
  private refusal: SpillwayError | undefined = undefined
  private wake: (() => void) | undefined = undefined
  private bell: Alarm.Bell | undefined = undefined

  constructor(desk: Desk, self: Effect.Effect<A, E, R>, fiber: Fiber.Fiber<unknown, unknown>, facts: Facts) {
    super()
    const { call } = facts
    this.key = keyOf(desk.settings.per, facts)
    this.weight = desk.weights.get(this.key) ?? 1
    this.priority = urgencies[call.priority]
    this.cost = Math.max(call.tokens?.likely ?? 1, 1)
    this.bytes = call.question?.bytes ?? 0
    this.facts = facts
    this.fiber = fiber
    this.attemptsBefore = attemptsCount(facts)
    this.desk = desk
    this.self = self
  }

  get places(): Places {
    return this.taken!
  }

  enter(): Effect.Effect<A, E | SpillwayError, R> {
    const { desk, facts } = this
    this.cameAt = Alarm.now(this.fiber)
    this.until = Math.min(this.cameAt + desk.waitMax, facts.call.deadline)
    // Places that nobody holds may be forgotten while a fiber yields: what is found is taken at once.
    this.pool = desk.poolOf(desk.targets.placesOf(facts, this.cameAt))
    const refused = this.pool.enter(this)
    if (refused !== undefined) return Effect.fail(refused)
    return this.hasTurn ? this.inside : Effect.flatMap(this.turn(), () => this.inside)
  }

  leave(exit: Exit.Exit<A, E | SpillwayError>): undefined {
    const { pool } = this
    this.bell?.cancel()
    if (pool === undefined) return undefined
    if (!this.hasTurn) {
      pool.leave(this)
      waited(this.facts, Alarm.now(this.fiber) - this.cameAt, true)
      return undefined
    }
    release(this, exit, (now) => this.desk.running.end(this.key, now))
    return undefined
  }

  /** It is his turn; his place is taken already, so that it cannot be lost on the way to him. */
  start(now: number): void {
    this.hasTurn = true
    waited(this.facts, now - this.cameAt, false)
    this.wake?.()
  }

  /** There will be no turn for him. */
  end(refused: SpillwayError): void {
    this.refusal = refused
    this.wake?.()
  }

  late(now: number): SpillwayError {
    const { attempts } = this.facts.call
    const parts = attempts.reduce((sum, attempt) => sum + attempt.parts, 0)
    return refusal({ _tag: "TimedOut", phase: "queue", after: Alarm.spanOf(now - this.cameAt), parts })
  }

  ring(): void {
    if (this.pool!.leave(this)) this.end(this.late(Alarm.now(this.fiber)))
  }

  /** What it does with its turn, where that is. */
  private get inside(): Effect.Effect<A, E, R> {
    const { target } = this.taken!
    return target === undefined ? this.self : about(this.self, { target })
  }

  private turn(): Effect.Effect<void, SpillwayError> {
    return Effect.callback((resume) => {
      const told = (): void => {
        this.bell?.cancel()
        const refused = this.refusal
        // Not at once: whoever wakes him is in the midst of something, and he may do anything.
        resume(refused === undefined ? Effect.yieldNow : Effect.andThen(Effect.yieldNow, Effect.fail(refused)))
      }
      // It may have come between asking and now.
      if (this.hasTurn || this.refusal !== undefined) return told()
      this.wake = told
      this.bell = Alarm.set(this.fiber, this.until, this)
    })
  }
}
