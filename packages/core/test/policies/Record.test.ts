/** What stands in a record, whatever becomes of its call, and that there is exactly one for each. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  Answer,
  Call,
  Facts,
  Part,
  Policy,
  Queue,
  Question,
  RateLimit,
  refusal,
  Retry,
  Slots,
  type SpillwayError,
  Summary,
  Timeout
} from "@spillway/core"
import { answers, cut, fails, leaf } from "../fixtures/leaf.ts"
import { recording } from "../fixtures/recording.ts"
import { testPolicy } from "../laws/testPolicy.ts"

testPolicy({ name: "Record", make: Effect.map(recording(), ({ record }) => record) })

const question = Question.chat("chat", "hello")
const target = "gpu1/llama3.1:8b"
const ask = <E>(self: Effect.Effect<Summary.Summary, E>) => Answer.collect(self, question)

describe("a record of a call that was answered", () => {
  it.effect("says when, who, where to, how long and how much", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording({
        route: "chat",
        prices: { "llama3.1:8b": { input: 2, output: 5 } }
      })
      const queue = yield* Queue.make()
      const guard = yield* Policy.all([record, queue])
      yield* TestClock.setTime(1_000_000)
      const holder = yield* Effect.forkChild(queue(Effect.sleep(300)), { startImmediately: true })
      const call: Call.Call = (_, attempt) =>
        Effect.gen(function* () {
          yield* Effect.sleep(40)
          void attempt.emit(Part.text("Hi"))
          yield* Effect.sleep(60)
          return Summary.make({ usage: { input: 1_000, output: 100 } })
        })
      const asked = ask(guard(Call.asEffect(call, target))).pipe(Policy.about({ caller: "ada" }))
      const fiber = yield* Effect.forkChild(asked, { startImmediately: true })
      yield* TestClock.adjust(400)
      yield* Fiber.join(fiber)
      yield* Fiber.join(holder)
      assert.deepStrictEqual(yield* read, [
        {
          ts: 1_000_000,
          caller: "ada",
          route: "chat",
          model: "chat",
          target,
          attempts: [{ target, outcome: "ok" }],
          queueMs: 300,
          ttftMs: 340,
          latencyMs: 400,
          inputTokens: 1_000,
          outputTokens: 100,
          costUsd: 0.0025,
          status: 200,
          error: undefined
        }
      ])
    })
  )

  it.effect("knows no time of a first part, no tokens and no cost where nobody has said any", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording({ prices: { other: "free" } })
      yield* ask(record(Call.asEffect(() => Effect.succeed(Summary.make()), target)))
      yield* ask(record(leaf(answers("Hi")).self))
      const known = (yield* read).map(({ costUsd, inputTokens, outputTokens, ttftMs }) => ({
        costUsd,
        inputTokens,
        outputTokens,
        ttftMs
      }))
      assert.deepStrictEqual(known, [
        { costUsd: undefined, inputTokens: undefined, outputTokens: undefined, ttftMs: undefined },
        { costUsd: undefined, inputTokens: 3, outputTokens: 4, ttftMs: 0 }
      ])
    })
  )

  it.effect("adds up what all its attempts used, and has a cost only where each of them has a price", () =>
    Effect.gen(function* () {
      const failsCounted = (attempt: { usage: unknown }) => {
        attempt.usage = { input: 10, output: 1 }
        return Effect.fail(cut(0))
      }
      for (const [prices, costUsd] of [
        [{ default: { input: 1, output: 1 } }, undefined],
        [{ chat: { input: 1, output: 1 } }, 0.000018],
        [{ chat: "free" }, 0]
      ] as const) {
        const { record, read } = yield* recording({ prices })
        const retry = yield* Retry.make({ base: 0 })
        const { self } = leaf(failsCounted, answers("Hi"))
        yield* ask(record(retry(self)).pipe(Policy.about({ target: "default" in prices ? "a/b" : "chat" })))
        assert.deepInclude((yield* read)[0], { inputTokens: 13, outputTokens: 5, costUsd })
      }
    })
  )

  it.effect("has no cost where one of its attempts went where nobody knows the price, and counts no nonsense", () =>
    Effect.gen(function* () {
      const { read, record } = yield* recording({ prices: { "a/m": { input: 1, output: 1 } } })
      const counting = (input: number, at: string) =>
        Facts.go(Call.asEffect(() => Effect.succeed(Summary.make({ usage: { input, output: 1 } })), at))
      yield* ask(record(Effect.andThen(counting(10, "a/m"), counting(10, "b/m"))))
      yield* ask(record(Effect.andThen(counting(Number.NaN, "b/m"), counting(10, "a/m"))))
      assert.deepStrictEqual(
        (yield* read).map(({ costUsd, inputTokens }) => [inputTokens, costUsd]),
        [
          [20, undefined],
          [10, 0.000011]
        ]
      )
    })
  )

  it.effect("names every attempt with what became of it, and who answered", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const guard = yield* Policy.all([record, Retry.make({ base: 0 })])
      yield* ask(guard(leaf(fails(cut(0)), answers("Hi")).self))
      const lastButOne = leaf(fails(refusal({ _tag: "Overloaded", target })), answers("Hi"))
      yield* ask(guard(lastButOne.self))
      assert.deepStrictEqual(
        (yield* read).map(({ attempts, error, status }) => [attempts.map(({ outcome }) => outcome), status, error]),
        [
          [["cut", "ok"], 200, undefined],
          [["overloaded", "ok"], 200, undefined]
        ]
      )
    })
  )

  it.effect("says of a race who won it, and that the other one was left", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const at = (name: string, millis: number) => {
        const call: Call.Call = (_, attempt) =>
          Effect.gen(function* () {
            yield* Effect.sleep(millis)
            void attempt.emit(Part.text(name))
            yield* Effect.sleep(millis)
            return Summary.make()
          })
        return Call.asEffect(call, name)
      }
      let winner: object | undefined
      const gate = (destination: { emit: (part: Part.Part) => void | Promise<void> }) => {
        const sink = { emit: (part: Part.Part) => ((winner ??= sink) === sink ? destination.emit(part) : undefined) }
        return sink
      }
      const race = Effect.raceFirst(Facts.go(at("a/quick", 10), gate), Facts.go(at("b/slow", 30), gate))
      const fiber = yield* Effect.forkChild(ask(record(race)))
      yield* TestClock.adjust(100)
      yield* Fiber.join(fiber)
      assert.deepInclude((yield* read)[0], {
        target: "a/quick",
        ttftMs: 10,
        latencyMs: 20,
        attempts: [
          { target: "a/quick", outcome: "ok" },
          { target: "b/slow", outcome: "left" }
        ]
      })
    })
  )
})

describe("a record of a call that was not answered", () => {
  it.effect("of a refusal names no target, no attempt and no model's work", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const limit = yield* RateLimit.make({ rate: "1/h" })
      const full = yield* Slots.make()
      yield* Effect.forkChild(full(Effect.never).pipe(Policy.about({ target })), { startImmediately: true })
      const { self } = leaf(answers("Hi"))
      yield* limit(Effect.void)
      yield* Effect.flip(ask(record(limit(self))))
      yield* Effect.flip(ask(record(full(self))).pipe(Policy.about({ target })))
      yield* Effect.flip(record(limit(Effect.void)).pipe(Policy.about({ target })))
      const told = (yield* read).map((each) => ({
        attempts: each.attempts,
        error: each.error,
        inputTokens: each.inputTokens,
        status: each.status,
        target: each.target
      }))
      const refused = { attempts: [], inputTokens: undefined, target: undefined }
      assert.deepStrictEqual(told, [
        { ...refused, error: "rate_limited", status: 429 },
        { ...refused, error: "queue_full", status: 503 },
        { ...refused, error: "rate_limited", status: 429 }
      ])
    })
  )

  it.effect("has the status and the code of its failure, also of a foreign one, a defect and a caller who left", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording({
        classify: (error) => (error === "busy" ? "Overloaded" : undefined)
      })
      const ends: ReadonlyArray<Effect.Effect<never, string | SpillwayError>> = [
        Effect.fail(cut(2)),
        Effect.fail("broken"),
        Effect.fail("busy"),
        Effect.die("a bug"),
        Effect.interrupt,
        Effect.failCause(Cause.combine(Cause.fail("busy"), Cause.die("a bug")))
      ]
      for (const end of ends) {
        yield* Effect.exit(ask(record(Call.asEffect(() => end, target))))
        yield* Effect.exit(record(end).pipe(Policy.about({ target })))
      }
      const expected = [
        [502, "cut", "cut"],
        [502, "unreachable", "unreachable"],
        [503, "overloaded", "overloaded"],
        [502, "unknown", "unknown"],
        [499, "cancelled", "left"],
        [502, "unknown", "unknown"]
      ] as const
      assert.deepStrictEqual(
        (yield* read).map((each) => [each.attempts, each.error, each.status, each.target]),
        expected
          .flatMap((each) => [each, each])
          .map(([status, error, outcome]) => [[{ target, outcome }], error, status, target])
      )
    })
  )

  it.effect("says of an attempt whose time ran out that it was lost", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const guard = yield* Policy.all([record, Timeout.make({ firstToken: "50ms", load: "50ms" })])
      const fiber = yield* Effect.forkChild(Effect.flip(ask(guard(Call.asEffect(() => Effect.never, target)))))
      yield* TestClock.adjust(50)
      yield* Fiber.join(fiber)
      assert.deepInclude((yield* read)[0], {
        status: 504,
        error: "timed_out",
        latencyMs: 50,
        attempts: [{ target, outcome: "lost" }]
      })
    })
  )

  it.effect("counts an answer that its reader could not take as none", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording()
      const breaks = {
        emit: () => {
          throw new Error("a reader's own bug")
        }
      }
      yield* Effect.exit(Answer.toSink(record(leaf(answers("Hi")).self), question, breaks))
      assert.deepInclude((yield* read)[0], {
        status: 502,
        error: "unknown",
        attempts: [{ target: undefined, outcome: "ok" }]
      })
    })
  )

  it.effect("is made all the same when classify throws, which the call dies of", () =>
    Effect.gen(function* () {
      const { record, read } = yield* recording({
        classify: () => {
          throw new Error("a mistake")
        }
      })
      const exit = yield* Effect.exit(record(Effect.fail("broken")))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(
        (yield* read).map(({ error }) => error),
        ["unknown"]
      )
      const guard = yield* Policy.all([record, Retry.make({ base: 0 })])
      const { self } = leaf<string | SpillwayError>(fails("broken"), answers("Hi"))
      assert.strictEqual((yield* ask(guard(self))).text, "Hi")
      assert.deepStrictEqual(
        (yield* read)[1]?.attempts.map(({ outcome }) => outcome),
        ["unknown", "ok"]
      )
    })
  )
})
