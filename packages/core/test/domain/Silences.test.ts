/** Silences: for how long a target may say nothing and still be at work. */
import { assert, describe, it } from "@effect/vitest"
import { Attempt, Part, refusal, Summary } from "@spillway/core"
import { type Clock, Exit } from "effect"
import { type Coming, Silences } from "../../src/domain/Silences.ts"
import { exactly } from "../../src/domain/Spread.ts"

const second = 1_000_000_000

/** A go whose parts come at these seconds, and that ends then. */
const going = (parts: ReadonlyArray<number>, end: number, isLost = false) => {
  let now = 0
  const clock = { monotonicTimeNanosUnsafe: () => BigInt(Math.round(now * second)) } as Clock.Clock
  const attempt = new Attempt.Attempt(clock, { emit: () => undefined }).start("gpu/m")
  for (const at of parts) {
    now = at
    void attempt.emit(Part.text("dam "))
  }
  now = end
  attempt.exit = isLost
    ? Exit.fail(refusal({ _tag: "Cut", target: "gpu/m", parts: parts.length }))
    : Exit.succeed(Summary.make())
  attempt.end()
  return attempt
}

const coming = (prompt: number, more: Partial<Coming> = {}): Coming => ({
  prompt,
  first: exactly(second),
  writing: exactly(0),
  batch: undefined,
  heldBack: 0,
  isTold: false,
  ...more
})

describe("before its first word", () => {
  it("a target that does not say how fast it reads may take any time for what is longer than all before", () => {
    const silences = new Silences()
    assert.strictEqual(silences.quiet(coming(100)).first, Infinity)
    silences.learn(going([20], 21), 1_000)
    assert.strictEqual(silences.quiet(coming(100)).first, 20 * second)
    assert.strictEqual(silences.quiet(coming(1_000)).first, 20 * second)
    assert.strictEqual(silences.quiet(coming(5_000)).first, Infinity)
  })

  it("it may take as long as the longest of that size has, however many short ones came after it", () => {
    const silences = new Silences()
    silences.learn(going([60], 61), 10_000)
    for (let each = 0; each < 500; each++) silences.learn(going([1], 2), 20)
    assert.strictEqual(silences.quiet(coming(9_000)).first, 60 * second)
    silences.learn(going([1], 2), 9_000)
    assert.approximately(silences.quiet(coming(9_000)).first, 0.98 * 60 * second, 1)
    // A quarter of a minute is never too long for who may have to load, or to think.
    assert.strictEqual(silences.quiet(coming(20)).first, 15 * second)
    for (let each = 0; each < 500; each++) silences.learn(going([20], 21), 9_500)
    assert.approximately(silences.quiet(coming(9_000)).first, 20 * second, second)
  })

  it("one that says how fast it reads may take what that comes to, and what it has taken", () => {
    const silences = new Silences()
    assert.strictEqual(silences.quiet(coming(5_000, { batch: 1, isTold: true })).first, second)
    silences.learn(going([20], 21), 5_000)
    assert.strictEqual(silences.quiet(coming(5_000, { batch: 1, isTold: true })).first, 20 * second)
  })

  it("one that tells a load from a hang may take what it has taken, but any time for what is longer", () => {
    const silences = new Silences()
    silences.learn(going([1], 2), 10)
    assert.strictEqual(silences.quiet(coming(10, { isTold: true })).first, second)
    assert.strictEqual(silences.quiet(coming(100, { isTold: true })).first, Infinity)
  })

  it("somebody else may be served first, and it may hold back what it writes", () => {
    const silences = new Silences()
    const more = { batch: 1, isTold: true, writing: exactly(7 * second), heldBack: 5 * second }
    assert.strictEqual(silences.quiet(coming(10, more)).first, 13 * second)
  })

  it("a load is none of it", () => {
    const silences = new Silences()
    silences.learn(going([60], 61), 100, 40 * second)
    assert.strictEqual(silences.quiet(coming(100)).first, 20 * second)
  })
})

describe("between two words", () => {
  it("a target may be silent for as long as it was, or for what it reads or holds back", () => {
    const silences = new Silences()
    assert.isUndefined(silences.pauses)
    assert.strictEqual(silences.quiet(coming(10)).between, 0)
    silences.learn(going([1, 9, 17, 25], 26), 10)
    assert.strictEqual(Math.round(silences.pauses!.likely / second), 8)
    assert.isAbove(silences.quiet(coming(10)).between, 8 * second)
    const quick = new Silences()
    quick.learn(going([1, 1.1], 1.2), 10)
    assert.strictEqual(quick.quiet(coming(10, { batch: 3 * second })).between, 3 * second)
    assert.strictEqual(quick.quiet(coming(10, { heldBack: 9 * second })).between, 9 * second)
  })

  it("what its reader took is none of it, and what it took to end is", () => {
    const attempt = going([1, 9], 30)
    assert.strictEqual(attempt.longestPause, 8 * second)
    const silences = new Silences()
    silences.learn(attempt, 10)
    assert.strictEqual(Math.round(silences.pauses!.likely / second), 21)
  })
})

describe("who was given up", () => {
  it("is given twice as long once there were three of its size, up to 64 times, and less again with answers", () => {
    const silences = new Silences()
    silences.learn(going([20], 21), 10)
    silences.learn(going([20], 21), 1_000)
    const first = (prompt = 10) => silences.quiet(coming(prompt)).first / second
    const told: Array<number> = []
    for (let each = 0; each < 7; each++) {
      silences.learn(going([], 40, true), 10, 0, true)
      told.push(first())
    }
    assert.deepStrictEqual(told, [20, 20, 40, 40, 40, 80, 80])
    // Answers of another size say nothing of this one.
    for (let each = 0; each < 9; each++) silences.learn(going([1, 2], 3), 1_000)
    assert.strictEqual(first(), 80)
    assert.isAtMost(first(1_000), 20)
    for (let each = 0; each < 40; each++) silences.learn(going([1, 2], 40, true), 10, 0, true)
    assert.strictEqual(first(), 64 * 20)
    for (let each = 0; each < 18; each++) silences.learn(going([20], 21), 10)
    assert.strictEqual(first(), 20)
  })

  it("by itself, or because its caller left, has shown nothing", () => {
    const silences = new Silences()
    silences.learn(going([20], 21), 10)
    for (let each = 0; each < 9; each++) silences.learn(going([], 40, true), 10)
    assert.strictEqual(silences.quiet(coming(10)).first, 20 * second)
  })
})
