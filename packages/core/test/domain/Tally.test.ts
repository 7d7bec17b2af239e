/**
 * Two sums over the last slots of time: exact to one slot, and compared with a list that forgets nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Tally } from "../../src/domain/Tally.ts"
import * as Random from "../laws/random.ts"

const sums = ({ all, marked }: Tally) => [all, marked]

describe("Tally", () => {
  it("sums what came within the last slots, whenever it came and however long nothing came", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = Random.make(seed)
      const slots = 1 + random.below(12)
      const slot = 1 + random.below(1_000)
      const tally = new Tally(slot, slots)
      const counted: Array<{ readonly at: number; readonly all: number; readonly marked: number }> = []
      let now = random.below(3) === 0 ? 0 : random.below(10_000_000)
      for (let step = 0; step < 100; step++) {
        if (random.below(3) > 0) now += random.below(random.below(10) === 0 ? slot * slots * 3 : slot * 2)
        const at = Math.floor(now / slot)
        if (random.below(4) === 0) tally.advance(now)
        else {
          const [all, marked] = [random.below(5), random.below(3)]
          tally.add(now, all, marked)
          counted.push({ at, all, marked })
        }
        const recent = counted.filter((each) => each.at > at - slots)
        assert.deepStrictEqual(
          sums(tally),
          [recent.reduce((sum, { all }) => sum + all, 0), recent.reduce((sum, { marked }) => sum + marked, 0)],
          `seed ${seed}, step ${step}`
        )
      }
    }
  })

  it("counts from the first moment of a clock that starts at zero", () => {
    const tally = new Tally(10, 3)
    tally.add(0, 2, 1)
    assert.deepStrictEqual(sums(tally), [2, 1])
    tally.advance(29)
    assert.deepStrictEqual(sums(tally), [2, 1])
    tally.advance(30)
    assert.deepStrictEqual(sums(tally), [0, 0])
  })

  it("takes no longer for a long rest than for a short one", () => {
    const tally = new Tally(1, 3)
    tally.add(1e11, 2, 1)
    tally.advance(3e11)
    assert.deepStrictEqual(sums(tally), [0, 0])
  })

  it("forgets nothing for being asked about a moment that has passed", () => {
    const tally = new Tally(10, 3)
    tally.add(100, 2, 1)
    tally.advance(0)
    tally.add(95, 1, 1)
    assert.deepStrictEqual(sums(tally), [3, 2])
    // What was counted late belongs to the slot that runs.
    tally.advance(129)
    assert.deepStrictEqual(sums(tally), [3, 2])
  })

  it("forgets everything when it is told to, and counts on from there", () => {
    const tally = new Tally(10, 3)
    tally.add(100, 2, 1)
    tally.add(115, 2, 1)
    tally.clear()
    assert.deepStrictEqual(sums(tally), [0, 0])
    tally.add(116, 1, 0)
    tally.advance(125)
    assert.deepStrictEqual(sums(tally), [1, 0])
    tally.advance(146)
    assert.deepStrictEqual(sums(tally), [0, 0])
  })
})
