/** Models that no route names: where they are asked, and what is remembered of names that callers invent. */
import { assert, describe, it } from "@effect/vitest"
import { refusal } from "@spillway/core"
import { Effect, Fiber } from "effect"
import * as Router from "../../src/router/Router.ts"
import { explain } from "../../src/router/Standing.ts"
import { asking, chat, pass, reasonOf, scene, server, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("a model that no route names", () => {
  it.effect("is not asked by who must not go over where only that goes, nor guessed to be where it costs", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { ...chat, targets: ["gpu1/m"] } },
        callers: { nightly: { overflow: "never" } }
      }))
      const never = yield* asking(spillway, "hosted/big", { caller: "nightly" })
      assert.strictEqual(reasonOf(yield* Fiber.join(never)), "Forbidden")
      const fibers = yield* Effect.forEach([1, 2, 3], () => asking(spillway, "whatever"))
      yield* pass(4)
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(states[2]!.asked, 0)
    })
  )

  it.effect("is found once it is there, and names that nobody has leave nothing behind", () =>
    Effect.gen(function* () {
      const models = [{ name: "old:latest", loaded: false }]
      const inspect = Effect.sync(() => ({ models: [...models] }))
      const { spillway } = yield* scene(([one]) => ({
        upstreams: { gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect }, slots: 4 } },
        defaults: { health: { every: "1s" } }
      }))
      const ask = (model: string) =>
        Effect.gen(function* () {
          const fiber = yield* asking(spillway, model)
          yield* pass(2)
          return reasonOf(yield* Fiber.join(fiber))
        })
      assert.strictEqual(yield* ask("old"), "ok")
      assert.strictEqual(yield* ask("new"), "ModelNotFound")
      models.push({ name: "new:latest", loaded: false })
      assert.strictEqual(yield* ask("new"), "ok")
      for (let each = 0; each < 1_500; each++) yield* Effect.ignore(spillway.explain(`gpu1/junk${each}`))
      assert.strictEqual((yield* spillway.status).routes.length, 2)
      for (const name of ["x".repeat(10_000), "gpu1/", "gpu1/a b", ""]) {
        assert.strictEqual(yield* ask(name), "ModelNotFound", name)
      }
    })
  )

  it.effect("and that nobody has is refused with the model or the route that has nearly its name", () =>
    Effect.gen(function* () {
      const inspect = Effect.succeed({ models: [{ name: "llama3.1:latest", loaded: false }] })
      const { spillway } = yield* scene(([one]) => ({
        upstreams: { gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect } } },
        routes: { chat: { targets: ["gpu1/llama3.1"] } }
      }))
      yield* Fiber.join(yield* Effect.tap(asking(spillway), () => pass(2)))
      const near = (model: string) =>
        Effect.map(Effect.flip(spillway.ask({ model, prompt: "How high?" })), ({ message, reason }) => [
          "near" in reason ? reason.near : undefined,
          message.includes("did you mean")
        ])
      assert.deepStrictEqual(yield* Effect.forEach(["lama3.1", "Chta", "qwen3:8b", "x".repeat(10_000)], near), [
        ["llama3.1", true],
        ["chat", true],
        [undefined, false],
        [undefined, false]
      ])
    })
  )

  it.effect("is still asked by one of its names when another one was forgotten", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene(([one]) => ({
        upstreams: { gpu1: { upstream: one!.upstream, slots: 1 } }
      }))
      const ask = (model: string) =>
        Effect.gen(function* () {
          const fiber = yield* asking(spillway, model)
          yield* pass(1.1)
          return whoOf(yield* Fiber.join(fiber))
        })
      assert.deepStrictEqual([yield* ask("gpu1/m"), yield* ask("m")], ["gpu1/m", "gpu1/m"])
      states[0]!.takes = 1
      const junk = yield* Effect.forEach(Array.from({ length: 999 }), (_, each) => asking(spillway, `gpu1/junk${each}`))
      yield* pass(2)
      yield* Fiber.joinAll(junk)
      states[0]!.takes = 1_000
      assert.strictEqual(yield* ask("m"), "gpu1/m")
      states[0]!.most = 0
      const fibers = yield* Effect.forEach(["m", "gpu1/m"], (model) => asking(spillway, model))
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf), ["gpu1/m", "gpu1/m"])
      assert.strictEqual(states[0]!.most, 1)
    })
  )

  it.effect("is asked where its name says, or wherever it may be, and is not there otherwise", () =>
    Effect.gen(function* () {
      const inspect = Effect.succeed({ models: [{ name: "m:latest", loaded: false }] })
      const { spillway } = yield* scene(([one, two]) => ({
        upstreams: {
          gpu1: { upstream: { name: "gpu1", ...one!.upstream, inspect }, slots: 4 },
          gpu2: { upstream: { name: "gpu2", ...two!.upstream, inspect }, slots: 4 }
        }
      }))
      const ask = (model: string) =>
        Effect.gen(function* () {
          const fiber = yield* asking(spillway, model)
          yield* pass(2)
          return yield* Fiber.join(fiber)
        })
      assert.strictEqual(whoOf(yield* ask("gpu2/n")), "gpu2/n")
      assert.match(`${whoOf(yield* ask("m"))}`, /^gpu[12]\/m$/)
      assert.strictEqual(reasonOf(yield* ask("nobody")), "ModelNotFound")
    })
  )

  it.effect("leaves nothing behind where somebody only looks", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ upstreams: { gpu1: server("gpu1").upstream } })
      for (let each = 0; each < 10; each++) yield* explain(router, `gpu1/junk${each}`)
      assert.strictEqual(router.servers.named.length, 0)
      const asked = yield* router.route("gpu1/m", Fiber.getCurrent())
      yield* explain(router, "m")
      assert.strictEqual(router.servers.find("gpu1/m")?.member, asked.tiers[0]!.pool.members[0])
    })
  )

  it.effect("is waited for, also where somebody looks or its name is forgotten meanwhile", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene(([one, two]) => ({
        upstreams: { gpu1: { upstream: one!.upstream, slots: 1 }, gpu2: { upstream: two!.upstream, slots: 1 } }
      }))
      const fibers = [yield* asking(spillway, "gpu1/m")]
      yield* spillway.explain("gpu1/m")
      fibers.push(yield* asking(spillway, "gpu1/m"), yield* asking(spillway, "gpu1/m"))
      yield* pass(1.1)
      assert.deepStrictEqual([states[0]!.asked, states[0]!.running], [2, 1])
      states[1]!.takes = 1
      const junk = yield* Effect.forEach(Array.from({ length: 1_000 }), (_, each) =>
        asking(spillway, `gpu2/junk${each}`)
      )
      yield* pass(3)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(whoOf), ["gpu1/m", "gpu1/m", "gpu1/m"])
      yield* Fiber.joinAll(junk)
    })
  )
})

describe("a route that leaves the model of a target open", () => {
  it.effect("has its own way for each model, and its limits and its other targets for all of them", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 4),
        routes: { open: { targets: ["gpu1/*"], overflow: ["hosted/big"], retry: { attempts: 1 } } },
        callers: { ann: { routes: ["open"], rate: "3/min", burst: 3 }, bob: { routes: ["other"] } },
        defaults: { breaker: { failures: 1, open: "1m" } }
      }))
      states[0]!.fails = refusal({ _tag: "Overloaded", target: "gpu1/bad" })
      states[0]!.failsFor = "bad"
      const answers: Array<string | undefined> = []
      for (const model of ["open/bad", "open/org/good", "open/bad"]) {
        const asked = yield* asking(spillway, model, { caller: "ann" })
        yield* pass(2)
        answers.push(whoOf(yield* Fiber.join(asked)))
      }
      assert.deepStrictEqual(answers, ["hosted/big", "gpu1/org/good", "hosted/big"])
      // The circuit of one of them is open, and the others are asked.
      assert.strictEqual(states[0]!.asked, 2)
      const refused = yield* Effect.forEach(["ann", "bob"], (caller) => asking(spillway, "open/org/good", { caller }))
      assert.deepStrictEqual((yield* Fiber.joinAll(refused)).map(reasonOf), ["RateLimited", "Forbidden"])
    })
  )
})
