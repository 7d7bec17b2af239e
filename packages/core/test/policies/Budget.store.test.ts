/**
 * Budget and its store: names, bills that arrive twice or not at all, room that runs out, and leases.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Budget, MemoryStore, Policy, RateLimit, refusal, Store } from "@spillway/core"
import { amounts, budget, inTotal, refusalOf, withStore } from "../fixtures/bills.ts"

const tokens = (count: number) => Policy.about({ tokens: count })
const as = (caller: string) => Policy.about({ caller })
const uses = (count: number) => Policy.used({ input: count, output: 0 })
const start = { startImmediately: true }
const away = refusal({ _tag: "Unavailable" })
const refusing = Effect.fail(away)

describe("Budget's store", () => {
  it.effect("keeps budgets of one shared store apart by the names of their guards, and keeps them for the next", () =>
    Effect.gen(function* () {
      class One extends Policy.Service<One>()("one", Budget.make({ total: "10 tok/day" })) {}
      class Two extends Policy.Service<Two>()("two", Budget.make({ total: "10 tok/day" })) {}
      const memory = Layer.succeed(Store.StoreService, yield* Effect.orDie(MemoryStore.make()))
      const first = Effect.gen(function* () {
        yield* tokens(8)(One.guard(Effect.void))
        yield* tokens(8)(Two.guard(Effect.void))
        yield* refusalOf(tokens(8)(One.guard(Effect.void)))
      })
      yield* Effect.provide(first, Layer.mergeAll(One.layer, Two.layer).pipe(Layer.provide(memory)))
      const restarted = Effect.all([refusalOf(tokens(3)(One.guard(Effect.void))), tokens(2)(One.guard(Effect.void))])
      yield* Effect.provide(restarted, One.layer.pipe(Layer.provide(memory)))
    })
  )

  it.effect("may be told of a bill twice: it is paid once", () =>
    Effect.gen(function* () {
      const twice = (store: Store.Store): Store.Store => ({
        ...store,
        reserve: (...asked) => {
          store.reserve(...asked)
          return store.reserve(...asked)
        },
        charge: (...asked) => {
          const told = store.charge(...asked)
          store.charge(...asked)
          return told
        }
      })
      const guard = yield* withStore(twice, budget({ total: "1000 tok/day" }))
      yield* tokens(600)(guard(uses(100)))
      yield* refusalOf(tokens(600)(guard(refusing)))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100 }))
    })
  )

  it.effect("is told of no bill for a call that it refused, so that a refusal costs one ask", () =>
    Effect.gen(function* () {
      let charges = 0
      const counting = (store: Store.Store): Store.Store => ({
        ...store,
        charge: (...asked) => {
          charges++
          return store.charge(...asked)
        }
      })
      const guard = yield* withStore(counting, budget({ total: "10 tok/day" }))
      yield* tokens(10)(guard(Effect.void))
      yield* refusalOf(guard(Effect.void))
      assert.strictEqual(charges, 1)
    })
  )

  it.effect("lets nothing run that it cannot reserve for, and takes no answer away that it cannot charge for", () =>
    Effect.gen(function* () {
      const unreachable = yield* withStore(
        (store) => ({ ...store, reserve: () => Effect.fail(away) }),
        budget({ total: "1000 tok/day" })
      )
      let ran = false
      assert.strictEqual(yield* refusalOf(unreachable(Effect.sync(() => (ran = true)))), away)
      assert.isFalse(ran)
      const forgetful = yield* withStore(
        (store) => ({ ...store, charge: () => Effect.fail(away) }),
        budget({ total: "1000 tok/day" })
      )
      assert.strictEqual(yield* forgetful(Effect.succeed("an answer")), "an answer")
    })
  )

  it.effect("says so when it holds as many keys as it may, and has room again when windows are over", () =>
    Effect.gen(function* () {
      const store = yield* Effect.orDie(MemoryStore.make({ keysMax: 2 }))
      const guard = yield* Effect.provideService(budget({ each: "10 tok/hour" }), Store.StoreService, store)
      yield* as("ann")(guard(Effect.void))
      yield* as("bob")(guard(Effect.void))
      assert.include((yield* refusalOf(as("eve")(guard(Effect.void)))).message, "no room to count")
      yield* TestClock.adjust("1 hour")
      yield* as("eve")(guard(Effect.void))
    })
  )
})

describe("A lease", () => {
  it.effect("charges in full what has not ended by then, until its bill says better", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day", lease: "10m" })
      const slow = yield* Effect.forkChild(tokens(700)(guard(Effect.andThen(Effect.sleep("1 hour"), uses(50)))), start)
      yield* TestClock.adjust(599_999)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: 700 }))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 700, unsettled: 700 }))
      yield* refusalOf(tokens(301)(guard(Effect.void)))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(slow)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 50 }))
    })
  )

  it.effect("lasts an hour unless it is said otherwise", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "1000 tok/day" })
      yield* Effect.forkChild(tokens(5)(guard(Effect.never)), start)
      yield* TestClock.adjust(3_599_999)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ reserved: 5 }))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 5, unsettled: 5 }))
    })
  )
})

describe("A store that breaks when it is told the end", () => {
  it.effect("fails no answer that has been given, whether it fails, dies or throws", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      const breaks: ReadonlyArray<() => Store.Answer<never>> = [
        () => Effect.fail(refusal({ _tag: "Unknown" })),
        () => Effect.die("a bug"),
        () => {
          throw new Error("a bug")
        }
      ]
      for (const broken of breaks) {
        const store: Store.Store = {
          take: memory.take,
          reserve: memory.reserve,
          balance: memory.balance,
          settle: broken,
          giveBack: broken,
          charge: broken
        }
        const policies = [Budget.make({ total: "1000 tok/day" }), RateLimit.make({ tokens: "1000 tok/s" })] as const
        for (const making of policies) {
          const guard = yield* Effect.provideService(making, Store.StoreService, store)
          const used = Effect.as(Policy.used({ input: 1, output: 1 }), 42)
          assert.strictEqual(yield* Policy.about({ tokens: 10 })(guard(used)), 42)
        }
      }
    })
  )
})
