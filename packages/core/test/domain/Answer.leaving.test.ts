/**
 * A reader who leaves, in whichever way readers leave, reaches the producer, and nobody is left waiting.
 *
 * Every way of leaving meets every kind of source. What counts as reached differs: a pushed source is finalized, a
 * pulled one has its signal aborted and `return()` called, a stream is finalized.
 */
import { getEventListeners } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { Answer, Call, Part, Question, SpillwayError, Summary } from "@spillway/core"
import * as Sources from "../fixtures/sources.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")

const iterable = (call: Call.Call<string>, options?: { readonly signal?: AbortSignal; readonly partsMax?: number }) =>
  Effect.runSync(Answer.toAsyncIterableEffect(Call.asEffect(call), question, options))

const iterator = (call: Call.Call<string>, options?: { readonly signal?: AbortSignal; readonly partsMax?: number }) =>
  iterable(call, options)[Symbol.asyncIterator]()

const over: IteratorResult<Part.Part, unknown> = { done: true, value: undefined }

const aTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

const wasReached = (kind: (typeof Sources.kinds)[number], seen: Sources.Seen): boolean => {
  if (seen.attempt?.endedAt === undefined) return false
  return kind === "pulled" ? seen.signal?.aborted === true && seen.returned >= 1 : seen.finalized === 1
}

const one: Call.Call<string> = (_, attempt) => {
  void attempt.emit(Part.text("0"))
  return Effect.yieldNow.pipe(Effect.as(Summary.make()))
}

/** Ways of leaving an answer that hangs after three parts; each settles once the reader is gone. */
const departures: Record<string, (call: Call.Call<string>) => Promise<void>> = {
  "breaks out of for await": async (call) => {
    for await (const part of iterable(call)) if (part._tag === "Text" && part.text === "1") break
  },
  "throws out of for await": async (call) => {
    const leaves = async () => {
      for await (const _ of iterable(call)) throw new Error("enough")
    }
    await leaves().catch((thrown: unknown) => assert.strictEqual((thrown as Error).message, "enough"))
  },
  "calls return() between two parts": async (call) => {
    const reader = iterator(call)
    await reader.next()
    assert.deepStrictEqual<unknown>(await reader.return!(), over)
    assert.deepStrictEqual<unknown>(await reader.next(), over)
  },
  "calls return() while next() waits": async (call) => {
    const reader = iterator(call)
    for (let part = 0; part < 3; part++) await reader.next()
    const waiting = [reader.next(), reader.next()]
    await aTurn()
    await reader.return!()
    for (const next of waiting) assert.deepStrictEqual<unknown>(await next, over)
  },
  "aborts its signal between two parts": async (call) => {
    const controller = new AbortController()
    const reader = iterator(call, { signal: controller.signal })
    for (let part = 0; part < 3; part++) await reader.next()
    controller.abort("enough")
    assert.strictEqual(await reader.next().catch((thrown: unknown) => thrown), "enough")
    assert.deepStrictEqual<unknown>(await reader.next(), over)
  },
  "aborts its signal while next() waits": async (call) => {
    const controller = new AbortController()
    const reader = iterator(call, { signal: controller.signal })
    for (let part = 0; part < 3; part++) await reader.next()
    const waiting = reader.next()
    const behind = reader.next()
    await aTurn()
    controller.abort("enough")
    assert.strictEqual(await waiting.catch((thrown: unknown) => thrown), "enough")
    assert.deepStrictEqual<unknown>(await behind, over)
  },
  "takes one part of the Stream": (call) =>
    Answer.toStream(Call.asEffect(call), question).pipe(
      Stream.take(1),
      Stream.runCollect,
      Effect.map((parts) => assert.deepStrictEqual(parts, [Part.text("0")])),
      Effect.orDie,
      Effect.runPromise
    ),
  "interrupts the fiber that runs the Stream": (call) =>
    interrupting(Stream.runDrain(Answer.toStream(Call.asEffect(call), question))),
  "interrupts the fiber that fills a sink": (call) =>
    interrupting(Answer.toSink(Call.asEffect(call), question, { emit: () => undefined })),
  "interrupts the fiber that collects": (call) => interrupting(Answer.collect(Call.asEffect(call), question))
}

const interrupting = async (running: Effect.Effect<unknown, string>): Promise<void> => {
  const fiber = Effect.runFork(running)
  await aTurn()
  assert.isUndefined(fiber.pollUnsafe())
  await Effect.runPromise(Fiber.interrupt(fiber))
}

for (const kind of Sources.kinds) {
  describe(`what is ${kind} hears that its reader`, () => {
    for (const [name, leave] of Object.entries(departures)) {
      it(name, async () => {
        const source = Sources.make(kind, { parts: 3, end: "hangs" })
        await leave(source.call)
        assert.isTrue(wasReached(kind, source.seen), JSON.stringify(source.seen))
      })
    }
  })
}

describe("an AsyncIterable", () => {
  it("runs nothing before its first part is asked for, and nothing at all when it is left before", async () => {
    const source = Sources.make("pushed", { parts: 3, end: "succeeds" })
    const reader = iterator(source.call)
    await aTurn()
    assert.isUndefined(source.seen.attempt)
    await reader.return!()
    assert.isTrue((await reader.next()).done)
    assert.isUndefined(source.seen.attempt)
  })

  it("runs nothing when its signal was aborted before, throws the reason once, and is over then", async () => {
    const source = Sources.make("pushed", { parts: 3, end: "succeeds" })
    const reader = iterator(source.call, { signal: AbortSignal.abort("early") })
    assert.strictEqual(await reader.next().catch((thrown: unknown) => thrown), "early")
    assert.deepStrictEqual<unknown>(await reader.next(), over)
    assert.isUndefined(source.seen.attempt)
  })

  it("is left by a signal that is aborted while the call starts", async () => {
    const controller = new AbortController()
    let finalized = 0
    const call: Call.Call = () =>
      Effect.callback(() => {
        controller.abort("at once")
        return Effect.sync(() => finalized++)
      })
    const reader = iterator(call, { signal: controller.signal })
    assert.strictEqual(await reader.next().catch((thrown: unknown) => thrown), "at once")
    assert.strictEqual(finalized, 1)
  })

  it("waits with return() until the call has ended", async () => {
    let ended = false
    const call: Call.Call = (_, attempt) =>
      Effect.callback(() => {
        void attempt.emit(Part.text("0"))
        return Effect.andThen(
          Effect.sleep("2 millis"),
          Effect.sync(() => (ended = true))
        )
      })
    const reader = iterator(call)
    await reader.next()
    await reader.return!()
    assert.isTrue(ended)
  })

  it("throws Cancelled when the call was interrupted by somebody else", async () => {
    const thrown = await iterator(() => Effect.interrupt)
      .next()
      .catch((error: unknown) => error)
    assert.instanceOf(thrown, SpillwayError)
    assert.strictEqual(thrown.reason._tag, "Cancelled")
  })

  it("serves several who wait in the order in which they asked", async () => {
    const reader = iterator(Sources.make("pulled", { parts: 3, end: "succeeds" }).call)
    const all = await Promise.all(Array.from({ length: 5 }, () => reader.next()))
    assert.deepStrictEqual<unknown>(
      all.map((next) => next.value),
      [Part.text("0"), Part.text("1"), Part.text("2"), Sources.summary, undefined]
    )
  })

  it("gives every iterator an answer of its own", async () => {
    const answers = iterable((_, attempt) => {
      void attempt.emit(Part.text("0"))
      return Effect.succeed(Summary.make())
    })
    for (let time = 0; time < 2; time++) {
      const parts: Array<Part.Part> = []
      for await (const part of answers) parts.push(part)
      assert.deepStrictEqual(parts, [Part.text("0")])
    }
  })
})

describe("an abort signal that many answers share", () => {
  const ways: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    "is read to its end": async (signal) => {
      for await (const _ of iterable(one, { signal })) continue
    },
    "is broken off": async (signal) => {
      for await (const _ of iterable(one, { signal })) break
    },
    "ends and is not asked for its end": async (signal) => {
      await iterator(one, { signal }).next()
      await aTurn()
    },
    fails: (signal) =>
      iterator(() => Effect.fail("broken"), { signal })
        .next()
        .catch(() => undefined),
    "is left before it starts": (signal) => iterator(one, { signal }).return!()
  }
  for (const [name, read] of Object.entries(ways)) {
    it(`holds no listener of 2,000 answers when each ${name}`, async () => {
      const { signal } = new AbortController()
      let most = 0
      for (let time = 0; time < 2_000; time++) {
        await read(signal)
        most = Math.max(most, getEventListeners(signal, "abort").length)
      }
      assert.strictEqual(most, 0)
    })
  }
})
