/**
 * A reader who stops makes its producer stop, so that a slow caller costs a bounded amount of memory.
 *
 * What counts is how many parts were handed over while the reader rests. A Stream's reader holds one array of parts
 * besides what waits, so twice the bound is its share.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { Answer, Call, Part, Question } from "@spillway/core"
import { overrunMax, ProducerDeaf } from "../../src/domain/HandOver.ts"
import * as Sources from "../fixtures/sources.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")
const parts = 100_000
const partsMax = 64
const restsAfter = 10

const numberOf = (part: Part.Part): number => (part._tag === "Text" ? Number(part.text) : -1)

/** A reader who rests after ten parts; it fails at once when a part is not the next. */
interface Resting {
  read: number
  readonly rested: Deferred.Deferred<void>
  readonly goOn: Deferred.Deferred<void>
}

const take = (resting: Resting, part: Part.Part): Effect.Effect<void> | undefined => {
  assert.strictEqual(numberOf(part), resting.read++)
  if (resting.read !== restsAfter) return undefined
  return Effect.andThen(Deferred.succeed(resting.rested, undefined), Deferred.await(resting.goOn))
}

const readStream = (call: Call.Call<string>, resting: Resting) =>
  Stream.runForEach(Answer.toStream(Call.asEffect(call), question), (part) => take(resting, part) ?? Effect.void)

const readIterable = (call: Call.Call<string>, resting: Resting) =>
  Effect.flatMap(Answer.toAsyncIterableEffect(Call.asEffect(call), question), (answer) =>
    Effect.promise(async () => {
      for await (const part of answer) {
        const rest = take(resting, part)
        if (rest !== undefined) await Effect.runPromise(rest)
      }
    })
  )

const readSink = (call: Call.Call<string>, resting: Resting) =>
  Answer.toSink(Call.asEffect(call), question, {
    emit: (part) => {
      const rest = take(resting, part)
      return rest === undefined ? undefined : Effect.runPromise(rest)
    }
  })

const readers = [
  { name: "a Stream", read: readStream, mostAhead: 2 * partsMax },
  { name: "an AsyncIterable", read: readIterable, mostAhead: partsMax },
  { name: "a sink", read: readSink, mostAhead: 0 }
] as const

const sources: ReadonlyArray<readonly [name: string, make: () => Sources.Source]> = [
  ...Sources.kinds.map((kind) => [kind, () => Sources.make(kind, { parts, end: "succeeds" })] as const),
  ["streamed in one array", () => inOneArray()]
]

const inOneArray = (): Sources.Source => {
  const source = Sources.make("pushed", { parts, end: "succeeds" })
  const all = Array.from({ length: parts }, (_, number) => Part.text(`${number}`))
  const call = Call.fromStream(() => Stream.fromArray(all))
  return {
    ...source,
    call: (asked, attempt) => {
      source.seen.attempt = attempt
      return call(asked, attempt)
    }
  }
}

for (const { mostAhead, name, read } of readers) {
  describe(`a reader of ${name}`, () => {
    for (const [kind, make] of sources) {
      it.live(
        `who rests holds back what is ${kind}, and gets all of it in order later`,
        () =>
          Effect.gen(function* () {
            const source = make()
            const resting = { read: 0, rested: yield* Deferred.make<void>(), goOn: yield* Deferred.make<void>() }
            const fiber = yield* Effect.forkChild(read(source.call, resting))
            yield* Deferred.await(resting.rested)
            yield* Effect.sleep("5 millis")
            assert.isAtMost(source.seen.attempt!.parts, restsAfter + mostAhead + 1)
            assert.isDefined(source.seen.attempt!.blockedAt)
            assert.isUndefined(source.seen.attempt!.endedAt)
            yield* Deferred.succeed(resting.goOn, undefined)
            yield* Fiber.join(fiber)
            assert.strictEqual(resting.read, parts)
            assert.isDefined(source.seen.attempt!.resumedAt)
          }),
        20_000
      )
    }
  })
}

describe("a producer that does not wait", () => {
  it.live("is stopped by a defect before the memory is full, and what it sent first is read", () =>
    Effect.gen(function* () {
      let sent = 0
      let stopped = false
      // Pushes from a timer of its own, where nothing that is thrown would reach the call.
      const deaf: Call.Call = (_, attempt) =>
        Effect.callback(() => {
          const timer = setInterval(() => {
            for (let burst = 0; burst < 20_000; burst++) void attempt.emit(Part.text(`${sent++}`))
          })
          return Effect.sync(() => {
            stopped = true
            clearInterval(timer)
          })
        })
      let read = 0
      const exit = yield* Answer.toStream(Call.asEffect(deaf), question, { partsMax: 4 }).pipe(
        Stream.runForEach((part) =>
          Effect.suspend(() => {
            assert.strictEqual(numberOf(part), read++)
            // A reader who is slower than the producer, and outlives it.
            return read === 1 ? Effect.sleep(60) : Effect.void
          })
        ),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof ProducerDeaf)
      assert.isTrue(stopped)
      assert.isAtMost(read, 2 * (overrunMax + 4) + 20_000)
    })
  )

  it("is interrupted also where its reader waits outside of Effect", async () => {
    let interrupted = 0
    const deaf: Call.Call = (_, attempt) =>
      Effect.callback(() => {
        for (let number = 0; number <= overrunMax + 10; number++) void attempt.emit(Part.text(`${number}`))
        return Effect.sync(() => void interrupted++)
      })
    const answer = Answer.toAsyncIterable(Call.asEffect(deaf), question, { partsMax: 4 })
    const iterator = answer[Symbol.asyncIterator]()
    assert.deepStrictEqual(await iterator.next(), { done: false, value: Part.text("0") })
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(interrupted, 1)
  })
})
