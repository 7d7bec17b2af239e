/**
 * Budget in money: which price counts, what nobody has priced, what is free, and sums that do not drift.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Budget, Call, MemoryStore, Policy, Question, Store, Summary } from "@spillway/core"
import {
  amounts,
  answering,
  ask,
  breaking,
  budget,
  inTotal,
  of,
  oneEach,
  question,
  refusalOf
} from "../fixtures/bills.ts"

const to = (target: string) => Policy.about({ target })
const usage = { input: 10, output: 100 }

/** What one answer of 10 tokens in and 100 out is billed. */
const billOf = <E>(options: Budget.Options, call: (guard: Budget.Budget) => Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const guard = yield* budget({ total: "$1/day", ...options })
    yield* call(guard)
    return (yield* inTotal(guard)).spent
  })

const cheap = { input: 1, output: 2 }
const dear = { input: 10, output: 20 }
const [cheapBill, dearBill] = [210, 2_100]

describe("The price of a call", () => {
  it.effect("is that of the model that was asked", () =>
    Effect.gen(function* () {
      const bill = yield* billOf({ prices: { gpt: cheap, other: dear } }, (guard) => ask(guard(answering(usage))))
      assert.strictEqual(bill, cheapBill)
    })
  )

  it.effect("is that of the target, before its model, and never that of another name that was asked", () =>
    Effect.gen(function* () {
      const call = (guard: Budget.Budget) => to("openai/org/mini")(ask(guard(answering(usage))))
      for (const [prices, bill] of [
        [{ "openai/org/mini": dear, "org/mini": cheap, gpt: cheap, default: cheap }, dearBill],
        [{ "org/mini": dear, gpt: cheap, default: cheap }, dearBill]
      ] as const) {
        assert.strictEqual(yield* billOf({ prices }, call), bill, Object.keys(prices).join())
      }
      const guard = yield* budget({ total: "$1/day", prices: { gpt: cheap, default: cheap } })
      const error = yield* refusalOf(call(guard))
      assert.deepStrictEqual(error.reason, { _tag: "Unpriced", model: "openai/org/mini" })
    })
  )

  it.effect("is that of the target to which it was really sent, when that is known only then", () =>
    Effect.gen(function* () {
      const sent = Call.asEffect(() => Effect.succeed(Summary.make({ usage })), "openai/mini")
      const bill = yield* billOf({ prices: { gpt: cheap, mini: dear } }, (guard) => ask(guard(sent)))
      assert.strictEqual(bill, dearBill)
      const unknown = Call.asEffect(() => Effect.succeed(Summary.make({ usage })), "openai/other")
      assert.strictEqual(yield* billOf({ prices: { gpt: cheap } }, (guard) => ask(guard(unknown))), cheapBill)
      assert.strictEqual(yield* billOf({ prices: { default: cheap } }, (guard) => ask(guard(unknown))), cheapBill)
    })
  )

  it.effect("is the default where no target is known of, and only there", () =>
    Effect.gen(function* () {
      const prices = { default: cheap }
      const plain = (guard: Budget.Budget) => Policy.about({ tokens: 110 })(guard(Policy.used(usage)))
      assert.strictEqual(yield* billOf({ prices }, plain), cheapBill)
      assert.strictEqual(yield* billOf({ prices }, (guard) => ask(guard(answering(usage)))), cheapBill)
      const guard = yield* budget({ total: "$1/day", prices })
      const error = yield* refusalOf(to("gpu1/llama")(ask(guard(answering(usage)))))
      assert.deepStrictEqual(error.reason, { _tag: "Unpriced", model: "gpu1/llama" })
    })
  )

  it.effect("takes no name for something that every object has", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$1/day", prices: { gpt: cheap } })
      for (const name of ["constructor", "toString", "__proto__"]) {
        const error = yield* refusalOf(ask(guard(answering(usage)), Question.chat(name, "How high is the dam?")))
        assert.deepStrictEqual(error.reason, { _tag: "Unpriced", model: name })
      }
    })
  )

  it.effect("may be a fraction of a micro-dollar a token: it is rounded up once, at the end", () =>
    Effect.gen(function* () {
      const prices = { gpt: { input: 0.15, output: 0.6 } }
      const call = (used: typeof usage) => (guard: Budget.Budget) => ask(guard(answering(used)))
      assert.strictEqual(yield* billOf({ prices }, call({ input: 10, output: 100 })), 62)
      assert.strictEqual(yield* billOf({ prices }, call({ input: 20, output: 100 })), 63)
      assert.strictEqual(yield* billOf({ prices }, call({ input: 1, output: 0 })), 1)
      assert.strictEqual(yield* billOf({ prices }, call({ input: 0, output: 0 })), 0)
    })
  )
})

describe("A call that nobody has priced", () => {
  it.effect("is refused before anything is sent, naming what has no price", () =>
    Effect.gen(function* () {
      for (const prices of [{ other: cheap }, { "hosted/other": cheap }] as const) {
        const guard = yield* budget({ total: "$1/day", prices })
        let sent = false
        const call = Call.asEffect(() =>
          Effect.as(
            Effect.sync(() => (sent = true)),
            Summary.make()
          )
        )
        const error = yield* refusalOf(ask(guard(call)))
        assert.deepStrictEqual(error.reason, { _tag: "Unpriced", model: "gpt" })
        assert.strictEqual(error.failure.status, 403)
        const plain = yield* refusalOf(guard(Effect.sync(() => (sent = true))))
        assert.deepStrictEqual(plain.reason, { _tag: "Unpriced", model: "default" })
        assert.isFalse(sent)
        assert.deepStrictEqual(yield* inTotal(guard), amounts())
      }
    })
  )

  it.effect("counts as free, or at a price, where that is said", () =>
    Effect.gen(function* () {
      const call = (guard: Budget.Budget) => ask(guard(answering(usage)))
      for (const prices of [{}, { other: cheap }] as ReadonlyArray<Record<string, typeof cheap>>) {
        assert.strictEqual(yield* billOf({ prices, unpriced: "free" }, call), 0)
        assert.strictEqual(yield* billOf({ prices, unpriced: dear }, call), dearBill)
      }
    })
  )

  it.effect("is no matter to a budget in tokens", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "10000 tok/day" })
      yield* to("gpu1/llama")(ask(guard(answering(usage))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 110 }))
      const both = yield* budget({ total: "10000 tok/day", each: "$1/day", prices: { other: cheap } })
      assert.strictEqual((yield* refusalOf(ask(both(answering(usage))))).reason._tag, "Unpriced")
    })
  )
})

describe("What is free", () => {
  const prices = { gpt: { input: 1, output: 100 }, llama: "free" } as const
  const local = Question.chat("llama", "How high is the dam?")

  it.effect("is never refused by a budget in money, not even by one in debt", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$0.5/day", each: "$0.5/day", prices })
      yield* ask(guard(answering({ input: 0, output: 90_000 })))
      yield* refusalOf(ask(guard(answering(usage)), question(1)))
      for (let index = 0; index < 5; index++) yield* ask(guard(answering({ input: 50_000, output: 50_000 })), local)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 9_000_000 }))
      assert.deepStrictEqual(yield* of(guard, "default"), amounts({ spent: 9_000_000 }))
    })
  )

  it.effect("costs nothing when it is lost either", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$0.5/day", prices })
      yield* Effect.exit(ask(guard(breaking()), local))
      assert.deepStrictEqual(yield* inTotal(guard), amounts())
    })
  )

  it.effect("counts all the same where tokens are limited", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "5000 tok/day", prices })
      yield* ask(guard(answering({ input: 1_000, output: 1_000 })), local)
      assert.strictEqual((yield* refusalOf(ask(guard(answering(usage)), local))).reason._tag, "BudgetSpent")
    })
  )

  it.effect("may be a budget of nothing: it admits what is free and nothing else", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$0/day", prices })
      yield* ask(guard(answering(usage)), local)
      const refused = yield* refusalOf(ask(guard(answering(usage))))
      assert.strictEqual(refused.reason._tag, "BudgetSpent")
      assert.match(refused.message, /^The answer may cost \$[\d.]+, more than the budget of \$0\/day ever holds: lower/)
      assert.isUndefined(refused.retryAfter)
    })
  )
})

describe("Sums of money", () => {
  it.effect("are exact to the micro-dollar after many calls of $0.0000015, each rounded up by itself", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$100/month", prices: { default: { input: 1.5, output: 1.5 } } })
      const call = guard(Policy.used({ input: 1, output: 0 }))
      for (let index = 0; index < 20_000; index++) yield* call
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 40_000 }))
    })
  )

  it.effect("do not drift by the fractions that a dollar has no exact number for", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$0.3/day", prices: { default: oneEach } })
      const tenth = Policy.about({ tokens: 100_000 })(guard(Effect.void))
      for (let index = 0; index < 3; index++) yield* tenth
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 300_000 }))
      yield* refusalOf(guard(Effect.void))
    })
  )

  it.effect("stay whole when a server counts parts of a token", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "$1/day", each: "1000 tok/day", prices: { default: oneEach } })
      for (let index = 0; index < 10; index++)
        yield* Policy.about({ tokens: 9 })(guard(Policy.used({ input: 0.1, output: 0 })))
      const { each, total } = yield* guard.standing()
      assert.isTrue(Number.isInteger(total!.spent), `${total!.spent} micro-dollars`)
      assert.isTrue(Number.isInteger(each!.spent), `${each!.spent} tokens`)
    })
  )
})

describe("What costs nothing", () => {
  it.effect("is not turned away because there is no room to count it, and what costs something is", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make({ keysMax: 1 })
      const guard = yield* Effect.provideService(
        budget({ each: "$1/day", prices: { "gpu/llama": "free", "hosted/gpt": { input: 1, output: 1 } } }),
        Store.StoreService,
        store
      )
      const asks = (caller: string, target: string) => Policy.about({ caller, target })(guard(Effect.succeed(42)))
      assert.strictEqual(yield* asks("ann", "hosted/gpt"), 42)
      assert.strictEqual(yield* asks("bob", "gpu/llama"), 42)
      assert.strictEqual((yield* Effect.flip(asks("bob", "hosted/gpt"))).reason._tag, "BudgetSpent")
    })
  )
})
