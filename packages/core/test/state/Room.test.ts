/**
 * The room of a memory: how many keys fit, and how seldom all of them are looked through.
 */
import { assert, describe, it } from "@effect/vitest"
import { Room } from "../../src/state/Room.ts"

const second = 1_000_000_000

/** A room that writes down when it was looked through. */
const watched = (keysMax: number, forget: (room: Room, now: number) => void = () => {}) => {
  const looks: Array<number> = []
  const room: Room = new Room(keysMax, (now) => {
    looks.push(now)
    forget(room, now)
  })
  return { looks, room }
}

describe("a room", () => {
  it("has room for as many keys as it may hold, and for none beyond", () => {
    const { room } = watched(3)
    room.held = 1
    assert.isTrue(room.has(2))
    assert.isFalse(room.has(3))
  })

  it("is looked through once a minute when few ask", () => {
    const { looks, room } = watched(1_000)
    for (let now = 0; now <= 180; now += 10) room.ask(now * second)
    assert.deepStrictEqual(
      looks.map((at) => at / second),
      [0, 60, 120, 180]
    )
  })

  it("is looked through once for as many asks as it holds keys when many ask", () => {
    const { looks, room } = watched(100_000)
    room.held = 10_000
    for (let index = 0; index < 100_000; index++) room.ask(index)
    assert.isAtLeast(looks.length, 9)
    assert.isAtMost(looks.length, 11)
  })

  it("is not looked through for more room before something may be idle, nor twice within a second", () => {
    const { looks, room } = watched(1, (asked, now) => asked.idle(Math.max(now, 10 * second)))
    room.ask(0)
    assert.strictEqual(room.seekAt, 10 * second)
    assert.isFalse(room.seek(10 * second - 1))
    assert.isTrue(room.seek(10 * second))
    assert.isFalse(room.seek(10 * second + 1))
    assert.isFalse(room.seek(11 * second - 1))
    assert.isTrue(room.seek(11 * second))
    assert.deepStrictEqual(looks, [0, 10 * second, 11 * second])
  })

  it("is looked through at once when a key that came after the last look may be idle", () => {
    const { room } = watched(1)
    room.ask(0)
    room.idle(20 * second)
    room.idle(5 * second)
    room.idle(30 * second)
    assert.strictEqual(room.seekAt, 5 * second)
  })
})
