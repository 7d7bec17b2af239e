/**
 * The same work under the libraries people use today, each as its README sets it up, with bounds that never bind.
 *
 * Their refusals stand beside ours where they have any that can be provoked without a crowd: a breaker held open, a
 * spent limiter.
 */
import { Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import Bottleneck from "bottleneck"
import * as Cockatiel from "cockatiel"
import CircuitBreaker from "opossum"
import pRetry from "p-retry"
import { crowds, type Subject } from "./measure.ts"
import { leaf, ofEffect, ofPromise, work } from "./subjects.ts"

const crowdMax = Math.max(...crowds)

const retry = Cockatiel.retry(Cockatiel.handleAll, { maxAttempts: 3, backoff: new Cockatiel.ExponentialBackoff() })
const breaker = () =>
  Cockatiel.circuitBreaker(Cockatiel.handleAll, {
    halfOpenAfter: 10_000,
    breaker: new Cockatiel.ConsecutiveBreaker(5)
  })
const timeout = Cockatiel.timeout(30_000, Cockatiel.TimeoutStrategy.Cooperative)
const bulkhead = Cockatiel.bulkhead(crowdMax, crowdMax)

const ignoring = (call: () => PromiseLike<unknown>) => (): PromiseLike<unknown> => call().then(undefined, () => {})

const cockatiel = (): ReadonlyArray<Subject> => {
  const four = Cockatiel.wrap(retry, breaker(), timeout, bulkhead)
  const three = Cockatiel.wrap(retry, breaker(), bulkhead)
  const open = breaker()
  open.isolate()
  return [
    ofPromise("calls", "cockatiel wrap(retry, breaker, timeout, bulkhead)", () => four.execute(work)),
    ofPromise("calls", "cockatiel wrap(retry, breaker, bulkhead)", () => three.execute(work)),
    ...Object.entries({ retry, breaker: breaker(), timeout, bulkhead }).map(([name, policy]) =>
      ofPromise("calls", `cockatiel ${name}`, () => policy.execute(work))
    ),
    ofPromise(
      "refusals",
      "cockatiel breaker held open",
      ignoring(() => open.execute(work))
    )
  ]
}

const others = (): ReadonlyArray<Subject> => {
  const plain = new CircuitBreaker(work, { timeout: false })
  const timed = new CircuitBreaker(work, { timeout: 30_000, capacity: crowdMax })
  const open = new CircuitBreaker(work, { timeout: false, resetTimeout: 2 ** 31 - 1 })
  open.open()
  const bottleneck = new Bottleneck({ maxConcurrent: crowdMax })
  return [
    ofPromise("calls", "opossum, without timeout", () => plain.fire()),
    ofPromise("calls", "opossum, timeout and capacity", () => timed.fire()),
    ofPromise("calls", "p-retry", () => pRetry(work, { retries: 3 })),
    ofPromise("calls", "bottleneck", () => bottleneck.schedule(work), { roundsMax: 3 }),
    ofPromise(
      "refusals",
      "opossum held open",
      ignoring(() => open.fire())
    )
  ]
}

const effectsOwn = Effect.gen(function* () {
  const limiter = yield* RateLimiter.RateLimiter
  const options = { algorithm: "token-bucket", window: "1 second", limit: 1_000_000_000, key: "agent" } as const
  const spent = { algorithm: "token-bucket", window: "1 day", limit: 1, key: "spent" } as const
  yield* limiter.consume(spent)
  return [
    ofEffect("calls", "effect RateLimiter.consume", Effect.andThen(limiter.consume(options), leaf)),
    ofEffect(
      "refusals",
      "effect RateLimiter.consume, spent",
      Effect.ignore(Effect.andThen(limiter.consume(spent), leaf))
    )
  ]
}).pipe(Effect.provide(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)), Effect.orDie)

/** Every case of others. */
export const peers: Effect.Effect<ReadonlyArray<Subject>> = Effect.map(effectsOwn, (own) => [
  ...cockatiel(),
  ...others(),
  ...own
])
