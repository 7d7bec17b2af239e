/**
 * Budget under the laws of policies, and what it promises around any Effect: reserved before, settled after, freed if
 * it never ran.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Policy, RateLimit } from "@spillway/core"
import { amounts, budget, inTotal, of, oneEach, refusalOf, withStore } from "../fixtures/bills.ts"
import { inEffects, late } from "../laws/lateStore.ts"
import { testPolicy } from "../laws/testPolicy.ts"

// The laws go through some thousand interrupts, which takes a while on a machine that has other things to do.
vi.setConfig({ testTimeout: 60_000 })

const money = budget({ total: "$10/5m", each: "$5/5m", prices: { default: oneEach } })

testPolicy({
  name: "Budget",
  make: money,
  room: { refusing: (room) => budget({ each: `${room} tok/5m` }), keeps: true, restMillis: 300_000 }
})

for (const [name, as] of [
  ["answers with Effects", inEffects],
  ["answers late", late]
] as const) {
  testPolicy({
    name: `Budget over a store that ${name}`,
    make: withStore(as, money),
    room: {
      refusing: (room) => withStore(as, budget({ total: `${room} tok/5m`, each: "1M tok/5m" })),
      keeps: true,
      restMillis: 300_000
    }
  })
}

const tokens = (count: number) => Policy.about({ tokens: count })
const as = (caller: string) => Policy.about({ caller })
const uses = (count: number) => Policy.used({ input: count, output: 0 })
const start = { startImmediately: true }

describe("Budget", () => {
  it.effect("reserves what a call may come to, and settles it to what it came to", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      yield* tokens(600)(
        guard(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: 600 }))
            yield* uses(100)
            assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: 600 }))
          })
        )
      )
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100 }))
    })
  )

  it.effect("admits nobody to what is reserved for somebody else, and lets them in when it is not used", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      const first = yield* Effect.forkChild(
        tokens(600)(guard(Effect.andThen(Effect.sleep("1 minute"), uses(100)))),
        start
      )
      assert.strictEqual((yield* refusalOf(tokens(401)(guard(Effect.void)))).reason._tag, "BudgetSpent")
      yield* tokens(400)(guard(uses(1)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(first)
      yield* tokens(899)(guard(Effect.void))
    })
  )

  it.effect("charges the whole reservation where nobody says what was used, and one token where nobody said any", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      yield* tokens(300)(guard(Effect.void))
      yield* guard(Effect.void)
      yield* tokens(0.2)(guard(Effect.void))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 302 }))
    })
  )

  it.effect("charges in full, as unsettled, what broke and did not say what it had used", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      yield* Effect.flip(tokens(100)(guard(Effect.fail("broken"))))
      yield* Effect.exit(tokens(100)(guard(Effect.die("a bug"))))
      const hung = yield* Effect.forkChild(tokens(100)(guard(Effect.never)), start)
      yield* Fiber.interrupt(hung)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 300, unsettled: 300 }))
      yield* Effect.flip(tokens(100)(guard(Effect.andThen(uses(7), Effect.fail("broken")))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 307, unsettled: 300 }))
    })
  )

  it.effect(
    "takes on a debt when a call used more than was reserved, which blocks the next until the window turns",
    () =>
      Effect.gen(function* () {
        const guard = yield* budget({ total: "1000 tok/day" })
        yield* tokens(1)(guard(uses(5_000)))
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 5_000 }))
        yield* TestClock.adjust("23 hours")
        const error = yield* refusalOf(guard(Effect.void))
        assert.strictEqual(Duration.toHours(error.retryAfter!), 1)
        yield* TestClock.adjust("1 hour")
        yield* tokens(1_000)(guard(uses(1_000)))
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 1_000 }))
      })
  )

  it.effect("says whose budget is spent, of how much, and when to come back; coming back sooner cannot help", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "20 tok/day", each: "10 tok/day" })
      yield* as("agent")(tokens(10)(guard(Effect.void)))
      const error = yield* refusalOf(as("agent")(guard(Effect.void)))
      assert.include(error.message, 'The budget of 10 tok/day for "agent" is spent: come back in ')
      assert.isFalse(error.retryable)
      assert.strictEqual(error.failure.status, 429)
      yield* as("person")(tokens(10)(guard(Effect.void)))
      const all = yield* refusalOf(as("somebody")(guard(Effect.void)))
      assert.include(all.reason, { _tag: "BudgetSpent", budget: "20 tok/day in total" })
      assert.strictEqual(Duration.toHours(all.retryAfter!), 24)
    })
  )

  it.effect("refuses for good what could never fit, says so of the right budget, and reserves nothing", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "2M tok/day", each: "1000 tok/day" })
      const error = yield* refusalOf(tokens(1_001)(guard(Effect.void)))
      assert.strictEqual(error.reason._tag, "BadRequest")
      assert.strictEqual(error.message, "tokens was up to 1001 tok: it has to be at most what 1k tok/day holds.")
      assert.deepStrictEqual(yield* inTotal(guard), amounts())
      yield* tokens(1_000)(guard(Effect.void))
    })
  )

  it.effect("frees what a guard further in refused, and charges what was used before it did", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      const inner = yield* Effect.orDie(RateLimit.make({ rate: "1/day" }))
      yield* tokens(100)(guard(inner(uses(10))))
      yield* refusalOf(tokens(100)(guard(inner(Effect.void))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 10 }))
      yield* refusalOf(tokens(100)(guard(Effect.andThen(uses(5), inner(Effect.void)))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 15 }))
    })
  )

  it.effect("counts callers apart, or keys, and those who name none together", () =>
    Effect.gen(function* () {
      for (const [per, ann, bob] of [
        ["caller", { caller: "ann", key: "one" }, { caller: "bob", key: "one" }],
        ["key", { caller: "one", key: "ann" }, { caller: "one", key: "bob" }]
      ] as const) {
        const guard = yield* budget({ each: "10 tok/day", per })
        yield* Policy.about({ ...ann, tokens: 10 })(guard(Effect.void))
        yield* refusalOf(Policy.about(ann)(guard(Effect.void)))
        yield* Policy.about({ ...bob, tokens: 4 })(guard(Effect.void))
        assert.deepStrictEqual(yield* of(guard, "ann"), amounts({ spent: 10 }))
        assert.deepStrictEqual(yield* of(guard, "bob"), amounts({ spent: 4 }))
        yield* Policy.about({ caller: "", key: "", tokens: 3 })(guard(Effect.void))
        yield* tokens(3)(guard(Effect.void))
        assert.deepStrictEqual(yield* of(guard, "default"), amounts({ spent: 6 }))
        assert.deepStrictEqual(yield* of(guard, ""), amounts({ spent: 6 }))
      }
    })
  )

  it.effect("reserves in total and for the caller, or in neither", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "100 tok/day", each: "60 tok/day" })
      yield* as("ann")(tokens(60)(guard(Effect.void)))
      for (let index = 0; index < 5; index++) yield* refusalOf(as("ann")(tokens(10)(guard(Effect.void))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 60 }))
      for (let index = 0; index < 5; index++) yield* refusalOf(as("bob")(tokens(50)(guard(Effect.void))))
      assert.deepStrictEqual(yield* of(guard, "bob"), amounts())
      yield* as("bob")(tokens(40)(guard(Effect.void)))
    })
  )

  it.effect("counts money in total and tokens for each, at once", () =>
    Effect.gen(function* () {
      const guard = yield* budget({
        total: "$1/month",
        each: "1000 tok/day",
        prices: { default: { input: 100, output: 1_000 } }
      })
      const spend = Policy.used({ input: 300, output: 100 })
      yield* as("ann")(tokens(900)(guard(spend)))
      const { each, total } = yield* guard.standing("ann")
      assert.deepStrictEqual(
        { ...total!, turnsIn: Duration.toHours(total!.turnsIn) },
        { unit: "micro-dollars", limit: 1_000_000, spent: 130_000, reserved: 0, unsettled: 0, turnsIn: 31 * 24 }
      )
      assert.deepStrictEqual(
        { ...each!, turnsIn: Duration.toHours(each!.turnsIn) },
        { unit: "tokens", limit: 1_000, spent: 400, reserved: 0, unsettled: 0, turnsIn: 24 }
      )
      // What is read and written is not told apart beforehand, so all of it may be the dearer.
      const error = yield* refusalOf(as("bob")(tokens(871)(guard(Effect.void))))
      assert.include(error.message, "$1/month in total")
      assert.include((yield* refusalOf(as("ann")(tokens(601)(guard(Effect.void))))).message, '1k tok/day for "ann"')
      yield* as("bob")(tokens(870)(guard(Effect.void)))
    })
  )

  it.effect("says nothing of a budget that it does not have, and of one that nobody has used it says so", () =>
    Effect.gen(function* () {
      const each = yield* (yield* budget({ each: "10 tok/day" })).standing("nobody")
      assert.deepStrictEqual(Object.keys(each), ["each"])
      assert.deepStrictEqual(each.each, {
        unit: "tokens",
        limit: 10,
        ...amounts(),
        turnsIn: Duration.nanos(86_400_000_000_000n)
      })
      assert.deepStrictEqual(Object.keys(yield* (yield* budget({ total: "10 tok/day" })).standing()), ["total"])
    })
  )
})

describe("Budgets around one another", () => {
  it.effect("count the same tokens each for itself, and what is done beside the inner only in the outer", () =>
    Effect.gen(function* () {
      const outer = yield* budget({ total: "1000 tok/day" })
      const inner = yield* budget({ total: "100 tok/day" })
      const both = yield* Effect.orDie(Policy.all([Effect.succeed(outer), Effect.succeed(inner)]))
      yield* tokens(80)(both(uses(13)))
      yield* tokens(80)(outer(Effect.andThen(uses(5), inner(uses(7)))))
      assert.deepStrictEqual(yield* inTotal(outer), amounts({ spent: 25 }))
      assert.deepStrictEqual(yield* inTotal(inner), amounts({ spent: 20 }))
      yield* refusalOf(tokens(81)(both(Effect.void)))
      assert.deepStrictEqual(yield* inTotal(outer), amounts({ spent: 25 }))
    })
  )

  it.effect("listen each to what it guards, also where both stand under one scope", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      yield* tokens(100)(Effect.all([guard(uses(1)), guard(uses(2)), guard(Effect.void)], { concurrency: 3 }))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 103 }))
    })
  )
})
