/** Patience: how long somebody waits, learned from when he left and from when he had no reason to. */
import { assert, describe, it } from "@effect/vitest"
import { Patience } from "../../src/domain/Patience.ts"
import * as Random from "../laws/random.ts"

const second = 1_000_000_000

/** So many who each leave after a time of their own, and whose first word comes after one of their own. */
const learned = (options: {
  readonly count: number
  readonly leaves: (random: Random.Random) => number
  readonly word: (random: Random.Random) => number
  readonly usual?: number
}): Patience => {
  const { count, leaves, usual = 1, word } = options
  const random = Random.make(7)
  const patience = new Patience()
  for (let each = 0; each < count; each++) {
    const leavesAt = leaves(random)
    const wordAt = word(random)
    if (leavesAt < wordAt) patience.left(leavesAt * second, each * second)
    else patience.stayed(wordAt * second, Math.max(wordAt - usual, 0) * second, each * second)
  }
  return patience
}

const between = (from: number, to: number) => (random: Random.Random) => from + (to - from) * random.next()

describe("patience", () => {
  it("is without end while nobody has left", () => {
    const patience = learned({ count: 1_000, leaves: () => Infinity, word: between(1, 3_600) })
    assert.strictEqual(patience.longest(1_000 * second), Infinity)
    assert.strictEqual(new Patience().longest(0), Infinity)
  })

  it("is believed to end after five have left, and not after fewer, nor after many who leave at once", () => {
    const patience = new Patience()
    patience.stayed(second, 0, 0)
    for (let each = 0; each < 10; each++) patience.left(8 * second, 0)
    for (let each = 1; each < 5; each++) {
      assert.strictEqual(patience.longest(each), Infinity)
      patience.left(8 * second, each)
    }
    assert.isBelow(patience.longest(5), 7 * second)
  })

  it("is not believed to end for a few who leave early, after a thousand who were patient", () => {
    const patience = learned({ count: 1_000, leaves: () => Infinity, word: () => 10 })
    for (let each = 0; each < 8; each++) patience.left(0.8 * second, (1_000 + each) * second)
    assert.strictEqual(patience.longest(1_010 * second), Infinity)
  })

  it("is known of those too who were told no in the end", () => {
    const patience = learned({ count: 200, leaves: () => 8, word: () => 20 })
    for (let each = 0; each < 500; each++) patience.waited(30 * second, 200 * second)
    assert.strictEqual(patience.longest(200 * second), Infinity)
    assert.strictEqual(patience.usual, 0)
  })

  it("is known to a seventh, however many were answered long before", () => {
    for (const after of [2, 8, 30, 300]) {
      const patience = learned({ count: 1_000, leaves: () => after, word: between(0.5, 2 * after), usual: 0.5 })
      const by = patience.longest(1_000 * second) / second + 0.5
      assert.isAtMost(by, after)
      assert.isAtLeast(by, after / 1.16 - 0.1)
    }
  })

  it("ends where one in ten has left, of those who wait for as long as it takes in any case", () => {
    const patience = learned({ count: 5_000, leaves: between(4, 9), word: () => 20, usual: 1 })
    const by = patience.longest(5_000 * second) / second + 1
    assert.isAtLeast(by, 4 / 1.15)
    assert.isAtMost(by, 5.5)
    // They leave at any time while it is their turn: waiting is not to blame.
    const hasty = learned({ count: 2_000, leaves: between(0, 40), word: () => 10, usual: 10 })
    assert.isAbove(hasty.longest(2_000 * second), 0)
  })

  it("grows again where those who come so far stay", () => {
    const patience = learned({ count: 200, leaves: () => 8, word: () => 20 })
    assert.isBelow(patience.longest(200 * second), 8 * second)
    for (let each = 0; each < 500; each++) patience.stayed(20 * second, 19 * second, 200 * second)
    assert.strictEqual(patience.longest(200 * second), Infinity)
  })

  it("fades where nobody is let wait so long any more, so that it is tried again", () => {
    const patience = learned({ count: 200, leaves: () => 8, word: () => 20 })
    const minute = 60 * second
    let now = 200 * second
    for (let each = 0; each < 5; each++) assert.isBelow(patience.longest((now += minute)), 8 * second)
    while (patience.longest(now) < Infinity && now < 100 * minute) patience.stayed(second, 0, (now += minute))
    assert.isBelow(now, 60 * minute)
    assert.isAbove(now, 20 * minute)
  })

  it("is forgotten after hours in which nobody asked", () => {
    const patience = learned({ count: 200, leaves: () => 8, word: () => 20 })
    assert.isFalse(patience.isIdle(3_600 * second))
    assert.isTrue(patience.isIdle(3 * 3_600 * second))
  })
})
