/** The router under more than its targets carry, beside a caller who floods, and with a target that comes and goes. */
import { assert, describe, it } from "@effect/vitest"
import { Policy, refusal, type Spillway } from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { asking, chat, reasonOf, scene, upstreams, whoOf } from "../fixtures/routing.ts"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

type Ended = { readonly exit: Effect.Success<ReturnType<typeof ended>>["exit"]; readonly after: number }

/** Asks, and tells after how many milliseconds it was over. */
const ended = (spillway: Spillway["Service"], about: Policy.About) =>
  Effect.gen(function* () {
    const started = yield* now
    const exit = yield* Effect.exit(spillway.ask({ model: "chat", prompt: "How high?" })).pipe(Policy.about(about))
    return { exit, after: (yield* now) - started }
  })

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Callers who come at random, so many a second, for so long; what became of them once all is over. */
const traffic = (
  spillway: Spillway["Service"],
  rates: Readonly<Record<string, number>>,
  seconds: number,
  about: Policy.About,
  each: (second: number) => void = () => undefined
) =>
  Effect.gen(function* () {
    const random = Random.make(7)
    const fibers: Record<string, Array<Fiber.Fiber<Ended>>> = {}
    const next = Object.fromEntries(Object.keys(rates).map((caller) => [caller, 0]))
    for (let tick = 0; tick < (seconds + 60) * 20; tick++) {
      if (tick % 20 === 0) each(tick / 20)
      for (const [caller, rate] of Object.entries(rates)) {
        if (tick >= seconds * 20) continue
        for (; next[caller]! <= tick * 50; next[caller]! += (-Math.log(1 - random.next()) / rate) * 1_000) {
          const asked = ended(spillway, { ...about, caller })
          ;(fibers[caller] ??= []).push(yield* Effect.forkChild(asked, { startImmediately: true }))
        }
      }
      yield* TestClock.adjust(50)
    }
    const told: Record<string, ReadonlyArray<Ended>> = {}
    for (const [caller, all] of Object.entries(fibers)) told[caller] = yield* Fiber.joinAll(all)
    return told
  })

const p99 = (all: ReadonlyArray<Ended>): number => {
  const times = all.map(({ after }) => after).toSorted((one, other) => one - other)
  return times[Math.floor(times.length * 0.99)]!
}

describe("twice the load that a pool can carry", () => {
  it.effect("is served in time for nine tenths of what the pool can do, where first come first served collapses", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m", "gpu2/m"] } }
      }))
      const seconds = 120
      const { default: told } = yield* traffic(spillway, { default: 4 }, seconds, { deadline: "8s" })
      const good = told!.filter(({ exit }) => Exit.isSuccess(exit)).length
      // Two places, and an answer takes a second.
      assert.isAtLeast(good / (2 * seconds), 0.9)
      // Whoever is refused is told so, and at once.
      const refused = told!.filter(({ exit }) => Exit.isFailure(exit))
      assert.isAtMost(refused.filter(({ after }) => after > 0).length / told!.length, 0.1)
      assert.isAtMost(good / (2 * seconds), 1.1)
    })
  )
})

describe("a caller who floods", () => {
  it.effect("does not move what a quiet one waits by more than the time of one answer", () =>
    Effect.gen(function* () {
      const quietly = (rates: Readonly<Record<string, number>>) =>
        Effect.gen(function* () {
          const { spillway } = yield* scene((servers) => ({
            upstreams: upstreams(servers),
            routes: { chat: { targets: ["gpu1/m", "gpu2/m"] } }
          }))
          const { quiet } = yield* traffic(spillway, rates, 120, { deadline: "30s" })
          assert.isTrue(quiet!.every(({ exit }) => Exit.isSuccess(exit)))
          return p99(quiet!)
        })
      const alone = yield* quietly({ quiet: 0.5 })
      const beside = yield* quietly({ quiet: 0.5, flood: 10 })
      assert.isAtMost(beside - alone, 1_000)
    })
  )
})

describe("a target that comes and goes", () => {
  it.effect("is served for by what it goes over to, with few probes, and served by again within an opening", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 8),
        routes: { chat: { ...chat, targets: ["gpu1/m"] } },
        defaults: { breaker: { open: "2s..10s" } }
      }))
      const [state] = states
      state!.takes = 100
      const asked: Array<number> = []
      // Half a minute up, half a minute down.
      const { default: told } = yield* traffic(spillway, { default: 5 }, 180, { deadline: "20s" }, (second) => {
        const isDown = second % 60 >= 30 && second < 180
        state!.fails = isDown
          ? refusal({ _tag: "Unreachable", target: "gpu1/m", problem: "refused", parts: 0 })
          : undefined
        asked[second] = state!.asked
      })
      assert.isTrue(told!.every(({ exit }) => Exit.isSuccess(exit)))
      for (const down of [30, 90, 150]) {
        // Five failures open it, and then there are probes after 2, 4, 8 and 10 seconds.
        assert.isAtMost(asked[down + 29]! - asked[down]!, 5 + 1 + 6)
        const back = (asked[down + 42] ?? state!.asked) - asked[down + 30]!
        if (down < 150) assert.isAbove(back, 5)
      }
    })
  )

  const failures = {
    "that is overloaded": (target: string) => refusal({ _tag: "Overloaded", target }),
    "that nobody can reach": (target: string) => refusal({ _tag: "Unreachable", target, problem: "refused", parts: 0 }),
    "that cuts off before the first word": (target: string) => refusal({ _tag: "Cut", target, parts: 0 })
  }
  for (const [what, failure] of Object.entries(failures)) {
    for (const rate of [0.5, 5]) {
      it.effect(`${what}, as all others are, is hardly asked more than ${rate} calls a second ask for`, () =>
        Effect.gen(function* () {
          const { spillway, states } = yield* scene((servers) => ({
            upstreams: upstreams(servers, 8),
            routes: { chat }
          }))
          for (const [index, state] of states.entries()) {
            state.takes = 20
            state.fails = failure(`gpu${index}/m`)
          }
          const { default: told } = yield* traffic(spillway, { default: rate }, 60, { deadline: "20s" })
          const sent = states.reduce((sum, { asked }) => sum + asked, 0)
          assert.isAtMost(sent, 1.2 * told!.length + 60)
          assert.isTrue(told!.every(({ exit }) => Exit.isFailure(exit)))
        })
      )
    }
  }
})

describe("two routes to one server", () => {
  it.effect("are served in turn, however many wait on one of them", () =>
    Effect.gen(function* () {
      const { spillway } = yield* scene((servers) => ({
        upstreams: upstreams(servers),
        routes: { chat: { targets: ["gpu1/m"], queue: { max: 100 } }, other: { targets: ["gpu1/m"] } }
      }))
      const many = yield* Effect.forEach(Array.from({ length: 40 }), () => asking(spillway, "chat"))
      const one = yield* asking(spillway, "other")
      for (let tick = 0; tick < 40; tick++) yield* TestClock.adjust(100)
      assert.strictEqual(reasonOf(yield* Fiber.join(one)), "ok")
      assert.strictEqual(whoOf(yield* Fiber.join(one)), "gpu1/m")
      for (const fiber of many) yield* Fiber.interrupt(fiber)
    })
  )
})
