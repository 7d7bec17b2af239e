/**
 * What a budget is charged for goes that were lost, each try by itself and what ran out of time in full, and for those
 * that were turned away.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Budget, Call, Deadline, Policy, type Reason, Retry, SpillwayError, Timeout } from "@spillway/core"
import { Effect, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { amounts, ask, budget, hanging, inTotal, promptMost } from "../fixtures/bills.ts"

const daily = (options: Partial<Budget.Options> = {}) => budget({ total: "20000 tok/day", ...options })
const inFull = promptMost + 4_096
const thrice = Effect.orDie(Retry.make({ schedule: Schedule.recurs(5), attempts: 3, budget: "off" }))
const hundred = Policy.about({ tokens: 100 })

describe("A plain Effect that is tried again", () => {
  it.effect("is charged for each try that was lost, and for the last as it ended", () =>
    Effect.gen(function* () {
      const retry = yield* thrice
      const guard = yield* daily()
      yield* Effect.exit(hundred(guard(retry(Effect.fail("broken")))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 300, unsettled: 300 }))
    })
  )

  it.effect("is charged what it said where it said so, beside what was lost before", () =>
    Effect.gen(function* () {
      const retry = yield* thrice
      const guard = yield* daily()
      let tries = 0
      const third = Effect.suspend(() => (++tries < 3 ? Effect.fail("broken") : Policy.used({ input: 10, output: 10 })))
      yield* hundred(guard(retry(third)))
      assert.strictEqual((yield* inTotal(guard)).spent, 220)
    })
  )

  it.effect("is charged for what each try said, and for none twice", () =>
    Effect.gen(function* () {
      const retry = yield* thrice
      const guard = yield* daily()
      const saying = Effect.andThen(Policy.used({ input: 7, output: 3 }), Effect.fail("broken"))
      yield* Effect.exit(hundred(guard(retry(saying))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 30 }))
    })
  )

  it.effect("is charged once for a try that was lost before its caller left, in the wait for the next", () =>
    Effect.gen(function* () {
      const retry = yield* Effect.orDie(Retry.make({ schedule: Schedule.spaced("1 minute"), budget: "off" }))
      const guard = yield* daily()
      const run = yield* Effect.forkChild(hundred(guard(retry(Effect.fail("broken")))), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(run)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100, unsettled: 100 }))
    })
  )

  it.effect("is charged nothing for tries that were turned away", () =>
    Effect.gen(function* () {
      const classify = () => "Overloaded" as const
      const retry = yield* Effect.orDie(Retry.make({ schedule: Schedule.recurs(5), budget: "off", classify }))
      const guard = yield* budget({ total: "20000 tok/day", classify })
      let tries = 0
      yield* hundred(guard(retry(Effect.suspend(() => (++tries < 3 ? Effect.fail("busy") : Effect.void)))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100 }))
    })
  )
})

describe("A call whose time has run out", () => {
  it.effect("is charged in full and unsettled, before its first part and after it, whichever clock it was", () =>
    Effect.gen(function* () {
      const clocks = [
        Effect.orDie(Timeout.make({ firstToken: "10s", idle: "10s" })),
        Effect.orDie(Deadline.make({ deadline: "10s" }))
      ]
      for (const clock of clocks) {
        const timed = yield* clock
        for (const call of [hanging(), hanging(["some ", "parts"])]) {
          const guard = yield* daily()
          const run = yield* Effect.forkChild(Effect.exit(ask(guard(timed(call)))))
          yield* TestClock.adjust("10 seconds")
          assert.isDefined(run.pollUnsafe())
          assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: inFull, unsettled: inFull }))
        }
      }
    })
  )
})

describe("What was turned away", () => {
  const failsWith = (reason: Reason) => Call.asEffect(() => Effect.fail(new SpillwayError({ reason })))
  const target = "gpu1/llama"

  it.effect("costs nothing, each of its tries by itself, and what was lost costs all that was reserved", () =>
    Effect.gen(function* () {
      for (const reason of [
        { _tag: "Overloaded", target },
        { _tag: "BadRequest", field: "question", read: "it", expected: "another" },
        { _tag: "Unreachable", target, problem: "refused", parts: 0 }
      ] as const) {
        const guard = yield* daily()
        yield* Effect.exit(ask(guard(failsWith(reason))))
        assert.deepStrictEqual(yield* inTotal(guard), amounts(), reason._tag)
      }
      const guard = yield* daily()
      yield* Effect.exit(ask(guard(failsWith({ _tag: "Cut", target, parts: 0 }))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: inFull, unsettled: inFull }))
    })
  )

  it.effect("costs nothing around a plain Effect either, where the failure or `classify` says so", () =>
    Effect.gen(function* () {
      const classify = (error: unknown) => (error === "busy" ? ("Overloaded" as const) : undefined)
      const guard = yield* daily({ classify })
      const plain = (error: string | SpillwayError) =>
        Effect.exit(Policy.about({ tokens: 100 })(guard(Effect.fail(error))))
      yield* plain("busy")
      yield* plain(new SpillwayError({ reason: { _tag: "Overloaded", target } }))
      assert.deepStrictEqual(yield* inTotal(guard), amounts())
      yield* plain("anything else")
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100, unsettled: 100 }))
    })
  )
})
