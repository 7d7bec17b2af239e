/** Survival: after how long something happens, where some of it is cut short before it has. */
import { assert, describe, it } from "@effect/vitest"
import { Survival } from "../../src/domain/Survival.ts"
import * as Random from "../laws/random.ts"

const milli = 1_000_000

describe("what ends", () => {
  it("never does, while nothing has ended", () => {
    const survival = new Survival()
    assert.strictEqual(survival.fewerThan(0.5).earliest, Infinity)
    survival.lasted(1_000 * milli)
    assert.strictEqual(survival.fewerThan(0.5).earliest, Infinity)
  })

  it("is known to a seventh, from a millisecond to a day", () => {
    for (const after of [1, 7, 100, 8_000, 3_600_000, 86_400_000]) {
      const survival = new Survival()
      for (let each = 0; each < 50; each++) survival.ended(after * milli)
      const { earliest, latest } = survival.fewerThan(0.5)
      assert.isAtMost(earliest / milli, after + 1e-6)
      assert.isAtLeast(latest / milli, after)
      assert.isAtMost(latest / earliest, 1.16)
    }
  })

  it("tells where a share has ended, as a list of all would, although half of them are cut short", () => {
    const random = Random.make(3)
    const survival = new Survival()
    for (let each = 0; each < 20_000; each++) {
      const ends = 100 + 900 * random.next()
      const cut = 1_500 * random.next()
      if (ends <= cut) survival.ended(ends * milli)
      else survival.lasted(cut * milli)
    }
    for (const share of [0.75, 0.5, 0.25]) {
      assert.closeTo(survival.fewerThan(share).latest / milli, 1_000 - 900 * share, 200)
    }
    // Of those that come past 500.
    assert.closeTo(survival.fewerThan(0.5, { from: 500 * milli }).latest / milli, 750, 200)
  })

  it("is learned anew where it changes, and counts for less when it fades", () => {
    const survival = new Survival()
    for (let each = 0; each < 100; each++) survival.ended(100 * milli)
    for (let each = 0; each < 400; each++) survival.ended(1_000 * milli)
    assert.isAbove(survival.fewerThan(0.9).earliest, 800 * milli)
    survival.fade(0.05)
    assert.strictEqual(survival.fewerThan(0.9, { shownBy: 10 }).earliest, Infinity)
    assert.strictEqual(survival.fewerThan(0.9).earliest, Infinity)
  })
})
