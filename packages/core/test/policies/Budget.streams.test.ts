/**
 * Budget around streams: whoever leaves one is billed for its prompt and for what it had produced by then.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { Answer, Call, Part } from "@spillway/core"
import { amounts, answering, ask, budget, hanging, inTotal, oneEach, promptMost, question } from "../fixtures/bills.ts"

const start = { startImmediately: true }
const daily = () => budget({ total: "20000 tok/day" })
const inFull = promptMost + 4_096

describe("A stream that its reader leaves is billed its prompt and what it produced:", () => {
  const words = ["The ", "Oroville ", "dam ", "is ", "the ", "highest ", "one"]
  const length = words.join("").length

  it.effect("a part is a token at least, and three characters are one", () =>
    Effect.gen(function* () {
      for (const [parts, produced] of [
        [["a", "b", "c", "d"], 4],
        [["x".repeat(100)], 34],
        [words, Math.max(7, Math.ceil(length / 3))],
        [[], 0]
      ] as const) {
        const guard = yield* daily()
        const asking = yield* Effect.forkChild(ask(guard(hanging(parts))), start)
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: inFull }))
        yield* Fiber.interrupt(asking)
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: promptMost + produced }))
      }
    })
  )

  it.effect("what its server had counted, where it had", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const counted = Call.asEffect((_, attempt) => {
        void attempt.emit(Part.text("a"))
        attempt.usage = { input: 10, output: 500 }
        return Effect.never
      })
      const asking = yield* Effect.forkChild(ask(guard(counted)), start)
      yield* Fiber.interrupt(asking)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 510 }))
    })
  )

  it.effect("whichever way it is read", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const call = guard(hanging(["a", "b", "c"]))
      yield* Answer.toStream(call, question()).pipe(Stream.take(2), Stream.runDrain)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: promptMost + 3 }))

      const iterable = yield* Answer.toAsyncIterableEffect(call, question())
      yield* Effect.promise(async () => {
        for await (const _part of iterable) break
      })
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 2 * (promptMost + 3) }))

      const sunk = yield* Effect.forkChild(Answer.toSink(call, question(), { emit: () => undefined }), start)
      yield* Fiber.interrupt(sunk)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 3 * (promptMost + 3) }))
    })
  )

  it.effect("also in money, at the price of what was asked", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$1/day", prices: { gpt: { input: 2, output: 10 } } })
      const asking = yield* Effect.forkChild(ask(guard(hanging(["a", "b", "c"]))), start)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: 2 * promptMost + 40_960 }))
      yield* Fiber.interrupt(asking)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 2 * promptMost + 30 }))
    })
  )

  it.effect("and a reader's own bug is no reason to bill more than what was used", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$1/day", prices: { gpt: oneEach } })
      const broken = {
        emit: () => {
          throw new Error("a bug of the reader")
        }
      }
      const exit = yield* Effect.exit(Answer.toSink(guard(answering({ input: 3, output: 4 })), question(), broken))
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 7 }))
    })
  )
})
