/**
 * Lists of policies, their order, guards as services, and what a program says about what it guards.
 *
 * That a wrong order is a compile error is proved where the compiler runs, in test/types.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Schedule } from "effect"
import { type Options, Policy, RateLimit, type SpillwayError } from "@spillway/core"

/** A policy that writes down when it is entered and left. */
const tracing = <S extends Policy.Stage>(name: string, stage: S, log: Array<string>) =>
  Policy.make(name, stage, (self) =>
    Effect.onExitPrimitive(
      Effect.suspend(() => {
        log.push(`> ${name}`)
        return self
      }),
      () => {
        log.push(`< ${name}`)
        return undefined
      }
    )
  )

describe("Policy.all", () => {
  it.effect("puts the first policy outermost, from policies and from what makes them", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const guard = yield* Policy.all([
        tracing("deadline", "call", log),
        Effect.sync(() => tracing("retry", "between", log)),
        tracing("breaker", "attempt", log)
      ])
      assert.strictEqual(yield* guard(Effect.succeed(42)), 42)
      assert.deepStrictEqual(log, ["> deadline", "> retry", "> breaker", "< breaker", "< retry", "< deadline"])
      assert.strictEqual(guard.name, "deadline > retry > breaker")
      assert.deepStrictEqual(guard.stages, ["call", "between", "attempt"])
    })
  )

  it.effect("of none changes nothing", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([])
      assert.strictEqual(yield* guard(Effect.succeed(42)), 42)
    })
  )

  it.effect("refuses a wrong order where no compiler has looked, and names who stands where", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const [call, between, attempt] = [
        tracing("Deadline", "call", log),
        tracing("Retry", "between", log),
        tracing("Timeout", "attempt", log)
      ]
      const nested = yield* Policy.all([call, attempt])
      const unchecked = Policy.all as unknown as (policies: ReadonlyArray<unknown>) => Effect.Effect<void>
      for (const wrong of [
        [attempt, call],
        [between, call],
        [attempt, between],
        [attempt, nested],
        [nested, between],
        [call, Effect.succeed(attempt), Effect.succeed(call)]
      ]) {
        const exit = yield* Effect.exit(unchecked(wrong))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "cannot stand inside")
      }
      for (const right of [
        [call, between, attempt],
        [nested, attempt],
        [call, nested],
        [between, between, attempt]
      ]) {
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(unchecked(right))))
      }
    })
  )

  it.effect("tells limits apart where their order is wrong", () =>
    Effect.gen(function* () {
      const unchecked = Policy.all as unknown as (policies: ReadonlyArray<unknown>) => Effect.Effect<void>
      const wrong = [RateLimit.make({ rate: "1/s", per: "target" }), RateLimit.make({ rate: "1/s" })]
      const exit = yield* Effect.exit(unchecked(wrong))
      const said = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      assert.include(said, "RateLimit cannot stand inside RateLimit per target")
    })
  )

  it.effect("fails as the making of any of its policies fails", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Policy.all([RateLimit.make({ rate: "10 per min" })]))
      assert.strictEqual(refused._tag, "OptionsRefused")
    })
  )

  it.effect("has its state once, however many Effects it guards", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([RateLimit.make({ rate: "2/min" })])
      yield* guard(Effect.void)
      yield* guard(Effect.succeed(1))
      yield* Effect.flip(guard(Effect.succeed("three")))
    })
  )

  it.effect("guards what is nested inline, and inside another guard", () =>
    Effect.gen(function* () {
      const outer = yield* RateLimit.make({ rate: "1/min" })
      const inner = yield* RateLimit.make({ rate: "1/min" })
      assert.strictEqual(yield* outer(inner(Effect.succeed(42))), 42)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.void.pipe(inner, outer))))
    })
  )

  it.effect("lets what repeats outside of it ask again", () =>
    Effect.gen(function* () {
      const guard = yield* RateLimit.make({ rate: "1/min" })
      let calls = 0
      const failing = guard(Effect.suspend(() => Effect.fail(`failure ${++calls}`)))
      const error = yield* Effect.flip(Effect.retry(failing, Schedule.recurs(2)))
      assert.strictEqual((error as SpillwayError)._tag, "SpillwayError")
      assert.strictEqual(calls, 1)
    })
  )
})

describe("Policy.Service", () => {
  class ModelGuard extends Policy.Service<ModelGuard>()(
    "test/ModelGuard",
    Policy.all([RateLimit.make({ rate: "1/min" })])
  ) {}

  it.effect("shares one guard among all who are provided with its layer", () =>
    Effect.gen(function* () {
      yield* Effect.void.pipe(ModelGuard.guard)
      const error = yield* Effect.flip(Effect.void.pipe(ModelGuard.guard))
      assert.strictEqual(error._tag, "SpillwayError")
    }).pipe(Effect.provide(ModelGuard.layer))
  )

  it.effect("makes a guard of its own wherever its layer is built anew", () =>
    Effect.gen(function* () {
      const once = Effect.provide(ModelGuard.guard(Effect.void), Layer.fresh(ModelGuard.layer))
      yield* once
      yield* once
    })
  )

  it.effect("is replaced in a test by another layer", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const open = Layer.succeed(
        ModelGuard,
        Policy.make("open", "call", (self) => Effect.tap(self, () => Effect.sync(() => log.push("through"))))
      )
      yield* ModelGuard.guard(ModelGuard.guard(Effect.void)).pipe(Effect.provide(open))
      assert.deepStrictEqual(log, ["through", "through"])
    })
  )

  it.effect("is yielded as the policy it is", () =>
    Effect.gen(function* () {
      const guard = yield* ModelGuard
      assert.strictEqual(guard.name, "RateLimit")
    }).pipe(Effect.provide(ModelGuard.layer))
  )
})

describe("Policy.about", () => {
  it.effect("refuses a deadline that is none, when the Effect runs", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Policy.about({ deadline: "soon" })(Effect.void))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", '"soon" is not a deadline: write it as')
    })
  )

  it.effect("inherits what it does not say, and the nearest says it", () =>
    Effect.gen(function* () {
      const guard = yield* RateLimit.make({ rate: "1/min", per: "key" })
      const keyed = (key: string) => Policy.about({ key })
      yield* keyed("outer")(Policy.about({ caller: "ann" })(guard(Effect.void)))
      yield* Effect.flip(keyed("outer")(guard(Effect.void)))
      yield* keyed("outer")(keyed("inner")(guard(Effect.void)))
    })
  )
})

describe("types are inferred without help:", () => {
  const broken = Effect.fail("broken" as const)

  it.effect("of a guard nested inline", () =>
    Effect.gen(function* () {
      const outer = yield* RateLimit.make({ rate: "9/min" })
      const inner = yield* RateLimit.make({ rate: "9/min", per: "target" })
      expectTypeOf(outer).toEqualTypeOf<Policy.Policy<"call", SpillwayError>>()
      expectTypeOf(inner).toEqualTypeOf<Policy.Policy<"attempt", SpillwayError>>()
      const guarded = outer(inner(Effect.as(broken, 42)))
      expectTypeOf(guarded).toEqualTypeOf<Effect.Effect<number, "broken" | SpillwayError>>()
      assert.strictEqual(yield* Effect.flip(guarded), "broken")
    })
  )

  it.effect("of a list in a pipe", () =>
    Effect.gen(function* () {
      const guard = yield* Policy.all([
        RateLimit.make({ rate: "9/min" }),
        Policy.make("Retry", "between", (self) => self),
        RateLimit.make({ rate: "9/min", per: "target" })
      ])
      expectTypeOf(guard).toEqualTypeOf<Policy.Policy<"call" | "between" | "attempt", SpillwayError>>()
      const guarded = Effect.succeed(42).pipe(guard, Policy.about({ caller: "ann" }))
      expectTypeOf(guarded).toEqualTypeOf<Effect.Effect<number, SpillwayError>>()
      assert.strictEqual(yield* guarded, 42)
    })
  )

  it.effect("of a guard as a layer, which asks for itself and for nothing else", () =>
    Effect.gen(function* () {
      class Guard extends Policy.Service<Guard>()("test/Typed", Policy.all([RateLimit.make({ rate: "9/min" })])) {}
      const guarded = broken.pipe(Guard.guard)
      expectTypeOf(guarded).toEqualTypeOf<Effect.Effect<never, "broken" | SpillwayError, Guard>>()
      expectTypeOf(Guard.layer).toEqualTypeOf<Layer.Layer<Guard, Options.OptionsRefused>>()
      assert.strictEqual(yield* Effect.flip(Effect.provide(guarded, Guard.layer)), "broken")
    })
  )

  it.effect("of a reason that is caught by its name", () =>
    Effect.gen(function* () {
      const guard = yield* RateLimit.make({ rate: "1/min" })
      yield* guard(Effect.void)
      const caught = Effect.catchReason(guard(Effect.void), "SpillwayError", "RateLimited", (reason) => {
        expectTypeOf(reason.retryAfter).toEqualTypeOf<Duration.Duration>()
        return Effect.succeed(Duration.toMillis(reason.retryAfter))
      })
      assert.strictEqual(yield* caught, 60_000)
    })
  )
})
