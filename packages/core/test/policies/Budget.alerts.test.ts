/**
 * Budget's alerts: once for each threshold and window, and never in the way of a call.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Budget, Policy } from "@spillway/core"
import { amounts, amountsOf, ask, breaking, budget, inTotal, oneEach, withStore } from "../fixtures/bills.ts"
import { late } from "../laws/lateStore.ts"
import * as Random from "../laws/random.ts"

const spends = (count: number) => Policy.about({ tokens: count })
const as = (caller: string) => Policy.about({ caller })

/** Lets what was forked come to its end. */
const settled = Effect.repeat(Effect.yieldNow, { times: 30 })

/** A budget and what it says, in short. */
const telling = (options: Budget.Options) => {
  const said: Array<string> = []
  const alerts: Array<Budget.Alert> = []
  const onAlert = (alert: Budget.Alert) =>
    Effect.sync(() => {
      alerts.push(alert)
      said.push(`${alert.share} of ${alert.budget === "total" ? "total" : alert.key}`)
    })
  return Effect.map(budget({ onAlert, ...options }), (guard) => ({ guard, said, alerts }))
}

describe("An alert", () => {
  it.effect("is said once when a share of a budget is spent, and again in the next window", () =>
    Effect.gen(function* () {
      const { guard, said } = yield* telling({ total: "100 tok/day" })
      yield* spends(79)(guard(Effect.void))
      yield* settled
      assert.deepStrictEqual(said, [])
      for (let index = 0; index < 5; index++) yield* guard(Effect.void)
      yield* settled
      assert.deepStrictEqual(said, ["0.8 of total"])
      yield* TestClock.adjust("1 day")
      yield* spends(80)(guard(Effect.void))
      yield* settled
      assert.deepStrictEqual(said, ["0.8 of total", "0.8 of total"])
    })
  )

  it.effect("is not said for what is only reserved", () =>
    Effect.gen(function* () {
      const { guard, said } = yield* telling({ total: "100 tok/day" })
      yield* spends(100)(guard(Policy.used({ input: 1, output: 0 })))
      yield* settled
      assert.deepStrictEqual(said, [])
    })
  )

  it.effect("says which budget, whose, and how it stands", () =>
    Effect.gen(function* () {
      const { alerts, guard } = yield* telling({ total: "$1/day", each: "100 tok/day", prices: { default: oneEach } })
      yield* as("ann")(spends(90)(guard(Effect.void)))
      yield* settled
      assert.lengthOf(alerts, 1)
      const [{ budget: which, key, share, standing }] = alerts as [Budget.Alert]
      assert.deepStrictEqual([which, key, share, standing.unit, standing.limit], ["each", "ann", 0.8, "tokens", 100])
      assert.deepStrictEqual(amountsOf(standing), amounts({ spent: 90 }))
    })
  )

  it.effect("tells the time by the clock of its call, though that call's fiber has ended", () =>
    Effect.gen(function* () {
      const { alerts, guard } = yield* telling({ total: "100 tok/day" })
      yield* Effect.forkChild(guard(Effect.never), { startImmediately: true })
      yield* Fiber.join(yield* Effect.forkChild(spends(90)(guard(Effect.void))))
      yield* settled
      assert.strictEqual(Duration.toHours(alerts[0]!.standing.turnsIn), 24)
      assert.deepStrictEqual(amountsOf(alerts[0]!.standing), amounts({ spent: 90, reserved: 1 }))
    })
  )

  it.effect("is said for every threshold on its own, in total and for each, also when one call crosses them all", () =>
    Effect.gen(function* () {
      const { guard, said } = yield* telling({
        total: "100 tok/day",
        each: "100 tok/day",
        alert: ["50%", "80%", "100%"]
      })
      yield* as("ann")(spends(60)(guard(Effect.void)))
      yield* settled
      assert.deepStrictEqual(said.splice(0), ["0.5 of total", "0.5 of ann"])
      yield* as("bob")(spends(40)(guard(Policy.used({ input: 500, output: 0 }))))
      yield* settled
      assert.deepStrictEqual(said.toSorted(), ["0.5 of bob", "0.8 of bob", "0.8 of total", "1 of bob", "1 of total"])
    })
  )

  it.effect("comes at the share exactly, also where its amount is no whole number", () =>
    Effect.gen(function* () {
      for (const [total, alert, at] of [
        ["100 tok/day", "80%", 80],
        ["100 tok/day", "7%", 7],
        ["29 tok/day", "10%", 3],
        ["3 tok/day", "66.6667%", 3],
        ["1000 tok/day", "0.1%", 1],
        ["100 tok/day", "100%", 100]
      ] as const) {
        const { guard, said } = yield* telling({ total, alert })
        yield* spends(at - 1)(guard(Policy.used({ input: at - 1, output: 0 })))
        yield* settled
        assert.lengthOf(said, 0, `${at - 1} of ${total}`)
        yield* guard(Effect.void)
        yield* settled
        assert.lengthOf(said, 1, `${at} of ${total}`)
      }
    })
  )

  it.effect("is said once, however many cross it together, over a store in this process and one far away", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 20; seed++) {
        const random = Random.make(seed)
        const { guard, said } = yield* withStore(
          seed % 2 === 0 ? late : (store) => store,
          telling({ total: "1000 tok/day", alert: ["10%", "50%", "90%"] })
        )
        const one = Effect.suspend(() => {
          const used = random.below(20)
          const turns = random.below(5)
          const call = Effect.andThen(
            Effect.repeat(Effect.yieldNow, { times: turns }),
            Policy.used({ input: used, output: 0 })
          )
          return Effect.exit(spends(20)(guard(call)))
        })
        yield* Effect.forEach(Array.from({ length: 400 }), () => one, { concurrency: "unbounded" })
        yield* settled
        const { spent } = yield* inTotal(guard)
        const crossed = [0.1, 0.5, 0.9].filter((share) => spent >= share * 1_000)
        assert.deepStrictEqual(
          said.toSorted(),
          crossed.map((share) => `${share} of total`),
          `seed ${seed}`
        )
      }
    })
  )

  it.effect("is said of what lapsed, with the next bill", () =>
    Effect.gen(function* () {
      const { guard, said } = yield* telling({ total: "100 tok/day", lease: "1m" })
      yield* Effect.forkChild(spends(85)(guard(Effect.never)), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      yield* spends(5)(guard(Effect.void))
      yield* settled
      assert.deepStrictEqual(said, ["0.8 of total"])
    })
  )

  it.effect("is said of calls that were lost", () =>
    Effect.gen(function* () {
      const { alerts, guard } = yield* telling({ total: "5000 tok/day", maxTokens: 4_500 })
      yield* Effect.exit(ask(guard(breaking())))
      yield* settled
      assert.strictEqual(alerts[0]?.standing.unsettled, alerts[0]?.standing.spent)
      assert.lengthOf(alerts, 1)
    })
  )

  it.effect("is logged as a warning where nobody says what to do about it", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      yield* Effect.gen(function* () {
        const guard = yield* budget({ total: "$1/day", each: "$0.5/day", alert: "12.5%", prices: { default: oneEach } })
        yield* as("ann")(spends(200_000)(guard(Effect.void)))
        yield* settled
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines, [
        "Warn 12.5% of the total budget is spent: $0.2 of $1.",
        'Warn 12.5% of the budget of "ann" is spent: $0.2 of $0.5.'
      ])
    })
  )

  it.effect("is not waited for, and disturbs no call when it fails, dies or never ends", () =>
    Effect.gen(function* () {
      for (const onAlert of [
        () => Effect.fail("the webhook is down") as Effect.Effect<never>,
        () => Effect.die("a bug"),
        () => Effect.never,
        () => Effect.interrupt,
        () => {
          throw new Error("a bug outside of any Effect")
        }
      ]) {
        const guard = yield* budget({ total: "100 tok/day", onAlert })
        const asking = yield* Effect.forkChild(spends(90)(guard(Effect.succeed("an answer"))))
        yield* settled
        assert.strictEqual(yield* Fiber.join(asking), "an answer")
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 90 }))
      }
    })
  )

  it.effect("is said although the one before it failed, died or never ended", () =>
    Effect.gen(function* () {
      for (const broken of [Effect.die("a bug"), Effect.never, Effect.fail("down") as Effect.Effect<never>]) {
        const said: Array<number> = []
        const onAlert = ({ share }: Budget.Alert) =>
          Effect.suspend(() => {
            said.push(share)
            return broken
          })
        const guard = yield* budget({ total: "100 tok/day", alert: ["50%", "80%"], onAlert })
        yield* spends(90)(guard(Effect.void))
        yield* settled
        assert.deepStrictEqual(said, [0.5, 0.8])
      }
    })
  )
})
