/** A delivery counts what passes and when, and ends with its sink; and every answer goes through one. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Question, type SpillwayError, Summary } from "@spillway/core"
import { Cause, Clock, Deferred, Effect, Exit, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Delivery } from "../../src/domain/Delivery.ts"
import type { Facts } from "../../src/domain/Facts.ts"
import { around } from "../fixtures/around.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?", { maxTokens: 10 })

/** The same two parts, pushed, pulled and streamed. */
const sources: Record<string, Call.Call<SpillwayError>> = {
  pushed: (_, attempt) =>
    Effect.promise(async () => {
      await attempt.emit(Part.text("a"))
      await attempt.emit(Part.text("b"))
      return Summary.make()
    }),
  pulled: Call.fromAsyncIterable(async function* () {
    yield Part.text("a")
    yield Part.text("b")
  }),
  streamed: Call.fromStream(() => Stream.make(Part.text("a"), Part.text("b")))
}

const answering: Call.Call = (_, attempt) => {
  void attempt.emit(Part.text("4"))
  return Effect.succeed(Summary.make())
}

describe("a delivery", () => {
  it("counts what passes, hands back the sink's promise, and lets nothing pass when it is closed", async () => {
    const parts: Array<Part.Part> = []
    let made = false
    const makeRoom = async () => {
      await Promise.resolve()
      made = true
    }
    const room = makeRoom()
    const delivery = new Delivery({ emit: (part) => (parts.push(part), room) })
    await delivery.emit(Part.text("a"))
    assert.isTrue(made)
    delivery.close()
    assert.isUndefined(delivery.emit(Part.text("late")))
    assert.strictEqual(delivery.parts, 1)
    assert.deepStrictEqual(parts, [Part.text("a")])
  })

  it.effect("knows when the first part passed, and of no other", () =>
    Effect.gen(function* () {
      const delivery = new Delivery({ emit: () => undefined }, yield* Clock.Clock)
      yield* TestClock.adjust(5)
      assert.isUndefined(delivery.firstAt)
      for (const part of ["a", "b"]) {
        void delivery.emit(Part.text(part))
        yield* TestClock.adjust(5)
      }
      assert.strictEqual(delivery.firstAt, 5_000_000)
    })
  )

  for (const [name, sink] of [
    ["throws", { emit: () => assert.fail("a bug of the reader") }],
    ["rejects", { emit: () => Promise.reject(new Error("a bug of the reader")) }]
  ] as const) {
    for (const [source, call] of Object.entries(sources)) {
      it(`ends a call whose sink ${name} with that defect, and hands it no more, ${source}`, async () => {
        let taken = 0
        const counting = { emit: () => (taken++, sink.emit()) }
        const exit = await Effect.runPromiseExit(Answer.toSink(Call.asEffect(call), question, counting))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "a bug of the reader")
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(taken, 1)
      })
    }
  }

  it.effect("is closed when the answer has ended, for all who still hold it", () =>
    Effect.gen(function* () {
      const holding = yield* Deferred.make<Facts>()
      const parts: Array<Part.Part> = []
      const held = around(Call.asEffect(answering), (known) => Deferred.doneUnsafe(holding, Effect.succeed(known)))
      yield* Answer.toSink(held, question, { emit: (part) => void parts.push(part) })
      void (yield* Deferred.await(holding)).call.delivery.emit(Part.text("late"))
      assert.deepStrictEqual(parts, [Part.text("4")])
    })
  )
})
