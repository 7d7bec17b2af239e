/** Places: how many are taken, who is told when one comes free, and what is known of how long one is held. */
import { assert, describe, it } from "@effect/vitest"
import { Places, Targets } from "../../src/domain/Places.ts"

const hour = 3_600_000_000_000
const second = 1_000_000_000

describe("places", () => {
  it("are taken up to their number, and no further", () => {
    const places = new Places(2)
    assert.deepStrictEqual([places.take(0), places.take(0), places.take(0)], [true, true, false])
    places.giveBack(0, 5)
    assert.isTrue(places.hasRoom)
    assert.isTrue(places.take(0))
  })

  it("tell whoever hands them out when one may have come free, and when", () => {
    const places = new Places(1)
    const told: Array<number> = []
    places.onRoom((now) => told.push(now))
    places.take(0)
    places.giveBack(0, 5)
    places.resize(3, 7)
    assert.deepStrictEqual(told, [5, 7])
  })

  it("know how long one is held, the last ones more than the first", () => {
    const places = new Places(1)
    assert.isUndefined(places.holds)
    assert.isUndefined(places.freeIn(0))
    const hold = (from: number, to: number) => {
      places.take(0)
      places.giveBack(from, to)
    }
    hold(0, 100)
    assert.strictEqual(places.holds, 100)
    hold(100, 400)
    assert.strictEqual(places.holds, 140)
  })

  it("learn that from those who left only where they have held one for longer", () => {
    const places = new Places(1)
    const cut = (from: number, to: number) => {
      places.take(from)
      places.giveBack(from, to, 0, true)
    }
    cut(0, 5)
    assert.isUndefined(places.holds)
    places.take(5)
    places.giveBack(5, 105)
    cut(105, 106)
    assert.strictEqual(places.holds, 100)
    cut(106, 306)
    assert.strictEqual(places.holds, 120)
  })

  it("say when one is free for whoever comes, with so many before him", () => {
    const places = new Places(2)
    places.take(0)
    places.giveBack(0, 100)
    assert.strictEqual(places.freeIn(0), 0)
    places.take(0)
    places.take(0)
    assert.strictEqual(places.freeIn(0), 50)
    assert.strictEqual(places.freeIn(3), 200)
  })

  it("are not forgotten where somebody has changed their number by hand", () => {
    const places = new Places(2)
    assert.isTrue(places.isIdle(0))
    places.resize(1, 0)
    assert.isFalse(places.isIdle(2 * hour))
    places.resize(2, 0)
    assert.isTrue(places.isIdle(2 * hour))
  })

  it("are forgotten once nobody has held one for an hour, and not before", () => {
    const places = new Places(1)
    places.take(0)
    assert.isFalse(places.isIdle(2 * hour))
    places.giveBack(0, hour)
    assert.isFalse(places.isIdle(2 * hour))
    assert.isTrue(places.isIdle(2 * hour + 1))
  })
})

describe("places whose number is learned", () => {
  /** A server that does as much as it is given: a turn of a second in all places but for `free` of them. */
  const turn = (places: Places, at: number, free = 0): void => {
    const taken = places.bound - free
    for (let each = 0; each < taken; each++) places.take(at * second)
    for (let each = 0; each < taken; each++) places.giveBack(at * second, (at + 1) * second, 1)
  }

  it("become more where more is done, and say what they try", () => {
    const places = new Places("auto")
    const tried = new Set<number | undefined>()
    for (let at = 0; at < 200; at++) {
      turn(places, at)
      tried.add(places.state.trying)
    }
    assert.isAbove(places.state.slots, 2)
    assert.includeMembers([...tried], [undefined, 2])
  })

  it("learn nothing from calls beside which one was free", () => {
    const places = new Places("auto")
    let at = 0
    while (places.bound < 3) turn(places, at++)
    const { slots } = places.state
    for (const end = at + 1_000; at < end; at++) turn(places, at, 1)
    assert.deepStrictEqual([places.state.slots, places.bound], [slots, 3])
  })

  /** A server that does as much as it is given, where who has ended is followed by the next after a while. */
  const after = (gap: number): Places => {
    const places = new Places("auto")
    const running: Array<{ readonly at: number; readonly until: number }> = []
    const coming = [0, 0.3]
    for (let calls = 0; calls < 2_000;) {
      const [first] = running.toSorted((one, other) => one.until - other.until)
      const [next] = coming.toSorted((one, other) => one - other)
      if (next !== undefined && next <= (first?.until ?? Infinity)) {
        coming.splice(coming.indexOf(next), 1)
        if (places.take(next * second)) running.push({ at: next, until: next + 1 })
        else coming.push(first!.until + gap * 0.4)
      } else {
        running.splice(running.indexOf(first!), 1)
        places.giveBack(first!.at * second, first!.until * second, 1)
        coming.push(first!.until + gap)
        calls++
      }
    }
    return places
  }

  it("learn from calls beside which one was free for a moment, and from no others", () => {
    assert.isAtLeast(after(0.001).state.slots, 2)
    assert.strictEqual(after(0.5).state.slots, 1)
  })

  it("learn nothing from a call that began beside a free one, although none is free at its end", () => {
    const places = new Places("auto")
    let at = 0
    while (places.bound < 2) turn(places, at++)
    for (const end = at + 1_000; at < end; at++) {
      places.take(at * second)
      places.take((at + 0.9) * second)
      places.giveBack(at * second, (at + 0.95) * second, 1)
      places.giveBack((at + 0.9) * second, (at + 0.97) * second, 1)
    }
    assert.deepStrictEqual([places.state.slots, places.bound], [1, 2])
  })

  it("stay as somebody has made them by hand, and learn no more", () => {
    const places = new Places("auto")
    assert.isTrue(places.isLearning)
    places.resize(2, 0)
    assert.isFalse(places.isLearning)
    for (let at = 0; at < 200; at++) turn(places, at)
    assert.deepStrictEqual(
      { ...places.state, holds: undefined },
      { slots: 2, trying: undefined, running: 0, holds: undefined }
    )
    assert.isFalse(places.isIdle(10 * hour))
  })

  it("are forgotten after an hour as all are", () => {
    const places = new Places("auto")
    for (let at = 0; at < 200; at++) turn(places, at)
    assert.isTrue(places.isIdle(2 * hour))
  })
})

describe("the places of targets", () => {
  it("are told apart by what they are told to be, and past their bound are shared", () => {
    const targets = new Targets(1, "all", 1)
    assert.strictEqual(targets.placesOf(undefined, 0), targets.of("whatever it is called"))
    const each = new Targets(1, "target", 1)
    each.placesOf(undefined, 0).take(0)
    assert.strictEqual(each.placesOf(undefined, 0), each.of("default"))
    assert.notStrictEqual(each.of("a/m"), each.of("default"))
  })

  it("are not made for who only looks", () => {
    const targets = new Targets(3, "target", 1)
    assert.strictEqual(targets.find("a/m").state.slots, 3)
    assert.notStrictEqual(targets.find("a/m"), targets.find("a/m"))
    targets.of("a/m").resize(2, 0)
    assert.strictEqual(targets.find("a/m").state.slots, 2)
  })
})
