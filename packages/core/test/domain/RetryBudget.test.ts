/**
 * How many retries an outage may cost: a share of the calls, one a second besides, and no savings.
 */
import { assert, describe, it } from "@effect/vitest"
import { RetryBudget } from "../../src/domain/RetryBudget.ts"
import * as Random from "../laws/random.ts"

const second = 1_000_000_000

const call = (budget: RetryBudget, now: number, times: number) => {
  for (let index = 0; index < times; index++) budget.call(now)
}

/** How many retries it allows at one moment. */
const allowed = (budget: RetryBudget, now: number) => {
  let retries = 0
  while (retries < 10_000 && budget.retry(now)) retries++
  return retries
}

describe("RetryBudget", () => {
  for (const start of [0, 1, 3_000_000_000, 86_400_000_000_000]) {
    it(`allows a share of the calls and ten more, exactly, on a clock that stands at ${start}`, () => {
      const budget = new RetryBudget(0.2)
      call(budget, start, 100)
      assert.strictEqual(allowed(budget, start), 30)
    })
  }

  it("allows one a second to those who call seldom, and none of it twice", () => {
    const budget = new RetryBudget(0)
    assert.strictEqual(allowed(budget, 0), 10)
    assert.strictEqual(allowed(budget, 10 * second), 0)
    assert.strictEqual(allowed(budget, 11 * second), 10)
  })

  it("never allows more than the share of the calls, one a second, and ten, in any stretch of time", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = Random.make(seed)
      const share = random.below(100) / 100
      const budget = new RetryBudget(share)
      const calls: Array<number> = []
      const retries: Array<number> = []
      let now = random.below(2) * 1_000 * second
      for (let step = 0; step < 300; step++) {
        now += random.below(random.below(20) === 0 ? 20 * second : second / 4)
        budget.call(now)
        calls.push(now)
        for (let more = random.below(4); more > 0; more--) if (budget.retry(now)) retries.push(now)
      }
      for (let index = 0; index < retries.length; index += 7) {
        for (let further = index; further < retries.length; further += 5) {
          const [from, to] = [retries[index]!, retries[further]!]
          // Retries may be owed to calls of the stretch before: ten seconds, and the slot they are only partly in.
          const owed = calls.filter((at) => at > from - 11 * second && at <= to).length
          const bound = share * owed + (to - from) / second + 10
          assert.isAtMost(further - index + 1, bound, `seed ${seed}, from ${from} to ${to}`)
        }
      }
    }
  })

  it("does not save up while all is well", () => {
    const budget = new RetryBudget(0.2)
    for (let at = 0; at < 600; at++) call(budget, at * second, 10)
    assert.isAtMost(allowed(budget, 600 * second), 0.2 * 110 + 10)
    assert.strictEqual(allowed(budget, 700 * second), 10)
  })

  it("is filled by calls and never by retries, so that it cannot feed itself", () => {
    const budget = new RetryBudget(1)
    call(budget, 0, 5)
    assert.strictEqual(allowed(budget, 0), 15)
    assert.isFalse(budget.retry(0))
    call(budget, 0, 1)
    assert.strictEqual(allowed(budget, 0), 1)
  })

  it("does not count a retry that it has refused", () => {
    const budget = new RetryBudget(0)
    assert.strictEqual(allowed(budget, 0), 10)
    for (let index = 0; index < 100; index++) assert.isFalse(budget.retry(0))
    call(budget, 0, 100)
    assert.strictEqual(allowed(budget, 11 * second), 10)
  })
})
