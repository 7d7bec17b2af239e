/**
 * How a server is, from looks at it: whether it answers, and which models it has.
 *
 * A look loads nothing and takes no slot, is never waited for, and is taken only while somebody asks for something: a
 * program that sleeps lets its servers sleep. One look that fails says nothing yet, nor does one that succeeds after
 * several have failed: a server that flaps is down.
 */
import { Clock, Duration, Effect, Fiber, Random } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Inspection, ModelFound, Shown, Upstream } from "../domain/Upstream.ts"

/** How often somebody looks, and for how long at most. */
export interface Looking {
  readonly every: Duration.Duration
  readonly timeout: Duration.Duration
}

/** What is known of a server. */
export interface Seen {
  readonly isDown: boolean
  /** Whether any look has come to something; what cannot be looked at has nothing to show. */
  readonly isSeen: boolean
  /** What the last look showed that came to something. */
  readonly inspection: Inspection | undefined
}

/** A model that is the latest need not say so. */
export const shortOf = (model: string): string => model.replace(/:latest$/, "")

/** A server that can be looked at, or cannot. */
export type Lookable = Partial<Pick<Upstream, "inspect" | "show" | "load">>

/** What was shown of a model that had that digest. */
interface Described {
  readonly digest: string | undefined
  readonly shown: Shown
}

/** One server, as it was seen. */
export class Health {
  readonly server: Lookable
  /** What is done after each look. */
  afterwards: Effect.Effect<void> = Effect.void
  /** Models that somebody asks for here, and what they are. */
  private readonly asked = new Map<string, Described | undefined>()
  /** How long it is from one look to the next. */
  readonly every: Duration.Duration
  private readonly timeout: Duration.Duration
  private inspection: Inspection | undefined
  /** By their names, which may leave out that they are the latest. */
  private models: ReadonlyMap<string, ModelFound> = new Map()
  private down = false
  private described = 0
  /** Models that have answered since the last look. */
  private readonly answering = new Set<string>()
  /** How many looks in a row have said otherwise. */
  private against = 0
  private nextAt = -Infinity
  private lookedAt = -Infinity
  private looking: Fiber.Fiber<void> | undefined
  /** What its server could not tell: it is asked again with the next look, and not for everybody who wants to know. */
  private readonly unshown = new Set<string>()

  constructor(server: Lookable, { every, timeout }: Looking) {
    this.server = server
    this.every = every
    this.timeout = timeout
  }

  get isDown(): boolean {
    return this.down
  }

  /** Whether it has told anything of a model that is asked for here. */
  get hasShown(): boolean {
    return this.described > 0
  }

  get seen(): Seen {
    const { down: isDown, inspection, server } = this
    return { isDown, isSeen: inspection !== undefined || server.inspect === undefined, inspection }
  }

  /** Whether it has that model, as far as anybody knows. */
  has(model: string): boolean {
    const { inspection } = this
    if (inspection === undefined || inspection.models.length === 0) return true
    return this.find(model) !== undefined
  }

  /** Whether that model is loaded there, as far as anybody knows. */
  isLoaded(model: string): boolean | undefined {
    return this.answering.has(model) ? true : this.find(model)?.loaded
  }

  /** It has just answered with that model, so that it is loaded: until the next look says otherwise. */
  answered(model: string): void {
    // Of what it does not list nothing is known, and names come from callers.
    if (this.models.has(model)) this.answering.add(model)
  }

  /** That model, as the last look showed it. */
  find(model: string): ModelFound | undefined {
    return this.models.get(model)
  }

  /** What that model is, as far as anybody knows. */
  shown(model: string): Shown | undefined {
    return this.asked.get(model)?.shown
  }

  /** Somebody will ask for that model: each look finds out what it is. */
  ask(model: string): void {
    if (this.server.show !== undefined && !this.asked.has(model)) this.asked.set(model, undefined)
  }

  /** What that model is: its server is asked where nobody has asked for it yet, and it has it. */
  showing(model: string): Effect.Effect<Shown | undefined> {
    return Effect.suspend(() => {
      const isKnown = this.asked.get(model) !== undefined || this.unshown.has(model)
      if (this.find(model) === undefined || isKnown) return Effect.succeed(this.shown(model))
      this.ask(model)
      return Effect.map(this.describe(model), () => this.shown(model))
    })
  }

  /** Nobody will ask for it any more. */
  forget(model: string): void {
    this.asked.delete(model)
  }

  /** Looks where it is time to, beside whoever asks. */
  glance(fiber: Fiber.Fiber<unknown, unknown>, now: number): void {
    if (this.server.inspect === undefined || now < this.nextAt || this.looking !== undefined) return
    this.nextAt = Infinity
    this.lookedAt = now
    this.looking = Effect.runForkWith(fiber.context)(this.look)
    if (this.nextAt < Infinity) this.looking = undefined
  }

  /** The same, after which somebody has looked: who asks what is there waits for the first look. */
  get seeing(): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      this.glance(fiber, Alarm.now(fiber))
      const { inspection, looking } = this
      return inspection !== undefined || looking === undefined ? Effect.void : Effect.asVoid(Fiber.await(looking))
    })
  }

  /** Looks where nobody has begun to for so long, and waits for what that shows. */
  seenWithin(age: number): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const now = Alarm.now(fiber)
      if (this.looking === undefined && now - this.lookedAt >= age) this.nextAt = Math.min(this.nextAt, now)
      this.glance(fiber, now)
      return this.looking === undefined ? Effect.void : Effect.asVoid(Fiber.await(this.looking))
    })
  }

  /** Somebody could not reach it: it is looked at sooner. */
  suspect(now: number): void {
    if (this.looking === undefined) this.nextAt = Math.min(this.nextAt, Math.max(now, this.lookedAt + soonest))
  }

  /** Ends the look that is under way. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => (this.looking === undefined ? Effect.void : Fiber.interrupt(this.looking)))
  }

  /** Looks now. */
  get look(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { inspect } = this.server
      if (inspect === undefined) return
      // Whatever becomes of it: a look that has a bug shows nothing, and must not be the last one.
      const told = yield* Effect.exit(Effect.timeout(inspect, this.timeout))
      this.told(told._tag === "Success" ? told.value : undefined)
      this.unshown.clear()
      if (told._tag === "Success") yield* Effect.exit(this.describeAll)
      yield* Effect.exit(this.afterwards)
      const clock = yield* Clock.Clock
      // A fifth more or less, so that not all look at one moment.
      const chance = yield* Random.next
      // What may have changed is looked at again soon.
      const usual = Alarm.nanos(this.every)
      const every = this.against > 0 ? Math.min(usual, soonest) : usual
      this.nextAt = Alarm.read(clock) + every * (0.8 + 0.4 * chance)
      this.looking = undefined
    })
  }

  /** Finds out what those models are that are asked for. */
  private get describeAll(): Effect.Effect<void> {
    return Effect.forEach(this.asked.keys(), (model) => this.describe(model), {
      concurrency: describedAtOnce,
      discard: true
    })
  }

  /** Finds out what a model is: once for each digest. */
  private describe(model: string): Effect.Effect<void> {
    const { show } = this.server
    const found = this.find(model)
    if (show === undefined || found === undefined || this.asked.get(model)?.digest === found.digest) return Effect.void
    return Effect.map(Effect.exit(Effect.timeout(show(model), this.timeout)), (exit) => {
      if (exit._tag === "Failure") this.unshown.add(model)
      // It may have been forgotten meanwhile.
      else if (this.asked.has(model)) {
        this.asked.set(model, { digest: found.digest, shown: exit.value })
        this.described++
      }
    })
  }

  private told(inspection: Inspection | undefined): void {
    if (inspection !== undefined) {
      this.inspection = inspection
      this.answering.clear()
      const short = inspection.models.map((each) => [shortOf(each.name), each] as const)
      this.models = new Map([...short, ...inspection.models.map((each) => [each.name, each] as const)])
    }
    if ((inspection === undefined) === this.down) this.against = 0
    else if (++this.against >= changesAfter) {
      this.down = !this.down
      this.against = 0
    }
  }
}

/** So many looks in a row have to say so before a server is down, or is up again. */
const changesAfter = 2

const describedAtOnce = 4

/** Nobody looks more often than that. */
const soonest = 1_000_000_000
