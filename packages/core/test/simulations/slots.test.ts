/**
 * Slots that are learned: where they come to, and how fast they are back after the server has changed.
 *
 * The figures stand in the README; each test prints what it has measured where `SPILLWAY_FIGURES` is set.
 */
import { assert, describe, it } from "@effect/vitest"
import { Queue } from "@spillway/core"
import { Effect } from "effect"
import { figure } from "./figure.ts"
import { run } from "./traffic.ts"

const seeds = [1, 2, 3]

/** How many slots were known at each second, under more load than can be served. */
const learn = Effect.fnUntraced(function* (options: {
  readonly seed: number
  readonly seconds: number
  readonly slots: number | ((at: number) => number)
  readonly service?: (at: number) => number
  readonly isCounted?: boolean
  readonly perSecond: number
}) {
  const guard = yield* Queue.make({ slots: "auto", wait: "1d" })
  const known: Array<number> = []
  const callers = [{ name: "all", perSecond: options.perSecond }]
  const look = () => Effect.map(guard.state(), ({ slots }) => void known.push(slots))
  const told = yield* run({ service: 1, ...options, callers, guard, look })
  return { known, told }
})

const isNear = (slots: number, knee: number): boolean => Math.abs(slots - knee) <= 0.2 * knee

/** From when on they are near for a minute. */
const nearFrom = (known: ReadonlyArray<number>, knee: number, from = 0): number =>
  known.findIndex((_, at) => at >= from && known.slice(at, at + 60).every((slots) => isNear(slots, knee))) - from

/** How much of the time from then on they are near. */
const nearShare = (known: ReadonlyArray<number>, knee: number, from: number): number =>
  known.slice(from).filter((slots) => isNear(slots, knee)).length / (known.length - from)

describe("slots that are learned", () => {
  for (const isCounted of [true, false]) {
    const counted = isCounted ? "tokens are counted" : "nothing is counted but calls"
    for (const knee of [1, 4, 10]) {
      it.effect(`come within a fifth of the knee of ${knee}, where ${counted}`, () =>
        Effect.gen(function* () {
          for (const seed of seeds) {
            const { known } = yield* learn({ seed, seconds: 2_000, slots: knee, isCounted, perSecond: knee * 1.5 })
            const at = nearFrom(known, knee)
            const share = nearShare(known, knee, 1_000)
            figure(`knee ${knee}, ${counted}, seed ${seed}: there after ${at} s, then ${(share * 100).toFixed(0)}%`)
            assert.isAtLeast(at, 0)
            assert.isAtLeast(share, 0.95)
          }
        })
      )
    }
  }

  for (const [before, after] of [
    [8, 4],
    [4, 8],
    [4, 1]
  ] as const) {
    it.effect(`are back within a fifth after a step from ${before} to ${after}`, () =>
      Effect.gen(function* () {
        for (const seed of seeds) {
          const slots = (at: number) => (at < 800 ? before : after)
          const { known } = yield* learn({ seed, seconds: 2_000, slots, isCounted: true, perSecond: 12 })
          const at = nearFrom(known, after, 800)
          figure(`from ${before} to ${after}, seed ${seed}: back after ${at} s`)
          assert.isAtLeast(at, 0)
          assert.isAtMost(at, 900)
        }
      })
    )
  }

  it.effect("do not become fewer where answers become long, nor more where nobody fills them", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const service = (at: number) => (at < 1_000 ? 1 : 10)
        const { known } = yield* learn({ seed, seconds: 4_000, slots: 4, service, perSecond: 8 })
        const share = nearShare(known, 4, 1_000)
        figure(`answers ten times as long, seed ${seed}: ${(share * 100).toFixed(0)}% at the knee`)
        assert.isAtLeast(share, 0.95)
        // So few come that hardly more than two ever run at once.
        const calm = yield* learn({ seed, seconds: 4_000, slots: 16, perSecond: 0.5 })
        figure(`half a call at once on 16 slots, seed ${seed}: ${Math.max(...calm.known)} are known`)
        assert.isAtMost(Math.max(...calm.known), 3)
      }
    })
  )
})
