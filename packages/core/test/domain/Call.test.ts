/**
 * The leaves: a call as an Effect, and calls made from what is pulled and from Streams.
 *
 * On the live clock, because a pulled source is made of promises, and what it does after its Effect has ended is the
 * point.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Redacted, Stream } from "effect"
import { Answer, type Attempt, Call, Part, Plan, Question, SpillwayError, Summary } from "@spillway/core"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")

const collect = <E, R>(call: Call.Call<E, R>) => Answer.collect(Call.asEffect(call), question)

const aTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A promise, and what resolves it. */
const later = <A = void>() => {
  const settled: { resolve?: (value: A) => void } = {}
  const promise = new Promise<A>((resolve) => (settled.resolve = resolve))
  return { promise, resolve: (value: A) => settled.resolve?.(value) }
}

/** A call that keeps its attempt where a test can see it. */
const watched = <E>(call: Call.Call<E>) => {
  const seen: { attempt: Attempt.Attempt | undefined } = { attempt: undefined }
  const noted: Call.Call<E> = (asked, attempt) => {
    seen.attempt = attempt
    return call(asked, attempt)
  }
  return { call: noted, seen }
}

/** Runs the call, interrupts it, and tells whether the Effect ended at once and whether work still lingers. */
const abandon = async <E>(call: Call.Call<E>) => {
  const { call: noted, seen } = watched(call)
  const fiber = Effect.runFork(collect(noted))
  await aTurn()
  fiber.interruptUnsafe()
  const endedAtOnce = fiber.pollUnsafe() !== undefined
  let lingers = true
  void seen.attempt!.lingering?.then(() => (lingers = false))
  const stillLingers = async () => {
    for (let turn = 0; turn < 3; turn++) await aTurn()
    return lingers
  }
  return { endedAtOnce, stillLingers, attempt: seen.attempt! }
}

describe("a call as an Effect", () => {
  it.effect("finds its question, and an attempt that names its target, whose model is asked", () =>
    Effect.gen(function* () {
      let finds: Question.Question = question
      const call: Call.Call = (asked, attempt) => {
        assert.deepStrictEqual(asked, finds)
        return Effect.succeed(Summary.make({ model: `${attempt.target}` }))
      }
      const answering = (self: Effect.Effect<Summary.Summary>) =>
        Effect.map(Answer.collect(self, question), ({ summary }) => summary.model)
      assert.strictEqual(yield* answering(Call.asEffect(call)), "undefined")
      assert.strictEqual(yield* answering(Call.asEffect(call, `gpu1/${question.model}`)), `gpu1/${question.model}`)
      finds = { ...question, model: "org/llama3.1:8b" }
      const target = "gpu1/org/llama3.1:8b"
      assert.strictEqual(yield* answering(Call.asEffect(call, target)), target)
      assert.strictEqual(yield* answering(Plan.to(target)(Call.asEffect(call))), target)
      finds = question
      for (const name of ["gpu1", "gpu1/", "/gpu1"])
        assert.strictEqual(yield* answering(Call.asEffect(call, name)), name)
    })
  )

  it.effect("dies with a sentence where nobody has asked anything", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Call.asEffect(() => Effect.succeed(Summary.make())))
      assert.match(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), /put one with Answer\.collect/)
    })
  )

  it.effect("notes on its attempt what its summary says it used", () =>
    Effect.gen(function* () {
      const usage = { input: 1, output: 2 }
      const { call, seen } = watched<never>(() => Effect.succeed(Summary.make({ usage })))
      yield* collect(call)
      assert.strictEqual(seen.attempt!.usage, usage)
    })
  )

  it.effect("ends its attempt when the call throws instead of failing", () =>
    Effect.gen(function* () {
      const { call, seen } = watched<never>(() => {
        throw new Error("a bug")
      })
      const exit = yield* Effect.exit(collect(call))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.isDefined(seen.attempt!.endedAt)
    })
  )
})

describe("a call from an AsyncIterable", () => {
  it("asks its source with the question, and takes a summary that it returns for its own", async () => {
    const summary = Summary.make({ usage: { input: 1, output: 2 } })
    const call = Call.fromAsyncIterable(async function* (asked) {
      yield Part.text(asked.model)
      return summary
    })
    const answer = await Effect.runPromise(collect(call))
    assert.strictEqual(answer.text, "model")
    assert.strictEqual(answer.summary, summary)
  })

  it("has merely stopped when its source returns something else", async () => {
    const call = Call.fromAsyncIterable(async function* () {
      yield Part.text("a")
      return 42
    })
    assert.deepStrictEqual((await Effect.runPromise(collect(call))).summary, Summary.make())
  })

  const failures: Record<string, Parameters<typeof Call.fromAsyncIterable>[0]> = {
    "throws when it is opened": () => {
      throw "broken"
    },
    "rejects when it is opened": () => Promise.reject("broken"),
    "rejects a part": () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject("broken") }) }),
    // eslint-disable-next-line require-yield
    "is a generator that throws": async function* () {
      throw "broken"
    }
  }
  for (const [name, open] of Object.entries(failures)) {
    it(`fails as Unknown with the cause when its source ${name}, or as it is told to`, async () => {
      const unnamed = await Effect.runPromise(Effect.flip(collect(Call.fromAsyncIterable(open))))
      assert.instanceOf(unnamed, SpillwayError)
      assert.deepStrictEqual(unnamed.reason, { _tag: "Unknown" })
      assert.strictEqual(unnamed.cause && Redacted.value(unnamed.cause), "broken")
      assert.strictEqual(JSON.stringify(unnamed.cause), '"<redacted:cause>"')
      const named = Call.fromAsyncIterable(open, { catch: (thrown) => `it was ${String(thrown)}` })
      assert.strictEqual(await Effect.runPromise(Effect.flip(collect(named))), "it was broken")
    })
  }

  it("dies, and does not hang, when what names its failures throws itself", async () => {
    const call = Call.fromAsyncIterable(() => Promise.reject("broken"), {
      catch: () => {
        throw new Error("a bug")
      }
    })
    const exit = await Effect.runPromiseExit(collect(call))
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
  })

  it("leaves nothing lingering when it ends by itself", async () => {
    const { call, seen } = watched(Call.fromAsyncIterable(async function* () {}))
    await Effect.runPromise(collect(call))
    assert.isUndefined(seen.attempt!.lingering)
  })

  for (const [name, ending] of [
    ["throws", () => Promise.reject("no")],
    ["never answers", () => new Promise<never>(() => {})]
  ] as const) {
    it(`fails at once, and with its own failure, although its source's return() ${name}`, async () => {
      const source = { next: () => Promise.reject("broken"), return: ending }
      const call = Call.fromAsyncIterable(() => ({ [Symbol.asyncIterator]: () => source }))
      const failed = await Effect.runPromise(Effect.flip(collect(call)))
      assert.strictEqual(failed.cause && Redacted.value(failed.cause), "broken")
    })
  }
})

describe("work that ignores its interrupt", () => {
  it("lingers until the source has answered, where it was asked for a part", async () => {
    const next = later<IteratorResult<Part.Part>>()
    let asked = 0
    const source = {
      next: () => {
        asked++
        return next.promise
      }
    }
    const { attempt, endedAtOnce, stillLingers } = await abandon(
      Call.fromAsyncIterable(() => ({ [Symbol.asyncIterator]: () => source }))
    )
    assert.isTrue(endedAtOnce)
    assert.isTrue(await stillLingers())
    next.resolve({ done: false, value: Part.text("late") })
    assert.isFalse(await stillLingers())
    assert.strictEqual(attempt.parts, 0)
    assert.strictEqual(asked, 1)
  })

  it("lingers until the source is open and closed again, where it was being opened", async () => {
    const opened = later<AsyncIterable<Part.Part>>()
    const returned = later<IteratorResult<Part.Part>>()
    const calls: Array<string> = []
    const source = {
      next: async () => {
        calls.push("next")
        return { done: false, value: Part.text("late") }
      },
      return: () => {
        calls.push("return")
        return returned.promise
      }
    }
    const { endedAtOnce, stillLingers } = await abandon(Call.fromAsyncIterable(() => opened.promise))
    assert.isTrue(endedAtOnce)
    assert.isTrue(await stillLingers())
    opened.resolve({ [Symbol.asyncIterator]: () => source })
    assert.isTrue(await stillLingers())
    returned.resolve({ done: true, value: undefined })
    assert.isFalse(await stillLingers())
    assert.deepStrictEqual(calls, ["return"])
  })

  it("lingers until its source has tidied up, where only return() takes its time", async () => {
    const returned = later<IteratorResult<Part.Part>>()
    const call = Call.fromAsyncIterable((_, signal) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        return: () => returned.promise
      })
    }))
    const { endedAtOnce, stillLingers } = await abandon(call)
    assert.isTrue(endedAtOnce)
    assert.isTrue(await stillLingers())
    returned.resolve({ done: true, value: undefined })
    assert.isFalse(await stillLingers())
  })

  it("lingers until a generator has run through its finally", async () => {
    const tidied = later()
    const call = Call.fromAsyncIterable(async function* (_, signal) {
      try {
        await new Promise((resolve) => signal.addEventListener("abort", resolve))
        yield Part.text("late")
      } finally {
        await tidied.promise
      }
    })
    const { attempt, stillLingers } = await abandon(call)
    assert.isTrue(await stillLingers())
    tidied.resolve()
    assert.isFalse(await stillLingers())
    assert.strictEqual(attempt.parts, 0)
  })

  it("ends with its caller where only the reader kept it waiting", async () => {
    const { call, seen } = watched(
      Call.fromAsyncIterable(async function* () {
        yield Part.text("0")
        yield Part.text("1")
      })
    )
    const never = new Promise<void>(() => {})
    const fiber = Effect.runFork(Answer.toSink(Call.asEffect(call), question, { emit: () => never }))
    await aTurn()
    await Effect.runPromise(Fiber.interrupt(fiber))
    await seen.attempt!.lingering
    assert.strictEqual(seen.attempt!.parts, 1)
  })
})

describe("a call from a Stream", () => {
  class Prompter extends Context.Service<Prompter, string>()("test/Prompter") {}

  it.effect("hands on the parts of every array, and keeps failures and services", () =>
    Effect.gen(function* () {
      const call = Call.fromStream((asked) =>
        Stream.fromEffect(Prompter).pipe(
          Stream.flatMap((prompt) => Stream.make(Part.text(prompt), Part.text(asked.model))),
          Stream.concat(Stream.fail("broken" as const))
        )
      )
      expectTypeOf(call).toEqualTypeOf<Call.Call<"broken", Prompter>>()
      const parts: Array<Part.Part> = []
      const failure = yield* Answer.toSink(Call.asEffect(call), question, {
        emit: (part) => void parts.push(part)
      }).pipe(Effect.provideService(Prompter, "> "), Effect.flip)
      assert.strictEqual(failure, "broken")
      assert.deepStrictEqual(parts, [Part.text("> "), Part.text("model")])
    })
  )

  it.effect("waits for its reader after each part that fills him, and loses none", () =>
    Effect.gen(function* () {
      const rooms: Array<() => void> = []
      const parts: Array<Part.Part> = []
      const sink: Attempt.Sink = {
        emit: (part) => {
          parts.push(part)
          return new Promise((resolve) => void rooms.push(resolve))
        }
      }
      const call = Call.fromStream(() => Stream.make(Part.text("0"), Part.text("1"), Part.text("2")))
      const fiber = yield* Effect.forkChild(Answer.toSink(Call.asEffect(call), question, sink))
      for (const number of [1, 2, 3]) {
        yield* Effect.promise(aTurn)
        assert.lengthOf(parts, number)
        assert.isUndefined(fiber.pollUnsafe())
        rooms.at(-1)!()
      }
      yield* Fiber.join(fiber)
      assert.strictEqual(Part.textOf(parts), "012")
    })
  )
})
