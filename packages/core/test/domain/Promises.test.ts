/** Promises: each who is refused has a turn of his own to come back for. */
import { assert, describe, it } from "@effect/vitest"
import { Promises } from "../../src/domain/Promises.ts"

describe("promises", () => {
  it("are a turn apart, and none comes before there can be one", () => {
    const promises = new Promises()
    assert.deepStrictEqual([promises.next(5, 2, 100), promises.next(5, 2, 100), promises.next(5, 2, 101)], [5, 7, 8])
    assert.strictEqual(promises.next(50, 2, 101), 50)
  })

  it("are dealt anew after 64 turns: nobody is sent away for longer, however many are refused", () => {
    const promises = new Promises()
    let longest = 0
    for (let refused = 0; refused < 12_000; refused++) {
      longest = Math.max(longest, promises.next(4, 1, refused / 20))
    }
    assert.isAtMost(longest, 4 + 64)
    assert.isAtLeast(longest, 60)
  })

  it("are over when the last of them has had his turn", () => {
    const promises = new Promises()
    assert.isTrue(promises.isIdle(0))
    promises.next(5, 2, 100)
    assert.isFalse(promises.isIdle(106))
    assert.isTrue(promises.isIdle(107))
    assert.strictEqual(promises.next(1, 2, 200), 1)
  })
})
