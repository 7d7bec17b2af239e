/**
 * RateLimit's waiters: whoever was let wait gets his turn as soon as it comes, and leaves nothing behind.
 *
 * Some of it is seen on the live clock, because late timers and timers that nobody stopped exist only there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { Policy, RateLimit } from "@spillway/core"

const limit = (options: RateLimit.Options) => Effect.orDie(RateLimit.make(options))
const now = Clock.currentTimeMillis
const start = { startImmediately: true }

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("a waiter", () => {
  it.effect("starts as soon as a call before him turns out to have used less", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min", wait: "1h" })
      const about = Policy.about({ tokens: 1_000 })
      const cheap = about(guard(Effect.andThen(Effect.sleep("5 seconds"), Policy.used({ input: 0, output: 0 }))))
      const first = yield* Effect.forkChild(cheap, start)
      const waiter = yield* Effect.forkChild(about(guard(now)), start)
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(waiter), 5_000)
    })
  )

  it.effect("does not miss a turn that comes while he is being told to wait", () =>
    Effect.gen(function* () {
      for (let opsBeforeYield = 4; opsBeforeYield <= 40; opsBeforeYield++) {
        for (let turns = 0; turns < 12; turns++) {
          const guard = yield* limit({ rate: "1/10s", wait: "1h" })
          const begun = yield* now
          yield* guard(Effect.void)
          const head = yield* Effect.forkChild(guard(Effect.void), start)
          const waiter = yield* guard(now).pipe(
            Effect.provideService(Scheduler.MaxOpsBeforeYield, opsBeforeYield),
            Effect.forkChild(start)
          )
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          yield* Fiber.interrupt(head)
          for (let turn = 0; turn < 12; turn++) yield* Effect.yieldNow
          yield* TestClock.adjust("1 minute")
          const waited = (yield* Fiber.join(waiter)) - begun
          assert.isAtMost(waited, 10_001, `ops ${opsBeforeYield}, turns ${turns}`)
        }
      }
    })
  )

  it.live("leaves no timer behind, when he is called again and again, and when he leaves", () =>
    Effect.gen(function* () {
      const before = timers()
      const guard = yield* limit({ tokens: "1000 tok/h", wait: "10h" })
      const used = Policy.used({ input: 1, output: 0 })
      const running = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) =>
        Effect.forkChild(Policy.about({ tokens: 1 })(guard(Effect.andThen(Effect.sleep(1 + index), used))), start)
      )
      const waiters = yield* Effect.forEach(Array.from({ length: 10 }), () =>
        Effect.forkChild(Policy.about({ tokens: 1_000 })(guard(Effect.void)), start)
      )
      // Each that settles tells the head of the line that his time may have come.
      yield* Fiber.awaitAll(running)
      yield* Effect.sleep(2)
      assert.isAtMost(timers(), before + 10 + 5, "one timer for each who waits")
      for (const waiter of waiters.toReversed()) yield* Fiber.interrupt(waiter)
      yield* Effect.sleep(2)
      // The test runner may have some of its own.
      assert.isAtMost(timers(), before + 5, "none for those who have left")
    })
  )

  it.live("who was let wait is served, although every timer before him was late", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "50/s", burst: 1, wait: "400ms" })
      const exits = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.exit(guard(Effect.void)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 20)
    })
  )

  it.live("keeps no program running that nobody else does, once he was called or has left", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/h", wait: "10h" })
      yield* guard(Effect.void)
      const before = timers()
      const head = yield* Effect.forkChild(guard(Effect.void), start)
      const next = yield* Effect.forkChild(guard(Effect.void), start)
      assert.strictEqual(timers(), before + 1)
      yield* Fiber.interrupt(head)
      yield* Fiber.interrupt(next)
      assert.strictEqual(timers(), before)
    })
  )

  it.effect("is not sent away because he who stood before him was woken late", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let sleeps = 0
      const lateOnce: Clock.Clock = {
        ...clock,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (span) => clock.sleep(sleeps++ === 0 ? Duration.sum(span, Duration.seconds(5)) : span)
      }
      const guard = yield* limit({ rate: "1/10s", wait: "20s" })
      yield* guard(Effect.void)
      const waits = Effect.forkChild(guard(now), start)
      const both = Effect.all([waits, waits])
      const [late, onTime] = yield* Effect.provideService(both, Clock.Clock, lateOnce)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(late), 15_000)
      assert.strictEqual(yield* Fiber.join(onTime), 25_000)
    })
  )

  it.effect("is refused, and out of the line, when a debt has moved his place too far", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min", wait: "2m" })
      const about = Policy.about({ tokens: 1_000 })
      const dear = about(guard(Effect.andThen(Effect.sleep("5 seconds"), Policy.used({ input: 50_000, output: 0 }))))
      const first = yield* Effect.forkChild(dear, start)
      const waiter = yield* Effect.forkChild(Effect.exit(about(guard(Effect.void))), start)
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(first)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiter)))
    })
  )
})
