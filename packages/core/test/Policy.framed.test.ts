/**
 * A frame gives back what is taken inside it, under Effect's own scheduler, where it may be taken just before, and
 * under one with another rule, where it may not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget, Policy, RateLimit } from "@spillway/core"
import { Effect, type Fiber, Scheduler } from "effect"
import * as Interrupts from "./laws/interrupts.ts"

/** Yields after a few operations of its own counting, whatever the fiber's limit is. */
class Eager extends Scheduler.MixedScheduler {
  readonly operations: number

  constructor(operations: number) {
    super()
    this.operations = operations
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= this.operations
  }
}

/** A policy that counts who is inside, taking as late as it can be told of. */
const counting = () => {
  const count = { inside: 0 }
  const policy = Policy.make("Counting", "attempt", (self) =>
    Effect.withFiber((fiber) => {
      let isTaken = false
      return Policy.framed(
        {
          enter: () => {
            isTaken = true
            count.inside++
            return self
          },
          leave: () => {
            if (isTaken) count.inside--
            return undefined
          }
        },
        fiber
      )
    })
  )
  return { count, policy }
}

describe("a frame", () => {
  it.effect("gives back what was taken, wherever it is interrupted, also through the scopes of other policies", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ total: "1M tok/day" })
      const limit = yield* RateLimit.make({ tokens: "1M tok/s" })
      const interrupted = yield* Interrupts.everywhere(
        Effect.sync(counting),
        ({ policy }) => policy(limit(budget(policy(Effect.forEach([1, 2, 3], () => Effect.void))))),
        ({ count }, _, moment) => Effect.sync(() => assert.strictEqual(count.inside, 0, JSON.stringify(moment)))
      )
      assert.isAbove(interrupted, 100)
    })
  )

  it.effect("does so under a scheduler that yields by a rule of its own", () =>
    Effect.gen(function* () {
      for (let operations = 2; operations <= 12; operations++) {
        for (let turns = 0; turns < 12; turns++) {
          const budget = yield* Budget.make({ total: "1000 tok/day" })
          const { count, policy } = counting()
          const fiber = yield* policy(budget(Effect.never)).pipe(
            Effect.provideService(Scheduler.Scheduler, new Eager(operations)),
            Effect.forkChild({ startImmediately: true })
          )
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          fiber.interruptUnsafe()
          for (let turn = 0; turn < 60; turn++) yield* Effect.yieldNow
          const scene = `${operations} operations, ${turns} turns`
          assert.strictEqual(count.inside, 0, scene)
          assert.strictEqual((yield* budget.standing()).total!.reserved, 0, scene)
        }
      }
    })
  )

  it.effect("gives back what was taken before its policy threw", () =>
    Effect.gen(function* () {
      const left: Array<string> = []
      const throwing = Policy.make("Throwing", "attempt", (self) =>
        Effect.withFiber((fiber) =>
          Policy.framed(
            {
              enter: (): typeof self => {
                throw new Error("a bug")
              },
              leave: (exit) => {
                left.push(exit._tag)
                return undefined
              }
            },
            fiber
          )
        )
      )
      yield* Effect.exit(throwing(Effect.void))
      assert.deepStrictEqual(left, ["Failure"])
    })
  )
})
