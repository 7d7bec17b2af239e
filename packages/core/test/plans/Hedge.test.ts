/** Hedge: when a second one is asked and when not, who wins, and what becomes of whoever does not. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Answer, Call, Hedge, Part, Plan, Question, refusal, Slots, type SpillwayError, Summary } from "@spillway/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { testPlan } from "../laws/testPlan.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** Calls fill the budget before a race is looked at: a share of them may be asked a second time. */
const filled = Effect.fnUntraced(function* (options: Hedge.Options, calls = 100) {
  const plan = yield* Hedge.make(options)
  for (let each = 0; each < calls; each++) yield* plan([Effect.void, Effect.void])
  return plan
})

testPlan({ name: "Hedge", make: Effect.orDie(filled({ after: "1s", budget: "100%" })) })

const question = Question.chat("m", "How high?")

/** What happens: when each was asked, and what became of it, in seconds. */
const track = Effect.sync(() => {
  const log: Array<string> = []
  const say = (what: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${now / 1_000} ${what}`))
  const go = <A, E>(name: string, seconds: number, end: Effect.Effect<A, E>) =>
    Effect.andThen(say(`${name} asked`), Effect.delay(end, Duration.seconds(seconds))).pipe(
      Effect.onExit((exit) =>
        say(`${name} ${Exit.isSuccess(exit) ? "answers" : Cause.hasInterrupts(exit.cause) ? "is let go" : "fails"}`)
      )
    )
  return { go, log }
})

const ending = <A, E>(self: Effect.Effect<A, E>, seconds = 60) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(self))
    for (let second = 0; second < seconds; second++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const overloaded = (target: string) => refusal({ _tag: "Overloaded", target })

describe("a hedge", () => {
  it.effect("asks nobody else where the first is in time", () =>
    Effect.gen(function* () {
      const { go, log } = yield* track
      const plan = yield* filled({ after: "2s" })
      assert.deepStrictEqual(
        yield* ending(plan([go("a", 1, Effect.succeed(1)), go("b", 1, Effect.succeed(2))])),
        Exit.succeed(1)
      )
      assert.deepStrictEqual(log, ["0 a asked", "1 a answers"])
    })
  )

  it.effect("asks the next one after so long, and lets the slower one go", () =>
    Effect.gen(function* () {
      const { go, log } = yield* track
      const plan = yield* filled({ after: "2s" })
      const goes = [
        go("a", 10, Effect.succeed(1)),
        go("b", 1, Effect.succeed(2)),
        go("c", 1, Effect.succeed(3))
      ] as const
      assert.deepStrictEqual(yield* ending(plan([...goes])), Exit.succeed(2))
      assert.deepStrictEqual(log, ["0 a asked", "2 b asked", "3 b answers", "3 a is let go"])
    })
  )

  it.effect("asks a third one after as long again", () =>
    Effect.gen(function* () {
      const { go, log } = yield* track
      const plan = yield* filled({ after: "2s", budget: "100%" })
      yield* ending(
        plan([go("a", 10, Effect.succeed(1)), go("b", 9, Effect.succeed(2)), go("c", 1, Effect.succeed(3))])
      )
      assert.deepStrictEqual(log.slice(0, 4), ["0 a asked", "2 b asked", "4 c asked", "5 c answers"])
    })
  )

  it.effect("has failed where the first fails before, and waits for the other where it fails after", () =>
    Effect.gen(function* () {
      const { go, log } = yield* track
      const plan = yield* filled({ after: "2s" })
      const early = yield* ending(plan([go("a", 1, Effect.fail(overloaded("a"))), go("b", 1, Effect.succeed(2))]))
      assert.isTrue(Exit.isFailure(early))
      assert.deepStrictEqual(log, ["0 a asked", "1 a fails"])
      const late = yield* ending(plan([go("a", 3, Effect.fail(overloaded("a"))), go("b", 5, Effect.succeed(2))]))
      assert.deepStrictEqual(late, Exit.succeed(2))
    })
  )

  it.effect("fails with the first one's failure, whoever fails last", () =>
    Effect.gen(function* () {
      const { go } = yield* track
      const plan = yield* filled({ after: "2s" })
      for (const [a, b] of [
        [5, 1],
        [3, 9]
      ] as const) {
        const both = plan([go("a", a, Effect.fail(overloaded("a"))), go("b", b, Effect.fail(overloaded("b")))])
        const exit = yield* ending(both)
        assert.deepStrictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), overloaded("a"))
      }
    })
  )

  it.effect("ends at once with what fails everywhere, and with a defect", () =>
    Effect.gen(function* () {
      const { go, log } = yield* track
      const plan = yield* filled({ after: "2s", budget: "100%" })
      const refused = refusal({ _tag: "ContentRefused", target: "a" })
      for (const end of [Effect.fail(refused), Effect.die("a bug")]) {
        log.length = 0
        const exit = yield* ending(plan([go("a", 3, end), go("b", 9, Effect.succeed(2))]))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(log.at(-1), `${log[0]!.split(" ")[0] === "0" ? 3 : 63} b is let go`)
      }
    })
  )

  it.effect("ends at once with a foreign failure that is one everywhere, where classify says so", () =>
    Effect.gen(function* () {
      for (const [classify, waits] of [
        [undefined, true],
        [() => "ContentRefused" as const, false]
      ] as const) {
        const plan = yield* filled({ after: "2s", budget: "100%", ...(classify !== undefined && { classify }) })
        const first = Effect.delay(Effect.fail("no"), "3 seconds")
        const exit = yield* ending(plan([first, Effect.delay(Effect.succeed(2), "5 seconds")]))
        assert.strictEqual(Exit.isSuccess(exit), waits)
      }
    })
  )

  it.effect("never asks more a second time than its share of the calls", () =>
    Effect.gen(function* () {
      const plan = yield* Hedge.make({ after: "1s", budget: "10%" })
      let second = 0
      const slow = plan([Effect.delay(Effect.succeed(1), "5 seconds"), Effect.sync(() => ++second)])
      const all = yield* Effect.forkChild(Effect.forEach(Array.from({ length: 200 }), () => slow))
      yield* TestClock.adjust("2000 seconds")
      for (let each = 0; each < 1_000; each++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(second, 20)
    })
  )

  it.effect("asks nobody while nothing is known of how long it takes, and where most have spoken once it is", () =>
    Effect.gen(function* () {
      const plan = yield* filled({ budget: "100%" }, 0)
      const { go, log } = yield* track
      yield* ending(plan([go("a", 30, Effect.succeed(1)), go("b", 1, Effect.succeed(2))]))
      assert.deepStrictEqual(log, ["0 a asked", "30 a answers"])
      const usual = plan([Effect.delay(Effect.succeed(1), "1 second"), Effect.succeed(2)])
      for (let each = 0; each < 60; each++) yield* ending(usual, 2)
      log.length = 0
      const before = yield* Clock.currentTimeMillis
      yield* ending(plan([go("a", 30, Effect.succeed(1)), go("b", 1, Effect.succeed(2))]))
      const asked = Number(log[1]!.split(" ")[0]) - before / 1_000
      assert.match(log[1]!, /b asked$/)
      assert.isAbove(asked, 1)
      assert.isAtMost(asked, 1.3)
    })
  )

  for (const [name, leavesAfter] of [
    ["the losers of its races", 60],
    ["those whose callers left", 5]
  ] as const) {
    it.effect(`does not take ${name} for quick ones`, () =>
      Effect.gen(function* () {
        const plan = yield* filled({ budget: "100%" }, 0)
        let others = 0
        const other = Effect.suspend(() => {
          others++
          return leavesAfter < 60 ? Effect.never : Effect.succeed(2)
        })
        const race = (seconds: number) =>
          ending(
            plan([Effect.delay(Effect.succeed(1), Duration.seconds(seconds)), other]).pipe(
              Effect.timeoutOption(Duration.seconds(leavesAfter))
            ),
            seconds === 1 ? 2 : 32
          )
        // All are quick at first. Then half would take half a minute: they lose, or nobody waits for them.
        for (let each = 0; each < 60; each++) yield* race(1)
        for (let each = 0; each < 300; each++) yield* race(each % 2 === 0 ? 1 : 30)
        // Half have not spoken after a second, so that is soon not when most have.
        assert.isAtMost(others, 30)
      })
    )
  }
})

describe("a stream", () => {
  /** A call that speaks after so long, and so often. */
  const talking =
    (
      name: string,
      first: number,
      words: number,
      end: Effect.Effect<void, SpillwayError> = Effect.void
    ): Call.Call<SpillwayError> =>
    (_, attempt) =>
      Effect.gen(function* () {
        yield* Effect.sleep(Duration.seconds(first))
        for (let word = 0; word < words; word++) {
          void attempt.emit(Part.text(`${name}${word} `))
          yield* Effect.sleep("1 second")
        }
        yield* end
        return Summary.make({ model: name })
      })

  const asked = (plan: Plan.Plan, ...calls: ReadonlyArray<Call.Call<SpillwayError>>) => {
    const [first, ...rest] = calls.map((call) => Call.asEffect(call))
    return ending(Answer.collect(plan([first!, ...rest]), question))
  }

  it.effect("is won by its first word: a longer answer is not raced to its end", () =>
    Effect.gen(function* () {
      const plan = yield* filled({ after: "2s" })
      const exit = yield* asked(plan, talking("a", 3, 20), talking("b", 2, 1))
      assert.strictEqual(
        Exit.isSuccess(exit) && exit.value.text,
        Array.from({ length: 20 }, (_, at) => `a${at} `).join("")
      )
      assert.strictEqual(Exit.isSuccess(exit) && exit.value.summary.model, "a")
    })
  )

  it.effect("that has begun is left alone, however long it goes on", () =>
    Effect.gen(function* () {
      const plan = yield* filled({ after: "2s", budget: "100%" })
      let others = 0
      const other = Effect.suspend(() => {
        others++
        return Effect.succeed(Summary.make())
      })
      const first = Call.asEffect(talking("a", 1, 20))
      yield* ending(Answer.collect(plan([first, other]), question))
      assert.strictEqual(others, 0)
    })
  )

  it.effect("is heard alone, though its loser goes on speaking and ignores the interrupt", () =>
    Effect.gen(function* () {
      const plan = yield* filled({ after: "2s" })
      const stubborn: Call.Call = (_, attempt) =>
        Effect.uninterruptible(
          Effect.gen(function* () {
            yield* Effect.sleep("4 seconds")
            for (let word = 0; word < 5; word++) {
              void attempt.emit(Part.text("late "))
              yield* Effect.sleep("1 second")
            }
            return Summary.make()
          })
        )
      const slots = yield* Slots.make({ slots: 1 })
      const exit = yield* Effect.forkChild(
        Effect.exit(Answer.collect(slots(plan([Call.asEffect(stubborn), Call.asEffect(talking("b", 1, 4))])), question))
      )
      for (let second = 0; second < 8; second++) yield* TestClock.adjust("1 second")
      const whole = yield* Fiber.join(exit)
      assert.strictEqual(Exit.isSuccess(whole) && whole.value.text, "b0 b1 b2 b3 ")
      // What goes on is work of this slot too.
      assert.strictEqual((yield* slots.state()).running, 1)
      yield* TestClock.adjust("10 seconds")
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      assert.strictEqual((yield* slots.state()).running, 0)
    })
  )

  it.effect("that breaks after its first word has failed, and nobody else is asked", () =>
    Effect.gen(function* () {
      const plan = yield* filled({ after: "2s" })
      const cut = refusal({ _tag: "Cut", target: "a", parts: 1 })
      const exit = yield* asked(plan, talking("a", 1, 5, Effect.fail(cut)), talking("b", 1, 1))
      assert.deepStrictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), cut)
    })
  )

  it.effect(
    "returns at once although its loser ignores the interrupt, which keeps its own slot as long as it runs",
    () =>
      Effect.gen(function* () {
        const plan = yield* filled({ after: "2s" })
        const slots = yield* Slots.make({ slots: 1 })
        const stubborn: Call.Call = () => Effect.as(Effect.uninterruptible(Effect.sleep("20 seconds")), Summary.make())
        const goes = [
          Call.asEffect(stubborn).pipe(slots, Plan.to("a/m")),
          Call.asEffect(talking("b", 1, 1)).pipe(slots, Plan.to("b/m"))
        ] as const
        const fiber = yield* Effect.forkChild(Answer.collect(plan([goes[0], goes[1]]), question))
        for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber)).text, "b0 ")
        assert.deepStrictEqual([(yield* slots.state("a/m")).running, (yield* slots.state("b/m")).running], [1, 0])
        yield* TestClock.adjust("20 seconds")
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        assert.strictEqual((yield* slots.state("a/m")).running, 0)
      })
  )
})

describe("options", () => {
  it.effect("that make no sense are refused", () =>
    Effect.gen(function* () {
      for (const [path, options] of [
        ["after", { after: "soon" }],
        ["after", { after: "0s" }],
        ["slower", { slower: "100%" }],
        ["slower", { slower: "0%" }],
        ["budget", { budget: "120%" }],
        ["budget", { budget: 5 as never }]
      ] as const) {
        const refused = yield* Effect.flip(Hedge.make(options))
        assert.deepStrictEqual(
          refused.problems.map((problem) => problem.path),
          [path]
        )
      }
    })
  )

  it("add no failure of their own, by type", () => {
    const go: Effect.Effect<number, "broken", "a service"> = Effect.fail("broken")
    const plan = Effect.runSync(Hedge.make())
    expectTypeOf(plan([go, go])).toEqualTypeOf<Effect.Effect<number, "broken", "a service">>()
  })
})
