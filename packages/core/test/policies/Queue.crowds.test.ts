/**
 * Crowds in a line: many who are woken one by the other, who leave because of each other, or share slots and bounds.
 *
 * On Effect's own scheduler where the order of operations matters: a test clock brings another one.
 */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Facts, Policy, Queue, refusal, Slots, type SpillwayError } from "@spillway/core"
import { Duration, Effect, Exit, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const fork = <A, E>(self: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const reasonOf = (exit: Exit.Exit<unknown, SpillwayError> | undefined): string =>
  exit === undefined
    ? "waits"
    : Exit.isSuccess(exit)
      ? "ok"
      : exit.cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error.reason._tag : reason._tag)).join()

describe("a crowd behind one that opens a breaker", () => {
  it.live("is told so, all of it, and the slot is free afterwards", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ max: 5_000, wait: "1m" })
      const guard = yield* Policy.all([queue, CircuitBreaker.make({ failures: 1, open: "1h" })])
      const broken = Effect.andThen(Effect.sleep(50), Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1" })))
      const first = yield* fork(guard(broken))
      const crowd = yield* Effect.forEach(Array.from({ length: 3_000 }), () => fork(guard(Effect.succeed(1))))
      yield* Fiber.join(first)
      for (const fiber of crowd) assert.strictEqual(reasonOf(yield* Fiber.join(fiber)), "Unavailable")
      const { running, waiting } = yield* queue.state()
      assert.deepStrictEqual([running, waiting.length], [0, 0])
    })
  )
})

describe("a newcomer whom his victim interrupts", () => {
  for (const [name, scheduler] of [
    ["Effect's scheduler", new Scheduler.MixedScheduler()],
    ["a test clock's", undefined]
  ] as const) {
    it.live(`leaves nothing behind, on ${name}`, () =>
      Effect.gen(function* () {
        const queue = yield* Queue.make({ slots: 1, max: 1 })
        const holder = yield* fork(queue(Effect.sleep(50)))
        let newcomer: Fiber.Fiber<unknown, unknown> | undefined
        const low = Policy.about({ priority: "low", caller: "low" })
        const victim = yield* fork(
          queue(Effect.void).pipe(
            low,
            Effect.tapError(() => Effect.sync(() => newcomer!.interruptUnsafe()))
          )
        )
        newcomer = yield* Effect.forkChild(queue(Effect.sleep(50)).pipe(Policy.about({ priority: "high" })))
        yield* Fiber.await(victim)
        yield* Fiber.await(newcomer)
        yield* Fiber.await(holder)
        const { running, waiting } = yield* queue.state()
        assert.deepStrictEqual([running, waiting.length], [0, 0])
        yield* queue(Effect.void)
      }).pipe((self) => (scheduler === undefined ? self : Effect.provideService(self, Scheduler.Scheduler, scheduler)))
    )
  }
})

describe("places that nobody holds", () => {
  it.live("may be forgotten while a fiber yields, and no more run for it than there are", () =>
    Effect.gen(function* () {
      for (let turns = 0; turns < 12; turns++) {
        for (const make of [Slots.make({ slots: 1 }), Queue.make({ slots: 1, max: 0 })]) {
          const guard: Policy.Policy<Policy.Stage, SpillwayError> = yield* make
          let running = 0
          let most = 0
          const work = Effect.suspend(() => {
            most = Math.max(most, ++running)
            return Effect.ensuring(
              Effect.never,
              Effect.sync(() => running--)
            )
          })
          const ask = (target: string, self: Effect.Effect<unknown> = work) =>
            Effect.exit(guard(self)).pipe(Policy.about({ target }))
          const slow = yield* Effect.forkChild(
            ask("gpu1/x").pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 4)),
            { startImmediately: true }
          )
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          yield* ask("gpu1/y", Effect.void)
          const other = yield* Effect.forkChild(ask("gpu1/x"), { startImmediately: true })
          for (let turn = 0; turn < 40; turn++) yield* Effect.yieldNow
          assert.isAtMost(most, 1, `${guard.name}, ${turns}`)
          yield* Fiber.interruptAll([slow, other])
        }
      }
    })
  )
})

describe("slots that two queues take", () => {
  it.effect("come free for the one and for the other", () =>
    Effect.gen(function* () {
      const slots = yield* Slots.make({ slots: 1 })
      const served = [0, 0]
      for (const which of [0, 1]) {
        const queue = yield* Queue.make({ slots, wait: "1h" })
        const ask = queue(Effect.sleep("1 second")).pipe(Effect.tap(() => Effect.sync(() => served[which]!++)))
        for (let each = 0; each < 3; each++) yield* fork(Effect.forever(ask))
      }
      for (let second = 0; second < 200; second++) yield* TestClock.adjust("1 second")
      assert.isAbove(Math.min(...served), 90)
    })
  )
})

describe("a bound on how many of each run", () => {
  const ask = (queue: Queue.Queue, caller: string, about: Policy.About = {}) =>
    fork(queue(Effect.sleep("10 seconds")).pipe(Policy.about({ caller, ...about })))

  it.effect("keeps nobody else from a free slot, nor costs those who wait for it their place", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ slots: 4, running: 1, max: 2 })
      const anns = [yield* ask(queue, "ann"), yield* ask(queue, "ann"), yield* ask(queue, "ann")]
      yield* ask(queue, "bob")
      const { running, waiting } = yield* queue.state()
      assert.deepStrictEqual([running, waiting.map(({ key }) => key)], [2, ["ann", "ann"]])
      assert.isTrue(anns.every((fiber) => fiber.pollUnsafe() === undefined))
    })
  )

  it.effect("is told to those who wait for it, and to Shed", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ slots: 4, running: 1, wait: "1h" })
      const first = yield* ask(queue, "ann")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(first)
      for (let each = 0; each < 3; each++) yield* ask(queue, "ann")
      const { waiting } = yield* queue.state()
      assert.deepStrictEqual(
        waiting.map(({ expected }) => Duration.toSeconds(expected!)),
        [10, 20]
      )
      const startsIn = Effect.withFiber((fiber) =>
        Effect.succeed(queue.expectation(fiber, fiber.getRef(Facts.Facts))!.startsIn / 1e9)
      )
      assert.strictEqual(yield* startsIn.pipe(Policy.about({ caller: "ann" })), 30)
      assert.strictEqual(yield* startsIn.pipe(Policy.about({ caller: "bob" })), 0)
    })
  )

  it.effect("holds over all targets together, and whoever it holds up elsewhere goes on when one has ended", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make({ slots: 4, running: 1 })
      for (const target of ["a/m", "b/m", "c/m"]) yield* ask(queue, "ann", { target })
      const running = () =>
        Effect.map(
          Effect.forEach(["a/m", "b/m", "c/m"], (target) => queue.state(target)),
          (states) => states.map((state) => state.running)
        )
      assert.deepStrictEqual(yield* running(), [1, 0, 0])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* running(), [0, 1, 0])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* running(), [0, 0, 1])
    })
  )
})

describe("whoever comes too late, or is too large", () => {
  it.effect("is not let in, although a slot is free", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.make()
      let ran = false
      const late = Effect.andThen(Effect.sleep("2 seconds"), queue(Effect.sync(() => (ran = true))))
      const fiber = yield* fork(late.pipe(Policy.about({ deadline: "1s" })))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([reasonOf(yield* Fiber.join(fiber)), ran], ["TimedOut", false])
    })
  )
})
