/**
 * The memory under the laws of stores, as it is and answering late, and its bound on keys.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryStore, Policy, RateLimit, Store } from "@spillway/core"
import { late } from "../laws/lateStore.ts"
import { testStore } from "../laws/testStore.ts"

const memory = (options?: MemoryStore.Options) => Effect.orDie(MemoryStore.make(options))

testStore({
  name: "MemoryStore",
  make: memory(),
  holding: (keysMax) => memory({ keysMax }),
  held: (store) => Effect.sync(() => (store as MemoryStore.MemoryStore).size)
})

const lateMemory = (options?: MemoryStore.Options) =>
  Effect.map(memory(options), (store) => Object.assign(late(store), { store }))

testStore({
  name: "A store that answers late",
  make: lateMemory(),
  holding: (keysMax) => lateMemory({ keysMax }),
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
      assert.deepStrictEqual(take("three", 0), { _tag: "Refused", retryAfter: day, full: true })
      // It has just looked, a nanosecond too early, and looks again after a second.
      const second = 1_000_000_000
      assert.deepStrictEqual(take("three", day - 1), { _tag: "Refused", retryAfter: second, full: true })
      assert.strictEqual(store.size, 2)
      assert.strictEqual(take("three", day - 1 + second)._tag, "Started")
    })
  )

  it.effect("holds the keys of limits and of budgets in one room", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make({ keysMax: 2 })
      const second = 1_000_000_000
      const ticket = () => new Store.Ticket(1, "a limit", "someone", [{ cost: second, burst: second }])
      const reservation = (key: string, until = 60 * second) =>
        new Store.Reservation(1, "a budget", [{ key, window: 0, until, limit: 100, amount: 1 }], until)
      assert.strictEqual(store.take(ticket(), 0, 0)._tag, "Started")
      assert.strictEqual(store.reserve(reservation("one"), 0)._tag, "Reserved")
      assert.strictEqual(store.size, 2)
      assert.deepStrictEqual(store.reserve(reservation("two"), 0), { _tag: "Spent", account: 0, full: true })
      // The line is idle after a second, and gives its place to an account; the next line then waits for one of those.
      assert.strictEqual(store.reserve(reservation("two"), second)._tag, "Reserved")
      const refused = store.take(ticket(), 0, 2 * second)
      assert.deepStrictEqual(refused, { _tag: "Refused", retryAfter: 58 * second, full: true })
      assert.strictEqual(store.take(ticket(), 0, 60 * second)._tag, "Started")
      assert.strictEqual(store.size, 1)
    })
  )

  it.effect("takes a new key at once when others are idle, and is not grown by what is settled late", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make({ keysMax: 2 })
      const second = 1_000_000_000
      const claim = (key: string) => new Store.Ticket(1, "a limit", key, [{ cost: second, burst: second }])
      const early = Array.from({ length: 50 }, (_, index) => claim(`key ${index}`))
      for (const [index, ticket] of early.entries()) {
        assert.strictEqual(store.take(ticket, 0, index * second)._tag, "Started", `key ${index}`)
      }
      for (const ticket of early) store.settle(ticket, [0], 100 * second)
      assert.isAtMost(store.size, 2)
    })
  )

  it.effect("gives nothing back for a ticket whose key was forgotten meanwhile", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make()
      const second = 1_000_000_000
      const claim = (key = "someone") => new Store.Ticket(1, "a limit", key, [{ cost: second, burst: 2 * second }])
      const long = claim()
      for (let index = 0; index < 40; index++) {
        const refunded = claim()
        store.take(refunded, 0, index)
        store.giveBack(refunded, index)
      }
      store.take(claim(), 0, 50)
      store.take(long, 0, 50)
      // Long after: the key is forgotten, and new.
      store.take(claim("somebody else"), 0, 1_000 * second)
      const at = 1_001 * second
      for (let index = 0; index < 2; index++) assert.strictEqual(store.take(claim(), 0, at)._tag, "Started")
      store.settle(long, [0], at)
      assert.strictEqual(store.take(claim(), 0, at)._tag, "Refused")
    })
  )

  it.effect("counts anew when a limit of the same name has other charges than before", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make()
      const charge = { cost: 1_000, burst: 1_000 }
      const claim = (charges: ReadonlyArray<Store.Charge>) => new Store.Ticket(1, "a limit", "someone", charges)
      assert.strictEqual(store.take(claim([charge]), 0, 0)._tag, "Started")
      assert.strictEqual(store.take(claim([charge, charge]), 0, 0)._tag, "Started")
      assert.deepStrictEqual(store.take(claim([charge, charge]), 0, 0), { _tag: "Refused", retryAfter: 1_000 })
      assert.strictEqual(store.size, 1)
    })
  )

  it.effect("sweeps also when many calls come within a minute", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make()
      for (let index = 0; index < 10_000; index++) {
        store.take(new Store.Ticket(1, "a limit", `key ${index}`, [{ cost: 1, burst: 1 }]), 0, index * 1_000)
      }
      assert.isAtMost(store.size, 200)
    })
  )

  it.effect("tells apart two limits that were made by hand within one guard", () =>
    Effect.gen(function* () {
      class Two extends Policy.Service<Two>()(
        "test/Two",
        Effect.gen(function* () {
          const outer = yield* RateLimit.make({ rate: "10/min" })
          const inner = yield* RateLimit.make({ rate: "10/min", tokens: "1000 tok/min", wait: "1s", per: "target" })
          return yield* Policy.all([outer, inner])
        })
      ) {}
      const store = yield* MemoryStore.make()
      const shared = Layer.provide(Two.layer, Layer.succeed(Store.StoreService, store))
      yield* Effect.forEach(Array.from({ length: 10 }), () => Two.guard(Effect.void)).pipe(Effect.provide(shared))
      assert.strictEqual(store.size, 2)
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
