/**
 * What was spent, by key and window: the part of the memory that budgets count in.
 *
 * A reservation keeps the very sums that it counts in. So its bill finds the right window however late it comes, also
 * when the next one is running or the key was forgotten. A lease needs no timer: what has lapsed is moved before it can
 * show in an answer, which is as exact as moving it on the nanosecond. Whether something fits is no such answer: spent
 * or reserved is the same to it.
 */
import * as Ring from "../domain/Ring.ts"
import {
  reserved,
  type Account,
  type Balance,
  type Bill,
  type Crossed,
  type Reservation,
  type Reserved
} from "../domain/Store.ts"
import type { Room } from "./Room.ts"

/** One account: what a key has spent in one window. */
interface Sum {
  readonly window: number
  until: number
  spent: number
  reserved: number
  unsettled: number
  /** The most that was ever spent, as the last charge told it. */
  peak: number
  /** How many reservations count in `reserved`, also those of nothing. */
  open: number
  /** The same key in another window, opened before this one and not yet forgotten. */
  older: Sum | undefined
}

/** What a reservation remembers, and its place among the open ones of its policy, which stand in a ring by lease. */
class Receipt implements Ring.Linked<Receipt> {
  readonly reservation: Pick<Reservation, "accounts" | "leasedUntil">
  readonly sums: ReadonlyArray<Sum>
  hasLapsed = false
  before: Receipt = this
  after: Receipt = this

  constructor(reservation: Pick<Reservation, "accounts" | "leasedUntil">, sums: ReadonlyArray<Sum>) {
    this.reservation = reservation
    this.sums = sums
  }
}

/** Nobody's reservation, which never lapses. */
const nobodys = { accounts: [], leasedUntil: Infinity }

/** The receipt of a reservation that has got its bill: one that arrives after that takes nothing. */
const settled = new Receipt(nobodys, [])

/** What one policy counts. */
interface Ledger {
  /** By key: the window that was opened last, with the older ones behind it. */
  readonly sums: Map<string, Sum>
  /** Where the ring of open reservations begins and ends. */
  readonly ring: Receipt
}

type Spent = Extract<Reserved, { readonly _tag: "Spent" }>

const overtaken: Spent = { _tag: "Spent", account: 0 }

const nothingCrossed: ReadonlyArray<Crossed> = []

const nothingSpent: Balance = { spent: 0, reserved: 0, unsettled: 0 }

/** The sums of one memory, which keeps lines in the same room. */
export class Sums {
  private readonly ledgers = new Map<string, Ledger>()
  private readonly room: Room

  constructor(room: Room) {
    this.room = room
  }

  readonly reserve = (reservation: Reservation, now: number): Reserved => {
    if (reservation.receipt !== undefined) return reservation.receipt === settled ? overtaken : reserved
    this.room.ask(now)
    const ledger = this.ledgers.get(reservation.of) ?? this.open(reservation.of)
    const { accounts } = reservation
    const sums = new Array<Sum | undefined>(accounts.length)
    for (let index = 0; index < sums.length; index++) {
      const { key, window } = accounts[index]!
      sums[index] = find(ledger.sums.get(key), window)
    }
    const refusal = this.refusal(ledger, accounts, sums)
    // Looking for room may forget what was found, so all of it is found again.
    if (refusal?.full === true && this.room.seek(now)) return this.reserve(reservation, now)
    if (refusal !== undefined) return refusal
    const receipt = new Receipt(reservation, this.take(ledger, accounts, sums))
    enter(ledger.ring, receipt)
    reservation.receipt = receipt
    return reserved
  }

  readonly charge = (reservation: Reservation, bill: Bill, now: number): ReadonlyArray<Crossed> => {
    const receipt = reservation.receipt as Receipt | undefined
    reservation.receipt = settled
    if (receipt === undefined || receipt === settled) return nothingCrossed
    lapse(this.ledgers.get(reservation.of), now)
    if (!receipt.hasLapsed) Ring.leave(receipt)
    const crossed = new Array<Crossed>(receipt.sums.length)
    for (let index = 0; index < crossed.length; index++) {
      crossed[index] = settle(receipt.sums[index]!, receipt, index, bill)
    }
    return crossed
  }

  readonly balance = (of: string, { key, window }: Pick<Account, "key" | "window">, now: number): Balance => {
    const ledger = this.ledgers.get(of)
    lapse(ledger, now)
    const sum = find(ledger?.sums.get(key), window)
    return sum === undefined ? nothingSpent : { spent: sum.spent, reserved: sum.reserved, unsettled: sum.unsettled }
  }

  /** Drops the windows that are over and have no open reservation, and the keys that have no window left. */
  forget(now: number): void {
    for (const [of, ledger] of this.ledgers) {
      lapse(ledger, now)
      for (const [key, newest] of ledger.sums) {
        const left = this.left(newest, now)
        if (left === undefined && ledger.sums.delete(key)) this.room.held--
        else if (left !== undefined && left !== newest) ledger.sums.set(key, left)
      }
      if (ledger.sums.size === 0) this.ledgers.delete(of)
    }
  }

  /** The windows of a key that are left, the newest first. */
  private left(windows: Sum, now: number): Sum | undefined {
    let newest: Sum | undefined
    let last: Sum | undefined
    for (let sum: Sum | undefined = windows; sum !== undefined; sum = sum.older) {
      if (sum.until <= now && sum.open === 0) continue
      this.room.idle(Math.max(sum.until, now))
      if (last === undefined) newest = sum
      else last.older = sum
      last = sum
    }
    if (last !== undefined) last.older = undefined
    return newest
  }

  private open(of: string): Ledger {
    const ledger: Ledger = { sums: new Map(), ring: new Receipt(nobodys, []) }
    this.ledgers.set(of, ledger)
    return ledger
  }

  private sumOf(ledger: Ledger, { key, until, window }: Account): Sum {
    const older = ledger.sums.get(key)
    const sum: Sum = { window, until, spent: 0, reserved: 0, unsettled: 0, peak: 0, open: 0, older }
    ledger.sums.set(key, sum)
    if (older === undefined) this.room.held++
    this.room.idle(until)
    return sum
  }

  /** The first account that cannot take its amount. */
  private refusal(
    ledger: Ledger,
    accounts: ReadonlyArray<Account>,
    sums: ReadonlyArray<Sum | undefined>
  ): Spent | undefined {
    let keys = 0
    for (let index = 0; index < accounts.length; index++) {
      const { amount, key, limit } = accounts[index]!
      const sum = sums[index]
      const taken = sum === undefined ? 0 : sum.spent + sum.reserved
      if (amount > 0 && taken + amount > limit) return { _tag: "Spent", account: index }
      // Another window of a key that is held needs no room: else every turn would need twice as much.
      if (sum !== undefined || ledger.sums.has(key) || this.room.has(++keys)) continue
      return { _tag: "Spent", account: index, full: true }
    }
    return undefined
  }

  /** Reserves in sums that have the room, and opens those that are not there yet. */
  private take(ledger: Ledger, accounts: ReadonlyArray<Account>, sums: Array<Sum | undefined>): ReadonlyArray<Sum> {
    for (let index = 0; index < accounts.length; index++) {
      const account = accounts[index]!
      const sum = (sums[index] ??= this.sumOf(ledger, account))
      sum.reserved += account.amount
      sum.open++
      if (account.until > sum.until) sum.until = account.until
    }
    return sums as Array<Sum>
  }
}

const find = (newest: Sum | undefined, window: number): Sum | undefined => {
  let sum = newest
  while (sum !== undefined && sum.window !== window) sum = sum.older
  return sum
}

/** Leases of a policy mostly end in the order in which they began, so the place is at the end or close to it. */
const enter = (ring: Receipt, receipt: Receipt): void => {
  let before = ring.before
  const { leasedUntil } = receipt.reservation
  while (before !== ring && before.reservation.leasedUntil > leasedUntil) before = before.before
  Ring.enter(receipt, before)
}

/** Charges in full what was not charged before its lease ended. */
const lapse = (ledger: Ledger | undefined, now: number): void => {
  if (ledger === undefined) return
  // The ring itself is leased for ever, so it ends the search.
  while (ledger.ring.after.reservation.leasedUntil <= now) {
    const receipt = ledger.ring.after
    Ring.leave(receipt)
    receipt.hasLapsed = true
    for (let index = 0; index < receipt.sums.length; index++) {
      const { amount } = receipt.reservation.accounts[index]!
      const sum = receipt.sums[index]!
      sum.reserved -= amount
      sum.open--
      sum.spent += amount
      sum.unsettled += amount
    }
  }
}

/** Puts the bill in the place of what was reserved, or of what was charged for it when its lease ended. */
const settle = (sum: Sum, receipt: Receipt, index: number, bill: Bill): Crossed => {
  const { amount } = receipt.reservation.accounts[index]!
  const billed = bill.amounts[index]!
  const from = sum.peak
  // What has lapsed since the last charge was told to nobody, and this bill may take it back.
  const before = sum.spent
  if (receipt.hasLapsed) {
    sum.spent -= amount
    sum.unsettled -= amount
  } else {
    sum.reserved -= amount
    sum.open--
  }
  sum.spent += billed
  if (bill.unsettled) sum.unsettled += billed
  sum.peak = Math.max(from, before, sum.spent)
  return { from, to: sum.peak }
}
