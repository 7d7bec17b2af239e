/**
 * Simulates the function that is to be guarded: a model server that is slow, fails now and then, and allows so many
 * calls a second.
 *
 * What it does with its n-th call depends on the seed alone, so that both sides of the demonstration meet the same
 * server. A refusal costs it a little of its allowance, as with providers that count refused calls too: flooding it
 * helps nobody.
 */
import { Clock, Data, Effect, Random, Semaphore } from "effect"

/** How the server is. */
export const server = {
  slots: 4,
  fastestMillis: 40,
  slowestMillis: 200,
  failShare: 0.05,
  allowedPerSecond: 20,
  /** What a refusal costs of the allowance, in calls. */
  refusalCost: 1 / 200
}

/** The server's 429, which does not say when to come back. */
export class TooManyRequests extends Data.TaggedError("TooManyRequests") {}

/** The server's 500, after it has done its work. */
export class Failed extends Data.TaggedError("Failed") {}

/** One server, with what it has done so far. */
export class ModelServer {
  served = 0
  failed = 0
  /** When it refused, in milliseconds of the clock. */
  readonly refusedAt: Array<number> = []
  private allowance = server.allowedPerSecond
  private earnedAt: number | undefined
  private readonly slots = Semaphore.makeUnsafe(server.slots)
  private readonly random: typeof Random.Random.Service

  constructor(random: typeof Random.Random.Service) {
    this.random = random
  }

  /** A server whose luck is decided by a seed. */
  static make(seed: string): Effect.Effect<ModelServer> {
    return Random.withSeed(
      Effect.gen(function* () {
        return new ModelServer(yield* Random.Random)
      }),
      seed
    )
  }

  /** The function that is to be guarded. */
  readonly ask: Effect.Effect<void, TooManyRequests | Failed> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    this.earn(now)
    return this.allowance < 1 ? this.refuse(now) : this.work()
  })

  private refuse(now: number): Effect.Effect<never, TooManyRequests> {
    this.allowance = Math.max(this.allowance - server.refusalCost, 0)
    this.refusedAt.push(now)
    return Effect.fail(new TooManyRequests())
  }

  private work(): Effect.Effect<void, TooManyRequests | Failed> {
    this.allowance -= 1
    const { failShare, fastestMillis, slowestMillis } = server
    const millis = Math.round(fastestMillis + this.random.nextDoubleUnsafe() * (slowestMillis - fastestMillis))
    const fails = this.random.nextDoubleUnsafe() < failShare
    return Effect.andThen(this.slots.withPermit(Effect.sleep(millis)), fails ? this.fail : this.serve)
  }

  private earn(now: number): void {
    const millis = now - (this.earnedAt ?? now)
    this.earnedAt = now
    this.allowance = Math.min(this.allowance + (millis / 1_000) * server.allowedPerSecond, server.allowedPerSecond)
  }

  private readonly serve = Effect.sync(() => void this.served++)

  private readonly fail = Effect.suspend(() => {
    this.failed++
    return Effect.fail(new Failed())
  })
}
