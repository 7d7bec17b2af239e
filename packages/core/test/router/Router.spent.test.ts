/** A budget that is spent: overflow is off for whom it is, and what is free goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { asking, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"

const spending = (overflow: ReadonlyArray<string>) =>
  scene((servers) => ({
    upstreams: { ...upstreams(servers), hosted: { ...upstreams(servers).hosted, price: { input: 40, output: 40 } } },
    // One answer costs what one day has, but for a little.
    routes: { chat: { targets: ["gpu1/m"], overflow, maxTokens: 10, timeouts: { firstToken: "5m", idle: "5m" } } },
    budgets: { each: "$0.001/day" }
  }))

const within = { deadline: "10s" } as const

describe("a caller whose budget never holds what goes over", () => {
  it.effect("waits for what is free as well", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: {
          chat: { targets: ["gpu1/m"], overflow: ["hosted/big"], timeouts: { firstToken: "5m", idle: "5m" } }
        },
        budgets: { each: "$0.001/day" }
      }))
      states[0]!.takes = 19_000
      const busy = yield* asking(spillway)
      const first = yield* asking(spillway, "chat", within)
      yield* pass(9)
      assert.strictEqual(reasonOf(yield* Fiber.join(first)), "TimedOut")
      states[0]!.takes = 300
      const second = yield* asking(spillway, "chat", { deadline: "13s" })
      yield* pass(12)
      assert.strictEqual(whoOf(yield* Fiber.join(second)), "gpu1/m")
      yield* Fiber.join(busy)
    })
  )
})

describe("a caller whose budget is spent", () => {
  it.effect("waits for what is free until his time is over, and not only until others go over", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* spending(["hosted/big"])
      states[0]!.takes = 28_000
      const busy = yield* asking(spillway)
      const first = yield* asking(spillway, "chat", within)
      yield* pass(9)
      assert.strictEqual(whoOf(yield* Fiber.join(first)), "hosted/big")
      const second = yield* asking(spillway, "chat", within)
      yield* pass(9)
      // He has been told why he had to go over, which he could not pay.
      assert.strictEqual(reasonOf(yield* Fiber.join(second)), "TimedOut")
      assert.strictEqual(states[2]!.asked, 1)
      states[0]!.takes = 300
      const third = yield* asking(spillway, "chat", { deadline: "10500 millis" })
      const other = yield* asking(spillway, "chat", { ...within, caller: "other" })
      yield* pass(9.2)
      assert.strictEqual(whoOf(yield* Fiber.join(other)), "hosted/big")
      yield* pass(2)
      assert.strictEqual(whoOf(yield* Fiber.join(third)), "gpu1/m")
      yield* Fiber.join(busy)
    })
  )

  it.effect("goes over to what costs nothing", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* spending(["hosted/big", "gpu2/m"])
      states[0]!.takes = 600_000
      yield* asking(spillway)
      const told: Array<string | undefined> = []
      for (let each = 0; each < 3; each++) {
        const asked = yield* asking(spillway, "chat", within)
        yield* pass(10)
        told.push(whoOf(yield* Fiber.join(asked)))
      }
      assert.deepStrictEqual(told, ["hosted/big", "gpu2/m", "gpu2/m"])
    })
  )
})
