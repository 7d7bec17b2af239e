/**
 * What becomes of the work when a clock of its call has run out: it is aborted, reaches nobody, and is held until it
 * ends.
 *
 * V11, V12 and V23 are defects that were measured in other timeouts; each test shows the same scene without the defect.
 */
import { getEventListeners } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, CircuitBreaker, Part, Plan, Policy, refusal, Retry, Summary } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { ask, clocks, deaf, endOf, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import { makeLog, ways } from "../fixtures/readers.ts"
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
      const leaves: Array<Effect.Effect<unknown, unknown>> = [
        Call.asEffect(Call.fromAsyncIterable(() => ({ [Symbol.asyncIterator]: () => source }))),
        Call.asEffect(Call.fromAsyncIterable(late)),
        leaf(() => Effect.tryPromise(late)),
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

  for (const [name, read] of ways) {
    it.live(`tells ${name} once, and hands it nothing afterwards`, () =>
      Effect.gen(function* () {
        const guard = yield* clocks({ idle: "5ms" })
        const attempts: Array<Attempt> = []
        const call = leaf<string>((attempt) => {
          attempts.push(attempt)
          return Effect.andThen(say(attempt, "one"), Effect.uninterruptible(Effect.sleep(20)))
        })
        const log = makeLog()
        yield* read(
          Effect.mapError(guard(call), (error) => (typeof error === "string" ? error : error.reason._tag)),
          log
        )
        void attempts[0]!.emit(Part.text("late"))
        yield* Effect.sleep(30)
        void attempts[0]!.emit(Part.text("later"))
        assert.deepStrictEqual(log.ends, ["failed: TimedOut"])
        assert.deepStrictEqual(log.parts, name === "collect" ? [] : ["one"])
      })
    )
  }
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

describe("work that ignores its interrupt", () => {
  it.effect("V12: holds what it holds until it really ends, so that never two run where one may", () =>
    Effect.gen(function* () {
      const slot = yield* Semaphore.make(1)
      const guard = yield* clocks({ firstToken: "20ms" })
      let running = 0
      let most = 0
      let began = 0
      const work = Effect.uninterruptible(
        Effect.gen(function* () {
          began++
          most = Math.max(most, ++running)
          yield* Effect.sleep(154)
          running--
        })
      )
      for (let caller = 0; caller < 20; caller++) {
        assert.strictEqual(yield* toldOf(guard(slot.withPermits(1)(work)), 20), "firstToken after 20, 0 parts, at 20")
      }
      assert.strictEqual(most, 1)
      assert.isAbove(began, 2)
    })
  )

  it.effect("V12: leaves word in its attempt, which lingers until the work ends and not longer", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const attempts: Array<Attempt> = []
      const call = leaf((attempt) => {
        attempts.push(attempt)
        return deaf(154)
      })
      const run = yield* start(ask(guard(call)))
      yield* TestClock.adjust(20)
      assert.isDefined(run.end)
      let ended = false
      void attempts[0]!.lingering!.then(() => (ended = true))
      yield* TestClock.adjust(133)
      yield* aTurn
      assert.isFalse(ended)
      assert.isUndefined(attempts[0]!.endedAt)
      yield* TestClock.adjust(1)
      yield* aTurn
      assert.isTrue(ended)
      assert.strictEqual(attempts[0]!.endedAt, 154_000_000)
    })
  )

  it.effect("V12: lingers for as long as a source that heeds neither its signal nor its return()", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const attempts: Array<Attempt> = []
      let answer: (result: IteratorResult<Part.Part>) => void = () => {}
      const source = { next: () => new Promise<IteratorResult<Part.Part>>((resolve) => (answer = resolve)) }
      const open = Call.fromAsyncIterable(() => ({ [Symbol.asyncIterator]: () => source }))
      const noted: Call.Call<unknown> = (asked, attempt) => {
        attempts.push(attempt)
        return open(asked, attempt)
      }
      assert.strictEqual(yield* toldOf(ask(guard(Call.asEffect(noted)))), "firstToken after 20, 0 parts, at 20")
      let ended = false
      void attempts[0]!.lingering!.then(() => (ended = true))
      yield* aTurn
      assert.isFalse(ended)
      answer({ done: false, value: Part.text("late") })
      yield* aTurn
      assert.isTrue(ended)
      assert.strictEqual(attempts[0]!.parts, 0)
    })
  )

  it.effect("does not linger where it heeded its interrupt", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const attempts: Array<Attempt> = []
      const call = leaf((attempt) => {
        attempts.push(attempt)
        return Effect.never
      })
      yield* toldOf(ask(guard(call)))
      assert.isUndefined(attempts[0]!.lingering)
      assert.isTrue(attempts[0]!.isClosed)
    })
  )

  it.effect("reaches nobody any more, although its caller goes on and asks another", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ idle: "20ms" })
      const late = leaf((attempt) =>
        Effect.andThen(Effect.uninterruptible(Effect.andThen(Effect.sleep(154), say(attempt, "late"))), Effect.never)
      )
      const slow = yield* clocks({ firstToken: "20ms" })
      const other = leaf((attempt) =>
        Effect.forEach(["a", "b"], (words) => Effect.andThen(Effect.sleep(100), say(attempt, words)))
      )
      const call = Effect.catch(Plan.go(slow(late)), () => Plan.go(other))
      const { exit } = yield* endOf(Answer.collect(call, question))
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.text : "", "ab")
      yield* toldOf(ask(guard(late)))
    })
  )

  it.effect("closes only the attempts that ran within, and not that of a go beside it", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const attempts: Record<string, Attempt> = {}
      const keep = (name: string) =>
        leaf((attempt) => {
          attempts[name] = attempt
          return deaf(154)
        })
      const gate = (): Attempt["destination"] => ({ emit: () => undefined })
      const call = Effect.all([Plan.go(keep("beside"), gate), Plan.go(Effect.exit(guard(keep("within"))), gate)], {
        concurrency: 2
      })
      yield* start(ask(call))
      yield* TestClock.adjust(20)
      assert.isTrue(attempts["within"]!.isClosed)
      assert.isFalse(attempts["beside"]!.isClosed)
      assert.isUndefined(attempts["beside"]!.lingering)
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

describe("among other policies", () => {
  it.effect("a timeout counts in the breaker around it, and a reader who stopped does not", () =>
    Effect.gen(function* () {
      const breaker = yield* Effect.orDie(CircuitBreaker.make({ failures: 1 }))
      const guard = yield* Effect.orDie(Policy.all([breaker, clocks({ firstToken: "20ms", reader: "20ms" })]))
      const unread = Answer.toSink(guard(leaf((attempt) => Effect.andThen(say(attempt), Effect.never))), question, {
        emit: () => new Promise<void>(() => {})
      })
      assert.strictEqual(yield* toldOf(unread), "reader after 20, 1 parts, at 20")
      assert.strictEqual((yield* breaker.state())._tag, "Closed")
      yield* toldOf(ask(guard(leaf(() => Effect.never))))
      assert.strictEqual((yield* breaker.state())._tag, "Open")
    })
  )

  it.effect(
    "a retry gives each try of a plain Effect all its time, and tries a call that was late not again here",
    () =>
      Effect.gen(function* () {
        const guard = yield* Effect.orDie(
          Policy.all([Retry.make({ attempts: 3, base: "10ms", max: "10ms" }), clocks({ firstToken: "20ms" })])
        )
        let tries = 0
        const slow = Effect.suspend(() => (++tries < 3 ? Effect.never : Effect.as(Effect.sleep(19), "in time")))
        const { exit } = yield* endOf(guard(slow))
        assert.deepStrictEqual(exit, Exit.succeed("in time"))
        let sends = 0
        const late = leaf(() => {
          sends++
          return Effect.never
        })
        assert.strictEqual(yield* toldOf(ask(guard(late))), "firstToken after 20, 0 parts, at 20")
        assert.strictEqual(sends, 1)
      })
  )

  it.effect("a retry that tries late calls again follows one that still runs: it is closed, so nothing is mixed", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        Policy.all([
          Retry.make({ attempts: 3, base: "1ms", max: "1ms", classify: () => "Unreachable" }),
          clocks({ firstToken: "20ms" })
        ])
      )
      let sends = 0
      const call = leaf((attempt) =>
        ++sends < 3
          ? Effect.uninterruptible(Effect.andThen(Effect.sleep(154), say(attempt, "late")))
          : Effect.andThen(Effect.sleep(19), say(attempt, "in time"))
      )
      const { exit } = yield* endOf(Answer.collect(guard(call), question))
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.text : told({ at: 0, exit }), "in time")
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
      const read = async (call: Effect.Effect<unknown, unknown>) => {
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
