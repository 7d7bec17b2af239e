/**
 * What becomes of the work when a clock of its call has run out, and when none has: only what is late is aborted.
 *
 * Work that ignores its abort is in Timeout.lingering.test.ts. V11 and V23 are defects that were measured in other
 * timeouts; each test shows the same scene without the defect.
 */
import { getEventListeners } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, Part, refusal, type SpillwayError, Summary } from "@spillway/core"
import { ask, clocks, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const aTurn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** What a server sends that never speaks by itself: bytes come when a test pushes them, and stop with the signal. */
const fetchLike = (signal: AbortSignal) => {
  let push: (text: string) => void = () => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      push = (text) => controller.enqueue(new TextEncoder().encode(text))
      signal.addEventListener("abort", () => controller.error(signal.reason), { once: true })
    }
  })
  return { response: Promise.resolve(new Response(body)), push: (text: string) => push(text) }
}

/** A pulled leaf over such a server, and what each of its calls was given. */
const pulled = () => {
  const calls: Array<{ readonly signal: AbortSignal; readonly push: (text: string) => void }> = []
  const call = Call.fromAsyncIterable(async function* (_, signal) {
    const { push, response } = fetchLike(signal)
    calls.push({ signal, push })
    for await (const bytes of (await response).body!) yield Part.text(new TextDecoder().decode(bytes))
  })
  return { calls, self: Call.asEffect(call) }
}

describe("a clock that runs out", () => {
  it.effect("V11: aborts the signal of its own call, and of no other that the guard serves", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "100ms" })
      const { calls, self } = pulled()
      const first = yield* start(ask(guard(self)))
      yield* TestClock.adjust(80)
      const second = yield* start(ask(guard(self)))
      yield* TestClock.adjust(20)
      assert.strictEqual(told(first.end!), "firstToken after 100, 0 parts, at 100")
      yield* aTurn
      assert.deepStrictEqual(
        calls.map(({ signal }) => signal.aborted),
        [true, false]
      )
      calls[1]!.push("on time")
      yield* aTurn
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(second.end)
      assert.isFalse(calls[1]!.signal.aborted)
    })
  )

  it.effect("V11: aborts but its own signal around plain Effects too", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "100ms" })
      const signals: Array<AbortSignal> = []
      const work = Effect.callback<string>((_, signal) => void signals.push(signal))
      yield* start(guard(work))
      yield* TestClock.adjust(80)
      yield* start(guard(work))
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(
        signals.map(({ aborted }) => aborted),
        [true, false]
      )
    })
  )

  it.effect("swallows what its work still throws, rejects or answers", () =>
    Effect.gen(function* () {
      const rejects: Array<() => void> = []
      const late = () => new Promise<never>((_, reject) => void rejects.push(() => reject(new Error("late"))))
      const source = { next: late, return: late }
      const leaves: Array<Effect.Effect<unknown, Error | string>> = [
        Call.asEffect(Call.fromAsyncIterable(() => ({ [Symbol.asyncIterator]: () => source }))),
        Call.asEffect(Call.fromAsyncIterable(late)),
        leaf(() => Effect.tryPromise({ try: late, catch: String })),
        leaf(() => Effect.uninterruptible(Effect.promise(late))),
        leaf(() => Effect.callback<void, string>((resume) => void rejects.push(() => resume(Effect.fail("late")))))
      ]
      for (const call of leaves) {
        const guard = yield* clocks({ firstToken: "20ms" })
        assert.strictEqual(yield* toldOf(ask(guard(call))), "firstToken after 20, 0 parts, at 20")
        rejects.splice(0).forEach((reject) => reject())
        yield* aTurn
      }
    })
  )
})

describe("an answer in time", () => {
  it.effect("V23: is not aborted afterwards, and its signal is never touched", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms", idle: "20ms" })
      const signals: Array<AbortSignal> = []
      const call = Call.fromAsyncIterable(async function* (_, signal) {
        signals.push(signal)
        yield Part.text("a")
      })
      const fiber = yield* Effect.forkChild(ask(guard(Call.asEffect(call))))
      yield* aTurn
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 hour")
      assert.isFalse(signals[0]!.aborted)
    })
  )

  it.effect("V23: may be a body that is read long after: all of it arrives", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const server: { push: (text: string) => void; signal?: AbortSignal } = { push: () => {} }
      const fetching = Effect.callback<Response>((resume, signal) => {
        const { push, response } = fetchLike(signal)
        Object.assign(server, { push, signal })
        void response.then((found) => resume(Effect.succeed(found)))
      })
      const fiber = yield* Effect.forkChild(guard(fetching))
      yield* aTurn
      const reader = (yield* Fiber.join(fiber)).body!.getReader()
      const words: Array<string> = []
      for (const word of ["one", "two", "three", "four", "five"]) {
        yield* TestClock.adjust("1 hour")
        server.push(word)
        words.push(new TextDecoder().decode((yield* Effect.promise(() => reader.read())).value))
      }
      assert.deepStrictEqual(words, ["one", "two", "three", "four", "five"])
      assert.isFalse(server.signal!.aborted)
    })
  )
})

describe("a caller's abort", () => {
  it.live("is no timeout, and keeps its reason", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "1h" })
      const { calls, self } = pulled()
      const controller = new AbortController()
      const reason = new Error("the tab was closed")
      const iterator = Answer.toAsyncIterable(guard(self), question, { signal: controller.signal })[
        Symbol.asyncIterator
      ]()
      const next = iterator.next()
      yield* aTurn
      controller.abort(reason)
      const thrown = yield* Effect.promise(() =>
        next.then(
          () => "a part",
          (error: unknown) => error
        )
      )
      assert.strictEqual(thrown, reason)
      yield* aTurn
      assert.isTrue(calls[0]!.signal.aborted)
    })
  )

  it.effect("is an interrupt around plain Effects and calls, however late the time is", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      for (const self of [guard(Effect.never), ask(guard(leaf(() => Effect.never)))]) {
        const fiber = yield* Effect.forkChild(self, { startImmediately: true })
        yield* TestClock.adjust("19999999 nanos")
        const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
    })
  )
})

describe("after 10,000 calls on the live clock", () => {
  it.live("no timer keeps the program running, and no listener is left on the caller's signal", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "1h" })
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const before = timers()
      const { signal } = new AbortController()
      const answering = Call.asEffect((_, attempt) =>
        Effect.andThen(Effect.yieldNow, Effect.as(say(attempt), Summary.make()))
      )
      const failing = Call.asEffect(() => Effect.andThen(Effect.yieldNow, Effect.fail(refusal({ _tag: "Cancelled" }))))
      const read = async (call: Effect.Effect<unknown, SpillwayError>) => {
        try {
          for await (const part of Answer.toAsyncIterable(call, question, { signal })) void part
        } catch {
          // What it failed with does not matter here, only what is left of it.
        }
      }
      for (let call = 0; call < 5_000; call++) {
        yield* Effect.promise(() => Promise.all([read(guard(answering)), read(guard(failing))]))
      }
      const { plain, stopped } = { plain: guard(Effect.yieldNow), stopped: guard(Effect.never) }
      for (let call = 0; call < 1_000; call++) {
        yield* plain
        yield* Effect.forkChild(stopped, { startImmediately: true }).pipe(Effect.flatMap(Fiber.interrupt))
      }
      assert.isAtMost(timers(), before)
      assert.lengthOf(getEventListeners(signal, "abort"), 0)
    })
  )
})
