/**
 * A route: what callers ask for by its name, and the Effect that answers it.
 *
 * Its targets are tiers: its own, and one after the other those that it goes over to. Each tier has a line, and each go
 * of a call is a turn in one of them. What fails in the first is tried there again, elsewhere at once and everywhere
 * after a while; then the call goes over.
 */
import { Cause, type Clock, Effect } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { Facts, under, withCall } from "../domain/Facts.ts"
import { type Failure, table } from "../domain/Failure.ts"
import { onlyIf } from "../domain/Go.ts"
import { decode, type OptionsRefused } from "../domain/Options.ts"
import { RetryBudget } from "../domain/RetryBudget.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import type { Summary } from "../domain/Summary.ts"
import type { Plan } from "../Plan.ts"
import * as Fallback from "../plans/Fallback.ts"
import * as Hedge from "../plans/Hedge.ts"
import * as Rescue from "../plans/Rescue.ts"
import type * as Budget from "../policies/Budget.ts"
import type * as CircuitBreaker from "../policies/CircuitBreaker.ts"
import * as Deadline from "../policies/Deadline.ts"
import * as Queue from "../policies/Queue.ts"
import * as Retry from "../policies/Retry.ts"
import * as Shed from "../policies/Shed.ts"
import * as Timeout from "../policies/Timeout.ts"
import * as Policy from "../Policy.ts"
import * as Options from "./Options.ts"
import { advised } from "./Advice.ts"
import { Hour } from "./Hour.ts"
import { larger, Pool } from "./Pool.ts"
import type * as Servers from "./Servers.ts"
import { Spent } from "./Spent.ts"

/** What answers a question. */
export type Answer = Effect.Effect<Summary, SpillwayError>

/** A tier of a route: its line, and the pool that it waits for. */
export interface Tier {
  readonly pool: Pool
  readonly queue: Queue.Queue
}

/** A route, as it stands. */
export interface Routed {
  readonly tiers: ReadonlyArray<Tier>
  /** The whole call, with what goes over and without. */
  readonly answer: Answer
  readonly local: Answer
  /** Around it, for callers who have no deadline of their own. */
  readonly within: Policy.Policy<"call", SpillwayError>
  /** For how long somebody may wait, in nanoseconds, who has no deadline of his own. */
  readonly deadline: number
  readonly hour: Hour
}

/** What all routes share. */
export interface Made {
  readonly options: Options.Options
  readonly servers: Servers.Servers
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly budget: Budget.Budget | undefined
  /** Whether somebody's calls may go where a route goes over to. */
  readonly mayGoOver: (caller: string) => boolean
  /** How long his calls may take, in nanoseconds, where he has a deadline of his own. */
  readonly deadlineOf: (caller: string) => number | undefined
  readonly clock: Clock.Clock
}

/** The Effect that answers on a route, with its lines. */
export const routed = (made: Made, given: Options.Route): Effect.Effect<Routed, OptionsRefused> =>
  Effect.gen(function* () {
    const { clock, options } = made
    const route: Options.Route = { ...options.defaults, ...given }
    const { deadline = "2m", hedge = "off", overflow = [], rescue = "resume", targets } = route
    const limited = yield* Deadline.make({ deadline })
    const decoded = yield* decode("deadline", Deadline.Options)({ deadline })
    const span = Alarm.nanos(decoded.deadline)
    const leastOf = (caller: string) => made.deadlineOf(caller) ?? span
    const timeout = yield* Options.at("timeouts")(Timeout.make(clocksOf(route, leastOf, made.servers.forecasts)))
    const race = hedge === "off" ? undefined : yield* Options.at("hedge")(Hedge.make(hedge))
    const over: Array<Tier & { readonly answer: Answer }> = []
    const spent = new Spent()
    const first = yield* tier(made, route, timeout, targets, (facts, now) =>
      made.mayGoOver(facts.call.caller) ? lastMomentBefore(over, spent, facts, now) : Infinity
    )
    for (const [index, ids] of overflow.entries()) {
      const further: Pool["lastMoment"] = (facts, now) => lastMomentBefore(over.slice(index + 1), spent, facts, now)
      over.push(yield* tier(made, route, timeout, typeof ids === "string" ? [ids] : ids, further))
    }
    const plan: Plan = rescue === "off" ? yield* Fallback.make() : yield* Rescue.make({ mode: rescue })
    // Another of the same is asked at once where one has failed; all of them again after a while.
    const failovers = new RetryBudget(failoverShare)
    const others = Array.from({ length: Math.min(targets.length - 1, othersMax) }, () =>
      onlyIf((facts, failure) => {
        const now = Alarm.read(clock)
        if (isOfTheLine(facts, failure) || !first.pool.hasFresh(facts, now)) return false
        // What was turned away has cost nothing; else an outage of all of them would cost as often as there are.
        return failure.class === "caller" || failure.class === "refusal" || failovers.retry(now)
      })(first.answer)
    )
    const again = yield* Options.at("retry")(Retry.make(retryOf(route)))
    const asked = race === undefined || targets.length < 2 ? first.answer : race([first.answer, first.answer])
    const own = again(plan([asked, ...others]))
    const hour = new Hour(Alarm.read(clock))
    const gone = new WeakSet<object>()
    const goesOver = over.map(({ answer, pool }) =>
      onlyIf((facts) => {
        const now = Alarm.read(clock)
        if (!pool.hasFresh(facts, now)) return false
        // Whoever goes on to a further tier has been counted.
        if (facts !== undefined && !gone.has(facts.call.waits)) {
          gone.add(facts.call.waits)
          hour.over(now)
        }
        return true
      })(answer)
    )
    const pools = [first, ...over].map(({ pool }) => pool)
    const around = (answer: Answer): Answer => {
      const paid = made.budget === undefined ? answer : ownFirst(answer, spent, clock)
      const whole = bounded(advised(paid, pools), route.maxTokens)
      return Effect.suspend(() => {
        const now = Alarm.read(clock)
        failovers.call(now)
        hour.call(now)
        return whole
      })
    }
    return {
      tiers: [first, ...over],
      answer: around(over.length === 0 ? own : mostRead(plan([own, ...goesOver]), over)),
      local: around(own),
      within: limited,
      deadline: span,
      hour
    }
  })

/** Whether a failure says something of the whole line, and not of a target. */
const isOfTheLine = (facts: Facts | undefined, failure: Failure): boolean =>
  failure === table.QueueFull || failure === table.DeadlineUnmeetable || facts?.call.waits.isInVain === true

/** So many others of a pool are asked before somebody waits, of whom all together are such a share of the calls. */
const othersMax = 16
const failoverShare = 0.2

/** That a budget is spent is the last thing that a caller wants to hear: first comes why it had to be asked. */
const ownFirst = (self: Answer, spent: Spent, clock: Clock.Clock): Answer =>
  Effect.catchCause(self, (cause) => {
    const [first, ...rest] = cause.reasons
    const reason = first !== undefined && Cause.isFailReason(first) ? first.error.reason : undefined
    if (reason?._tag !== "BudgetSpent" && reason?._tag !== "Unpriced") return Effect.failCause(cause)
    const told = Effect.failCause(rest.length > 0 ? Cause.fromReasons([...rest, first!]) : cause)
    if (reason._tag === "Unpriced") return told
    return Effect.withFiber((fiber) => {
      spent.note(fiber.getRef(Facts)!.call.caller, Alarm.read(clock))
      return told
    })
  })

/** Of all that read too little, whoever reads most says how much it may be. */
const mostRead = (self: Answer, over: ReadonlyArray<Tier>): Answer =>
  Effect.catchCause(self, (cause) => {
    const [first] = cause.reasons
    if (first === undefined || !Cause.isFailReason(first) || first.error.reason._tag !== "ContextTooLong") {
      return Effect.failCause(cause)
    }
    return Effect.withFiber((fiber) => {
      const [facts, now] = [fiber.getRef(Facts)!, Alarm.now(fiber)]
      const all = over.map(({ pool }) => pool.refusal(facts.call.deadline, now, facts))
      return Effect.fail(all.filter((error) => error !== undefined).reduce(larger, first.error))
    })
  })

/**
 * The clocks of a route, where it names none: who says nothing is found out before the deadline, which says nothing of
 * a target; and soon enough for another one, where there is one.
 */
const clocksOf = (
  { overflow = [], targets, timeouts = {} }: Options.Route,
  leastOf: Timeout.Shares["leastOf"],
  forecast: Timeout.Options["forecast"] & {}
): Timeout.Options => {
  // What is none is refused by the guard.
  if (!(timeouts instanceof Object)) return timeouts
  const isAlone = targets.length + overflow.length < 2
  const load = timeouts.load === undefined ? shareOfAll : Number.MAX_VALUE
  return Object.assign({ forecast, shares: { silent: isAlone ? shareOfAll : shareOfFirst, load, leastOf } }, timeouts)
}

/** Of the time that a call has left. */
const shareOfAll = 0.9
const shareOfFirst = 0.6

/** When all of its own are asked again: where there is somebody else, nobody waits long before he is asked. */
const retryOf = ({ overflow = [], retry = {} }: Options.Route): Retry.Options => {
  // What is none is refused by the guard.
  if (overflow.length === 0 || !(retry instanceof Object)) return retry
  const isTimed = retry.base !== undefined || retry.max !== undefined
  return Object.assign({ retryAfterMax: "5s" }, isTimed ? {} : { max: "500ms" }, retry)
}

/** Until when a call may wait that can go over: so that the time is left which that may take, or half of all. */
const lastMomentBefore = (over: ReadonlyArray<Tier>, spent: Spent, facts: Facts, now: number): number => {
  const { caller, deadline } = facts.call
  if (spent.has(caller, now)) return Infinity
  for (const { pool } of over) {
    if (!pool.hasFresh(facts, now)) continue
    const lasts = pool.lastsAtMost(facts, now)
    return lasts === undefined ? (deadline + now) / 2 : deadline - lasts
  }
  return Infinity
}

/** The line of some targets, and the Effect that waits in it and asks one of them. */
const tier = (
  { breaker, budget, options, servers }: Made,
  { balance = "forecast", queue }: Options.Route,
  timeout: Policy.Policy<"attempt", SpillwayError>,
  ids: ReadonlyArray<string>,
  lastMoment: Pool["lastMoment"]
): Effect.Effect<Tier & { readonly answer: Answer }, OptionsRefused> =>
  Effect.gen(function* () {
    const targets = ids.map((id) => servers.target(id))
    const pool = new Pool(
      targets.map(({ member }) => member),
      balance,
      servers.forecasts,
      (id) => servers.domainOf(id),
      lastMoment
    )
    const weights = Object.entries(options.callers ?? {}).flatMap(([name, { weight }]) =>
      weight === undefined ? [] : [[name, weight] as const]
    )
    const slots = { targets: { placesOf: () => pool, find: () => pool } }
    const line = yield* Options.at("queue")(Queue.make({ ...queue, weights: Object.fromEntries(weights), slots }))
    const shed = yield* Shed.make({ queue: line })
    const timed = new WeakMap<Servers.Asked, Answer>()
    const timedOf = (asked: Servers.Asked): Answer => {
      const made = timeout(asked.ask)
      timed.set(asked, made)
      return made
    }
    const asked = breaker(
      Effect.withFiber((fiber): Answer => {
        const chosen = servers.find(fiber.getRef(Facts)!.target!)!
        chosen.member.arrived(fiber)
        return timed.get(chosen) ?? timedOf(chosen)
      })
    )
    // Once it is known where it goes, and what that costs.
    const paid = budget === undefined ? asked : budget(asked)
    const waiting = shed(line(paid))
    // What cannot be carried, or read, waits for nobody.
    const answer: Answer = Effect.withFiber((fiber) => {
      const facts = fiber.getRef(Facts)!
      const refused = pool.refusal(facts.call.deadline, Alarm.now(fiber), facts)
      return refused === undefined ? waiting : Effect.fail(refused)
    })
    return { pool, queue: line, answer }
  })

/** The question with the bound of its route, where it has none that is lower. */
const bounded = (self: Answer, maxTokens: number | undefined): Answer =>
  maxTokens === undefined
    ? self
    : Effect.withFiber((fiber) => {
        const facts = fiber.getRef(Facts)!
        const { question } = facts.call
        if (question === undefined || (question.settings.maxTokens ?? Infinity) <= maxTokens) return self
        const settings = { ...question.settings, maxTokens }
        return under(self, fiber, withCall(facts, { ...facts.call, question: { ...question, settings } }))
      })
