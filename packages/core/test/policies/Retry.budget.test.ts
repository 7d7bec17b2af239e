/**
 * Retry's budget: an outage is never multiplied, whoever calls and however often.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Call, Policy, Question, Retry } from "@spillway/core"
import { ending, errorOf, failing } from "../fixtures/failing.ts"
import * as Random from "../laws/random.ts"

const retry = (options?: Retry.Options) => Effect.orDie(Retry.make(options))

const atOnce = Schedule.recurs(100)

/** What came in and what went out, in milliseconds. */
interface Traffic {
  readonly calls: Array<number>
  readonly sends: Array<number>
}

/** A minute in which callers come at random and everything fails. */
const outage = (guard: Policy.Policy<Policy.Stage>, seed: number, callsPerSecond: number) =>
  Effect.gen(function* () {
    const random = Random.make(seed)
    const traffic: Traffic = { calls: [], sends: [] }
    const note = (into: Array<number>) => Effect.map(Clock.currentTimeMillis, (now) => void into.push(now))
    const call = guard(Effect.andThen(note(traffic.sends), Effect.fail("down")))
    const caller = Effect.gen(function* () {
      yield* Effect.sleep(random.below(60_000))
      yield* note(traffic.calls)
      yield* Effect.exit(call)
    })
    yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 60 * callsPerSecond }), () => caller, { concurrency: "unbounded" })
    )
    yield* TestClock.adjust("2 minutes")
    return traffic
  })

/** Whether what was sent is within the budget at every moment. */
const assertBound = ({ calls, sends }: Traffic, share: number, hint: string) => {
  const start = calls[0]!
  for (let index = 0; index < sends.length; index += 13) {
    const now = sends[index]!
    const callsBy = calls.filter((at) => at <= now).length
    assert.isAtMost(index + 1, callsBy * (1 + share) + (now - start) / 1_000 + 10, `${hint}, at ${now}`)
  }
}

describe("the budget of retries", () => {
  it.effect("holds what is sent in an outage to calls x 1.2 + seconds + 10, at every moment", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 8; seed++) {
        const callsPerSecond = [1, 5, 20, 50][seed % 4]!
        const guard = yield* retry({ attempts: 2 + (seed % 3) })
        const traffic = yield* outage(guard, seed, callsPerSecond)
        assert.strictEqual(traffic.calls.length, 60 * callsPerSecond)
        assertBound(traffic, 0.2, `seed ${seed}`)
        // Whatever is refused a retry has been sent once.
        assert.isAtLeast(traffic.sends.length, traffic.calls.length)
      }
    })
  )

  it.effect("spends what it has: an outage under load costs about a share of the calls, and not less", () =>
    Effect.gen(function* () {
      const { calls, sends } = yield* outage(yield* retry(), 1, 50)
      assert.isAbove(sends.length, calls.length * 1.15)
    })
  )

  it.effect("is what it is told to be, also nothing but one a second", () =>
    Effect.gen(function* () {
      for (const [budget, share] of [
        ["50%", 0.5],
        ["0%", 0]
      ] as const) {
        const traffic = yield* outage(yield* retry({ budget }), 3, 40)
        assertBound(traffic, share, budget)
        assert.isAbove(traffic.sends.length, traffic.calls.length * (1 + share * 0.9))
      }
    })
  )

  it.effect("ends a call whose retry it refuses at once, with its own failure", () =>
    Effect.gen(function* () {
      const drained = yield* retry({ budget: "0%", schedule: atOnce, attempts: 100 })
      yield* Effect.exit(drained(Effect.fail("down")))
      const { runs, self } = failing(Effect.fail("the root cause"))
      assert.strictEqual(errorOf(yield* Effect.exit(drained(self))), "the root cause")
      assert.strictEqual(runs.count, 1)
    })
  )

  it.effect("is shared by all that the policy guards, and by nobody else", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* retry({ budget: "0%", schedule: atOnce, attempts: 100 }), yield* retry()]
      const [first, second, third] = [
        failing(Effect.fail("down")),
        failing(Effect.fail("down")),
        failing(Effect.fail("down"))
      ]
      yield* Effect.exit(Policy.about({ caller: "ann" })(one(first.self)))
      assert.strictEqual(first.runs.count, 11)
      yield* Effect.exit(Policy.about({ caller: "bob" })(one(second.self)))
      yield* ending(other(third.self))
      assert.deepStrictEqual([second.runs.count, third.runs.count], [1, 3])
    })
  )

  it.effect("recovers by itself: when an outage is over, what fails is tried again as ever", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      yield* outage(guard, 5, 50)
      yield* TestClock.adjust("11 seconds")
      const { runs, self } = failing<string, string>(
        Effect.fail("busy"),
        Effect.fail("busy"),
        Effect.succeed("an answer")
      )
      assert.deepStrictEqual(yield* ending(guard(self)), Exit.succeed("an answer"))
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("can be off: then every call is sent as often as it may be", () =>
    Effect.gen(function* () {
      const { calls, sends } = yield* outage(yield* retry({ budget: "off" }), 1, 50)
      assert.strictEqual(sends.length, calls.length * 3)
    })
  )

  it.effect("holds for calls with a question too", () =>
    Effect.gen(function* () {
      const guard = yield* retry({ budget: "0%", schedule: atOnce, attempts: 100 })
      let sends = 0
      const leaf: Call.Call<string> = () => {
        sends++
        return Effect.fail("down")
      }
      const call = guard(Call.asEffect(leaf))
      for (let index = 0; index < 20; index++) {
        yield* Effect.exit(Answer.collect(call, Question.chat("model", "How many?")))
      }
      assert.strictEqual(sends, 20 + 10)
    })
  )
})
