/**
 * CircuitBreaker under the laws of policies, and what opens it: failures in a row, their share over time, apart for
 * each target.
 *
 * The V numbers are defects that were measured in other breakers; each test shows the same scene without the defect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker, Deadline, Policy, RateLimit, Retry, type SpillwayError, Timeout } from "@spillway/core"
import { breaker, broken, failing, stands, touchy } from "../fixtures/breaker.ts"
import { testPolicy } from "../laws/testPolicy.ts"

testPolicy({ name: "CircuitBreaker", make: breaker() })

testPolicy({
  name: "CircuitBreaker among others",
  make: Effect.orDie(
    Policy.all([
      Deadline.make({ deadline: "1h" }),
      RateLimit.make({ rate: "1000/min" }),
      Retry.make({ attempts: 1 }),
      CircuitBreaker.make(),
      Timeout.make({ firstToken: "1h" })
    ])
  )
})

const at = (target: string) => Policy.about({ target })
const succeeding = (guard: Policy.Policy<"attempt", SpillwayError>, times: number) =>
  Effect.repeat(guard(Effect.void), { times: times - 1 })

describe("CircuitBreaker", () => {
  it.effect("V5: two failures 50 minutes apart do not open it: evidence decays by time", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failureRate: "50%", calls: 2, failures: 100 })
      yield* failing(guard)
      yield* TestClock.adjust("50 minutes")
      yield* failing(guard)
      assert.strictEqual(yield* stands(guard), "Closed")
      yield* failing(guard)
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("V18: four of four failures open it, however little traffic there is", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 4 })
      for (let failure = 1; failure <= 4; failure++) {
        assert.strictEqual(yield* stands(guard), "Closed")
        yield* failing(guard)
        yield* TestClock.adjust("20 minutes")
      }
      assert.strictEqual(yield* stands(guard), "HalfOpen")
    })
  )

  it.effect("V15: a retry around it does not spend itself on refusals, and the cause is not lost", () =>
    Effect.gen(function* () {
      let sent = 0
      const guard = yield* Effect.orDie(
        Policy.all([Retry.make({ attempts: 5, budget: "off" }), CircuitBreaker.make({ ...touchy, failures: 2 })])
      )
      const call = Effect.suspend(() => Effect.fail(`broken ${++sent}`))
      const first = yield* Effect.forkChild(Effect.flip(guard(call)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(first), "broken 2")
      assert.strictEqual(sent, 2)
    })
  )

  it.effect("lets everything through while all is well, also side by side", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) => guard(Effect.as(Effect.yieldNow, index)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.length, 100)
    })
  )

  it.effect("opens at the fifth failure in a row unless it is told another number", () =>
    Effect.gen(function* () {
      const guard = yield* breaker()
      yield* failing(guard, 4)
      yield* succeeding(guard, 1)
      yield* failing(guard, 4)
      assert.strictEqual(yield* stands(guard), "Closed")
      yield* failing(guard)
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("opens when half of ten calls within 30 s have failed, and not of nine", () =>
    Effect.gen(function* () {
      for (const [good, opens] of [
        [4, false],
        [5, true]
      ] as const) {
        const guard = yield* breaker({ failures: 100 })
        yield* succeeding(guard, good)
        yield* failing(guard, 4)
        yield* TestClock.adjust("20 seconds")
        yield* failing(guard)
        assert.strictEqual(yield* stands(guard), opens ? "Open" : "Closed")
      }
    })
  )

  it.effect("does not see what is older than its window", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 100, window: "10s", calls: 4 })
      yield* failing(guard, 3)
      yield* TestClock.adjust("10 seconds")
      yield* failing(guard, 3)
      assert.strictEqual(yield* stands(guard), "Closed")
      yield* TestClock.adjust("9 seconds")
      yield* failing(guard)
      assert.strictEqual(yield* stands(guard), "Open")
    })
  )

  it.effect("keeps models apart: one that fails leaves another on the same host alone", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      yield* at("gpu1/a")(failing(guard))
      assert.strictEqual(yield* stands(guard, "gpu1/a"), "Open")
      assert.strictEqual(yield* stands(guard, "gpu1/b"), "Closed")
      yield* at("gpu1/b")(guard(Effect.void))
      yield* guard(Effect.void)
      assert.deepInclude((yield* Effect.flip(at("gpu1/a")(guard(Effect.void)))).reason, {
        _tag: "Unavailable",
        target: "gpu1/a"
      })
    })
  )

  it.effect("counts the cloud models of one Ollama together, since they are up or down together", () =>
    Effect.gen(function* () {
      const guard = yield* breaker({ failures: 2 })
      yield* failing(guard).pipe(at("gpu1/a:cloud"))
      yield* failing(guard).pipe(at("gpu1/b:120b-cloud"))
      for (const target of ["gpu1/a:cloud", "gpu1/b:120b-cloud", "gpu1/asked-by-nobody:cloud"]) {
        assert.strictEqual(yield* stands(guard, target), "Open", target)
        assert.isTrue(guard.isShut(target, 0), target)
        const { reason } = yield* Effect.flip(guard(Effect.void).pipe(at(target)))
        assert.include(reason, { _tag: "Unavailable", target })
      }
      for (const target of ["gpu1/a", "gpu1/cloud", "gpu2/a:cloud"]) {
        assert.strictEqual(yield* stands(guard, target), "Closed", target)
        yield* guard(Effect.void).pipe(at(target))
      }
    })
  )

  it.effect("counts targets, keys, callers or everybody together, as it is told", () =>
    Effect.gen(function* () {
      const said = { target: "gpu1/a", key: "tenant", caller: "ann" }
      for (const [per, other] of [
        ["target", { ...said, target: "gpu2/a" }],
        ["key", { ...said, key: "another" }],
        ["caller", { ...said, caller: "bob" }]
      ] as const) {
        const guard = yield* breaker({ ...touchy, per })
        yield* Policy.about(said)(failing(guard))
        assert.strictEqual(yield* stands(guard, said[per]), "Open")
        yield* Effect.flip(Policy.about(said)(guard(Effect.void)))
        yield* Policy.about(other)(guard(Effect.void))
      }
      const all = yield* breaker({ ...touchy, per: "all" })
      yield* Policy.about(said)(failing(all))
      yield* Effect.flip(Policy.about({ target: "gpu2/b", key: "another", caller: "bob" })(all(Effect.void)))
      assert.strictEqual(yield* stands(all), "Open")
    })
  )

  it.effect("names the target in its refusal, and never a caller or a key in its place", () =>
    Effect.gen(function* () {
      for (const per of ["caller", "key", "all"] as const) {
        const guard = yield* breaker({ ...touchy, per })
        const as = Policy.about({ caller: "ann", key: "tenant", target: "gpu1/a" })
        yield* as(failing(guard))
        assert.notProperty((yield* Effect.flip(as(guard(Effect.void)))).reason, "target")
      }
    })
  )

  it.effect("refuses without a stack, and with a sentence that says when to come back", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      yield* at("gpu1/a")(failing(guard))
      const error = yield* Effect.flip(at("gpu1/a")(guard(Effect.void)))
      assert.isUndefined(error.stack)
      assert.strictEqual(error.message, "gpu1/a is down, draining or resting after failures: come back in 2 s.")
      assert.isTrue(error.retryable)
      assert.deepStrictEqual(error.retryAfter, Duration.nanos(2_000_000_000n))
    })
  )

  it.effect("does not run what it refuses", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      yield* failing(guard)
      let ran = false
      yield* Effect.flip(guard(Effect.sync(() => (ran = true))))
      assert.isFalse(ran)
    })
  )

  it.effect("does not open by the refusals of guards further in, its own kind included", () =>
    Effect.gen(function* () {
      const inner = yield* breaker(touchy)
      const outer = yield* breaker(touchy)
      const limit = yield* Effect.orDie(RateLimit.make({ rate: "1/h", per: "target" }))
      yield* limit(Effect.void)
      yield* inner.isolate()
      for (const guard of [inner, limit]) yield* Effect.flip(outer(guard(Effect.void)))
      assert.strictEqual(yield* stands(outer), "Closed")
    })
  )

  it.effect("opens by the clocks further in", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Policy.all([CircuitBreaker.make(touchy), Timeout.make({ firstToken: "5s" })]))
      const waiting = yield* Effect.forkChild(Effect.flip(guard(Effect.never)))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Effect.map(Effect.flip(guard(Effect.void)), ({ reason }) => reason._tag), "Unavailable")
      assert.isDefined(waiting.pollUnsafe())
    })
  )

  it.effect("passes the services of what it guards on, and its failures beside its own", () =>
    Effect.gen(function* () {
      const guard = yield* breaker(touchy)
      const error = yield* Effect.flip(guard(broken))
      assert.strictEqual(error, "broken")
      const refused = yield* guard(broken).pipe(
        Effect.catchReason("SpillwayError", "Unavailable", ({ retryAfter }) => Effect.succeed(retryAfter))
      )
      assert.deepStrictEqual(refused, Duration.nanos(2_000_000_000n))
    })
  )
})
