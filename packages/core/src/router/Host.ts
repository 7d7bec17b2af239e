/**
 * One server that runs several models: that none of them waits for ever because another one is busy.
 *
 * An Ollama without the memory for two models loads the second only once the first is idle, and whoever asks for the
 * first meanwhile goes past those who wait. So a call that has waited for `dwell` for a model that is not loaded is
 * favoured: nobody is sent to the other models there until it has had its first word, and what runs there ends.
 */
import { Clock, Effect, Fiber } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { Facts } from "../domain/Facts.ts"
import type { Kept } from "../domain/Question.ts"
import { type Health, shortOf } from "./Health.ts"
import type { Member } from "./Member.ts"

/** A call that the others let have its turn. */
interface Favoured {
  readonly member: Member
  readonly attempt: Attempt
  readonly until: number
}

/** A server, and whose turn it is there. */
export class Host {
  readonly health: Health
  private readonly dwell: number
  private readonly members = new Set<Member>()
  private readonly bells = new Set<Alarm.Bell>()
  private favoured: Favoured | undefined
  /** Models that were loaded before anybody asked, and the fiber that loads them. */
  private readonly loaded = new Set<Member>()
  private readonly kept = new Map<string, Kept>()
  private loading: Fiber.Fiber<void> | undefined

  constructor(health: Health, dwell: number) {
    this.health = health
    this.dwell = dwell
    health.afterwards = Effect.withFiber((fiber) => Effect.sync(() => this.load(fiber)))
  }

  /** How a model is kept here, by either of its names. */
  keptAs(model: string): Kept | undefined {
    return this.kept.size === 0 ? undefined : this.kept.get(shortOf(model))
  }

  /** Keeps it so from now on. */
  keepAs(model: string, kept: Kept): void {
    this.kept.set(shortOf(model), kept)
  }

  add(member: Member): void {
    this.members.add(member)
  }

  remove(member: Member): void {
    this.members.delete(member)
    this.loaded.delete(member)
  }

  /** Whether that model has to let another one have its turn. */
  makesWait(member: Member, now: number): boolean {
    const { favoured } = this
    return favoured !== undefined && favoured.member !== member && !isOver(favoured, now)
  }

  /** Tells everybody who waits for a model here that it may have come free. */
  wake(now: number): void {
    for (const { places } of this.members) places.wake(now)
  }

  /** Ends all that it holds. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const bell of this.bells) bell.cancel()
      return this.loading === undefined ? Effect.void : Fiber.interrupt(this.loading)
    })
  }

  /** Looks until the server was there, where something is to be loaded before anybody asks. */
  get preload(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.health.server.inspect === undefined) return Effect.void
      if (![...this.members].some(({ isPreloaded }) => isPreloaded)) return Effect.void
      const isSeen = () => this.health.seen.inspection !== undefined
      const again = Effect.delay(this.health.look, this.health.every)
      return Effect.andThen(
        this.health.look,
        Effect.suspend(() => (isSeen() ? Effect.void : Effect.repeat(again, { until: isSeen })))
      )
    })
  }

  /** Loads what is to be loaded and is not, one after the other, while nobody works here. */
  private load(fiber: Fiber.Fiber<unknown, unknown>): void {
    const { load } = this.health.server
    if (load === undefined || this.loading !== undefined || this.health.isDown) return
    const isEmpty = this.health.seen.inspection?.models.every(({ loaded }) => !loaded) === true
    // What had to make room for another one would drive that out, and so on: it comes back when it is asked for.
    const missing = [...this.members].filter(
      (member) => member.isPreloaded && member.isLoaded === false && (isEmpty || !this.loaded.has(member))
    )
    if (missing.length === 0) return
    const loads = Effect.forEach(
      missing,
      (member) =>
        Effect.suspend(() => {
          if (this.isBusy || member.isDraining) return Effect.void
          this.loaded.add(member)
          // Why one cannot be loaded is told to who asks for it; it is tried again.
          const forget = () => Effect.sync(() => void this.loaded.delete(member))
          return Effect.catchCause(load(member.target.model, member.kept), forget)
        }),
      { discard: true }
    )
    let isOver = false
    const done = Effect.sync(() => {
      isOver = true
      this.loading = undefined
    })
    const loading = Effect.runForkWith(fiber.context)(Effect.ensuring(loads, done))
    if (!isOver) this.loading = loading
  }

  private get isBusy(): boolean {
    return [...this.members].some(({ places }) => places.taken > 0)
  }

  /** The Effect that asks a model here, watched for as long as nothing has come of it. */
  watched<A, E, R>(self: Effect.Effect<A, E, R>, member: Member): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      // Who is alone there takes nobody's turn.
      if (this.members.size < 2) return self
      return Effect.withFiber((fiber) => {
        // Inside the leaf there are no facts.
        const waiting = new Waiting(this, member, fiber, fiber.getRef(Facts))
        waiting.set(Alarm.now(fiber) + this.dwell)
        return Effect.onExitPrimitive(self, () => {
          waiting.end()
          return undefined
        })
      })
    })
  }

  /** Nothing has come for so long: whether that is because the model is not there is looked up first. */
  late(waiting: Waiting): void {
    const { attempt, fiber, member } = waiting
    if (attempt === undefined || isHeard(attempt)) return
    const now = Alarm.now(fiber)
    if (this.favoured !== undefined) return waiting.set(now + watchEvery)
    waiting.set(now + this.dwell)
    const isBusy = [...this.members].some((each) => each !== member && each.places.taken > 0)
    if (!isBusy) return
    const look = Effect.map(this.health.look, () => {
      const { model } = member.target
      if (this.health.isLoaded(model) !== false || isHeard(attempt) || this.favoured !== undefined) return
      this.favoured = { member, attempt, until: Alarm.now(fiber) + favouredMax }
      this.watch(fiber)
    })
    Effect.runForkWith(fiber.context)(look)
  }

  /** Looks every now and then whether its turn is over. */
  private watch(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.set(fiber, Alarm.now(fiber) + watchEvery, () => {
      const now = Alarm.now(fiber)
      if (this.favoured !== undefined && !isOver(this.favoured, now)) return this.watch(fiber)
      this.favoured = undefined
      return this.wake(now)
    })
  }

  set(fiber: Fiber.Fiber<unknown, unknown>, due: number, ring: () => void): Alarm.Bell {
    const bell: Alarm.Bell = Alarm.setOn(fiber.getRef(Clock.Clock), fiber.context, due, {
      ring: () => {
        this.bells.delete(bell)
        ring()
      }
    })
    this.bells.add(bell)
    return bell
  }

  take(bell: Alarm.Bell): void {
    bell.cancel()
    this.bells.delete(bell)
  }
}

/** A call that nothing has come of yet. */
class Waiting {
  readonly member: Member
  readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly host: Host
  private readonly facts: Facts | undefined
  private bell: Alarm.Bell | undefined
  private isOver = false

  constructor(host: Host, member: Member, fiber: Fiber.Fiber<unknown, unknown>, facts: Facts | undefined) {
    this.host = host
    this.member = member
    this.fiber = fiber
    this.facts = facts
    this.bell = undefined
  }

  get attempt(): Attempt | undefined {
    return this.facts?.call.attempts.findLast(({ target }) => target === this.member.target.id)
  }

  set(due: number): void {
    if (!this.isOver) this.bell = this.host.set(this.fiber, due, () => this.host.late(this))
  }

  end(): void {
    this.isOver = true
    if (this.bell !== undefined) this.host.take(this.bell)
  }
}

const isHeard = ({ endedAt, parts }: Attempt): boolean => parts > 0 || endedAt !== undefined

const isOver = ({ attempt, until }: Favoured, now: number): boolean => isHeard(attempt) || now >= until

/** A load that takes longer than that has gone wrong. */
const favouredMax = 300_000_000_000

const watchEvery = 100_000_000
