/** A ring of those who are there now: who stands in it, and that nobody who has left keeps anybody. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as Ring from "../../src/domain/Ring.ts"

class Someone implements Ring.Linked<Someone> {
  before: Someone = this
  after: Someone = this
}

const standing = (ring: Someone): ReadonlyArray<Someone> => {
  const found: Array<Someone> = []
  for (let who = ring.after; who !== ring; who = who.after) {
    assert.strictEqual(who.before.after, who)
    found.push(who)
  }
  assert.strictEqual(ring.before, found.at(-1) ?? ring)
  return found
}

describe("a ring", () => {
  it.effect("holds those who came and have not left, in whatever order they come and go", () =>
    Effect.gen(function* () {
      const ring = new Someone()
      let expected: ReadonlyArray<Someone> = []
      for (let turn = 0; turn < 2_000; turn++) {
        const at = Math.floor((yield* Random.next) * (expected.length + 1))
        if (yield* Random.nextBoolean) {
          const who = new Someone()
          Ring.enter(who, expected[at - 1] ?? ring)
          expected = expected.toSpliced(at, 0, who)
        } else if (at < expected.length) {
          const who = expected[at]!
          Ring.leave(who)
          assert.strictEqual(who.before, who)
          assert.strictEqual(who.after, who)
          expected = expected.toSpliced(at, 1)
        }
        assert.deepStrictEqual(standing(ring).map(numberOf), expected.map(numberOf))
      }
    }).pipe(Random.withSeed("ring"))
  )

  it("is left by one who stands in none as if nothing were", () => {
    const [ring, who] = [new Someone(), new Someone()]
    assert.isFalse(Ring.isIn(who))
    Ring.leave(who)
    Ring.enter(who, ring)
    assert.isTrue(Ring.isIn(who))
    Ring.leave(who)
    assert.isFalse(Ring.isIn(who))
    Ring.leave(who)
    assert.deepStrictEqual(standing(ring), [])
  })
})

const numbers = new Map<Someone, number>()
const numberOf = (who: Someone): number => {
  const number = numbers.get(who) ?? numbers.size
  numbers.set(who, number)
  return number
}
