/**
 * What only this process's sums promise: they share a room with others, do not grow, and know even forgotten windows.
 *
 * What every store's sums promise is in laws/testSums.ts and laws/testLeases.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@spillway/core"
import { Room } from "../../src/state/Room.ts"
import { Sums } from "../../src/state/Sums.ts"

const second = 1_000_000_000

const make = (keysMax = 1_000_000) => {
  const room: Room = new Room(keysMax, (now) => sums.forget(now))
  const sums = new Sums(room)
  return { room, sums }
}

const claim = (key: string, window: number, until: number, leasedUntil = Infinity, name = "a budget") =>
  new Store.Reservation(1, name, [{ key, window, until, limit: 100, amount: 60 }], leasedUntil)

const bill = (amount: number): Store.Bill => ({ amounts: [amount], unsettled: false })

describe("the sums of a memory", () => {
  it("answer with the very same value for every reservation that fits", () => {
    const { sums } = make()
    assert.strictEqual(sums.reserve(claim("someone", 0, second), 0), Store.reserved)
  })

  it("do not grow when every call is a key of its own and windows are short", () => {
    const { room, sums } = make()
    for (let index = 0; index < 10_000; index++) {
      const reservation = claim(`key ${index}`, index, index * 1_000 + 1)
      sums.reserve(reservation, index * 1_000)
      sums.charge(reservation, bill(60), index * 1_000)
    }
    assert.isAtMost(room.held, 200)
  })

  it("hold a key once, however many of its windows run", () => {
    const { room, sums } = make()
    const claims = Array.from({ length: 100 }, (_, window) => claim("someone", window, (window + 1) * second))
    for (const reservation of claims) sums.reserve(reservation, 0)
    assert.strictEqual(room.held, 1)
    // Every second one is done: those windows go, from among the others, as soon as they are over.
    for (const [window, reservation] of claims.entries()) if (window % 2 === 0) sums.charge(reservation, bill(50), 0)
    sums.forget(50 * second)
    const spent = claims.map((_, window) => sums.balance("a budget", { key: "someone", window }, 50 * second).spent)
    assert.deepStrictEqual(
      spent,
      claims.map((_, window) => (window % 2 === 0 && window >= 50 ? 50 : 0))
    )
    const reserved = claims.map((_, window) => sums.balance("a budget", { key: "someone", window }, 0).reserved)
    assert.deepStrictEqual(
      reserved,
      claims.map((_, window) => (window % 2 === 0 ? 0 : 60))
    )
    for (const reservation of claims) sums.charge(reservation, bill(0), 50 * second)
    sums.forget(100 * second)
    assert.strictEqual(room.held, 0)
  })

  it("forget a newer window before an older one that is still open", () => {
    const { sums } = make()
    sums.reserve(claim("someone", 0, second), 0)
    const newer = claim("someone", 1, 2 * second)
    sums.reserve(newer, 0)
    sums.charge(newer, bill(60), 0)
    sums.forget(2 * second)
    assert.strictEqual(sums.balance("a budget", { key: "someone", window: 1 }, 2 * second).spent, 0)
    assert.strictEqual(sums.balance("a budget", { key: "someone", window: 0 }, 2 * second).reserved, 60)
  })

  it("find the window of a late bill even when its key was forgotten, without holding the key again", () => {
    const { room, sums } = make()
    const lost = claim("someone", 0, second, second)
    sums.reserve(lost, 0)
    sums.forget(2 * second)
    assert.strictEqual(room.held, 0)
    assert.deepStrictEqual(sums.charge(lost, bill(70), 3 * second), [{ from: 0, to: 70 }])
    assert.deepStrictEqual(sums.balance("a budget", { key: "someone", window: 0 }, 3 * second).spent, 0)
    assert.strictEqual(room.held, 0)
  })

  it("find room in windows that are over for a reservation that has found some of its accounts there", () => {
    const { room, sums } = make(2)
    const early = claim("one", 0, second)
    sums.reserve(early, 0)
    sums.charge(early, bill(60), 0)
    sums.reserve(claim("two", 0, 10 * second), 0)
    // The first account is over and goes, just as room is made for the second.
    const accounts = ["one", "three"].map((key) => ({ key, window: 0, until: 5 * second, limit: 100, amount: 30 }))
    const both = new Store.Reservation(1, "a budget", accounts, Infinity)
    assert.deepStrictEqual(sums.reserve(both, 2 * second), { _tag: "Spent", account: 1, full: true })
    assert.strictEqual(room.held, 1)
    assert.strictEqual(sums.reserve(claim("three", 0, 5 * second), 2 * second), Store.reserved)
    assert.strictEqual(room.held, 2)
  })

  it("find room on the very nanosecond at which a window is over", () => {
    const { sums } = make(1)
    const early = claim("one", 0, 100 * second)
    sums.reserve(early, 0)
    sums.charge(early, bill(1), 0)
    // A look in between finds when that will be.
    for (const now of [70 * second, 100 * second - 1]) {
      assert.strictEqual(sums.reserve(claim("two", 0, 200 * second), now)._tag, "Spent")
    }
    assert.strictEqual(sums.reserve(claim("two", 0, 200 * second), 100 * second)._tag, "Reserved")
  })

  it("look for room once a second while only an open reservation keeps a window that is over", () => {
    const { sums } = make(1)
    const long = claim("one", 0, second)
    sums.reserve(long, 0)
    assert.strictEqual(sums.reserve(claim("two", 0, 10 * second), 2 * second)._tag, "Spent")
    sums.charge(long, bill(60), 2 * second)
    assert.strictEqual(sums.reserve(claim("two", 0, 10 * second), 3 * second - 1)._tag, "Spent")
    assert.strictEqual(sums.reserve(claim("two", 0, 10 * second), 3 * second)._tag, "Reserved")
  })

  it("end the leases of every policy before they look for room", () => {
    const { sums } = make(1)
    sums.reserve(claim("one", 0, second, 2 * second, "another"), 0)
    assert.strictEqual(sums.reserve(claim("two", 0, 10 * second), 2 * second - 1)._tag, "Spent")
    assert.strictEqual(sums.reserve(claim("two", 0, 10 * second), 3 * second)._tag, "Reserved")
  })

  it("count a reservation without accounts in none", () => {
    const { room, sums } = make()
    const empty = new Store.Reservation(1, "a budget", [], second)
    assert.strictEqual(sums.reserve(empty, 0), Store.reserved)
    sums.forget(0)
    assert.strictEqual(room.held, 0)
    assert.deepStrictEqual(sums.charge(empty, { amounts: [], unsettled: false }, 2 * second), [])
  })
})
