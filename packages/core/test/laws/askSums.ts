/**
 * How the laws ask a store about sums: reservations of someone's hundred, in windows of an hour.
 *
 * Answers become Effects here, so that no law asks whether a store is in this process.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Store } from "@spillway/core"

/** A second, in the unit of all moments. */
export const second = 1_000_000_000

/** How long a window is. */
export const hour = 3_600 * second

/** An amount of someone's hundred in the first hour. */
export const of = (amount: number, said: Partial<Store.Account> = {}): Store.Account => {
  const window = said.window ?? 0
  return { key: "someone", window, until: (window + 1) * hour, limit: 100, amount, ...said }
}

let reservations = 0

/** A reservation whose lease outlasts the test, unless it says otherwise. */
export const claim = (accounts: ReadonlyArray<Store.Account>, leasedUntil = 1_000 * hour, name = "a budget") =>
  new Store.Reservation(++reservations, name, accounts, leasedUntil)

/** Reserves. */
export const reserve = (store: Store.Store, reservation: Store.Reservation, now = 0) =>
  Store.andThen(store.reserve(reservation, now), Effect.succeed)

/** Charges, account by account. */
export const charge = (
  store: Store.Store,
  reservation: Store.Reservation,
  amounts: ReadonlyArray<number>,
  now = 0,
  unsettled = false
) => Store.andThen(store.charge(reservation, { amounts, unsettled }, now), Effect.succeed)

/** Where an account stands. */
export const balance = (store: Store.Store, now = 0, said: Partial<Store.Account> = {}, name = "a budget") =>
  Store.andThen(store.balance(name, of(0, said), now), Effect.succeed)

/** Reserves and charges at once. */
export const spend = (store: Store.Store, account: Store.Account, now = 0) =>
  Effect.gen(function* () {
    const spent = claim([account])
    assert.deepStrictEqual(yield* reserve(store, spent, now), Store.reserved)
    return yield* charge(store, spent, [account.amount], now)
  })

/** Where an account stands that nobody has spent from. */
export const none: Store.Balance = { spent: 0, reserved: 0, unsettled: 0 }

/** Refused by the account at this place. */
export const spentAt = (account: number): Store.Reserved => ({ _tag: "Spent", account })
