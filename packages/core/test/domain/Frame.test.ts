/**
 * A frame gives back what is taken inside it, and the context that it stood in, under Effect's own scheduler, where
 * both may happen just before, and under one with another rule, where they may not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget, Policy, RateLimit } from "@spillway/core"
import { Context, Effect, Exit, Fiber, Scheduler } from "effect"
import * as Frame from "../../src/domain/Frame.ts"
import * as Interrupts from "../laws/interrupts.ts"

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
const counting = (framed = Frame.framedAtOnce) => {
  const count = { inside: 0 }
  const policy = Policy.make("Counting", "attempt", (self) =>
    Effect.withFiber((fiber) => {
      let isTaken = false
      return framed(
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

class Place extends Context.Reference<string>("test/Place", { defaultValue: () => "outside" }) {}

/** An Effect elsewhere: in a frame, and without one. */
const elsewhere: ReadonlyArray<<A>(self: Effect.Effect<A>) => Effect.Effect<A>> = [
  (self) =>
    Effect.withFiber((fiber) => {
      const run = { enter: () => self, leave: () => undefined }
      return Frame.framedAtOnce(run, fiber, Context.add(fiber.context, Place, "elsewhere"))
    }),
  (self) => Effect.withFiber((fiber) => Frame.within(self, fiber, Context.add(fiber.context, Place, "elsewhere")))
]

/** The one that a test clock puts in the place of Effect's own, and that. */
const schedulers = Effect.map(Scheduler.Scheduler, (around) => [around, new Scheduler.MixedScheduler()])

/** Notes where it was when the Effect had ended, however it has. */
const noting = <A>(places: Set<string>, self: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.onExit(self, () => Effect.map(Place, (place) => void places.add(place)))

describe("a frame", () => {
  it.effect("gives back what was taken, wherever it is interrupted, also through the scopes of other policies", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ total: "1M tok/day" })
      const limit = yield* RateLimit.make({ tokens: "1M tok/s" })
      for (const framed of [Frame.framed, Frame.framedAtOnce]) {
        const interrupted = yield* Interrupts.everywhere(
          Effect.sync(() => counting(framed)),
          ({ policy }) => policy(limit(budget(policy(Effect.forEach([1, 2, 3], () => Effect.void))))),
          ({ count }, _, moment) => Effect.sync(() => assert.strictEqual(count.inside, 0, JSON.stringify(moment)))
        )
        assert.isAbove(interrupted, 100)
      }
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

  it.effect("runs what it guards in the context it was given, and leaves in the one around", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const see = (what: string) => Effect.map(Place, (place) => void seen.push(`${what} ${place}`))
      const within = (place: string) =>
        Policy.make("Within", "attempt", (self) =>
          Effect.withFiber((fiber) => {
            const run: Frame.Run<never, never, never> = {
              enter: () => Effect.andThen(see("runs"), self) as never,
              leave: () => see("leaves")
            }
            return Frame.framed(run, fiber, Context.add(fiber.context, Place, place))
          })
        )
      yield* within("inside")(within("further inside")(Effect.void))
      yield* see("after")
      assert.deepStrictEqual(seen, [
        "runs inside",
        "runs further inside",
        "leaves inside",
        "leaves outside",
        "after outside"
      ])
    })
  )

  for (const moved of elsewhere) {
    it.effect("gives back the context around it, wherever it is interrupted and whoever schedules", () =>
      Effect.gen(function* () {
        let ended = 0
        yield* Interrupts.everywhere(
          Effect.sync(() => new Set<string>()),
          (places) => noting(places, moved(Effect.forEach([1, 2, 3], () => Effect.void))),
          (places, _, moment) =>
            Effect.sync(() => {
              // Who is interrupted before he has begun notes nothing.
              if (places.size > 0) ended++
              assert.isFalse(places.has("elsewhere"), JSON.stringify(moment))
            })
        )
        assert.isAbove(ended, 100)
        for (let operations = 2; operations <= 12; operations++) {
          const places = new Set<string>()
          const fiber = yield* noting(places, moved(Effect.never)).pipe(
            Effect.provideService(Scheduler.Scheduler, new Eager(operations)),
            Effect.forkChild({ startImmediately: true })
          )
          for (let turn = 0; turn < 6; turn++) yield* Effect.yieldNow
          fiber.interruptUnsafe()
          for (let turn = 0; turn < 60; turn++) yield* Effect.yieldNow
          assert.isFalse(places.has("elsewhere"), `${operations} operations`)
        }
      })
    )
  }

  it.effect("leaves in the context around it", () =>
    Effect.gen(function* () {
      const places: Array<string> = []
      for (const framed of [Frame.framed, Frame.framedAtOnce]) {
        for (const scheduler of yield* schedulers) {
          yield* Effect.provideService(
            Effect.withFiber((fiber) => {
              const note = () => void places.push(fiber.getRef(Place))
              const run: Frame.Run<void, never, never> = {
                enter: () => Effect.sync(note),
                leave: () => {
                  note()
                  return undefined
                }
              }
              return framed(run, fiber, Context.add(fiber.context, Place, "elsewhere"))
            }),
            Scheduler.Scheduler,
            scheduler
          )
        }
      }
      assert.deepStrictEqual(places, Array.from({ length: 4 }, () => ["elsewhere", "outside"]).flat())
    })
  )

  it.effect("gives back what its policy took while interrupting its own fiber", () =>
    Effect.gen(function* () {
      for (const scheduler of yield* schedulers) {
        const places = new Set<string>()
        let inside = 0
        const aborting = Effect.withFiber<void>((fiber) => {
          const run: Frame.Run<void, never, never> = {
            enter: () => {
              inside++
              fiber.interruptUnsafe()
              return Effect.void
            },
            leave: () => {
              inside--
              return undefined
            }
          }
          return Policy.framed(run, fiber, Context.add(fiber.context, Place, "elsewhere"))
        })
        const fiber = yield* noting(places, aborting).pipe(
          Effect.provideService(Scheduler.Scheduler, scheduler),
          Effect.forkChild({ startImmediately: true })
        )
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.strictEqual(inside, 0)
        assert.deepStrictEqual([...places], ["outside"])
      }
    })
  )

  it.effect("takes its short way on a fiber that never yields, however many operations it has behind it", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const count = (left: number): Effect.Effect<void> =>
        left > 0
          ? Effect.suspend(() => count(left - 1))
          : Effect.withFiber((fiber) => {
              const run: Frame.Run<void, never, never> = {
                enter: () => {
                  order.push("entered")
                  return Effect.void
                },
                leave: () => undefined
              }
              const framed = Frame.framedAtOnce(run, fiber)
              order.push("framed")
              return framed
            })
      yield* count(40).pipe(
        Effect.provideService(Scheduler.Scheduler, new Scheduler.MixedScheduler()),
        Effect.provideService(Scheduler.MaxOpsBeforeYield, 8),
        Effect.provideService(Scheduler.PreventSchedulerYield, true)
      )
      assert.deepStrictEqual(order, ["entered", "framed"])
    })
  )

  it.effect("runs what it moves elsewhere, on every scheduler", () =>
    Effect.gen(function* () {
      for (const scheduler of yield* schedulers) {
        for (const moved of elsewhere) {
          const place = yield* Effect.provideService(moved(Place), Scheduler.Scheduler, scheduler)
          assert.strictEqual(place, "elsewhere")
        }
      }
    })
  )

  it.effect("says that something has begun when it has, and not when it was interrupted just before", () =>
    Effect.gen(function* () {
      let ran = 0
      yield* Interrupts.everywhere(
        Effect.sync(() => ({ begun: false, ran: false })),
        (subject) =>
          Effect.withFiber((fiber) => {
            const self = Effect.sync(() => void (subject.ran = true))
            return Frame.begin(Object.assign(subject, { fiber, self }))
          }),
        (subject, _, moment) =>
          Effect.sync(() => {
            if (subject.ran) ran++
            assert.strictEqual(subject.begun, subject.ran, JSON.stringify(moment))
          })
      )
      assert.isAbove(ran, 100)
    })
  )

  it.effect("gives back what was taken before its policy threw", () =>
    Effect.gen(function* () {
      const left: Array<string> = []
      const throwing = Policy.make("Throwing", "attempt", (self) =>
        Effect.withFiber((fiber) =>
          Frame.framedAtOnce(
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
      for (const scheduler of yield* schedulers) {
        yield* Effect.exit(Effect.provideService(throwing(Effect.void), Scheduler.Scheduler, scheduler))
      }
      assert.deepStrictEqual(left, ["Failure", "Failure"])
    })
  )
})
