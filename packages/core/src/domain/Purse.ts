/**
 * One budget of two: so much in every window, for all calls together or for each key by itself.
 *
 * It knows its windows, the thresholds at which somebody wants to be told, and how to say no; what is spent from it is
 * counted in a store, under its policy's name.
 */
import { type DateTime, type Duration, Effect } from "effect"
import * as Alarm from "./Alarm.ts"
import type { CallFacts } from "./Facts.ts"
import { refusal, type SpillwayError } from "./SpillwayError.ts"
import * as Store from "./Store.ts"
import { type Every, type Turn, Turns } from "./Turns.ts"
import * as Units from "./Units.ts"

/** How a budget stands. Amounts are whole micro-dollars, or tokens. */
export interface Standing {
  readonly unit: Units.Amount["unit"]
  readonly limit: number
  readonly spent: number
  /** For calls that are under way. */
  readonly reserved: number
  /** The part of what is spent that is feared rather than known. */
  readonly unsettled: number
  readonly turnsIn: Duration.Duration
}

/** What a purse holds, and for how long. */
export interface Filled<R> extends Units.Amount {
  readonly every: Every<R>
  /** As it is named where it refuses. */
  readonly printed: string
}

/**
 * An account as a call reserves in it. It waits as long as the call does, and many may: so it refers to what all calls
 * of a window have in common, and copies nothing.
 */
class Claim implements Store.Account {
  readonly key: string
  readonly amount: number
  private readonly turn: Turn
  private readonly purse: { readonly limit: number }

  constructor(purse: { readonly limit: number }, turn: Turn, key: string, amount: number) {
    this.purse = purse
    this.turn = turn
    this.key = key
    this.amount = amount
  }

  get window(): number {
    return this.turn.window
  }

  get until(): number {
    return this.turn.until
  }

  get limit(): number {
    return this.purse.limit
  }
}

/** A budget in total, or for each key. */
export class Purse<R> {
  readonly budget: "total" | "each"
  readonly limit: number
  readonly unit: Units.Amount["unit"]
  readonly turns: Turns<R>
  private readonly printed: string
  private readonly thresholds: ReadonlyArray<{ readonly share: number; readonly at: number }>

  constructor(
    budget: "total" | "each",
    { amount, every, printed, unit }: Filled<R>,
    shares: ReadonlyArray<number>,
    zone: DateTime.TimeZone
  ) {
    this.budget = budget
    this.limit = amount
    this.unit = unit
    this.turns = new Turns(every, zone)
    this.printed = printed
    this.thresholds = shares.map((share) => ({ share, at: Math.ceil(Math.round(share * amount * 1e6) / 1e6) }))
  }

  /** The account in which a call counts. */
  account(turn: Turn, key: string, amount: number): Store.Account {
    return new Claim(this, turn, this.keyOf(key), amount)
  }

  /** The shares that have just been spent. */
  sharesWithin({ from, to }: Store.Crossed): ReadonlyArray<number> {
    for (const { at } of this.thresholds) {
      if (from < at && to >= at) {
        return this.thresholds.filter((each) => from < each.at && to >= each.at).map(({ share }) => share)
      }
    }
    return noShares
  }

  /** How it stands for a key in a window. */
  standing(
    store: Store.Store,
    of: string,
    key: string,
    { until, window }: Turn,
    now: number
  ): Effect.Effect<Standing, SpillwayError> {
    return Effect.suspend(() =>
      Store.andThen(store.balance(of, { key: this.keyOf(key), window }, now), (amounts) =>
        Effect.succeed({ unit: this.unit, limit: this.limit, ...amounts, turnsIn: Alarm.spanOf(until - now) })
      )
    )
  }

  /** That it is spent, until its window turns. */
  spent({ key, until }: Store.Account, full: boolean, now: number): SpillwayError {
    const whose = this.budget === "total" ? "in total" : `for "${key}"`
    return refusal({
      _tag: "BudgetSpent",
      budget: `${this.printed} ${whose}${full ? ", for which there is no room to count," : ""}`,
      ...(until < Infinity ? { retryAfter: Alarm.spanOf(until - now) } : {})
    })
  }

  /** That a call asks for more than there ever is: in money, somebody else may be cheaper. */
  tooMuch(amount: number, call: CallFacts | undefined): SpillwayError {
    if (this.unit === "micro-dollars") {
      const needs = Units.amount.print({ amount, unit: this.unit })
      return refusal({ _tag: "BudgetSpent", budget: this.printed, needs })
    }
    const { question } = call ?? {}
    return refusal({
      _tag: "BadRequest",
      field: question === undefined ? "tokens" : question.kind === "embed" ? "inputs" : "maxTokens",
      read: `up to ${Units.amount.print({ amount, unit: this.unit })}`,
      expected: `at most what ${this.printed} holds`
    })
  }

  /** The total is nobody's: no caller is named by nothing. */
  private keyOf(key: string): string {
    return this.budget === "total" ? "" : key || "default"
  }
}

const noShares: ReadonlyArray<number> = []
