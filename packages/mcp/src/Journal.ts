/**
 * Sees what changes: which target could not be asked, how and for how long, and who has to hear of it.
 *
 * Nobody in the core tells of such things, so that they cost a call nothing; they are read off the status a few times a
 * second. Servers themselves are looked at only while somebody has subscribed: a program that sleeps lets its servers
 * sleep. Its timer keeps no process alive.
 */
// @effect-diagnostics globalTimers:off globalTimersInEffect:off
import type { Budget, Router } from "@spillway/core"
import { Clock, DateTime, Effect, Fiber, type Scope, Semaphore } from "effect"
import * as Health from "./Health.ts"

/** Something that could not be asked. */
export interface Incident {
  /** A target, or the server that was down. */
  readonly target: string
  readonly how: Health.Trouble
  readonly since: string
  /** Absent while it lasts. */
  readonly until?: string
}

/** What somebody can subscribe to. */
export type Topic = "health" | "budget" | "routes" | "incidents"

/** Who wants to hear of changes, and as whom. */
export interface Listener {
  readonly caller: string
  readonly topics: ReadonlySet<Topic>
  readonly changed: (topic: Topic) => void
}

/** How many incidents are kept, how often it looks, and from which share of a budget on one hears of it. */
export interface Options {
  readonly incidentsMax?: number
  readonly everyMillis?: number
  readonly alert?: number
  /** The routes that somebody has named. */
  readonly routes?: ReadonlyArray<string>
}

/** What has been seen so far, and who listens. */
export class Journal {
  private readonly service: Router.Service
  private readonly routes: ReadonlyArray<string>
  private readonly incidentsMax: number
  private readonly shares: ReadonlyArray<number>
  private readonly ended: Array<Incident> = []
  private readonly lasting = new Map<string, Incident>()
  private readonly listeners = new Set<Listener>()
  /** Whether servers are looked at. */
  private isLooking = false
  /** Two looks at once would take each other's changes for what had been there before. */
  private readonly one = Semaphore.makeUnsafe(1)
  /** What each topic looked like last, budgets by their callers. */
  private readonly seen = new Map<string, string>()

  constructor(service: Router.Service, { alert = 0.8, incidentsMax = 200, routes = [] }: Options = {}) {
    this.service = service
    this.routes = routes
    this.incidentsMax = incidentsMax
    this.shares = [alert, 1]
  }

  /** The latest first; what lasts stands before what is over. */
  get incidents(): ReadonlyArray<Incident> {
    return [...[...this.lasting.values()].toReversed(), ...this.ended.toReversed()]
  }

  /** Sees how everything stands for somebody who wants to hear of changes from now on, but does not wait for ever. */
  get begin(): Effect.Effect<void> {
    return Effect.asVoid(Effect.timeoutOption(this.look, beginsWithin))
  }

  /** Tells somebody of changes, until he takes it back. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** Compares how everything stands with how it stood. */
  get look(): Effect.Effect<void> {
    return this.one.withPermit(this.compare)
  }

  private get compare(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const isHeard = [...this.listeners].some(({ topics }) => topics.size > 0)
      // Beside: a server that does not answer must not hold up what others have done meanwhile.
      if (isHeard) {
        const looking = yield* Effect.forkDetach(this.service.lookWithin(lookAge), { startImmediately: true })
        if (!this.isLooking) {
          // What nobody had seen before is no change.
          yield* Fiber.await(looking)
          this.seen.clear()
        }
      }
      this.isLooking = isHeard
      const status = yield* this.service.status
      const now = DateTime.formatIso(DateTime.makeUnsafe(yield* Clock.currentTimeMillis))
      const isNews = this.note(Health.troubles(status), now)
      if (isNews) this.tell("incidents")
      if (this.isNew("health", statesOf(Health.of(status, this.routes)))) this.tell("health")
      if (this.isNew("routes", standingsOf(status))) this.tell("routes")
      yield* this.lookAtBudgets
    })
  }

  private get lookAtBudgets(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const heard = [...this.listeners].filter(({ topics }) => topics.has("budget"))
      const callers = new Set(heard.map(({ caller }) => caller))
      for (const key of this.seen.keys()) {
        if (key.startsWith(budgetOf("")) && !callers.has(key.slice(budgetOf("").length))) this.seen.delete(key)
      }
      return Effect.forEach(
        callers,
        (caller) =>
          Effect.map(
            Effect.orElseSucceed(this.service.budget(caller), () => ({})),
            (budgets) => {
              if (this.isNew(budgetOf(caller), this.levelsOf(budgets))) this.tell("budget", caller)
            }
          ),
        { discard: true }
      )
    })
  }

  /** How many of the shares each budget has passed: it goes back with its window. */
  private levelsOf(budgets: Router.Budgets): unknown {
    return Object.entries(budgets).map(([name, standing]: [string, Budget.Standing | undefined]) => [
      name,
      this.shares.filter((share) => standing !== undefined && standing.spent >= share * standing.limit).length
    ])
  }

  private note(troubles: ReadonlyMap<string, Health.Trouble>, now: string): boolean {
    let isNews = false
    for (const [target, incident] of this.lasting) {
      if (troubles.get(target) === incident.how) continue
      this.lasting.delete(target)
      this.ended.push({ ...incident, until: now })
      isNews = true
    }
    for (const [target, how] of troubles) {
      if (this.lasting.has(target)) continue
      this.lasting.set(target, { target, how, since: now })
      isNews = true
    }
    if (this.ended.length > this.incidentsMax) this.ended.splice(0, this.ended.length - this.incidentsMax)
    return isNews
  }

  /** The first look shows what there is, which is no change. */
  private isNew(key: string, value: unknown): boolean {
    const before = this.seen.get(key)
    const after = JSON.stringify(value)
    this.seen.set(key, after)
    return before !== undefined && before !== after
  }

  private tell(topic: Topic, caller?: string): void {
    for (const listener of this.listeners) {
      if (listener.topics.has(topic) && (caller ?? listener.caller) === listener.caller) listener.changed(topic)
    }
  }
}

const beginsWithin = "1 second"

/** With the time until the next look and that of the look itself it is a second. */
const lookAge = 700

const budgetOf = (caller: string): string => `budget ${caller}`

const statesOf = ({ routes, status, upstreams }: Health.Health): unknown => [
  status,
  upstreams.map(({ isDown, isDraining, name }) => [name, isDown, isDraining]),
  routes.map((each) => [each.name, each.status])
]

/** What of the routes is a change: not who waits and who runs, which is never twice the same. */
const standingsOf = ({ routes }: Router.Status): unknown =>
  routes.map(({ name, tiers }) => [
    name,
    tiers.map(({ targets }) => targets.map((each) => [each.closed, each.isLoaded]))
  ])

/** One that looks by itself for as long as its scope lasts. */
export const make = (service: Router.Service, options: Options = {}): Effect.Effect<Journal, never, Scope.Scope> =>
  Effect.gen(function* () {
    const journal = new Journal(service, options)
    const run = Effect.runForkWith(yield* Effect.context())
    let isLooking = false
    const look = (): void => {
      if (isLooking) return
      isLooking = true
      run(journal.look).addObserver(() => (isLooking = false))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(look, options.everyMillis ?? 250).unref()),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
    return journal
  })
