/**
 * Holds every scene to what it claims, and its drawing to its width.
 *
 * The flood is played in virtual time, with several seeds, because a story that is true for one seed alone would be no
 * story. The other scenes use real sockets, which no test clock waits for: they have the demonstration's own clock,
 * which does, and waits for nothing else.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import { isBetter, resultOf } from "./flood/result.ts"
import * as Scenario from "./flood/scenario.ts"
import { PacedClock } from "./pace.ts"
import { plain } from "./paint.ts"
import { ending, panel, summary } from "./panel.ts"
import { broken, type Played, type Scene } from "./scene.ts"
import { scenesOf } from "./scenes.ts"
import { floodOf } from "./scenes/flood.ts"
import { guardIn } from "./source.ts"

const play = (seed: string) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({ millis: 8_000, seed })
    const playing = yield* Effect.forkChild(Scenario.play(scenario))
    yield* TestClock.adjust("8 seconds")
    yield* Fiber.join(playing)
    return { scenario, bare: resultOf(scenario.bare), guarded: resultOf(scenario.guarded) }
  })

for (const seed of ["spillway", "weir", "sluice"]) {
  describe(`the flood with the seed "${seed}"`, () => {
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

    it.effect("is shown for as long as it takes to be true", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const scene = floodOf(seed)
          const shown = yield* scene.make
          const playing = yield* Effect.forkChild(shown.play)
          yield* TestClock.adjust(scene.millis)
          yield* Fiber.join(playing)
          assert.deepStrictEqual(broken(shown), [])
        })
      )
    )
  })
}

const scenes = scenesOf("spillway")

interface Shown {
  readonly scene: Scene
  readonly played: Played
}

class Shows extends Context.Service<Shows, ReadonlyArray<Shown>>()("demonstration/Shows") {}

/** All scenes but the flood, which has been played above. */
const shows = Layer.effect(
  Shows,
  Effect.forEach(scenes.slice(1), (scene) =>
    Effect.scoped(
      Effect.gen(function* () {
        const played = yield* scene.make
        yield* played.play
        return { scene, played }
      })
    )
  ).pipe(Random.withSeed("spillway"), Effect.provideService(Clock.Clock, new PacedClock({ watched: false })))
)

const shownOf = (name: string): Effect.Effect<Shown, never, Shows> =>
  Effect.map(Shows, (all) => all.find(({ scene }) => scene.name === name)!)

layer(shows, { excludeTestServices: true, timeout: "30 seconds" })("a scene", ({ effect }) => {
  for (const { name } of scenes.slice(1)) {
    effect(`${name}: everything that it claims comes true`, () =>
      Effect.gen(function* () {
        const { played } = yield* shownOf(name)
        assert.deepStrictEqual(broken(played), [], JSON.stringify(played.figures()))
      })
    )

    for (const columns of [76, 80, 100, 118, 200]) {
      effect(`${name}: stays within ${columns} columns from the first moment to the last`, () =>
        Effect.gen(function* () {
          const shown = yield* shownOf(name)
          const look = { columns, paint: plain }
          const moments = [0, 1, shown.scene.millis / 2, shown.scene.millis]
          const lines = [
            ...moments.flatMap((elapsed) => panel(shown.scene, shown.played, { elapsed, place: "2 of 6" }, look)),
            ...ending(shown.scene, shown.played, look),
            ...summary([shown], look)
          ]
          for (const line of lines) assert.isAtMost(line.length, columns - 1, line)
        })
      )
    }

    effect(`${name}: is drawn on a terminal of 24 lines`, () =>
      Effect.gen(function* () {
        const { played, scene } = yield* shownOf(name)
        assert.isBelow(panel(scene, played, { elapsed: 0, place: "" }, { columns: 80, paint: plain }).length, 24)
      })
    )
  }
})

describe("a scene that failed", () => {
  it("says which claim did not come true", () => {
    const scene = scenes.at(-1)!
    const claims = { "water runs uphill": false, "water runs downhill": true }
    const played: Played = {
      play: Effect.void,
      rows: () => [],
      result: () => "Nothing ran.",
      figures: () => ({}),
      claims: () => claims
    }
    const lines = ending(scene, played, { columns: 80, paint: plain })
    assert.deepStrictEqual(broken(played), ["water runs uphill"])
    assert.deepStrictEqual(
      lines.filter((line) => /Nothing|uphill|downhill/.test(line)),
      [" × Nothing ran.", "   This did not come true: water runs uphill."]
    )
  })
})

describe("the scenes", () => {
  it("take about half a minute in all", () => {
    const seconds = scenes.reduce((sum, { millis }) => sum + millis, 0) / 1_000
    assert.isAtMost(seconds, 30)
  })

  for (const { file, name, policy } of scenes) {
    it(`${name}: shows the guard as it stands in its file, in a few short lines`, () => {
      const lines = guardIn(file)
      assert.isAtMost(lines.length, 10)
      assert.isAtLeast(lines.length, 3)
      assert.include(lines.join("\n"), policy === "Spillway" ? "Spillway.layer(" : `${policy}.make(`)
      for (const line of lines) assert.isAtMost(line.length, 73)
    })
  }
})
