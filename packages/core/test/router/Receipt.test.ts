/** What a caller is told beside his answer, and how far a call has come while it is under way. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Facts, Part, Policy, Question, refusal, Spillway, Summary } from "@spillway/core"
import { Context, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { chat, pass, scene, upstreams } from "../fixtures/routing.ts"

/** Puts a question whose facts can be looked at. */
const put = (spillway: Spillway["Service"], about: Policy.About = {}) =>
  Effect.gen(function* () {
    let facts: Facts.Facts | undefined
    const noted: typeof spillway.call = Effect.withFiber((fiber) => {
      facts = fiber.getRef(Facts.Facts)
      return spillway.call
    })
    const asked = Answer.collect(noted, Question.chat("chat", "How high?")).pipe(Policy.about(about))
    const fiber = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
    return { fiber, facts: facts!, progress: Effect.suspend(() => spillway.progress(facts!)) }
  })

describe("a receipt", () => {
  it.effect("says who answered, after how many tries and how long in line, and what that costs", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({ upstreams: upstreams(servers), routes: { chat } }))
      const first = yield* Effect.forkChild(spillway.ask({ model: "chat", prompt: "How high?" }))
      yield* pass(2)
      const { attempts, costUsd, queueMs, target } = yield* Fiber.join(first)
      assert.deepStrictEqual(
        { attempts, costUsd, queueMs, target },
        {
          attempts: 1,
          costUsd: 0,
          queueMs: 0,
          target: "gpu1/m"
        }
      )
      for (const state of states.slice(0, 2)) state.fails = refusal({ _tag: "Overloaded", target: "gpu" })
      const { facts, fiber } = yield* put(spillway)
      yield* pass(10)
      yield* Fiber.join(fiber)
      const receipt = spillway.receipt(facts)
      assert.strictEqual(receipt.target, "hosted/big")
      assert.isAtLeast(receipt.attempts, 3)
      assert.strictEqual(receipt.costUsd, 20 / 1_000_000)
    })
  )

  it.effect("counts how long one waited for his turn, and names nobody where he was refused", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({
        upstreams: { gpu1: { upstream: servers[0]!.upstream, slots: 1 } },
        routes: { chat: { targets: ["gpu1/m"], queue: { max: 1 } } }
      }))
      const [first, second, third] = [yield* put(spillway), yield* put(spillway), yield* put(spillway)]
      yield* pass(3)
      for (const { fiber } of [first, second, third]) yield* Fiber.join(fiber)
      assert.strictEqual(spillway.receipt(first.facts).queueMs, 0)
      assert.strictEqual(spillway.receipt(second.facts).queueMs, 1_000)
      assert.include(spillway.receipt(third.facts), { target: undefined, attempts: 0 })
    })
  )
})

describe("the progress of a call", () => {
  it.effect("is its place in line and when its turn comes, and then what it waits for", () =>
    Effect.gen(function* () {
      const call: Call.Call = (_, attempt) =>
        Effect.gen(function* () {
          attempt.enter("load")
          yield* Effect.sleep(1_000)
          attempt.enter("firstToken")
          yield* Effect.sleep(1_000)
          void attempt.emit(Part.text("High"))
          yield* Effect.sleep(1_000)
          return Summary.make()
        })
      const layer = Spillway.layer({
        upstreams: { gpu1: { upstream: { call }, slots: 1 } },
        routes: { chat: { targets: ["gpu1/m"] } }
      })
      const spillway = Context.get(yield* Layer.build(layer), Spillway)
      const warming = yield* put(spillway)
      yield* pass(3)
      yield* Fiber.join(warming.fiber)
      const first = yield* put(spillway)
      const [second, third] = [yield* put(spillway), yield* put(spillway, { priority: "high" })]
      assert.include(yield* first.progress, { stage: "load", target: "gpu1/m", parts: 0, position: undefined })
      const { position, startsIn } = yield* second.progress
      assert.strictEqual(position, 2)
      // What one has taken is all that is known of the other two.
      assert.closeTo(Duration.toSeconds(startsIn!), 5.5, 0.6)
      assert.include(yield* third.progress, { stage: "queue", position: 1, target: undefined, attempts: 0 })
      yield* TestClock.adjust(1_000)
      assert.include(yield* first.progress, { stage: "firstToken", parts: 0 })
      yield* TestClock.adjust(1_000)
      assert.include(yield* first.progress, { stage: "answer", parts: 1, isOver: false })
      yield* pass(10)
      for (const { fiber } of [first, second, third]) yield* Fiber.join(fiber)
      assert.include(yield* third.progress, { stage: "queue", position: undefined, attempts: 1, parts: 1 })
    })
  )

  it.effect("says that it went over, and where it is asked again after a pause", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { ...chat, retry: { attempts: 1 } } }
      }))
      for (const state of states.slice(0, 2)) state.fails = refusal({ _tag: "Overloaded", target: "gpu" })
      const { fiber, progress } = yield* put(spillway)
      assert.include(yield* progress, { target: "gpu1/m", isOver: false, attempts: 1 })
      yield* pass(1.1)
      assert.include(yield* progress, { target: "hosted/big", isOver: true })
      yield* pass(2)
      yield* Fiber.join(fiber)
    })
  )
})
