/** Slots: what really runs at a target, and never one more. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Policy, Question, Slots, type SpillwayError, Summary, Timeout } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { testPolicy } from "../laws/testPolicy.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPolicy({
  name: "Slots",
  make: Effect.orDie(Slots.make({ slots: 3 })),
  room: { refusing: (slots) => Effect.orDie(Slots.make({ slots })), keeps: false, restMillis: 0 }
})

const hold = (guard: Policy.Policy<Policy.Stage, SpillwayError>, target = "a/m") =>
  Effect.forkChild(Effect.exit(guard(Effect.never).pipe(Policy.about({ target }))), { startImmediately: true })

const reasonOf = <A>(asked: Effect.Effect<A, SpillwayError>) => Effect.map(Effect.flip(asked), ({ reason }) => reason)

const aTurn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("slots", () => {
  it.effect("of one target are not those of another", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 1 })
      const running = yield* hold(slots)
      const asked = slots(Effect.succeed(1))
      assert.deepInclude(yield* reasonOf(asked.pipe(Policy.about({ target: "a/m" }))), { _tag: "QueueFull" })
      assert.strictEqual(yield* asked.pipe(Policy.about({ target: "b/m" })), 1)
      assert.strictEqual((yield* slots.state("a/m")).running, 1)
      assert.strictEqual((yield* slots.state("b/m")).running, 0)
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* asked.pipe(Policy.about({ target: "a/m" })), 1)
    })
  )

  it.effect("say when one comes free, as soon as anybody knows how long they are held", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 2 })
      const work = yield* Effect.forkChild(slots(Effect.sleep("10 seconds")))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(work)
      assert.strictEqual(Duration.toMillis((yield* slots.state()).holds!), 10_000)
      yield* Effect.forkChild(slots(Effect.never))
      yield* Effect.forkChild(slots(Effect.never))
      yield* Effect.yieldNow
      const refused = yield* Effect.flip(slots(Effect.void))
      assert.strictEqual(Duration.toMillis(refused.retryAfter!), 10_000)
      assert.match(refused.message, /^Every slot is in use, and nobody waits for one here: come back in 10 s\.$/)
    })
  )

  it.effect("may become fewer while they are in use: nobody is thrown out, nor let in until enough have ended", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 3 })
      const fibers = [yield* hold(slots), yield* hold(slots), yield* hold(slots)]
      yield* slots.resize(1, "a/m")
      const asked = slots(Effect.succeed(1)).pipe(Policy.about({ target: "a/m" }))
      for (const fiber of fibers) {
        assert.isUndefined(fiber.pollUnsafe())
        assert.strictEqual((yield* reasonOf(asked))._tag, "QueueFull")
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(yield* asked, 1)
      yield* slots.resize(2, "a/m")
      assert.strictEqual((yield* slots.state("a/m")).slots, 2)
    })
  )

  it.effect("stay as many as somebody has made them, however many other targets come", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 3 })
      yield* slots.resize(1, "a/m")
      yield* TestClock.adjust("2 hours")
      for (const target of ["b/m", "c/m", "d/m"]) yield* slots(Effect.void).pipe(Policy.about({ target }))
      assert.strictEqual((yield* slots.state("a/m")).slots, 1)
    })
  )

  it.effect("cannot be made a number that is none", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make()
      for (const none of [0, -1, 1.5, NaN]) {
        assert.match((yield* Effect.flip(slots.resize(none))).message, /^Slots: 1 option refused\n  slots: read /)
      }
      assert.strictEqual((yield* slots.state()).slots, 1)
    })
  )

  it.effect("that are learned are tried one at a time, openly, until somebody sets their number", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: "auto" })
      const seen = new Set<string>()
      // A server that does as much as it is given.
      const ask = Effect.sleep("1 second").pipe(
        Effect.andThen(Policy.used({ input: 0, output: 100 })),
        slots,
        Effect.ignore,
        Effect.delay("20 millis"),
        Effect.forever
      )
      yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 6 }, () => ask),
          { concurrency: "unbounded" }
        )
      )
      for (let second = 0; second < 300; second++) {
        yield* TestClock.adjust("1 second")
        const { running, slots: known, trying } = yield* slots.state()
        seen.add(`${known}${trying === undefined ? "" : `, ${trying} tried`}`)
        assert.isAtMost(running, Math.max(known, trying ?? 0))
      }
      assert.includeMembers([...seen], ["1", "1, 2 tried", "2", "2, 3 tried", "3", "3, 4 tried", "4"])
      // No more than six ever ask.
      assert.isFalse([...seen].some((each) => Number.parseInt(each) > 6))
      yield* slots.resize(3)
      yield* TestClock.adjust("1 minute")
      const { slots: byHand, trying } = yield* slots.state()
      assert.deepStrictEqual([byHand, trying], [3, undefined])
    })
  )

  it.effect(
    "V12: are held by work that ignores its interrupt until it has ended, and not by its caller's patience",
    () =>
      Effect.gen(function* () {
        const slots = yield* Slots.make({ slots: 1 })
        const guard = yield* Policy.all([slots, Timeout.make({ firstToken: "20ms", load: "20ms" })])
        let running = 0
        const work = Effect.uninterruptible(
          Effect.gen(function* () {
            running++
            yield* Effect.sleep(154)
            running--
          })
        )
        const call: Call.Call = () => Effect.as(work, Summary.make())
        const answered = Effect.asVoid(Answer.collect(guard(Call.asEffect(call)), Question.chat("m", "hello")))
        for (const asked of [guard(work), answered]) {
          const told = yield* Effect.forkChild(Effect.flip(asked))
          yield* TestClock.adjust(20)
          assert.strictEqual((yield* Fiber.join(told)).reason._tag, "TimedOut")
          assert.strictEqual(running, 1)
          assert.strictEqual((yield* reasonOf(guard(Effect.void)))._tag, "QueueFull")
          yield* TestClock.adjust(133)
          yield* aTurn
          assert.strictEqual((yield* slots.state()).running, 1)
          yield* TestClock.adjust(1)
          yield* aTurn
          assert.strictEqual((yield* slots.state()).running, 0)
        }
      })
  )

  it.effect("of more targets than are told apart are shared, and no more run than there are", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 1, keysMax: 1 })
      yield* hold(slots, "a/m")
      yield* hold(slots, "b/m")
      const asked = slots(Effect.void).pipe(Policy.about({ target: "c/m" }))
      assert.strictEqual((yield* reasonOf(asked))._tag, "QueueFull")
    })
  )

  it.effect("refuse options that make no sense", () =>
    Effect.gen(function* () {
      for (const slots of [0, -1, 1.5, "many" as "auto"]) {
        const refused = yield* Effect.flip(Slots.make({ slots }))
        assert.deepStrictEqual(
          refused.problems.map(({ path }) => path),
          ["slots"]
        )
      }
    })
  )
})
