/**
 * Work that ignores its interrupt, when a clock of its call has run out: it is held until it ends, and reaches nobody.
 *
 * V12 is a defect that was measured in four other libraries; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, CircuitBreaker, Part, Plan, Policy, Retry, type SpillwayError } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { ask, clocks, deaf, endOf, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const aTurn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

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
      const noted: Call.Call<SpillwayError> = (asked, attempt) => {
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
      const call = Plan.go(slow(late)).pipe(Effect.catch(() => Plan.go(other)))
      const { exit } = yield* endOf(Answer.collect(call, question))
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.text : "", "ab")
      yield* toldOf(ask(guard(late)))
    })
  )

  it.effect("is not what the clocks of the next try look at, before that has begun", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms" })
      const next = guard(Effect.andThen(Effect.sleep(100), leaf(say)))
      const call = guard(leaf(() => deaf(154))).pipe(Effect.catch(() => next))
      assert.strictEqual(yield* toldOf(ask(call)), "answered at 120")
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
      yield* TestClock.adjust(134)
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
      yield* toldOf(ask(guard(leaf(() => Effect.never))), 20)
      assert.strictEqual((yield* breaker.state())._tag, "Open")
    })
  )

  it.effect(
    "a retry gives each try of a plain Effect all its time, and tries a call that was late not again here",
    () =>
      Effect.gen(function* () {
        const guard = yield* Effect.orDie(
          Policy.all([
            Retry.make({ attempts: 3, base: "10ms", max: "10ms", budget: "off" }),
            clocks({ firstToken: "20ms" })
          ])
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
      const retry = yield* Effect.orDie(Retry.make({ attempts: 3, base: "1ms", max: "1ms", budget: "off" }))
      const clock = yield* clocks({ firstToken: "20ms" })
      // A failure of the program's own is tried again, where a timeout in a call is not.
      const guard = <A, E>(self: Effect.Effect<A, E>) => retry(Effect.mapError(clock(self), () => "late"))
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
