/** The router: where a call goes, what becomes of it where that fails, and what is on record of it. */
import { assert, describe, it } from "@effect/vitest"
import { type Call, refusal, type SpillwayError } from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { asking, chat, pass, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("a call", () => {
  it.effect("is sent to whichever of its targets has room, asks for the model of that, and is on record", () =>
    Effect.gen(function* () {
      const { records, spillway } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway, "chat", { caller: "ann" }))
      yield* pass(2)
      const answers = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(answers.map((each) => `${whoOf(each)}`).toSorted(), ["gpu1/m", "gpu2/m"])
      assert.lengthOf(records, 2)
      assert.deepInclude(records[0], {
        caller: "ann",
        route: "chat",
        model: "chat",
        target: "gpu1/m",
        status: 200,
        costUsd: 0
      })
    })
  )

  it.effect("waits for the first that comes free, and never in the line of one", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      states[0]!.takes = 100_000
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => asking(spillway))
      yield* pass(8)
      const done = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined)
      assert.strictEqual(done.length, 4)
      assert.deepStrictEqual([states[0]!.asked, states[1]!.asked, states[1]!.most], [1, 4, 1])
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("that fails at one is asked of another at once, and goes over where none of them can", () =>
    Effect.gen(function* () {
      const { records, spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat },
        defaults: { retry: { attempts: 1 } }
      }))
      states[0]!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      const first = yield* asking(spillway)
      yield* pass(3)
      assert.strictEqual(whoOf(yield* Fiber.join(first)), "gpu2/m")
      states[1]!.fails = refusal({ _tag: "Overloaded", target: "gpu2/m" })
      const second = yield* asking(spillway)
      yield* pass(5)
      assert.strictEqual(whoOf(yield* Fiber.join(second)), "hosted/big")
      const [, record] = records
      const goes = record!.attempts.map(({ outcome, target }) => `${target} ${outcome}`)
      assert.deepStrictEqual(goes.slice(0, 2).toSorted(), ["gpu1/m overloaded", "gpu2/m overloaded"])
      assert.deepStrictEqual(goes.slice(2), ["hosted/big ok"])
    })
  )

  it.effect("goes over soon where nobody listens at its own target, however often that may be tried", () =>
    Effect.gen(function* () {
      const call: Call.Call<SpillwayError> = (_, attempt) => {
        attempt.sent = false
        return Effect.fail(refusal({ _tag: "Unreachable", target: "gpu1/m", problem: "refused", parts: 0 }))
      }
      const { spillway } = yield* scene((servers) => ({
        upstreams: { ...upstreams(servers), gpu1: { upstream: { call }, slots: 1 } },
        routes: { chat: { targets: ["gpu1/m"], overflow: ["hosted/big"] } }
      }))
      const fiber = yield* asking(spillway)
      yield* pass(3.2)
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual(whoOf(yield* Fiber.join(fiber)), "hosted/big")
    })
  )

  it.effect("that breaks in its midst goes on where another says the same", () =>
    Effect.gen(function* () {
      const { records, spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat }
      }))
      states[0]!.breaksAfter = 1
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(6)
      for (const exit of yield* Fiber.joinAll(fibers)) {
        assert.strictEqual(Exit.isSuccess(exit) ? exit.value.text : reasonOf(exit), "The dam is high.")
      }
      assert.isTrue(records.some(({ attempts }) => attempts.some(({ rescue }) => rescue === "repeat")))
    })
  )

  it.effect("that its own targets cannot serve in time goes over at once, or is told so where it may not", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { ...chat, queue: { max: 2 } } },
        callers: { nightly: { overflow: "never" } }
      }))
      for (const state of states.slice(0, 2)) state.takes = 60_000
      for (const [caller, end] of [
        ["ann", "hosted/big"],
        ["nightly", "QueueFull"]
      ] as const) {
        const busy = yield* Effect.forEach([1, 2, 3, 4], () => asking(spillway, "chat", { caller }))
        const last = yield* asking(spillway, "chat", { caller })
        yield* pass(2)
        const exit = yield* Fiber.join(last)
        assert.strictEqual(whoOf(exit) ?? reasonOf(exit), end)
        for (const fiber of busy) yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("finds a hang in time for another to answer", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      states[0]!.takes = 1e9
      const fibers = yield* Effect.forEach([1, 2], () => asking(spillway))
      yield* pass(100)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(reasonOf), ["ok", "ok"])
    })
  )
})
