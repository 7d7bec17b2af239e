/**
 * The memory under the laws of stores, as it is and answering late, and its bound on keys.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryStore, Policy, RateLimit, Store } from "@spillway/core"
import { late } from "../laws/lateStore.ts"
import { testStore } from "../laws/testStore.ts"

const memory = Effect.orDie(MemoryStore.make())

testStore({
  name: "MemoryStore",
  make: memory,
  held: (store) => Effect.sync(() => (store as MemoryStore.MemoryStore).size)
})

testStore({
  name: "A store that answers late",
  make: Effect.map(memory, (store) => Object.assign(late(store), { store })),
  held: (store) => Effect.sync(() => (store as unknown as { store: MemoryStore.MemoryStore }).store.size)
})

describe("MemoryStore", () => {
  it.effect("refuses a new key when all it may hold are in use, and takes it when one is free", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make({ keysMax: 2 })
      const day = 86_400_000_000_000
      const take = (key: string, now: number) =>
        store.take(new Store.Ticket(1, "a limit", key, [{ cost: day, burst: day }]), 0, now)
      assert.strictEqual(take("one", 0)._tag, "Started")
      assert.strictEqual(take("two", 0)._tag, "Started")
      const refused = take("three", 0)
      assert.strictEqual(refused._tag, "Refused")
      assert.isAbove(refused._tag === "Refused" ? refused.retryAfter : 0, 0)
      assert.strictEqual(store.size, 2)
      assert.strictEqual(take("three", day)._tag, "Started")
    })
  )

  it.effect("refuses options that make no sense", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(MemoryStore.make({ keysMax: 0 }))
      assert.include(refused.message, "keysMax")
    })
  )

  it.effect("serves all policies of a program, each by its own name, when it is provided as a layer", () =>
    Effect.gen(function* () {
      const limits = Effect.gen(function* () {
        const first = yield* RateLimit.make({ rate: "1/min" })
        const second = yield* RateLimit.make({ rate: "1/min" })
        yield* Policy.about({ caller: "someone" })(first(Effect.void))
        yield* Policy.about({ caller: "someone" })(second(Effect.void))
        return (yield* Store.StoreService) as MemoryStore.MemoryStore
      })
      const store = yield* limits.pipe(Effect.provide(MemoryStore.layer()))
      assert.strictEqual(store.size, 2)
    })
  )

  it.effect("keeps the counters of a named guard under its name, so that they outlive the guard", () =>
    Effect.gen(function* () {
      class Guard extends Policy.Service<Guard>()("test/Guard", Policy.all([RateLimit.make({ rate: "1/min" })])) {}
      const store = yield* MemoryStore.make()
      const shared = Layer.provide(Guard.layer, Layer.succeed(Store.StoreService, store))
      // Built twice, as by two processes or two releases.
      yield* Guard.guard(Effect.void).pipe(Effect.provide(Layer.fresh(shared)))
      const error = yield* Effect.flip(Guard.guard(Effect.void).pipe(Effect.provide(Layer.fresh(shared))))
      assert.strictEqual(error._tag, "SpillwayError")
    })
  )
})
