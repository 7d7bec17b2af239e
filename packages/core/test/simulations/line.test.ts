/**
 * What a line does to traffic: shares, a flooder and a quiet caller, and twice the load that can be served.
 *
 * The figures stand in the README; each test prints what it has measured where `SPILLWAY_FIGURES` is set.
 */
import { assert, describe, it } from "@effect/vitest"
import { Policy, Queue, Shed } from "@spillway/core"
import { Duration, Effect } from "effect"
import { figure } from "./figure.ts"
import { quantile, run } from "./traffic.ts"

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`

const seeds = [1, 2, 3]

/** Whoever comes first is served first, and nobody is refused. */
const firstComeFirstServed = (slots: number) =>
  Effect.orDie(Queue.make({ slots, max: 1_000_000, bytesMax: 1e12, wait: "1d", per: "key" }))

describe("two callers who both want more than there is", () => {
  it.effect("have turns by their weights, within a tenth", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const guard = yield* Queue.make({ weights: { big: 3 }, max: 40, wait: "1d" })
        const callers = [
          { name: "big", perSecond: 2 },
          { name: "small", perSecond: 2 }
        ]
        const told = yield* run({ seed, seconds: 600, callers, guard, slots: 1, service: 1 })
        // What was still waiting when nobody came any more is served as well, and says nothing.
        const served = told.filter(({ cameAt, isServed, took }) => isServed && cameAt + took < 600)
        const share = served.filter(({ caller }) => caller === "big").length / served.length
        figure(`weights 3:1, seed ${seed}: ${(share * 100).toFixed(1)}% of ${served.length}`)
        assert.isAtLeast(share, 0.75 * 0.9)
        assert.isAtMost(share, 0.75 * 1.1)
      }
    })
  )
})

describe("a caller who floods", () => {
  it.effect("makes a quiet one wait no longer at its worst than for one more call", () =>
    Effect.gen(function* () {
      const longer: Array<number> = []
      for (const seed of seeds) {
        const quiet = { name: "quiet", perSecond: 0.1 }
        const flooder = { name: "flooder", perSecond: 5 }
        const waits = Effect.fnUntraced(function* (callers: ReadonlyArray<typeof quiet>) {
          const guard = yield* Queue.make({ wait: "1d" })
          const told = yield* run({ seed, seconds: 3_000, callers, guard, slots: 1, service: 1 })
          const own = told.filter(({ caller }) => caller === "quiet")
          assert.isTrue(own.every(({ isServed }) => isServed))
          return quantile(
            own.map(({ took }) => took),
            0.99
          )
        })
        const alone = yield* waits([quiet])
        const beside = yield* waits([quiet, flooder])
        figure(
          `p99 of a quiet caller, seed ${seed}: ${alone.toFixed(2)} s alone, ${beside.toFixed(2)} s beside a flooder`
        )
        longer.push(beside - alone)
      }
      // A call takes up to one and a half.
      assert.isAtMost(longer.reduce((sum, each) => sum + each, 0) / seeds.length, 1.5)
    })
  )
})

describe("twice the load that can be served, in time", () => {
  it.effect("is nearly all of what can be, where whoever comes first goes first it is next to nothing", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const served = Effect.fnUntraced(function* (guard: Parameters<typeof run>[0]["guard"]) {
          const callers = [{ name: "all", perSecond: 2, deadline: Duration.seconds(8) }]
          const told = yield* run({ seed, seconds: 1_000, callers, guard, slots: 1, service: 1 })
          return told.filter(({ isServed }) => isServed).length / 1_000
        })
        const queue = yield* Queue.make({ max: 1_000, wait: "1d" })
        const guarded = yield* served(yield* Policy.all([Shed.make({ queue }), queue]))
        const plain = yield* served(yield* firstComeFirstServed(1))
        figure(`twice the load, seed ${seed}: ${percent(guarded)} with Shed and Queue, ${percent(plain)} without`)
        assert.isAtLeast(guarded, 0.9)
        assert.isAtMost(plain, 0.5)
      }
    })
  )
})

describe("urgent calls beside twice the load", () => {
  it.effect("are served in time, all but a few, while the others are told no", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const queue = yield* Queue.make({ max: 1_000, wait: "1d" })
        const guard = yield* Policy.all([Shed.make({ queue }), queue])
        const deadline = Duration.seconds(8)
        const callers = [
          { name: "urgent", perSecond: 0.4, deadline, priority: "high" as const },
          { name: "other", perSecond: 2, deadline, priority: "low" as const }
        ]
        const told = yield* run({ seed, seconds: 2_000, callers, guard, slots: 1, service: 1 })
        const share = (name: string) => {
          const own = told.filter(({ caller }) => caller === name)
          return own.filter(({ isServed }) => isServed).length / own.length
        }
        figure(`urgent beside others, seed ${seed}: ${percent(share("urgent"))} and ${percent(share("other"))} served`)
        assert.isAtLeast(share("urgent"), 0.99)
        assert.isAtMost(share("other"), 0.5)
      }
    })
  )
})

describe("twice the load, from callers who say nothing and leave after six to ten seconds", () => {
  it.effect("is served nearly as far as can be, since it is learned when they leave", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const served = Effect.fnUntraced(function* (guard: Parameters<typeof run>[0]["guard"]) {
          const callers = [{ name: "all", perSecond: 2, patience: [6, 10] as const }]
          const told = yield* run({ seed, seconds: 1_200, callers, guard, slots: 1, service: 1 })
          const late = told.filter(({ cameAt, took }) => cameAt + took >= 200 && cameAt + took < 1_200)
          return {
            share: late.filter(({ isServed }) => isServed).length / 1_000,
            left: late.filter(({ isRefused, isServed }) => !isServed && !isRefused).length / late.length
          }
        })
        const queue = yield* Queue.make({ max: 1_000, wait: "1d" })
        const guarded = yield* served(yield* Policy.all([Shed.make({ queue }), queue]))
        const plain = yield* served(yield* firstComeFirstServed(1))
        figure(
          `learned patience, seed ${seed}: ${percent(guarded.share)} served, ${percent(guarded.left)} left, ` +
            `without ${percent(plain.share)} and ${percent(plain.left)}`
        )
        assert.isAtLeast(guarded.share, 0.9)
      }
    })
  )
})
