/**
 * Holds the demonstration to what it claims, in virtual time: eight seconds of its traffic take a moment here.
 *
 * Several seeds, because a story that is true for one seed alone would be no story.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { plain } from "./paint.ts"
import { isBetter, resultOf } from "./result.ts"
import * as Scenario from "./scenario.ts"
import { conclusion, view } from "./view.ts"

const play = (seed: string) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({ millis: 8_000, seed })
    const playing = yield* Effect.forkChild(Scenario.play(scenario))
    yield* TestClock.adjust("8 seconds")
    yield* Fiber.join(playing)
    return { scenario, bare: resultOf(scenario.bare), guarded: resultOf(scenario.guarded) }
  })

for (const seed of ["spillway", "weir", "sluice"]) {
  describe(`the demonstration with the seed "${seed}"`, () => {
    const played = Effect.runSync(Effect.cached(play(seed)))

    it.effect("answers the guarded person every time, and the bare one not", () =>
      Effect.gen(function* () {
        const { bare, guarded, scenario } = yield* played
        assert.isTrue(isBetter(scenario))
        assert.strictEqual(guarded.person.answered, guarded.person.asked)
        assert.isAbove(bare.person.gaveUp, bare.person.asked / 4)
        assert.isBelow(guarded.person.waitP99, bare.person.waitP99)
      })
    )

    it.effect("puts the same questions to both sides", () =>
      Effect.gen(function* () {
        const { scenario } = yield* played
        const moments = ({ person }: Scenario.World) => person.asked.map(({ at }) => at)
        assert.deepStrictEqual(moments(scenario.bare), moments(scenario.guarded))
      })
    )

    it.effect("keeps the guarded server within its allowance and lets it do more", () =>
      Effect.gen(function* () {
        const { bare, guarded } = yield* played
        assert.strictEqual(guarded.server.refused, 0)
        assert.isAbove(bare.server.refused, 10_000)
        assert.isAbove(guarded.server.served, bare.server.served)
        assert.isAbove(guarded.agent.answered, bare.agent.answered)
      })
    )

    it.effect("tells the guarded agent when to come back, and never has to tell the person", () =>
      Effect.gen(function* () {
        const { bare, guarded } = yield* played
        assert.strictEqual(bare.agent.told, 0)
        assert.isAbove(guarded.agent.told, 10_000)
        assert.strictEqual(guarded.person.told, 0)
      })
    )

    it.effect("comes out the same when it is run again", () =>
      Effect.gen(function* () {
        const first = yield* played
        const second = yield* play(seed)
        assert.deepStrictEqual([second.bare, second.guarded], [first.bare, first.guarded])
      })
    )
  })
}

describe("the view", () => {
  const played = Effect.runSync(Effect.cached(play("spillway")))

  for (const columns of [76, 80, 120]) {
    it.effect(`stays within ${columns} columns from the first moment to the last`, () =>
      Effect.gen(function* () {
        const look = { columns, paint: plain }
        const { scenario } = yield* played
        const lines = [0, 1, 4_000, 8_000].flatMap((after) => view(scenario, scenario.beganAt + after, look))
        for (const line of [...lines, ...conclusion(scenario, look).split("\n")])
          assert.isAtMost(line.length, columns, line)
      })
    )
  }
})
