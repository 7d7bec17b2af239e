/**
 * The hand-over by itself: a bounded queue with a drain signal and one end.
 *
 * It is compared with the plainest queue there is under random use; the bounds under real sources and readers are in
 * Answer.backpressure.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import { Part } from "@spillway/core"
import { HandOver, overrunMax, partsMaxDefault, type ProducerDeaf } from "../../src/domain/HandOver.ts"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const part = (number: number): Part.Part => Part.text(`${number}`)

/** A hand-over with so many parts in it, and what the last of them was answered with. */
const filled = (partsMax: number, parts: number) => {
  const handOver = new HandOver<string, never>(partsMax)
  let room: void | Promise<void> = undefined
  for (let number = 0; number < parts; number++) room = handOver.emit(part(number))
  return { handOver, room }
}

const isSettled = async (promise: void | Promise<void>): Promise<boolean> => {
  let settled = false
  void promise?.then(() => (settled = true))
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

describe("a hand-over", () => {
  it("lets its producer go on until it is full", () => {
    assert.isUndefined(filled(8, 7).room)
    assert.instanceOf(filled(8, 8).room, Promise)
    assert.isUndefined(filled(1, 0).room)
    assert.instanceOf(filled(1, 1).room, Promise)
  })

  it("takes 64 parts unless told otherwise", () => {
    const handOver = new HandOver()
    for (let number = 1; number < partsMaxDefault; number++) assert.isUndefined(handOver.emit(part(number)))
    assert.instanceOf(handOver.emit(part(64)), Promise)
    assert.strictEqual(partsMaxDefault, 64)
  })

  for (const [partsMax, takes] of [
    [8, 4],
    [9, 5],
    [2, 1],
    [1, 1]
  ] as const) {
    it(`of ${partsMax} wakes its producer at the take that leaves half, not before`, async () => {
      const { handOver, room } = filled(partsMax, partsMax)
      for (let taken = 1; taken < takes; taken++) handOver.take()
      assert.isFalse(await isSettled(room))
      handOver.take()
      assert.isTrue(await isSettled(room))
    })
  }

  it("wakes its producer when everything is taken at once, and all who wait with it", async () => {
    const { handOver, room } = filled(8, 8)
    const more = handOver.emit(part(8))
    assert.lengthOf(handOver.takeAll(), 9)
    assert.isTrue(await isSettled(room))
    assert.isTrue(await isSettled(more))
    assert.lengthOf(handOver.takeAll(), 0)
  })

  it("hands over in order and asks to wait exactly when it is full, whatever the order of emits and takes", () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = Random.make(seed)
      const partsMax = 1 + random.below(40)
      const handOver = new HandOver<string, never>(partsMax)
      const model: Array<Part.Part> = []
      const greed = 1 + random.below(9)
      for (let step = 0, number = 0; step < 3_000; step++) {
        const dice = random.below(10)
        if (dice < greed) {
          const one = part(number++)
          model.push(one)
          assert.strictEqual(handOver.emit(one) !== undefined, model.length >= partsMax, `seed ${seed}`)
        } else if (dice === 9 && random.below(20) === 0) {
          assert.deepStrictEqual(handOver.takeAll(), model.splice(0), `seed ${seed}`)
        } else {
          assert.strictEqual(handOver.take(), model.shift(), `seed ${seed}`)
        }
      }
      assert.deepStrictEqual(handOver.takeAll(), model, `seed ${seed}`)
    }
  })

  it("hands over in order however many parts have gone through", () => {
    const { handOver } = filled(3_000, 3_000)
    for (let number = 0; number < 2_500; number++) assert.deepStrictEqual(handOver.take(), part(number))
    void handOver.emit(part(3_000))
    assert.deepStrictEqual(
      handOver.takeAll(),
      Array.from({ length: 501 }, (_, index) => part(2_500 + index))
    )
  })

  it("stops a producer that does not wait, and drops nothing of what it took", () => {
    const { handOver } = filled(4, 4 + overrunMax)
    let stopped = 0
    handOver.onDeaf(() => stopped++)
    void handOver.emit(part(0))
    void handOver.emit(part(0))
    assert.strictEqual(stopped, 1)
    const { ended } = handOver
    const defect = ended && Exit.isFailure(ended) ? Cause.squash(ended.cause) : undefined
    assert.deepInclude(defect, { _tag: "ProducerDeaf", parts: 4 + overrunMax })
    assert.include((defect as ProducerDeaf).message, "65540 parts wait for their reader")
    assert.lengthOf(handOver.takeAll(), 4 + overrunMax)
    assert.isUndefined(handOver.emit(part(0)))
  })

  it("stops at once whom it learns of too late, and ends also without anybody to stop", () => {
    const { handOver } = filled(4, 5 + overrunMax)
    assert.isTrue(handOver.ended !== undefined)
    let stopped = 0
    handOver.onDeaf(() => stopped++)
    assert.strictEqual(stopped, 1)
  })

  it("has one end: what waits can still be taken, what comes later is dropped, a second end is not heard", async () => {
    const { handOver, room } = filled(2, 2)
    handOver.end(Exit.succeed("first"))
    handOver.end(Exit.succeed("second"))
    assert.isTrue(await isSettled(room))
    assert.isUndefined(handOver.emit(part(2)))
    assert.deepStrictEqual(handOver.ended, Exit.succeed("first"))
    assert.deepStrictEqual(handOver.takeAll(), [part(0), part(1)])
    assert.isUndefined(handOver.take())
  })

  it("calls back once, at the first part or the end, and at once when either is there", () => {
    const handOver = new HandOver<string, never>(2)
    let calls = 0
    const wake = () => void calls++
    handOver.onReady(wake)
    assert.strictEqual(calls, 0)
    void handOver.emit(part(0))
    void handOver.emit(part(1))
    assert.strictEqual(calls, 1)
    handOver.onReady(wake)
    assert.strictEqual(calls, 2)
    handOver.takeAll()
    handOver.onReady(wake)
    handOver.end(Exit.succeed("over"))
    assert.strictEqual(calls, 3)
    handOver.onReady(wake)
    assert.strictEqual(calls, 4)
  })

  it("refuses a size that is none", () => {
    for (const partsMax of [0, -1, Number.NaN]) {
      assert.throws(() => new HandOver(partsMax), "it has to be a number from 1 on")
    }
  })
})
