/**
 * Slots whose number changes while callers come, wait, leave and are cut off.
 *
 * Whatever happens at once, no more run than there are, nobody waits beside a free one, and none is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { Policy, Queue, Slots, Timeout } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** What is told to promises is heard a turn later. */
const aTurn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const about = Policy.about({ target: "gpu1/m" })

/** One random history; tells how often somebody began, and how often more ran than there were. */
const play = Effect.fnUntraced(function* (seed: number) {
  const random = Random.make(seed)
  const slots = yield* Slots.make({ slots: 2 })
  const queue = yield* Queue.make({ slots, max: 20, wait: "5s" })
  const guard = yield* Policy.all([queue, Timeout.make({ firstToken: "500ms", load: "500ms" })])
  const running = new Set<object>()
  let bound = 2
  let begun = 0
  let shrunk = 0
  let tooMany = 0
  const work = Effect.gen(function* () {
    const own = {}
    begun++
    running.add(own)
    if (running.size > bound) tooMany++
    // Some of it takes longer than its clock, and some of that ignores its interrupt.
    const sleep = Effect.sleep(100 * (1 + random.below(12)))
    yield* Effect.ensuring(
      random.below(3) === 0 ? Effect.uninterruptible(sleep) : sleep,
      Effect.sync(() => running.delete(own))
    )
  })
  const fibers: Array<Fiber.Fiber<unknown>> = []
  for (let step = 0; step < 150; step++) {
    const what = random.below(10)
    if (what < 5) {
      const asked = guard(work).pipe(Policy.about({ caller: `c${random.below(3)}`, target: "gpu1/m" }))
      fibers.push(yield* Effect.forkChild(Effect.exit(asked), { startImmediately: random.below(2) === 0 }))
    } else if (what < 6 && fibers.length > 0) {
      yield* Effect.forkChild(Fiber.interrupt(fibers[random.below(fibers.length)]!))
    } else if (what < 8) {
      // Whoever was let in before has begun by now.
      for (let turn = 0; turn < 8; turn++) yield* Effect.yieldNow
      yield* aTurn
      bound = 1 + random.below(4)
      if (bound < running.size) shrunk++
      yield* slots.resize(bound, "gpu1/m")
    } else yield* TestClock.adjust(Duration.millis(50 * random.below(10)))
    if (random.below(2) === 0) yield* aTurn
    const { running: taken, slots: known, waiting } = yield* queue.state("gpu1/m")
    assert.strictEqual(known, bound)
    assert.isAtLeast(taken, running.size)
    if (waiting.length > 0) assert.isAtLeast(taken, bound)
  }
  // Whoever is woken begins a turn later, and time must not have gone on by then.
  for (let step = 0; step < 100; step++) {
    yield* TestClock.adjust("100 millis")
    yield* aTurn
  }
  yield* Fiber.awaitAll(fibers)
  assert.strictEqual(tooMany, 0)
  const { running: taken, waiting } = yield* queue.state("gpu1/m")
  assert.deepStrictEqual([taken, waiting.length, running.size], [0, 0, 0])
  // All of them are there again.
  yield* slots.resize(3, "gpu1/m")
  const all = Array.from({ length: 3 }, () =>
    Effect.forkChild(queue(Effect.never).pipe(about), { startImmediately: true })
  )
  const held = yield* Effect.all(all)
  assert.strictEqual((yield* queue.state("gpu1/m")).running, 3)
  yield* Fiber.interruptAll(held)
  return { begun, shrunk }
})

describe("slots that are made more and fewer while they are in use", () => {
  it.effect("let nobody in beside more than there are, keep nobody waiting beside a free one, and lose none", () =>
    Effect.gen(function* () {
      let begun = 0
      let shrunk = 0
      for (let seed = 1; seed <= 150; seed++) {
        const told = yield* play(seed)
        begun += told.begun
        shrunk += told.shrunk
      }
      assert.isAbove(begun, 3_000)
      assert.isAbove(shrunk, 150)
    })
  )
})
