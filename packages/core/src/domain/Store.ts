/**
 * Where counters live: the port that the memory fills today, and SQLite and Redis fill for gateways that outlive a
 * crash or share their limits.
 *
 * A store knows no requests, tokens or money. A limit reaches it as spans of time: what a cost takes to be earned back,
 * and how far ahead of now may be spent. That is all a script on another machine has to compute, and it is exact in
 * whole nanoseconds. A budget reaches it as whole amounts and the window they belong to: when a window turns, and in
 * which time zone, is the policy's affair. Answers are values or Effects, so that one policy is written for both and
 * never leaves its fiber for the memory's.
 */
import { Context, Effect } from "effect"
import type { SpillwayError } from "./SpillwayError.ts"

/** An answer that is there, or one that has to be waited for. */
export type Answer<A> = A | Effect.Effect<A, SpillwayError>

/** Whether an answer has to be waited for. */
export const isLater = <A>(answer: Answer<A>): answer is Effect.Effect<A, SpillwayError> =>
  // What the memory answers mostly; to look for a field that is not there takes longer.
  (answer as unknown) !== started &&
  (answer as unknown) !== reserved &&
  !Array.isArray(answer) &&
  (typeof answer === "object" || typeof answer === "function") &&
  answer !== null &&
  Effect.TypeId in answer

/** One limit of a ticket, in nanoseconds. */
export interface Charge {
  /** How long it takes to earn back what is taken. */
  readonly cost: number
  /** How far ahead of now may be spent. */
  readonly burst: number
}

/**
 * A claim on one key of one policy, on all its charges or on none. It is minted before it is sent and counts as taken
 * from then on: whoever minted it gives it back, whether or not the store has answered.
 */
export class Ticket {
  readonly id: number
  /** Whose counters they are: the name of a policy. */
  readonly of: string
  readonly key: string
  readonly charges: ReadonlyArray<Charge>
  /** Belongs to the store that took the ticket. */
  receipt: unknown

  constructor(id: number, of: string, key: string, charges: ReadonlyArray<Charge>) {
    this.id = id
    this.of = of
    this.key = key
    this.charges = charges
  }

  /** A store in this process calls it when the ticket's time may have come sooner than it had said. */
  onTurn(): void {}
}

/** What becomes of a ticket: it may start, it stands in line for so long, or it is refused and can come back then. */
export type Decision = { readonly _tag: "Started" } | { readonly _tag: "Waits"; readonly wait: number } | Refused

/** Not now: when to come back, and whether only because the store holds as many keys as it may. */
export interface Refused {
  readonly _tag: "Refused"
  readonly retryAfter: number
  readonly full?: boolean
}

/** The answer of the happy path, made once. */
export const started: Decision = { _tag: "Started" }

/** One sum that a reservation counts in. Amounts are whole: micro-dollars, or tokens. */
export interface Account {
  readonly key: string
  /** Which window: with every new one the sum starts at nothing. */
  readonly window: number
  /** When the window is over and the sum can be forgotten. */
  readonly until: number
  readonly limit: number
  readonly amount: number
}

/**
 * What a call may come to, reserved in all its accounts or in none until it is known what it came to. As with a ticket,
 * whoever minted it settles it, whether or not the store has answered.
 */
export class Reservation {
  readonly id: number
  /** Whose sums they are: the name of a policy. */
  readonly of: string
  /** No two of them are the same key and window. */
  readonly accounts: ReadonlyArray<Account>
  /** When it counts as lost: charged in full and unsettled, until somebody says better. */
  readonly leasedUntil: number
  /** Belongs to the store that took the reservation. */
  receipt: unknown

  constructor(id: number, of: string, accounts: ReadonlyArray<Account>, leasedUntil: number) {
    this.id = id
    this.of = of
    this.accounts = accounts
    this.leasedUntil = leasedUntil
  }
}

/** What becomes of a reservation. Of several accounts that cannot take it, `account` is the first by its place. */
export type Reserved = { readonly _tag: "Reserved" } | Spent

/** Nothing was reserved, since that account cannot take it. */
export interface Spent {
  readonly _tag: "Spent"
  readonly account: number
  /** Only because the store holds as many keys as it may. */
  readonly full?: boolean
}

/** What a reservation came to, account by account, and whether that is known or only feared. */
export interface Bill {
  readonly amounts: ReadonlyArray<number>
  readonly unsettled: boolean
}

/**
 * The most that was ever spent in an account's window: as the charge before told it, and as this one does. It never
 * sinks and leaves nothing out, so who looks for a threshold between the two finds it exactly once. What lapses in
 * between is told by the next charge.
 */
export interface Crossed {
  readonly from: number
  readonly to: number
}

/** Where an account stands: `spent` holds what is unsettled, and not what is only reserved. */
export interface Balance {
  readonly spent: number
  readonly reserved: number
  readonly unsettled: number
}

/** The answer of the happy path, made once. */
export const reserved: Reserved = { _tag: "Reserved" }

/** Counters by key. Every moment and span is whole nanoseconds. */
export interface Store {
  /**
   * Takes a ticket, if it may start within `maxWait`. A ticket that waits is taken again when its time has come, and
   * only then starts: a timer can be late, and many late ones must not start at once.
   */
  readonly take: (ticket: Ticket, maxWait: number, now: number) => Answer<Decision>
  /** Settles a started ticket to what it really cost, charge by charge. */
  readonly settle: (ticket: Ticket, costs: ReadonlyArray<number>, now: number) => Answer<void>
  /**
   * Gives everything back, any number of times, whether or not the take has answered: one that comes later takes
   * nothing.
   */
  readonly giveBack: (ticket: Ticket, now: number) => Answer<void>
  /**
   * Reserves in every account, if in each what is spent, what is reserved and this together stay within the limit. An
   * amount of nothing always fits. Asked again, it has reserved already.
   */
  readonly reserve: (reservation: Reservation, now: number) => Answer<Reserved>
  /**
   * Settles a reservation, once, to what it came to: more than was reserved is a debt, nothing frees it. It counts in
   * the window in which it was reserved. Said before the reservation has arrived, that one takes nothing.
   */
  readonly charge: (reservation: Reservation, bill: Bill, now: number) => Answer<ReadonlyArray<Crossed>>
  /** Where an account stands. */
  readonly balance: (of: string, account: Pick<Account, "key" | "window">, now: number) => Answer<Balance>
}

/** The store of a program. Where none is provided, every policy keeps its counters in a memory of its own. */
export class StoreService extends Context.Service<StoreService, Store>()("spillway/Store") {}

/**
 * Settles with a store what has ended. Whatever the store makes of it, a failure or a defect, the end stays as it is;
 * what could not be settled is logged.
 */
export const settling = <Claim, A>(
  claim: Claim,
  settle: (claim: Claim) => Answer<A>,
  next: (value: A, claim: Claim) => Effect.Effect<void> | undefined = nothing
): Effect.Effect<void> | undefined => {
  try {
    const answer = settle(claim)
    if (!isLater(answer)) return next(answer, claim)
    return Effect.catchCause(
      Effect.flatMap(answer, (value) => next(value, claim) ?? Effect.void),
      (cause) => Effect.logWarning(unsettledSentence, cause)
    )
  } catch (thrown) {
    return Effect.logWarning(unsettledSentence, thrown)
  }
}

const nothing = (): undefined => undefined

const unsettledSentence = "A store could not settle what has ended: its counters stay as they were until they expire."

/** Goes on with an answer: at once where it is a value. */
export const andThen = <A, B, E, R>(
  answer: Answer<A>,
  next: (value: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E | SpillwayError, R> => (isLater(answer) ? Effect.flatMap(answer, next) : next(answer))
