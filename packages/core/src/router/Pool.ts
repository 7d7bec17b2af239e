/**
 * The targets of one tier: which of them can be asked now, and which is asked next.
 *
 * Nobody is sent to a target before its turn comes: all wait in one line, and whoever is next goes to the best of those
 * that have a place by then. So a server that slows down holds up nobody but those it works for. A target whose circuit
 * is open, that asked for peace, or that is being drained is not asked at all; one that looks down or lacks the model
 * only where no other is left, since looks can be wrong.
 */
import { Clock, type Fiber } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Facts } from "../domain/Facts.ts"
import type { Held, Places, Queued, State } from "../domain/Places.ts"
import { Promises } from "../domain/Promises.ts"
import type { Question } from "../domain/Question.ts"
import type { Wanted } from "../domain/Rates.ts"
import type { Asks, Rooms } from "../domain/Rooms.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Spread from "../domain/Spread.ts"
import type { Forecasts } from "./Forecasts.ts"
import { conversationOf } from "./Conversation.ts"
import type { Member } from "./Member.ts"
import { Tried } from "./Tried.ts"

/** How the next is chosen among those that have a place. */
export type Balance = "forecast" | "least-busy" | "round-robin"

/** The targets of one tier, as a line sees them. */
export class Pool implements Rooms {
  readonly members: ReadonlyArray<Member>
  readonly promises = new Promises()
  private readonly balance: Balance
  private readonly forecasts: Forecasts
  private readonly domainOf: (target: string) => string
  private readonly lines: Array<Queued> = []
  private bell: Alarm.Bell | undefined
  private turn = 0
  private glanceAt = -Infinity

  /** Until when somebody may wait here before he has to go over. */
  readonly lastMoment: (facts: Facts, now: number) => number

  /** `domainOf` knows what fails together, of the targets of all pools. */
  constructor(
    members: ReadonlyArray<Member>,
    balance: Balance,
    forecasts: Forecasts,
    domainOf: (target: string) => string,
    lastMoment: (facts: Facts, now: number) => number
  ) {
    this.members = members
    this.balance = balance
    this.forecasts = forecasts
    this.domainOf = domainOf
    this.lastMoment = lastMoment
  }

  get bound(): number {
    return this.members.reduce((sum, { places }) => sum + places.bound, 0)
  }

  get taken(): number {
    return this.members.reduce((sum, { places }) => sum + places.taken, 0)
  }

  /** For how many nanoseconds its targets have worked together within the last hour. */
  usedFor(now: number): number {
    return this.members.reduce((sum, member) => sum + member.usedFor(now), 0)
  }

  /** How long one is held, by those of whom it is known. */
  get holds(): number | undefined {
    let sum = 0
    let known = 0
    for (const { places } of this.members) {
      if (places.holds === undefined) continue
      sum += places.holds
      known++
    }
    return known === 0 ? undefined : sum / known
  }

  get state(): State {
    const { bound, holds, taken } = this
    return {
      slots: bound,
      trying: undefined,
      running: taken,
      holds: Alarm.spanIfKnown(holds)
    }
  }

  hasRoomAt(now: number): boolean {
    return this.members.some((member) => member.places.hasRoom && member.waitFor(now) <= 0)
  }

  fits({ facts }: { readonly facts: Facts }, now: number): boolean {
    const tried = this.triedBy(facts)
    const least = this.leastDoubt(tried, now)
    return this.members.some((member) => isFree(member, least, tried, now))
  }

  choose(who: Held & { readonly facts: Facts }, now: number): Places {
    const { caller, question } = who.facts.call
    const wanted = this.wantedBy(who.facts)
    const conversation = this.conversation(question, caller)
    const member = this.best(this.triedBy(who.facts), wanted, now, conversation)!
    this.turn++
    member.send(now)
    member.places.take(who, now, wanted && member.rates.likely(wanted, member.isLoaded, member.hasRead(conversation)))
    return member.places
  }

  /** How long it takes where it takes least, of those that can be asked some time soon. */
  lasts(facts: Facts, now: number): Spread.Range | undefined {
    const wanted = this.wantedBy(facts)
    if (wanted === undefined) return undefined
    const tried = Tried.asking(facts.call.question)
    let best: Member | undefined
    let least = Infinity
    let looked = 0
    for (const member of this.members) {
      if (looked >= comparedMax) break
      if (member.waitFor(now) === Infinity || tried.has(member)) continue
      looked++
      const lasts = member.rates.likely(wanted, member.isLoaded) ?? member.places.holds ?? Infinity
      if (lasts >= least) continue
      best = member
      least = lasts
    }
    return best && (this.forecasts.lasts(wanted, best)?.whole ?? Spread.exactly(least))
  }

  /** How long it may take at the most, but for two calls of ten, where this call can be sent now. */
  lastsAtMost(facts: Facts, now: number): number | undefined {
    const wanted = this.wantedBy(facts)
    const tried = this.failedBy(facts)
    let least = Infinity
    for (const member of this.members) {
      if (tried.has(member) || member.closedBy(now) !== undefined) continue
      const { holds } = member.places
      const lasts = this.forecasts.lasts(wanted, member)
      if (lasts === undefined && holds === undefined) continue
      least = Math.min(least, Math.max(lasts?.whole.high ?? 0, 2 * (lasts?.whole.likely ?? holds!)))
    }
    return least === Infinity ? undefined : least
  }

  private wantedBy({ call }: Facts): Wanted | undefined {
    return this.forecasts.wanted(call.question, call.caller)
  }

  waited(fiber: Fiber.Fiber<unknown, unknown>): void {
    // Circuits half-open, holds end, servers come back: of none of that anybody is told, so that somebody looks.
    this.bell ??= Alarm.setOn(fiber.getRef(Clock.Clock), fiber.context, Alarm.now(fiber) + lookEvery, {
      ring: () => {
        this.bell = undefined
        const now = Alarm.now(fiber)
        this.glance(fiber, now)
        for (const line of this.lines) {
          line.sweep?.(now)
          line.dispatch(now)
        }
        if (this.lines.some(({ line }) => line.size > 0)) this.waited(fiber)
      }
    })
  }

  close(): void {
    this.bell?.cancel()
  }

  /** Nobody is sent here any more; who waits still has his turn. */
  forget(): void {
    this.close()
    for (const queued of this.lines) {
      if (queued.line.size > 0) continue
      for (const { places } of this.members) places.offRoom(queued)
    }
  }

  refusal(until: number, now: number, facts?: Asks): SpillwayError | undefined {
    const question = facts?.call.question
    let soonest = Infinity
    let fitting = 0
    for (const member of this.members) {
      if (question !== undefined && !member.can(question)) continue
      if (mayStillBeAsked(member, until, now)) return undefined
      soonest = Math.min(soonest, member.waitFor(now))
      fitting++
    }
    const [first, ...others] = this.members
    if (fitting === 0 && question !== undefined && first !== undefined) {
      return others.map((member) => member.lacks(question)).reduce(larger, first.lacks(question))
    }
    return refusal({
      _tag: "Unavailable",
      ...(first !== undefined && others.length === 0 && { target: first.target.id }),
      ...(soonest < Infinity && { retryAfter: Alarm.spanOf(soonest) })
    })
  }

  freeIn(before: number, now: number): number | undefined {
    const { holds } = this
    if (holds === undefined) return undefined
    if (before === 0 && this.hasRoomAt(now)) return 0
    let free = 0
    let rate = 0
    let soonest = Infinity
    let first = Infinity
    for (const member of this.members) {
      const { places } = member
      const wait = Math.max(member.waitFor(now), 0)
      if (wait === Infinity) continue
      soonest = Math.min(soonest, wait)
      if (wait === 0) free += Math.max(places.bound - places.taken, 0)
      rate += places.bound / (places.holds ?? holds)
      first = Math.min(first, wait + (places.freeIn(0, now) ?? holds))
    }
    if (rate === 0) return undefined
    const turns = Math.max(before + 1 - free, 0)
    return soonest > 0 ? soonest + before / rate : turns === 0 ? 0 : first + (turns - 1) / rate
  }

  onRoom(queued: Queued): void {
    this.lines.push(queued)
    for (const { places } of this.members) places.onRoom(queued)
  }

  /** Whether there is one where this call has not failed yet, and that may be asked before its time is over. */
  hasFresh(facts: Facts | undefined, now: number): boolean {
    const tried = this.failedBy(facts)
    const until = facts?.call.deadline ?? Infinity
    return this.members.some((member) => !tried.has(member) && mayStillBeAsked(member, until, now))
  }

  /** Looks at those whose turn to be looked at it is. */
  glance(fiber: Fiber.Fiber<unknown, unknown>, now: number): void {
    if (now < this.glanceAt) return
    this.glanceAt = now + glanceEvery
    for (const { health } of this.members) health.glance(fiber, now)
  }

  /** How doubtful the best of those is that may be asked. */
  private leastDoubt(tried: Tried, now: number): number {
    let least = Infinity
    for (const member of this.members) {
      const doubt = member.doubt(tried.question)
      if (doubt >= least || tried.has(member) || member.waitFor(now) > 0) continue
      if (doubt === 0) return 0
      least = doubt
    }
    return least
  }

  /** Whom a call of somebody would be sent to now that has been nowhere yet. */
  next(question: Question | undefined, caller: string, now: number): Member | undefined {
    const wanted = this.forecasts.wanted(question, caller)
    return this.best(Tried.asking(question), wanted, now, this.conversation(question, caller))
  }

  /** The conversation that a question goes on with, where that can make a difference. */
  private conversation(question: Question | undefined, caller: string): string | undefined {
    if (question === undefined || this.members.length < 2 || this.balance !== "forecast") return undefined
    return conversationOf(question, caller)
  }

  /** The best that has a place, and where this call has not failed: what costs least. */
  private best(tried: Tried, wanted: Wanted | undefined, now: number, conversation?: string): Member | undefined {
    const { length } = this.members
    const least = this.leastDoubt(tried, now)
    const first = length > 1 ? this.turn % length : 0
    let best: Member | undefined
    let bestCost = Infinity
    let bestAlready = 0
    let compared = 0
    for (let each = 0; each < length && compared < 2 * comparedMax; each++) {
      const member = this.members[(first + each) % length]!
      const already = member.hasRead(conversation)
      // The best of so many, others each time, is hardly worse than the best of all; but it is looked for who knows it.
      if ((compared >= comparedMax && already === 0) || !isFree(member, least, tried, now)) continue
      compared++
      const cost = this.cost(member, wanted, already, now)
      // Of two that are as good, the one that knows what was said.
      if (best !== undefined && (cost > bestCost || (cost === bestCost && already <= bestAlready))) continue
      bestAlready = already
      best = member
      bestCost = cost
    }
    return best
  }

  /** The same, or nowhere once that is everywhere: then all of it begins anew. */
  private triedBy(facts: Facts | undefined): Tried {
    const tried = this.failedBy(facts)
    return tried.isNowhere || !this.members.every((member) => tried.has(member)) ? tried : tried.anew
  }

  /** Where this call has failed, or is being answered. */
  private failedBy(facts: Facts | undefined): Tried {
    return Tried.by(facts, this.domainOf)
  }

  /** What it costs to go there: time, as far as it is known, and company. */
  private cost(member: Member, wanted: Wanted | undefined, already: number, now: number): number {
    if (this.balance === "round-robin") return 0
    const { places } = member
    const busy = places.taken / places.bound
    if (this.balance === "least-busy") return busy
    // What nobody knows yet is found out by one at a time.
    if (places.holds === undefined) return places.taken === 0 ? 0 : unknownCost
    const { isLoaded } = member
    const lasts =
      (wanted && member.rates.likely(wanted, isLoaded, already)) ?? places.holds * (isLoaded === false ? coldTimes : 1)
    return (lasts * member.rates.believed(now) + (places.freeIn(0, now) ?? 0)) * (1 + busy)
  }
}

/** So many are compared at the most, of those that could be asked. */
const comparedMax = 32

/** Whose turn it is to be looked at is not looked up for every call. */
const glanceEvery = 100_000_000

const isFree = (member: Member, least: number, tried: Tried, now: number): boolean =>
  member.places.hasRoom && member.doubt(tried.question) === least && !tried.has(member) && member.waitFor(now) <= 0

/** Whether somebody may wait for it who has so long. */
const mayStillBeAsked = (member: Member, until: number, now: number): boolean => {
  const closed = member.closedBy(now)
  return closed === undefined || closed === "waiting" || (closed === "held" && member.heldUntil < until)
}

/** Of two that are too small for a prompt, the larger one says how much it may have. */
export const larger = (one: SpillwayError, other: SpillwayError): SpillwayError =>
  contextOf(other) > contextOf(one) ? other : one

const contextOf = ({ reason }: SpillwayError): number => (reason._tag === "ContextTooLong" ? (reason.context ?? 0) : -1)

/** In so long somebody looks again whether a place has come free by itself. */
const lookEvery = 100_000_000

/** More than any target costs whose answers are known. */
const unknownCost = 1e20

/** How many times as long an answer takes whose model has to be loaded first, where nothing better is known. */
const coldTimes = 3
