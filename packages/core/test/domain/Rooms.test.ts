/** What a line waits for: one of several targets, chosen when a turn comes, and none where all are shut. */
import { assert, describe, it } from "@effect/vitest"
import { Policy, Queue, refusal, type SpillwayError } from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Places } from "../../src/domain/Places.ts"
import { full, isShared, type Rooms } from "../../src/domain/Rooms.ts"
import { facts } from "../fixtures/around.ts"

/** Two targets with a place each, which can be shut. */
const house = () => {
  const all = [new Places(1, "gpu1/m"), new Places(1, "gpu2/m")]
  const state = { isShut: false }
  const shut = refusal({ _tag: "Unavailable" })
  const rooms: Rooms = {
    bound: 2,
    get taken() {
      return all.reduce((sum, { taken }) => sum + taken, 0)
    },
    holds: undefined,
    promises: all[0]!.promises,
    state: all[0]!.state,
    fits: () => true,
    waited: () => undefined,
    hasRoomAt: () => !state.isShut && all.some(({ hasRoom }) => hasRoom),
    choose: (who, now) => {
      const free = all.find(({ hasRoom }) => hasRoom)!
      free.take(who, now)
      return free
    },
    refusal: () => (state.isShut ? shut : undefined),
    freeIn: () => undefined,
    onRoom: (queued) => {
      for (const each of all) each.onRoom(queued)
    }
  }
  return { all, rooms, shut, state }
}

const errorOf = (exit: Exit.Exit<unknown, SpillwayError>) =>
  Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Fail" ? exit.cause.reasons[0].error : undefined

describe("a line before several targets", () => {
  it.effect("sends each to one that has a place when his turn comes, which he and all inside are told", () =>
    Effect.gen(function* () {
      const { all, rooms } = house()
      const queue = yield* Queue.make({ slots: { targets: { placesOf: () => rooms, find: () => rooms } } })
      const ask = (seconds: number) =>
        Effect.forkChild(
          queue(
            Effect.delay(
              Effect.map(facts, (known) => known?.target),
              `${seconds} seconds`
            )
          ),
          { startImmediately: true }
        )
      const fibers = [yield* ask(10), yield* ask(1), yield* ask(1), yield* ask(1)]
      for (let second = 0; second < 12; second++) yield* TestClock.adjust("1 second")
      const targets = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(targets, ["gpu1/m", "gpu2/m", "gpu2/m", "gpu2/m"])
      assert.deepStrictEqual(
        all.map(({ taken }) => taken),
        [0, 0]
      )
    })
  )

  it.effect("refuses who comes, and who waits, as soon as nobody can have a place any more", () =>
    Effect.gen(function* () {
      const { all, rooms, shut, state } = house()
      const queue = yield* Queue.make({ slots: { targets: { placesOf: () => rooms, find: () => rooms } } })
      const asked = Effect.exit(queue(Effect.sleep("10 seconds"))).pipe(Policy.about({ caller: "ann" }))
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(asked, { startImmediately: true }))
      state.isShut = true
      assert.strictEqual(errorOf(yield* asked), shut)
      all[0]!.wake(0)
      yield* Effect.yieldNow
      const [one, two, ...waiting] = fibers
      for (const fiber of waiting) assert.strictEqual(errorOf(yield* Fiber.join(fiber)), shut)
      assert.deepStrictEqual([one!.pollUnsafe(), two!.pollUnsafe()], [undefined, undefined])
      assert.lengthOf((yield* queue.state()).waiting, 0)
      for (const fiber of [one!, two!]) yield* Fiber.interrupt(fiber)
    })
  )
})

describe("slots that others take from", () => {
  it("are told from a number of them", () => {
    assert.isTrue(isShared({ targets: {} }))
    for (const other of [4, "auto", undefined, null, {}]) assert.isFalse(isShared(other))
  })
})

describe("a full line", () => {
  it("says how full it is, and of how many bytes where those are too many", () => {
    const { rooms } = house()
    const line = { size: 3, bytes: 90 }
    const told = (bytes: number) => full(rooms, { line, max: 3, bytesMax: 100, bytes }, 0).reason
    assert.deepStrictEqual(told(5), { _tag: "QueueFull", queued: 3, queuedMax: 3 })
    assert.deepStrictEqual(told(11), { _tag: "QueueFull", queued: 3, queuedMax: 3, bytes: 11, bytesMax: 100 })
  })
})
