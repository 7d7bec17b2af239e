/** A line: whose turn it is, who goes when it is full, and that it holds what it says. */
import { assert, describe, it } from "@effect/vitest"
import { Line, type Waiting } from "../../src/domain/Line.ts"
import * as Random from "../laws/random.ts"

interface Who extends Waiting {
  readonly name: string
}

const who = (name: string, more: Partial<Waiting> = {}): Who => ({
  name,
  key: name[0]!,
  weight: 1,
  priority: 1,
  cost: 1,
  bytes: 0,
  cameAt: 0,
  ...more
})

const wide = { max: 1_000, bytesMax: 1e9, ageing: Infinity }

const all = () => true

/** Everybody in the order in which they go. */
const drained = (line: Line<Who>, now = 0): ReadonlyArray<string> => {
  const order: Array<string> = []
  for (let next = line.next(now, all); next !== undefined; next = line.next(now, all)) order.push(next.name)
  return order
}

const lineOf = (names: ReadonlyArray<Who>, bounds: Partial<typeof wide> = {}) => {
  const line = new Line<Who>({ ...wide, ...bounds })
  for (const each of names) line.enter(each)
  return line
}

describe("turns", () => {
  it("go round between keys, those who want less first, and within one in the order in which they came", () => {
    const line = lineOf(["a1", "a2", "a3", "b1", "c1", "b2"].map((name, cameAt) => who(name, { cameAt })))
    assert.deepStrictEqual(drained(line), ["c1", "b1", "a1", "b2", "a2", "a3"])
  })

  it("go to the keys by their weights", () => {
    const names = Array.from({ length: 40 }, (_, each) => [
      who(`a${each}`, { weight: 3, cameAt: each }),
      who(`b${each}`, { cameAt: each })
    ]).flat()
    const first = drained(lineOf(names)).slice(0, 40)
    assert.strictEqual(first.filter((name) => name.startsWith("a")).length, 30)
  })

  it("count what they cost: a dear one is overtaken only until its key has had as little as the others", () => {
    const line = lineOf([
      who("a1", { cost: 5 }),
      ...["a2", "b1", "b2", "b3", "b4", "b5", "b6"].map((name) => who(name))
    ])
    assert.deepStrictEqual(drained(line), ["a1", "b1", "b2", "b3", "b4", "b5", "a2", "b6"])
  })

  it("are not saved: who wanted nothing for a while has no more of them than others", () => {
    const line = lineOf(Array.from({ length: 20 }, (_, each) => who(`a${each}`, { cameAt: each })))
    for (let turn = 0; turn < 10; turn++) line.next(0, all)
    for (let each = 0; each < 10; each++) line.enter(who(`b${each}`, { cameAt: 20 + each }))
    const next = Array.from({ length: 6 }, () => line.next(0, all)!.key)
    assert.include([3, 4], next.filter((key) => key === "b").length)
  })

  it("are not taken from a newcomer by many who have waited long: of equals the fair one goes", () => {
    const line = lineOf(
      Array.from({ length: 20 }, (_, each) => who(`a${each}`, { cameAt: each })),
      { ageing: 10 }
    )
    line.next(100, all)
    line.enter(who("b1", { cameAt: 100 }))
    assert.strictEqual(line.next(100, all)!.name, "b1")
    // And of many patient ones of a lower priority one at a time.
    const patient = lineOf(
      Array.from({ length: 20 }, (_, each) => who(`a${each}`, { priority: 0 })),
      { ageing: 10 }
    )
    for (let each = 0; each < 9; each++) patient.enter(who(`n${each}`, { cameAt: 95 }))
    const order = Array.from({ length: 4 }, (_, turn) => patient.next(100 + turn, all)!.key)
    assert.deepStrictEqual(order, ["a", "n", "n", "n"])
  })

  it("go to the urgent first, but age makes everybody urgent", () => {
    const names = [who("low", { priority: 0 }), who("high", { priority: 2, cameAt: 50 })]
    assert.deepStrictEqual(drained(lineOf(names, { ageing: 100 }), 60), ["high", "low"])
    assert.deepStrictEqual(drained(lineOf(names, { ageing: 100 }), 149), ["high", "low"])
    // Now it is as urgent, and of equals the one whose key has had as little came first.
    assert.deepStrictEqual(drained(lineOf(names, { ageing: 20 }), 60), ["low", "high"])
  })

  it("of one priority are shared fairly, whatever urgent ones have cost before", () => {
    const line = lineOf(Array.from({ length: 20 }, (_, each) => who(`a${each}`, { cost: 100, cameAt: each })))
    for (let urgent = 0; urgent < 20; urgent++) {
      line.enter(who(`u${urgent}`, { priority: 2, cost: 2_000, cameAt: 20 }))
      assert.strictEqual(line.next(20, all)!.key, "u")
    }
    line.enter(who("b1", { cost: 100, cameAt: 21 }))
    assert.strictEqual(line.next(21, all)!.name, "b1")
  })

  it("pass over keys that may not go", () => {
    const line = lineOf([who("a1"), who("b1")])
    assert.strictEqual(line.next(0, (key) => key !== "a")!.name, "b1")
    assert.isUndefined(line.next(0, (key) => key !== "a"))
    assert.strictEqual(line.size, 1)
  })
})

describe("a full line", () => {
  it("has no room for one who is not more urgent, nor less of a burden than others", () => {
    const line = lineOf([who("a1"), who("b1")], { max: 2 })
    assert.isUndefined(line.enter(who("a2")))
    assert.isUndefined(line.enter(who("c1")))
    assert.isUndefined(line.enter(who("c1", { priority: 0 })))
  })

  it("lets the newest of the least urgent go for one who is more urgent", () => {
    const line = lineOf(
      [who("a1", { priority: 0 }), who("b1", { priority: 0 }), who("b2", { priority: 0 }), who("c1")],
      {
        max: 4
      }
    )
    assert.deepStrictEqual(
      line.enter(who("d1"))?.map(({ name }) => name),
      ["b2"]
    )
    assert.deepStrictEqual(
      line.enter(who("d2", { priority: 2 }))?.map(({ name }) => name),
      ["a1"]
    )
    assert.deepStrictEqual(
      line.enter(who("d3", { priority: 2 }))?.map(({ name }) => name),
      ["b1"]
    )
  })

  it("lets the newest of whoever holds most of it go for one who holds little", () => {
    const line = lineOf(
      ["a1", "a2", "a3", "b1"].map((name) => who(name)),
      { max: 4 }
    )
    assert.deepStrictEqual(
      line.enter(who("c1"))?.map(({ name }) => name),
      ["a3"]
    )
    assert.isUndefined(line.enter(who("a4")))
    // Two of each: nobody has to go for a second one.
    assert.isUndefined(line.enter(who("c2")))
    const heavy = lineOf(
      ["a1", "a2", "b1", "b2"].map((name) => who(name, { weight: name[0] === "a" ? 4 : 1 })),
      { max: 4 }
    )
    assert.deepStrictEqual(
      heavy.enter(who("c1"))?.map(({ name }) => name),
      ["b2"]
    )
  })

  it("is full of bytes as well, and lets as many go as it takes, or none", () => {
    const line = lineOf([who("a1", { bytes: 40, priority: 0 }), who("a2", { bytes: 40, priority: 0 })], {
      bytesMax: 100
    })
    assert.isUndefined(line.enter(who("b1", { bytes: 101, priority: 2 })))
    assert.strictEqual(line.size, 2)
    assert.deepStrictEqual(
      line.enter(who("b1", { bytes: 90 }))?.map(({ name }) => name),
      ["a2", "a1"]
    )
    assert.deepStrictEqual([line.size, line.bytes], [1, 90])
  })
})

describe("whatever is asked of a line", () => {
  it("nobody is in it twice, nobody is lost, and it is never fuller than it may be", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = Random.make(seed)
      const line = new Line<Who>({ max: 8, bytesMax: 60, ageing: 10 })
      const inside = new Set<Who>()
      let count = 0
      for (let now = 0; now < 200; now++) {
        const what = random.below(4)
        if (what < 2) {
          const newcomer = who(`${"abc"[random.below(3)]}${count++}`, {
            priority: random.below(3),
            cost: 1 + random.below(5),
            bytes: random.below(30),
            weight: 1 + random.below(3),
            cameAt: now
          })
          const victims = line.enter(newcomer)
          if (victims !== undefined) {
            for (const victim of victims) {
              assert.isTrue(inside.delete(victim), `seed ${seed}`)
              assert.isAtMost(victim.priority, newcomer.priority, `seed ${seed}`)
            }
            inside.add(newcomer)
          }
        } else if (what === 2) {
          const expected = line.order(now)[0]
          const next = line.next(now, all)
          assert.strictEqual(next, expected, `seed ${seed}`)
          if (next !== undefined) assert.isTrue(inside.delete(next), `seed ${seed}`)
        } else {
          const leaver = [...inside][random.below(Math.max(inside.size, 1))]
          if (leaver !== undefined) {
            assert.isTrue(line.leave(leaver), `seed ${seed}`)
            assert.isFalse(line.leave(leaver), `seed ${seed}`)
            inside.delete(leaver)
          }
        }
        const bytes = [...inside].reduce((sum, each) => sum + each.bytes, 0)
        assert.deepStrictEqual([line.size, line.bytes], [inside.size, bytes], `seed ${seed}`)
        assert.isAtMost(line.size, 8)
        assert.isAtMost(bytes, 60)
        const order = line.order(now)
        assert.isTrue(order.length === inside.size && order.every((each) => inside.has(each)), `seed ${seed}`)
      }
    }
  })

  it("the place that is told to a newcomer is the one that he has, where nobody grows older", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = Random.make(seed)
      const made = () => new Line<Who>({ ...wide, max: 12 })
      const line = made()
      const done: Array<(line: Line<Who>) => unknown> = []
      const both = (what: (line: Line<Who>) => unknown) => {
        done.push(what)
        return what(line)
      }
      for (let now = 0; now < 40; now++) {
        const newcomer = who(`${"abcd"[random.below(4)]}${now}`, {
          priority: random.below(3),
          cost: 1 + random.below(3),
          weight: 1 + random.below(2),
          cameAt: now
        })
        const before = line.before(newcomer, now)
        const victims = both((each) => each.enter(newcomer)) as ReadonlyArray<Who> | undefined
        if (victims === undefined) assert.isUndefined(before)
        else {
          // Who goes for him may change who of two equals goes first.
          const off = Math.abs(line.order(now).indexOf(newcomer) - before!)
          assert.isAtMost(off, 3 * victims.length, `seed ${seed}, ${now}`)
        }
        const again = made()
        for (const each of done) each(again)
        assert.deepStrictEqual(
          line.order(now).map(({ name }) => name),
          drained(again, now),
          `seed ${seed}, ${now}`
        )
        if (random.below(3) === 0) both((each) => each.next(now, all))
      }
    }
  })

  it("nobody waits for ever: one who ages is let in, however many urgent ones come", () => {
    const line = new Line<Who>({ ...wide, ageing: 10 })
    line.enter(who("low", { priority: 0 }))
    for (let now = 0; now < 100; now++) {
      line.enter(who(`h${now}`, { priority: 2, cameAt: now }))
      if (line.next(now, all)!.name === "low") return assert.isAtMost(now, 21)
    }
    assert.fail("it was never let in")
  })

  it("keys that are gone are forgotten", () => {
    const line = new Line<Who>({ ...wide, max: 4 })
    line.enter(who("x"))
    for (let each = 0; each < 10_000; each++) {
      line.enter(who("k", { key: `k${each}`, cameAt: each }))
      line.next(each, (key) => key !== "x")
    }
    assert.isAtMost((line as unknown as { readonly shares: ReadonlyMap<string, unknown> }).shares.size, 140)
  })
})
