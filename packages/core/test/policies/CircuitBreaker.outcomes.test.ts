/**
 * What counts as a failure to a breaker, and what says nothing of the target: read off the failure table, or as
 * `classify` says; around plain Effects and around calls whose answers come in parts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Answer, type CircuitBreaker, type Failure, Policy, type Reason, refusal, Timeout } from "@spillway/core"
import {
  answering,
  ask,
  breaker,
  cut,
  failing,
  halfOpen,
  question,
  stands,
  target,
  touchy
} from "../fixtures/breaker.ts"
import * as Reasons from "../fixtures/reasons.ts"

/** Whether a circuit that opens at the first failure opens by this. */
const opens = <E>(options: CircuitBreaker.Options, call: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const guard = yield* breaker({ ...touchy, ...options })
    yield* Effect.exit(guard(call))
    return (yield* stands(guard)) === "Open"
  })

/** The reasons that speak against the target, written a second time. */
const blamed: ReadonlySet<string> = new Set<Failure.Name>(
  ["Overloaded", "Unreachable", "Cut", "Malformed", "RunnerDied", "LoadFailed", "OutOfMemory"].concat([
    "UpstreamUnauthorized",
    "TimedOut",
    "Unknown"
  ]) as Array<Failure.Name>
)

describe("what opens a circuit", () => {
  it.effect("V7: callers' mistakes never do, however many there are", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      const mistakes: ReadonlyArray<Reason> = [
        { _tag: "BadRequest", field: "temperature", read: '"hot"', expected: "a number" },
        { _tag: "Unsupported", capability: "images" },
        { _tag: "ContextTooLong", tokens: 9_000, context: 8_192 },
        { _tag: "Unauthorized" },
        { _tag: "Forbidden", what: "use the route batch" },
        { _tag: "ModelNotFound", model: "llama9" },
        { _tag: "ContentRefused", target }
      ]
      for (let times = 0; times < 20; times++) {
        for (const mistake of mistakes) yield* Effect.flip(guard(Effect.fail(refusal(mistake))))
      }
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("V14: callers who leave do not, neither one after the other nor side by side", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 2, calls: 1, failureRate: "1%" })
      const leaving = Effect.forEach(Array.from({ length: 10 }), () =>
        Effect.forkChild(guard(Effect.never), { startImmediately: true })
      )
      yield* Fiber.interruptAll(yield* leaving)
      for (let times = 0; times < 10; times++) yield* Effect.exit(guard(Effect.interrupt))
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  for (const reason of Reasons.bare) {
    it.effect(`${blamed.has(reason._tag) ? "is" : "is not"} ${reason._tag}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* opens({}, Effect.fail(refusal(reason))), blamed.has(reason._tag))
      })
    )
  }

  it.effect("is the upstream's silence, not what our queue, a reader or the caller's time came to", () =>
    Effect.gen(function* () {
      for (const [phase, counts] of [
        ["connect", true],
        ["load", true],
        ["firstToken", true],
        ["idle", true],
        ["queue", false],
        ["reader", false],
        ["total", false]
      ] as const) {
        const late = refusal({ _tag: "TimedOut", phase, after: Duration.seconds(5), parts: 0 })
        assert.strictEqual(yield* opens({}, Effect.fail(late)), counts, phase)
      }
    })
  )

  it.effect("is any typed failure of a plain Effect, and a defect", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* opens({}, Effect.fail("broken")))
      assert.isTrue(yield* opens({}, Effect.fail(undefined)))
      assert.isTrue(yield* opens({}, Effect.die("a bug")))
      assert.isTrue(
        yield* opens(
          {},
          Effect.sync(() => {
            throw new Error("a bug")
          })
        )
      )
    })
  )

  it.effect("is not an answer, whatever it is", () =>
    Effect.gen(function* () {
      for (const answer of [undefined, false, new Error("an answer"), Exit.fail("broken")]) {
        assert.isFalse(
          yield* opens(
            {},
            Effect.sync(() => answer)
          )
        )
      }
    })
  )

  it.effect("keeps a defect that comes while the caller leaves, and no failure of his leaving", () =>
    Effect.gen(function* () {
      const leaving = (cleanup: Effect.Effect<unknown>) =>
        Effect.gen(function* () {
          const guard = yield* breaker(touchy)
          const fiber = yield* Effect.forkChild(guard(Effect.onInterrupt(Effect.never, () => cleanup)), {
            startImmediately: true
          })
          yield* Fiber.interrupt(fiber)
          return yield* stands(guard)
        })
      assert.strictEqual(yield* leaving(Effect.void), "Closed")
      assert.strictEqual(yield* leaving(Effect.die("a bug")), "Open")
    })
  )
})

describe("`classify`", () => {
  it.effect("names the row that a failure belongs to, and leaves the rest where it would stand", () =>
    Effect.gen(function* () {
      const classify = (error: unknown) =>
        error === "not found" ? "ModelNotFound" : error === "busy" ? ({ reason: "Overloaded" } as const) : undefined
      assert.isFalse(yield* opens({ classify }, Effect.fail("not found")))
      assert.isTrue(yield* opens({ classify }, Effect.fail("busy")))
      assert.isTrue(yield* opens({ classify }, Effect.fail("anything else")))
      assert.isFalse(yield* opens({ classify }, Effect.fail(refusal({ _tag: "Unauthorized" }))))
    })
  )

  it.effect(
    "is not asked where the failure is one of ours, so that a limit further in is not taken for the target",
    () =>
      Effect.gen(function* () {
        const classify = () => "Overloaded" as const
        const limited = refusal({ _tag: "RateLimited", key: target, limit: "1/min", retryAfter: Duration.seconds(1) })
        assert.isFalse(yield* opens({ classify }, Effect.fail(limited)))
      })
  )

  it.effect("is not asked about a defect, nor about a caller who left", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const classify = (error: unknown) => void asked.push(error)
      yield* opens({ classify }, Effect.die("a bug"))
      yield* opens({ classify }, Effect.interrupt)
      yield* opens({ classify }, Effect.fail("broken"))
      assert.deepStrictEqual(asked, ["broken"])
    })
  )

  it.effect("that throws ends the call with that defect, and leaks no probe's place", () =>
    Effect.gen(function* () {
      const classify = (): undefined => {
        throw "a mistake in classify"
      }
      const guard = yield* halfOpen({ classify })
      const exit = yield* Effect.exit(guard(Effect.fail("broken")))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "a mistake in classify")
      // It counts as a failure, since nobody knows better, and the opening lasts as long as it should.
      assert.deepInclude(yield* guard.state(), { _tag: "Open", retryAfter: Duration.nanos(2_000_000_000n) })
      yield* TestClock.adjust("2 seconds")
      yield* guard(Effect.void)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("that throws at the first failure does not shift the delays of the openings after it", () =>
    Effect.gen(function* () {
      const classify = (error: unknown): undefined => {
        if (error === "odd") throw "a mistake in classify"
      }
      const guard = yield* breaker({ failures: 1, open: "2s..16s", classify })
      yield* Effect.exit(guard(Effect.fail("odd")))
      yield* TestClock.adjust("2400 millis")
      yield* failing(guard)
      const state = yield* guard.state()
      const wait = state._tag === "Open" ? Duration.toMillis(state.retryAfter) : 0
      assert.isAtLeast(wait, 3_200)
      assert.isAtMost(wait, 4_800)
    })
  )
})

describe("a call whose answer comes in parts", () => {
  it.effect("counts as a failure when it is cut after some of them, and as a success when it ends well", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 2 })
      yield* ask(guard(answering(3, cut)))
      yield* ask(guard(answering(3, Effect.void)))
      yield* ask(guard(answering(3, cut)))
      assert.strictEqual(yield* stands(guard), "Closed")
      yield* ask(guard(answering(3, cut)))
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("is under way until its last part: a probe that streams holds its place to the end", () =>
    Effect.gen(function* () {
      const guard = yield* halfOpen()
      const streaming = yield* Effect.forkChild(ask(guard(answering(3, Effect.sleep("10 seconds")))), {
        startImmediately: true
      })
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* stands(guard), "HalfOpen")
      yield* Effect.flip(guard(Effect.void))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(streaming)))
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("is counted by its target, where somebody has said it", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      yield* Policy.about({ target })(ask(guard(answering(1, cut))))
      assert.strictEqual(yield* stands(guard, target), "Open")
      const exit = yield* Policy.about({ target })(ask(guard(answering(1, Effect.void))))
      assert.isTrue(Exit.isFailure(exit))
      assert.isTrue(Exit.isSuccess(yield* ask(guard(answering(1, Effect.void)))))
    })
  )

  it.effect("is not held against the target when its reader leaves in the middle of it", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const streaming = Answer.toStream(guard(answering(5, Effect.never)), question)
      assert.lengthOf(yield* Stream.runCollect(Stream.take(streaming, 2)), 2)
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("is not held against the target when its reader throws", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const sink = {
        emit: () => {
          throw new Error("the reader's own bug")
        }
      }
      const exit = yield* Effect.exit(Answer.toSink(guard(answering(2, Effect.void)), question, sink))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* stands(guard), "Closed")
    })
  )

  it.effect("is held against the target when it falls silent in the middle, and the clock inside has run out", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Policy.all([breaker(touchy), Timeout.make({ firstToken: "10s", idle: "5s" })]))
      const silent = yield* Effect.forkChild(ask(guard(answering(2, Effect.never))), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      const exit = yield* Fiber.join(silent)
      assert.isTrue(Exit.isFailure(exit))
      const error = yield* Effect.flip(Answer.collect(guard(answering(1, Effect.void)), question))
      assert.include(String(error), "resting")
    })
  )
})
