/** Places: how many are taken, who is told when one comes free, and what is known of how long one is held. */
import { assert, describe, it } from "@effect/vitest"
import { Places, Targets } from "../../src/domain/Places.ts"

const hour = 3_600_000_000_000

describe("places", () => {
  it("are taken up to their number, and no further", () => {
    const places = new Places(2)
    assert.deepStrictEqual([places.take(), places.take(), places.take()], [true, true, false])
    places.giveBack(0, 5)
    assert.isTrue(places.hasRoom)
    assert.isTrue(places.take())
  })

  it("tell whoever hands them out when one may have come free, and when", () => {
    const places = new Places(1)
    const told: Array<number> = []
    places.onRoom((now) => told.push(now))
    places.take()
    places.giveBack(0, 5)
    places.resize(3, 7)
    assert.deepStrictEqual(told, [5, 7])
  })

  it("know how long one is held, the last ones more than the first", () => {
    const places = new Places(1)
    assert.isUndefined(places.holds)
    assert.isUndefined(places.freeIn(0))
    const hold = (from: number, to: number) => {
      places.take()
      places.giveBack(from, to)
    }
    hold(0, 100)
    assert.strictEqual(places.holds, 100)
    hold(100, 400)
    assert.strictEqual(places.holds, 140)
  })

  it("say when one is free for whoever comes, with so many before him", () => {
    const places = new Places(2)
    places.take()
    places.giveBack(0, 100)
    assert.strictEqual(places.freeIn(0), 0)
    places.take()
    places.take()
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
    places.take()
    assert.isFalse(places.isIdle(2 * hour))
    places.giveBack(0, hour)
    assert.isFalse(places.isIdle(2 * hour))
    assert.isTrue(places.isIdle(2 * hour + 1))
  })
})

describe("the places of targets", () => {
  it("are told apart by what they are told to be, and past their bound are shared", () => {
    const targets = new Targets(1, "all", 1)
    assert.strictEqual(targets.placesOf(undefined, 0), targets.of("whatever it is called"))
    const each = new Targets(1, "target", 1)
    each.placesOf(undefined, 0).take()
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
