/**
 * The laws that every policy keeps, whatever it does: a new one passes them before anything else is said of it.
 *
 * They look at a policy from outside only: how many calls it lets in. That is the one thing all of them decide, and so
 * the same laws hold a limit, whose calls stay counted, and a set of slots, whose places come free.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Policy } from "@spillway/core"
import * as Interrupts from "./interrupts.ts"
import * as Random from "./random.ts"

/** A policy to be held to the laws. */
export interface Subject<E> {
  readonly name: string
  /** Makes the policy with bounds that one call at a time does not meet. */
  readonly make: Effect.Effect<Policy.Policy<Policy.Stage, E>>
  /** For a policy that bounds how many are let in. */
  readonly room?: Room<E>
}

/** How much a policy lets in. */
export interface Room<E> {
  /** Makes the policy with room for exactly so many calls at once, and none that wait. */
  readonly refusing: (room: number) => Effect.Effect<Policy.Policy<Policy.Stage, E>>
  /** The same, where a call waits for room; absent where none ever waits. */
  readonly waiting?: (room: number) => Effect.Effect<Policy.Policy<Policy.Stage, E>>
  /** Whether a call that ran stays counted (a limit) or frees its place at its end (slots). */
  readonly keeps: boolean
  /** After so many milliseconds of rest there is all room again. */
  readonly restMillis: number
}

/** Holds a policy to the laws. */
export const testPolicy = <E>(subject: Subject<E>): void => {
  const { make, name, room } = subject
  describe(`${name} keeps the laws of policies:`, () => {
    testAnswers(make)
    testInterrupts(make)
    testTime(room?.waiting?.(2) ?? room?.refusing(2) ?? make)
    if (room === undefined) return
    testGivingBack(room)
    testBound(room)
    if (room.waiting !== undefined) testWaiting(room.waiting, room.restMillis)
  })
}

/** How many calls are let in at this moment: asks with more than any room, and lets none of them end. */
const letsIn = <E>(guard: Policy.Policy<Policy.Stage, E>): Effect.Effect<number> =>
  Effect.gen(function* () {
    let started = 0
    const call = Effect.suspend(() => {
      started++
      return Effect.never
    })
    const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.forkChild(guard(call)))
    for (let turn = 0; turn < 12; turn++) yield* Effect.yieldNow
    const letIn = started
    // Who waits is let in when another one goes.
    yield* Fiber.interruptAll(fibers)
    return letIn
  })

/** What a failure holds, without what was noted beside it on its way. */
const reasonsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isSuccess(exit)
    ? []
    : exit.cause.reasons.map((reason) => (({ _tag, ...rest }) => [_tag, { ...rest, annotations: undefined }])(reason))

const testAnswers = <E>(make: Subject<E>["make"]): void => {
  it.effect("keeps the answer, and the very same object", () =>
    Effect.gen(function* () {
      const guard = yield* make
      const answer = { answer: 42 }
      assert.strictEqual(yield* guard(Effect.succeed(answer)), answer)
    })
  )

  it.effect("keeps a foreign failure, a defect and an interruption as they are", () =>
    Effect.gen(function* () {
      for (const exit of [Exit.fail("broken"), Exit.die("a bug"), Exit.interrupt(7)]) {
        const guard = yield* make
        const fiber = yield* Effect.forkChild(Effect.exit(guard(Effect.suspend(() => exit))))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(reasonsOf(yield* Fiber.join(fiber)), reasonsOf(exit))
      }
    })
  )

  it.effect("is a plain function: one guard serves many Effects of different kinds", () =>
    Effect.gen(function* () {
      const guard = yield* make
      assert.strictEqual(yield* guard(Effect.succeed(1)), 1)
      assert.strictEqual(yield* guard(Effect.succeed("one")), "one")
    })
  )
}

const testInterrupts = <E>(make: Subject<E>["make"]): void => {
  it.effect(
    "interrupts what it guards, runs its finalizers first, and serves the next, wherever it is interrupted",
    () =>
      Effect.gen(function* () {
        const interrupted = yield* Interrupts.everywhere(
          Effect.map(make, (guard) => ({ guard, running: 0 })),
          (call) =>
            call.guard(
              Effect.acquireUseRelease(
                Effect.sync(() => call.running++),
                () => Effect.forEach([1, 2, 3], () => Effect.yieldNow),
                () => Effect.sync(() => call.running--)
              )
            ),
          (call, exit, moment) =>
            Effect.gen(function* () {
              assert.strictEqual(call.running, 0, JSON.stringify(moment))
              if (Exit.isFailure(exit)) assert.isTrue(Cause.hasInterruptsOnly(exit.cause), JSON.stringify(moment))
              yield* TestClock.adjust("1 hour")
              assert.strictEqual(
                yield* Effect.exit(call.guard(Effect.succeed(1))).pipe(Effect.map(Exit.isSuccess)),
                true
              )
            })
        )
        assert.isAbove(interrupted, 100)
      })
  )
}

const testGivingBack = <E>({ keeps, refusing }: Room<E>): void => {
  for (const ending of ["succeeds", "fails", "dies"] as const) {
    it.effect(`has all its room when a call ${ending}, less what stays counted`, () =>
      Effect.gen(function* () {
        const guard = yield* refusing(3)
        const ends = { succeeds: Effect.void, fails: Effect.fail("broken"), dies: Effect.die("a bug") }
        yield* Effect.exit(guard(ends[ending]))
        assert.strictEqual(yield* letsIn(guard), keeps ? 2 : 3)
      })
    )
  }

  it.effect("gives back all of a call that is interrupted between any two operations and never ran", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(refusing(2), (guard) => ({ guard, ran: false })),
        (call) =>
          call.guard(
            Effect.suspend(() => {
              call.ran = true
              return Effect.forEach([1, 2, 3, 4, 5], () => Effect.void)
            })
          ),
        (call, _, moment) =>
          Effect.map(letsIn(call.guard), (room) =>
            assert.strictEqual(room, keeps && call.ran ? 1 : 2, `ran: ${call.ran}, at ${JSON.stringify(moment)}`)
          )
      )
      assert.isAbove(interrupted, 100)
    })
  )
}

const testBound = <E>({ keeps, refusing }: Room<E>): void => {
  it.effect("never lets in more than it has room for, however many come at once", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 40; seed++) {
        const random = Random.make(seed)
        const room = 1 + random.below(4)
        const guard = yield* refusing(room)
        let running = 0
        let most = 0
        let ran = 0
        const call = Effect.gen(function* () {
          ran++
          most = Math.max(most, ++running)
          for (let turn = random.below(4); turn > 0; turn--) yield* Effect.yieldNow
          if (random.below(5) === 0) return yield* Effect.fail("broken")
          if (random.below(5) === 0) return yield* Effect.interrupt
        }).pipe(Effect.onExit(() => Effect.sync(() => running--)))
        yield* Effect.forEach(Array.from({ length: 30 }), () => Effect.exit(guard(call)), { concurrency: "unbounded" })
        assert.isAtMost(keeps ? ran : most, room, `seed ${seed}`)
        assert.isAtLeast(ran, room, `seed ${seed}`)
      }
    })
  )
}

const testWaiting = <E>(waiting: NonNullable<Room<E>["waiting"]>, restMillis: number): void => {
  it.effect("gives back all of a call that is interrupted while it waits, at any operation", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.gen(function* () {
          const guard = yield* waiting(1)
          const holder = yield* Effect.forkChild(guard(Effect.never), { startImmediately: true })
          return { guard, holder, ran: false }
        }),
        (call) => call.guard(Effect.sync(() => (call.ran = true))),
        ({ guard, holder, ran }, _, moment) =>
          Effect.gen(function* () {
            assert.isFalse(ran)
            yield* Fiber.interrupt(holder)
            yield* TestClock.adjust(restMillis)
            assert.strictEqual(yield* letsIn(guard), 1, JSON.stringify(moment))
          })
      )
      assert.isAbove(interrupted, 100)
    })
  )

  it.effect("lets everybody in who waits, in the order in which they came", () =>
    Effect.gen(function* () {
      const guard = yield* waiting(2)
      const order: Array<number> = []
      const all = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 20 }, (_, index) => index),
          (index) => guard(Effect.sync(() => order.push(index))),
          { concurrency: "unbounded" }
        )
      )
      for (let step = 0; step < 60; step++) {
        for (let turn = 0; turn < 12; turn++) yield* Effect.yieldNow
        yield* TestClock.adjust("1 second")
      }
      yield* Fiber.join(all)
      assert.deepStrictEqual(
        order,
        order.toSorted((a, b) => a - b)
      )
      assert.strictEqual(order.length, 20)
    })
  )
}

const testTime = <E>(make: Subject<E>["make"]): void => {
  it.effect("decides alike in two runs with one seed", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10; seed++) {
        const once = yield* decisions(yield* make, seed)
        assert.deepStrictEqual(yield* decisions(yield* make, seed), once, `seed ${seed}`)
        assert.isAbove(once.length, 50)
      }
    })
  )

  it.effect("decides the same when the wall clock jumps back or forward by an hour", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10; seed++) {
        const steady = yield* decisions(yield* make, seed)
        const clock = yield* Clock.Clock
        const jumping = jumpingClock(clock, Random.make(seed))
        const jumped = yield* Effect.provideService(decisions(yield* make, seed), Clock.Clock, jumping)
        assert.deepStrictEqual(jumped, steady, `seed ${seed}`)
      }
    })
  )
}

/** What becomes of random callers who come over a minute and leave when they like: one line for each. */
const decisions = <E>(guard: Policy.Policy<Policy.Stage, E>, seed: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const random = Random.make(seed)
    const clock = yield* Clock.Clock
    const start = clock.monotonicTimeNanosUnsafe()
    const log: Array<string> = []
    const say = (what: string) => log.push(`${clock.monotonicTimeNanosUnsafe() - start} ${what}`)
    const caller = (index: number) =>
      Effect.gen(function* () {
        yield* Effect.sleep(random.below(60_000))
        const patience = random.below(20_000)
        const service = random.below(500)
        const call = Effect.suspend(() => {
          say(`${index} starts`)
          return Effect.sleep(service)
        })
        const exit = yield* Effect.exit(
          Policy.about({ caller: `${index % 3}` })(guard(call)).pipe(Effect.timeout(patience))
        )
        say(`${index} ${Exit.isSuccess(exit) ? "is answered" : Cause.pretty(exit.cause).split("\n")[0]}`)
      })
    const all = yield* Effect.forkChild(
      Effect.forEach(
        Array.from({ length: 60 }, (_, index) => index),
        caller,
        { concurrency: "unbounded" }
      )
    )
    yield* TestClock.adjust("5 minutes").pipe(Effect.provideService(Clock.Clock, testClockOf(clock)))
    yield* Fiber.join(all)
    return log
  })

const behind = new WeakMap<Clock.Clock, Clock.Clock>()

const testClockOf = (clock: Clock.Clock): Clock.Clock => behind.get(clock) ?? clock

/** The same monotonic time, on a wall clock that somebody keeps setting wrong. */
const jumpingClock = (clock: Clock.Clock, random: Random.Random): Clock.Clock => {
  const offset = () => (random.below(3) - 1) * 3_600_000
  const jumping: Clock.Clock = {
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + offset(),
    currentTimeMillis: Effect.sync(() => clock.currentTimeMillisUnsafe() + offset()),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(offset()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe() + BigInt(offset()) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
  behind.set(jumping, clock)
  return jumping
}
