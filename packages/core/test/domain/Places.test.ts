/** Places: how many are taken, who is told when one comes free, and what is known of how long one is held. */
import { assert, describe, it } from "@effect/vitest"
import { Held, Places, type Shows, Targets } from "../../src/domain/Places.ts"

const hour = 3_600_000_000_000
const second = 1_000_000_000

/** Takes one, if it can. */
const take = (places: Places, at: number): Held | undefined => {
  const who = new Held()
  return places.take(who, at) ? who : undefined
}

/** Holds one from then till then. */
const hold = (places: Places, from: number, to: number, work = 0, shows: Shows = "all"): void =>
  places.giveBack(take(places, from)!, to, work, shows)

describe("places", () => {
  it("are taken up to their number, and no further", () => {
    const places = new Places(2)
    const [first, other, third] = [take(places, 0), take(places, 0), take(places, 0)]
    assert.isDefined(other)
    assert.isUndefined(third)
    places.giveBack(first!, 5)
    assert.isTrue(places.hasRoom)
    assert.isDefined(take(places, 5))
  })

  it("tell whoever hands them out when one may have come free, another one first each time", () => {
    const places = new Places(1)
    const told: Array<string> = []
    const lines = ["a", "b"].map((name) => ({
      line: { size: 0 },
      dispatch: (now: number) => void told.push(`${name} ${now}`)
    }))
    for (const line of lines) places.onRoom(line)
    hold(places, 0, 5)
    places.resize(3, 7)
    assert.deepStrictEqual(told, ["a 5", "b 5", "b 7", "a 7"])
    places.offRoom(lines[0]!)
    places.offRoom(lines[0]!)
    hold(places, 8, 9)
    assert.deepStrictEqual(told.slice(4), ["b 9"])
  })

  it("know how long one is held, the last ones more than the first", () => {
    const places = new Places(1)
    assert.isUndefined(places.holds)
    assert.isUndefined(places.freeIn(0, 0))
    hold(places, 0, 100)
    assert.strictEqual(places.holds, 100)
    hold(places, 100, 400)
    assert.strictEqual(places.holds, 140)
  })

  it("learn that from those who left or failed only where they have held one for longer", () => {
    const places = new Places(1)
    hold(places, 0, 5, 0, "at least")
    assert.strictEqual(places.holds, 5)
    hold(places, 0, 3, 0, "at least")
    assert.strictEqual(places.holds, 5)
    // Now it is known.
    hold(places, 5, 105)
    assert.strictEqual(places.holds, 100)
    hold(places, 105, 106, 0, "at least")
    assert.strictEqual(places.holds, 100)
    hold(places, 106, 306, 0, "at least")
    assert.strictEqual(places.holds, 120)
    hold(places, 306, 326)
    assert.strictEqual(places.holds, 100)
  })

  it("learn nothing from those who were turned away inside", () => {
    const places = new Places(1)
    hold(places, 0, 5, 0, "nothing")
    assert.isUndefined(places.holds)
  })

  it("say when one is free for whoever comes, with so many before him", () => {
    const places = new Places(2)
    hold(places, 0, 100)
    assert.strictEqual(places.freeIn(0, 100), 0)
    take(places, 100)
    take(places, 100)
    // The first of them in 50, and then one every 50.
    assert.strictEqual(places.freeIn(0, 150), 50)
    assert.strictEqual(places.freeIn(3, 150), 200)
    // What ought to be over by now takes a quarter of that once more, and what is overdue as long again.
    assert.strictEqual(places.freeIn(0, 199), 25)
    assert.strictEqual(places.freeIn(0, 300), 25 + 100)
  })

  it("come free when those say who hold them, where they know it", () => {
    const places = new Places(2)
    hold(places, 0, 100)
    const who = () => new Held()
    places.take(who(), 100, 400)
    places.take(who(), 100, 1_000)
    assert.strictEqual(places.freeIn(0, 150), 350)
    const [short, long] = [new Places(1), new Places(1)]
    for (const each of [short, long]) hold(each, 0, 100)
    short.take(who(), 100, 30)
    long.take(who(), 100, 90)
    assert.strictEqual(short.freeIn(0, 100), 30)
    assert.strictEqual(long.freeIn(1, 100), 190)
  })

  it("are as many as before when one is given back twice, or by somebody who had none", () => {
    const places = new Places(2)
    const who = take(places, 0)!
    take(places, 0)
    places.giveBack(new Held(), 1)
    assert.strictEqual(places.taken, 2)
    places.giveBack(who, 1)
    places.giveBack(who, 2)
    assert.strictEqual(places.taken, 1)
  })

  it("are not forgotten where somebody has changed their number by hand", () => {
    const places = new Places(2)
    assert.isTrue(places.isIdle(0))
    places.resize(1, 0)
    assert.isFalse(places.isIdle(2 * hour))
    places.resize(2, 0)
    assert.isTrue(places.isIdle(2 * hour))
  })

  it("are not forgotten while somebody waits for one, although none is held", () => {
    const places = new Places(1)
    const line = { size: 1 }
    places.onRoom({ line, dispatch: () => {} })
    assert.isFalse(places.isIdle(2 * hour))
    line.size = 0
    assert.isTrue(places.isIdle(2 * hour))
  })

  it("are forgotten once nobody has held one for an hour, and not before", () => {
    const places = new Places(1)
    const who = take(places, 0)!
    assert.isFalse(places.isIdle(2 * hour))
    places.giveBack(who, hour)
    assert.isFalse(places.isIdle(2 * hour))
    assert.isTrue(places.isIdle(2 * hour + 1))
  })
})

describe("places whose number is learned", () => {
  /** A server that does as much as it is given: a turn of a second in all places but for `free` of them. */
  const turn = (places: Places, at: number, free = 0): void => {
    const taken = Array.from({ length: places.bound - free }, () => take(places, at * second)!)
    for (const who of taken) places.giveBack(who, (at + 1) * second, 1)
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
    const running: Array<{ readonly who: Held; readonly until: number }> = []
    const coming = [0, 0.3]
    for (let calls = 0; calls < 2_000;) {
      const [first] = running.toSorted((one, other) => one.until - other.until)
      const [next] = coming.toSorted((one, other) => one - other)
      if (next !== undefined && next <= (first?.until ?? Infinity)) {
        coming.splice(coming.indexOf(next), 1)
        const who = take(places, next * second)
        if (who === undefined) coming.push(first!.until + gap * 0.4)
        else running.push({ who, until: next + 1 })
      } else {
        running.splice(running.indexOf(first!), 1)
        places.giveBack(first!.who, first!.until * second, 1)
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
      const first = take(places, at * second)!
      const other = take(places, (at + 0.9) * second)!
      places.giveBack(first, (at + 0.95) * second, 1)
      places.giveBack(other, (at + 0.97) * second, 1)
    }
    assert.deepStrictEqual([places.state.slots, places.bound], [1, 2])
  })

  it("stay as somebody has made them by hand, and learn no more until they are told to", () => {
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
    places.resize("auto", 200 * second)
    assert.isTrue(places.isLearning)
    assert.isTrue(places.isIdle(10 * hour))
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
    take(each.placesOf(undefined, 0), 0)
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
