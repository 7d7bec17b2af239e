/**
 * A limit per minute that comes back little by little.
 */
import { assert, describe, it } from "vitest"
import { Rate } from "../../src/hosted/Rate.ts"

const second = 1_000_000_000

describe("a limit of 60 a minute", () => {
  it("gives all of them at once and then one a second", () => {
    const rate = new Rate(60, 0)
    assert.strictEqual(rate.wait(0, 60), 0)
    rate.take(0, 60)
    assert.strictEqual(rate.wait(0, 1), second)
    assert.strictEqual(rate.wait(0, 3), 3 * second)
    assert.strictEqual(rate.wait(second, 1), 0)
  })

  it("tells what is left and when it is whole again", () => {
    const rate = new Rate(60, 0)
    rate.take(0, 45)
    assert.deepStrictEqual(rate.view(0), { limit: 60, remaining: 15, reset: 45 * second })
    assert.deepStrictEqual(rate.view(30 * second), { limit: 60, remaining: 45, reset: 15 * second })
    assert.deepStrictEqual(rate.view(3_600 * second), { limit: 60, remaining: 60, reset: 0 })
  })

  it("lets in what is more than the whole once the whole is there, rather than never", () => {
    const rate = new Rate(60, 0)
    assert.strictEqual(rate.wait(0, 1_000), 0)
    rate.take(0, 1_000)
    assert.strictEqual(rate.wait(0, 1_000), 60 * second)
  })
})
