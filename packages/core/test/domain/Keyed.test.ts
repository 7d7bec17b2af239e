/**
 * Things by key: made once, bounded, and forgotten when they say nothing any more, at a cost that does not grow.
 */
import { assert, describe, it } from "@effect/vitest"
import { Keyed } from "../../src/domain/Keyed.ts"

const minute = 60_000_000_000

/** A thing that is in use until a moment, and counts how often it was looked at. */
const things = (keysMax: number) => {
  const state = { looks: 0, made: 0 }
  const keyed = new Keyed(keysMax, () => {
    state.made++
    const thing = {
      usedUntil: Infinity,
      isIdle: (now: number) => {
        state.looks++
        return now >= thing.usedUntil
      }
    }
    return thing
  })
  return { keyed, state }
}

describe("Keyed", () => {
  it("makes the thing of a key once, and another for another", () => {
    const { keyed, state } = things(10)
    const ann = keyed.get("ann", 0)
    assert.strictEqual(keyed.get("ann", 1), ann)
    assert.strictEqual(keyed.find("ann"), ann)
    assert.strictEqual(keyed.keep("ann"), ann)
    assert.notStrictEqual(keyed.get("bob", 1), ann)
    assert.strictEqual(state.made, 2)
    assert.strictEqual(keyed.size, 2)
  })

  it("only looks with `find`", () => {
    const { keyed } = things(10)
    assert.isUndefined(keyed.find("ann"))
    assert.strictEqual(keyed.size, 0)
  })

  it("has nothing for a new key while all that may be held are in use, and knows the others still", () => {
    const { keyed } = things(2)
    const ann = keyed.get("ann", 0)
    keyed.get("bob", 0)
    assert.isUndefined(keyed.get("cid", 0))
    assert.strictEqual(keyed.get("ann", 0), ann)
    assert.strictEqual(keyed.size, 2)
  })

  it("has room again within a minute of when one falls idle", () => {
    const { keyed } = things(2)
    const ann = keyed.get("ann", 0)!
    keyed.get("bob", 0)
    ann.usedUntil = 1
    assert.isDefined(keyed.get("cid", minute))
    assert.isUndefined(keyed.find("ann"))
    assert.isDefined(keyed.find("bob"))
  })

  it("keeps by hand past the bound", () => {
    const { keyed } = things(1)
    keyed.get("ann", 0)
    assert.isDefined(keyed.keep("bob"))
    assert.strictEqual(keyed.size, 2)
    assert.isUndefined(keyed.get("cid", 0))
  })

  it("forgets 100,000 idle ones at the next new key, a minute later", () => {
    const { keyed } = things(1_000_000)
    for (let index = 0; index < 100_000; index++) keyed.get(`${index}`, 0)!.usedUntil = 1
    keyed.get("one more", minute)
    assert.strictEqual(keyed.size, 1)
  })

  it("holds at most twice as many as are in use, also within one minute", () => {
    const { keyed } = things(1_000_000)
    let most = 0
    for (let index = 0; index < 20_000; index++) {
      keyed.get(`${index}`, index)!.usedUntil = index + 100
      most = Math.max(most, keyed.size)
    }
    assert.isAtMost(most, 2 * 100 + 2)
  })

  it("looks at a few for each new key, however many are held, and also while all are in use", () => {
    const { keyed, state } = things(10_000)
    for (let index = 0; index < 100_000; index++) keyed.get(`${index}`, index)
    assert.strictEqual(keyed.size, 10_000)
    assert.isAtMost(state.looks, 2 * 100_000)
  })

  it("asks nobody anything for a key that it knows", () => {
    const { keyed, state } = things(10)
    keyed.get("ann", 0)
    const { looks } = state
    for (let index = 0; index < 1_000; index++) keyed.get("ann", index * minute)
    assert.strictEqual(state.looks, looks)
  })
})
