/** Looks at a server: when they are taken, and what has to be seen before it is down, or up again. */
import { assert, describe, it } from "@effect/vitest"
import { type Inspection, refusal } from "@spillway/core"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Health } from "../../src/router/Health.ts"

const scene = (takes = 10) =>
  Effect.sync(() => {
    const state = { looks: 0, isUp: true, models: [{ name: "m:latest", loaded: true }] as Inspection["models"] }
    const inspect = Effect.suspend(() => {
      state.looks++
      const seen = state.isUp ? Effect.succeed({ models: state.models }) : Effect.fail(refusal({ _tag: "Unknown" }))
      return Effect.delay(seen, takes)
    })
    const health = new Health({ inspect }, { every: Duration.seconds(30), timeout: Duration.seconds(2) })
    /** Somebody asks for something, so many times a second, for so long. */
    const asking = (seconds: number) =>
      Effect.gen(function* () {
        for (let tick = 0; tick < seconds * 5; tick++) {
          yield* Effect.withFiber((fiber) =>
            Effect.map(
              Effect.clockWith((clock) => clock.monotonicTimeNanos),
              (now) => health.glance(fiber, Number(now))
            )
          )
          yield* TestClock.adjust(200)
        }
      })
    return { asking, health, state }
  })

const now = Effect.clockWith((clock) => Effect.map(clock.monotonicTimeNanos, Number))

describe("a server", () => {
  it.effect("is looked at while somebody asks, every now and then, and not while nobody does", () =>
    Effect.gen(function* () {
      const { asking, state } = yield* scene()
      assert.strictEqual(state.looks, 0)
      yield* asking(300)
      // Every half a minute, give or take a fifth.
      assert.isAtLeast(state.looks, 8)
      assert.isAtMost(state.looks, 13)
      const { looks } = state
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(state.looks, looks)
    })
  )

  it.effect("is down after two looks in a row that fail, and up after two that do not", () =>
    Effect.gen(function* () {
      const { asking, health, state } = yield* scene()
      yield* asking(1)
      assert.isFalse(health.seen.isDown)
      const downs: Array<boolean> = []
      // One that flaps stays as it was.
      for (const isUp of [false, true, false, false, true, false, true, true]) {
        state.isUp = isUp
        const { looks } = state
        while (state.looks === looks) yield* asking(0.2)
        yield* asking(0.2)
        downs.push(health.seen.isDown)
      }
      assert.deepStrictEqual(downs, [false, false, false, true, true, true, true, false])
    })
  )

  it.effect("has a model loaded that has just answered, until a look says otherwise", () =>
    Effect.gen(function* () {
      const { asking, health, state } = yield* scene()
      health.answered("n")
      assert.isUndefined(health.isLoaded("n"))
      state.models = [
        { name: "m", loaded: true },
        { name: "n", loaded: false }
      ]
      yield* asking(1)
      assert.isFalse(health.isLoaded("n"))
      health.answered("n")
      assert.isTrue(health.isLoaded("n"))
      yield* asking(40)
      assert.isFalse(health.isLoaded("n"))
    })
  )

  it.effect("that somebody could not reach is looked at within a second, and again a second later", () =>
    Effect.gen(function* () {
      const { asking, health, state } = yield* scene()
      yield* asking(10)
      state.isUp = false
      const { looks } = state
      for (let each = 0; each < 100; each++) health.suspect(yield* now)
      yield* asking(0.4)
      assert.deepStrictEqual([state.looks - looks, health.seen.isDown], [1, false])
      yield* asking(1.4)
      assert.deepStrictEqual([state.looks - looks, health.seen.isDown], [2, true])
      // Whoever still asks does not have it looked at more often than once a second.
      for (let second = 0; second < 10; second++) {
        health.suspect(yield* now)
        yield* asking(1)
      }
      assert.isAtMost(state.looks - looks, 13)
    })
  )

  it.effect("that does not answer a look in time has failed it", () =>
    Effect.gen(function* () {
      const { asking, health } = yield* scene(5_000)
      yield* asking(120)
      assert.isTrue(health.seen.isDown)
    })
  )

  it.effect("has the models that it listed, by either name, and may have any before that", () =>
    Effect.gen(function* () {
      const { asking, health, state } = yield* scene()
      assert.isTrue(health.has("other"))
      assert.isUndefined(health.isLoaded("m"))
      state.models = [
        { name: "m:latest", loaded: true },
        { name: "n:7b", loaded: false }
      ]
      yield* asking(1)
      assert.deepStrictEqual(
        ["m", "m:latest", "n:7b", "n", "other"].map((name) => health.has(name)),
        [true, true, true, false, false]
      )
      assert.deepStrictEqual(
        ["m", "n:7b", "other"].map((name) => health.isLoaded(name)),
        [true, false, undefined]
      )
    })
  )
})
