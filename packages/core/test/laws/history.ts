/**
 * Accounts reckoned anew from all that ever happened: slow, and too simple to be wrong.
 *
 * It is what a store's sums are compared with. It forgets nothing, moves nothing when a lease ends, and remembers only
 * the highest sum that it told of each account.
 */
import { Store } from "@spillway/core"

/** All reservations that were made, and what they came to. */
export class History {
  private readonly made = new Set<Store.Reservation>()
  private readonly bills = new Map<Store.Reservation, Store.Bill>()
  private readonly told = new Map<string, number>()

  reserve(reservation: Store.Reservation, now: number): Store.Reserved {
    if (this.bills.has(reservation)) return { _tag: "Spent", account: 0 }
    if (this.made.has(reservation)) return Store.reserved
    const full = reservation.accounts.findIndex((account) => {
      const { reserved, spent } = this.balance(reservation.of, account, now)
      return account.amount > 0 && spent + reserved + account.amount > account.limit
    })
    if (full >= 0) return { _tag: "Spent", account: full }
    this.made.add(reservation)
    return Store.reserved
  }

  charge(reservation: Store.Reservation, bill: Store.Bill, now: number): ReadonlyArray<Store.Crossed> {
    if (this.bills.has(reservation)) return []
    const spent = () => reservation.accounts.map((account) => this.balance(reservation.of, account, now).spent)
    const before = spent()
    this.bills.set(reservation, bill)
    if (!this.made.has(reservation)) return []
    return spent().map((after, index) => {
      const account = JSON.stringify([
        reservation.of,
        reservation.accounts[index]!.key,
        reservation.accounts[index]!.window
      ])
      const from = this.told.get(account) ?? 0
      const to = Math.max(from, before[index]!, after)
      this.told.set(account, to)
      return { from, to }
    })
  }

  balance(of: string, { key, window }: Pick<Store.Account, "key" | "window">, now: number): Store.Balance {
    let [spent, reserved, unsettled] = [0, 0, 0]
    for (const reservation of this.made) {
      if (reservation.of !== of) continue
      const index = reservation.accounts.findIndex((account) => account.key === key && account.window === window)
      if (index < 0) continue
      const bill = this.bills.get(reservation)
      const amount = bill?.amounts[index] ?? reservation.accounts[index]!.amount
      const hasLapsed = reservation.leasedUntil <= now
      if (bill !== undefined || hasLapsed) spent += amount
      else reserved += amount
      if (bill?.unsettled ?? hasLapsed) unsettled += amount
    }
    return { spent, reserved, unsettled }
  }
}
