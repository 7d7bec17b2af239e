/**
 * What a part costs on its way through five policies, from each kind of source to each kind of reader.
 *
 * Answers have 200 parts, as a model's do, so that what a call costs is spread over them as it is in life. The
 * yardstick is the least that a program without us would write: an async generator read by `for await`.
 */
import { Answer, Call, Part, Question, type SpillwayError, Summary } from "@spillway/core"
import { Effect, Stream } from "effect"
import type { Subject } from "./measure.ts"
import { five } from "./policies.ts"
import { ofEffect, ofPromise } from "./subjects.ts"

const answer = Array.from({ length: 200 }, (_, index) => Part.text(`word${index} `))

const question = Question.chat("model", "Why is the sky blue?")

const generated = async function* () {
  for (const part of answer) yield part
}

/** A source that pushes as a socket does: what has arrived at once, then whatever there is room for. */
const pushed: Call.Call = (_, attempt) =>
  Effect.promise(async () => {
    for (const part of answer) {
      const room = attempt.emit(part)
      if (room !== undefined) await room
    }
    return Summary.make()
  })

const pulled = Call.fromAsyncIterable(generated)

let read = 0

const take = (part: Part.Part): void => {
  if (part._tag === "Text") read += part.text.length
}

const readAll = async (parts: AsyncIterable<Part.Part>): Promise<void> => {
  for await (const part of parts) take(part)
}

const sink = { emit: take }

/** Every case with parts. */
export const parts: Effect.Effect<ReadonlyArray<Subject>> = Effect.gen(function* () {
  const stack = yield* five
  const each = { units: answer.length }
  const ways = Effect.fnUntraced(function* (name: string, call: Call.Call<SpillwayError>) {
    const guarded = stack(Call.asEffect(call))
    const iterable = yield* Answer.toAsyncIterableEffect(guarded, question)
    const toStream = () => Answer.toStream(guarded, question)
    return [
      ofEffect("parts", `${name} to a sink`, Answer.toSink(guarded, question, sink), each),
      ofPromise("parts", `${name} to for await`, () => readAll(iterable), each),
      ofEffect(
        "parts",
        `${name} to a Stream, runForEachArray`,
        Effect.suspend(() => Stream.runForEachArray(toStream(), (some) => Effect.sync(() => some.forEach(take)))),
        each
      ),
      ofEffect(
        "parts",
        `${name} to a Stream, runForEach`,
        Effect.suspend(() => Stream.runForEach(toStream(), (part) => Effect.sync(() => take(part)))),
        each
      )
    ]
  })
  return [
    ofPromise("parts", "async generator, for await, no policies", () => readAll(generated()), each),
    ...(yield* ways("pushed", pushed)),
    ...(yield* ways("pulled", pulled))
  ]
})
