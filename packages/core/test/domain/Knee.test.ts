/**
 * The knee of a server: found from what is done, by a model of a server that is asked as much as it may be.
 *
 * The model works on so many calls at once, each the slower the more of them there are, and keeps the others waiting.
 */
import { assert, describe, it } from "@effect/vitest"
import { Knee } from "../../src/domain/Knee.ts"
import * as Random from "../laws/random.ts"

interface Server {
  readonly seed: number
  readonly calls: number
  /** How many it works on at once, by how many calls have ended. */
  readonly slots: (ended: number) => number
  /** How much slower one more makes each: with 0.3 two do 1.54 as much as one. */
  readonly slower?: number
  /** How long a call takes alone. */
  readonly size?: (random: Random.Random, ended: number) => number
  /** Whether its work is counted, a few percent more or less; else each is one. */
  readonly isCounted?: boolean
  /** Whether what is more than it works on is refused, and done nothing for. */
  readonly isRefusing?: boolean
  readonly most?: number
}

const even = (random: Random.Random): number => 0.5 + random.next()
const wild = (random: Random.Random): number => -Math.log(1 - random.next())

/** What is known after each call. */
const ask = (server: Server, tried: Array<number> = []): ReadonlyArray<number> => {
  const { calls, isCounted = false, isRefusing = false, most = 256, seed, size = even, slower = 0, slots } = server
  const random = Random.make(seed)
  const knee = new Knee(most)
  const running: Array<{ readonly size: number; readonly at: number; left: number }> = []
  const known: Array<number> = []
  let now = 0
  while (known.length < calls) {
    while (running.length < knee.places) {
      const next = size(random, known.length)
      running.push({ size: next, at: now, left: next })
    }
    const worked = running.slice(0, slots(known.length))
    const rate = 1 / (1 + slower * (worked.length - 1))
    const last = running[worked.length]
    if (isRefusing && last !== undefined) {
      running.splice(worked.length, 1)
      now += 0.001
      knee.learn(0, last.at, now)
    } else {
      const first = worked.reduce((one, other) => (other.left < one.left ? other : one))
      const took = first.left / rate
      now += took
      for (const each of worked) each.left -= took * rate
      running.splice(running.indexOf(first), 1)
      knee.learn(isCounted ? first.size * (0.85 + 0.3 * random.next()) : 1, first.at, now)
    }
    known.push(knee.known)
    tried.push(knee.places)
  }
  return known
}

const seeds = Array.from({ length: 20 }, (_, index) => index + 1)

/** How much of the last half they are within a fifth of it, of all seeds together. */
const near = (knee: number, of: Omit<Server, "seed">): number => {
  const last = seeds.flatMap((seed) => ask({ ...of, seed }).slice(of.calls / 2))
  return last.filter((known) => Math.abs(known - knee) <= 0.2 * knee).length / last.length
}

describe("the knee", () => {
  it("is one until anything is known, and is tried one at a time", () => {
    const knee = new Knee(8)
    assert.deepStrictEqual([knee.known, knee.places], [1, 1])
    const seen = new Set<number>()
    for (let call = 0; call < 20; call++) {
      knee.learn(1, call, call + 1)
      seen.add(knee.places)
    }
    assert.deepStrictEqual([...seen], [1, 2])
    assert.strictEqual(knee.known, 1)
  })

  for (const slots of [1, 2, 4, 8, 16]) {
    it(`of ${slots} is found within a fifth`, () => {
      assert.isAtLeast(near(slots, { calls: 1_500 * slots, slots: () => slots }), 0.97)
      assert.isAtLeast(near(slots, { calls: 800 * slots, slots: () => slots, isCounted: true, size: wild }), 0.97)
    })
  }

  it("is found as well where calls differ wildly and nothing of them is counted, in more time", () => {
    for (const slots of [1, 2, 4]) {
      assert.isAtLeast(near(slots, { calls: 5_000 * slots, slots: () => slots, size: wild }), 0.9)
    }
  })

  it("is where one more does a quarter of what it could, on a server that becomes slower with each", () => {
    // 4, 5 and 6 do 2.11, 2.27 and 2.4 as much as one; a quarter of what the next could do is 0.13, 0.11 and 0.1.
    const last = seeds.flatMap((seed) =>
      ask({ seed, calls: 8_000, slots: () => 64, slower: 0.3, isCounted: true }).slice(-1)
    )
    assert.isTrue(
      last.every((known) => known >= 4 && known <= 12),
      last.join(" ")
    )
    assert.isAtLeast(near(4, { calls: 8_000, slots: () => 4, slower: 0.3, isCounted: true }), 0.95)
  })

  it("is found again after the server has changed", () => {
    for (const [before, after] of [
      [8, 2],
      [4, 1],
      [2, 8],
      [1, 4]
    ] as const) {
      const calls = 12_000
      const found = near(after, { calls, slots: (ended) => (ended < 4_000 ? before : after), isCounted: true })
      assert.isAtLeast(found, 0.97, `${before} to ${after}`)
    }
  })

  it("is found soon where many are worth it, and where a server suddenly does much less", () => {
    for (const seed of seeds) {
      const many = ask({ seed, calls: 12_000, slots: () => 32, isCounted: true })
      const fewer = ask({ seed, calls: 6_000, slots: (ended) => (ended < 4_000 ? 16 : 4), isCounted: true })
      assert.isTrue(many.slice(7_000).every((known) => known >= 26))
      assert.isTrue(fewer.slice(5_500).every((known) => known <= 4))
    }
  })

  it("does not move where answers become long", () => {
    for (const longer of [3, 10]) {
      const size = (random: Random.Random, ended: number) => even(random) * (ended < 2_000 ? 1 : longer)
      const server = { calls: 8_000, slots: () => 4, size }
      assert.isAtLeast(near(4, server), 0.97)
      // Fewer are tried once, and not again and again.
      const tried: Array<number> = []
      ask({ ...server, seed: 1 }, tried)
      assert.isAtMost(tried.slice(-4_000).filter((places) => places < 4).length, 300)
    }
  })

  it("is what a server works on that refuses the rest", () => {
    assert.isAtLeast(near(2, { calls: 20_000, slots: () => 2, isRefusing: true, isCounted: true }), 0.97)
  })

  it("is not looked for beyond the most, nor where there is only one", () => {
    assert.strictEqual(ask({ seed: 1, calls: 4_000, slots: () => 64, most: 3 }).at(-1), 3)
    assert.strictEqual(ask({ seed: 1, calls: 1_000, slots: () => 64, most: 1 }).at(-1), 1)
  })

  it("is not learned from calls that take no time, nor from work that is none", () => {
    const knee = new Knee(8)
    for (let call = 0; call < 1_000; call++) knee.learn(1, 5, 5)
    assert.strictEqual(knee.places, 1)
    for (let call = 0; call < 10_000; call++) knee.learn(0, call, call + 1)
    assert.strictEqual(knee.known, 1)
  })

  it("is left alone in between where nothing is found out", () => {
    const knee = new Knee(8)
    let longest = 0
    for (let call = 0, alone = 0; call < 10_000; call++) {
      knee.learn(0, call, call + 1)
      alone = knee.places === knee.known ? alone + 1 : 0
      longest = Math.max(longest, alone)
    }
    assert.isAtLeast(longest, 64)
  })
})
