/**
 * Who is done: each request is said once, when it is over.
 */
import { describe, expect, it } from "vitest"
import { Ended } from "../../src/sim/Ended.ts"
import type { Passage } from "../../src/sim/Snapshot.ts"
import { passage } from "./snapshots.ts"

const open = (id: number) => ({ ...passage({ id, end: "open", tookMillis: undefined }) })

const idsOf = (passages: ReadonlyArray<Passage>) => passages.map(({ id }) => id)

describe("what has ended", () => {
  it("is said once", () => {
    const traffic = { passages: [passage({ id: 1 })], count: 1 }
    const ended = new Ended(traffic)
    expect(idsOf(ended.next())).toStrictEqual([1])
    expect(idsOf(ended.next())).toStrictEqual([])
  })

  it("is said when it ends, in the order of the ends", () => {
    const [one, two] = [open(1), open(2)]
    const ended = new Ended({ passages: [one, two], count: 2 })
    expect(ended.next()).toStrictEqual([])
    Object.assign(one, { end: "complete", tookMillis: 30 })
    Object.assign(two, { end: "left", tookMillis: 20 })
    expect(idsOf(ended.next())).toStrictEqual([2, 1])
  })

  it("is said though the server has forgotten it by then", () => {
    const one = open(1)
    const traffic = { passages: [one], count: 1 }
    const ended = new Ended(traffic)
    ended.next()
    Object.assign(one, { end: "cut", tookMillis: 5 })
    traffic.passages = []
    expect(idsOf(ended.next())).toStrictEqual([1])
  })

  it("is counted by how it ended", () => {
    const passages = [
      passage({ id: 1 }),
      passage({ id: 2, status: 503, fault: "overloaded" }),
      passage({ id: 3, end: "left" }),
      passage({ id: 4, end: "cut", fault: "cut" }),
      open(5),
      passage({ id: 6, end: "broken", fault: "die" })
    ]
    const ended = new Ended({ passages, count: 6 })
    ended.next()
    expect(ended.tally(1_000)).toStrictEqual({
      count: 6,
      answered: 1,
      refused: 1,
      broken: 1,
      left: 1,
      cut: 1,
      open: 1,
      struck: 3,
      tookMillis: 1_000
    })
  })
})
