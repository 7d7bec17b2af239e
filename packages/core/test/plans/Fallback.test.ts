/** Fallback: which failures go on to the next, which end it, and what the last one keeps. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Deadline,
  Facts,
  Fallback,
  Failure,
  Part,
  Plan,
  Policy,
  Question,
  Queue,
  type Reason,
  Record,
  refusal,
  SpillwayError,
  Summary,
  Timeout
} from "@spillway/core"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { facts } from "../fixtures/around.ts"
import { answers, fails, leaf } from "../fixtures/leaf.ts"
import { ending } from "../fixtures/failing.ts"
import { bare } from "../fixtures/reasons.ts"
import { testPlan } from "../laws/testPlan.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPlan({ name: "Fallback", make: Effect.orDie(Fallback.make()) })

const failure = (reason: Reason) => new SpillwayError({ reason })

const overloaded = refusal({ _tag: "Overloaded", target: "gpu1/m" })

/** Every failure of a cause. */
const allOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isSuccess(exit)
    ? []
    : exit.cause.reasons.flatMap((reason) => (reason._tag === "Fail" ? [reason.error] : ["no failure"]))

const question = Question.chat("m", "How high?")

describe("a fallback", () => {
  it.effect("asks one after the other until one answers, and no further", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const asked: Array<number> = []
      const go = (index: number, end: Effect.Effect<string, SpillwayError>) =>
        Effect.suspend(() => {
          asked.push(index)
          return end
        })
      const ends = [
        Effect.fail(overloaded),
        Effect.fail(overloaded),
        Effect.succeed("243 metres"),
        Effect.succeed("no")
      ]
      const [first, ...rest] = ends.map((end, index) => go(index, end))
      assert.strictEqual(yield* plan([first!, ...rest]), "243 metres")
      assert.deepStrictEqual(asked, [0, 1, 2])
    })
  )

  for (const reason of bare) {
    const { elsewhere } = Failure.table[reason._tag]
    it.effect(`${elsewhere ? "goes on after" : "ends with"} ${reason._tag}`, () =>
      Effect.gen(function* () {
        const plan = yield* Fallback.make()
        const unheard = "parts" in reason ? { ...reason, parts: 0 } : reason
        const exit = yield* Effect.exit(plan([Effect.fail(failure(unheard)), Effect.succeed("other")]))
        assert.strictEqual(Exit.isSuccess(exit), elsewhere)
        // Around a question as well.
        const first = Call.asEffect(() => Effect.fail(failure(unheard)))
        const { self } = leaf(answers("other"))
        const answered = yield* Effect.exit(Answer.collect(plan([first, self]), question))
        assert.strictEqual(Exit.isSuccess(answered), elsewhere)
      })
    )
  }

  it.effect("goes on after a foreign failure, unless classify says what it is", () =>
    Effect.gen(function* () {
      const goes = [Effect.fail("busy"), Effect.succeed("other")] as const
      assert.strictEqual(yield* (yield* Fallback.make())([...goes]), "other")
      const known = yield* Fallback.make({ classify: () => "ContentRefused" })
      assert.strictEqual(yield* Effect.flip(known([...goes])), "busy")
    })
  )

  it.effect("ends with a defect, whatever failed before", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const exit = yield* Effect.exit(plan([Effect.fail(overloaded), Effect.die("a bug"), Effect.succeed("other")]))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("fails with the last failure, which keeps all that came before", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const causes = ["first", "second", "third"].map((target) => refusal({ _tag: "Overloaded", target }))
      const [first, ...rest] = causes.map((cause) => Effect.fail(cause))
      const exit = yield* Effect.exit(plan([first!, ...rest]))
      assert.deepStrictEqual(allOf(exit), causes.toReversed())
      const caught = plan([first!, ...rest]).pipe(Effect.catchTag("SpillwayError", (error) => Effect.succeed(error)))
      assert.strictEqual(yield* caught, causes[2])
    })
  )

  it.effect("does not begin another once a word was heard", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const cut = refusal({ _tag: "Cut", target: "gpu1/m", parts: 1 })
      const first = leaf(fails(cut, "The dam"))
      const second = leaf(answers("243 metres"))
      const exit = yield* Effect.exit(Answer.collect(plan([first.self, second.self]), question))
      assert.deepStrictEqual(allOf(exit), [cut])
      assert.lengthOf(second.attempts, 0)
      assert.deepStrictEqual(allOf(yield* Effect.exit(plan([Effect.fail(cut), Effect.succeed("other")]))), [cut])
    })
  )

  it.effect("hears the next as if it were the only one", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const goes = [leaf(fails(overloaded)), leaf(answers("243 ", "metres"))] as const
      const whole = yield* Answer.collect(plan([goes[0].self, goes[1].self]), question)
      assert.strictEqual(whole.text, "243 metres")
    })
  )

  it.effect("gives each of them an attempt of its own, of which a guard within it knows nothing before", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const seen: Array<number | undefined> = []
      const look = <A, E>(self: Effect.Effect<A, E>) =>
        Effect.flatMap(facts, (known) => {
          seen.push(known!.attempt.startedAt)
          return self
        })
      const goes = [leaf(fails(overloaded)), leaf(answers("243 metres"))] as const
      yield* Answer.collect(plan([look(goes[0].self), look(goes[1].self)]), question)
      assert.deepStrictEqual(seen, [undefined, undefined])
    })
  )

  it.effect("begins nothing when the time is over", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      let asked = 0
      const slow = Effect.delay(Effect.fail(overloaded), "10 seconds")
      const second = Effect.sync(() => asked++)
      const exit = yield* ending(plan([slow, second]).pipe(Policy.about({ deadline: "10s" })))
      assert.deepStrictEqual([allOf(exit), asked], [[overloaded], 0])
      const timely = yield* ending(plan([slow, second]).pipe(Policy.about({ deadline: "10001ms" })))
      assert.isTrue(Exit.isSuccess(timely))
      const guard = yield* Policy.all([Deadline.make({ deadline: "15s" })])
      const never = yield* ending(guard(plan([slow, Effect.never])))
      assert.deepStrictEqual(
        allOf(never).map((error) => (error as SpillwayError).reason._tag),
        ["TimedOut"]
      )
    })
  )
})

describe("what is told of it", () => {
  it.effect("is every go on one record, with where it went and what became of it", () =>
    Effect.gen(function* () {
      const records: Array<Record.CallRecord> = []
      const record = yield* Record.make({ sink: (each) => void records.push(each) })
      const plan = yield* Fallback.make()
      const first = leaf(fails(overloaded)).self.pipe(Plan.to("gpu1/a"))
      const second = leaf(answers("243 metres")).self.pipe(Plan.to("gpu2/a"))
      yield* Answer.collect(record(plan([first, second])), question)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.lengthOf(records, 1)
      assert.deepStrictEqual(
        records[0]!.attempts.map(({ outcome, target }) => [target, outcome]),
        [
          ["gpu1/a", "overloaded"],
          ["gpu2/a", "ok"]
        ]
      )
    })
  )

  it.effect("is what the last plain go came to, although the one before had waited in a line in vain", () =>
    Effect.gen(function* () {
      const records: Array<Record.CallRecord> = []
      const record = yield* Record.make({ sink: (each) => void records.push(each) })
      const queue = yield* Queue.make({ wait: "1s" })
      const plan = yield* Fallback.make()
      const at = Policy.about({ target: "gpu1/a" })
      yield* Effect.forkChild(at(queue(Effect.never)), { startImmediately: true })
      const goes = [queue(Effect.void), Effect.fail(overloaded)] as const
      const asked = at(record(plan([...goes])))
      const fiber = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(records[0]!.attempts, [{ target: "gpu1/a", outcome: "overloaded" }])
    })
  )

  it.effect("is what a plain go may have used, where nobody knows", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const lost = (error: SpillwayError, before: Effect.Effect<void> = Effect.void) =>
        Effect.gen(function* () {
          let sent = 0
          yield* Effect.withFiber((fiber) =>
            Effect.andThen(
              plan([Effect.andThen(before, Effect.fail(error)), Effect.succeed("other")]),
              Effect.sync(() => {
                sent = fiber.getRef(Facts.Facts)!.call.attempts.filter((each) => each.lost).length
              })
            )
          ).pipe(Policy.about({}))
          return sent
        })
      const cut = failure({ _tag: "Cut", target: "gpu1/m", parts: 0 })
      assert.strictEqual(yield* lost(cut), 1)
      assert.strictEqual(yield* lost(overloaded), 0)
      assert.strictEqual(yield* lost(cut, Policy.used({ input: 3, output: 0 })), 0)
    })
  )

  it.effect("is given up on time by a clock within a go, and the next one answers while the first still runs", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      const clock = yield* Timeout.make({ firstToken: "1s", load: "1s" })
      const stubborn: Call.Call = (_, attempt) =>
        Effect.uninterruptible(
          Effect.gen(function* () {
            yield* Effect.sleep("5 seconds")
            void attempt.emit(Part.text("late"))
            return Summary.make()
          })
        )
      const goes = [clock(Call.asEffect(stubborn)), leaf(answers("243 metres")).self] as const
      const fiber = yield* Effect.forkChild(Answer.collect(plan([goes[0], goes[1]]), question))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).text, "243 metres")
      yield* TestClock.adjust("10 seconds")
    })
  )

  it("is no failure of its own, by type", () => {
    const go: Effect.Effect<number, "broken", "a service"> = Effect.fail("broken")
    const plan = Effect.runSync(Fallback.make())
    expectTypeOf(plan([go, go])).toEqualTypeOf<Effect.Effect<number, "broken", "a service">>()
  })
})

describe("options", () => {
  it.effect("that make no sense are refused", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Fallback.make({ domains: { gpu1: 7 as never }, classify: "busy" as never }))
      assert.deepStrictEqual(refused.problems.map(({ path }) => path).toSorted(), ["classify", "domains.gpu1"])
    })
  )
})
