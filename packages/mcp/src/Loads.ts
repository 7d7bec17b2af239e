/**
 * Calls that are over for their clients, and go on for the sake of the model that they load.
 *
 * A server that nobody waits for any more gives up loading, so that a model that takes longer than a client waits could
 * never be asked. One call a target goes on, until its first part has come or a bound is reached.
 */
import { Duration, Effect, Fiber, Scope } from "effect"

/** Those that go on, by their targets. They end with the scope at the latest. */
export class Loads {
  private readonly going = new Set<string>()
  private readonly scope: Scope.Scope
  private readonly loadFor: Duration.Duration

  constructor(scope: Scope.Scope, loadFor: Duration.Duration) {
    this.scope = scope
    this.loadFor = loadFor
  }

  /** Runs what may have to outlive whoever began it. */
  fork<A, E>(self: Effect.Effect<A, E>): Effect.Effect<Fiber.Fiber<A, E>> {
    return Effect.forkIn(self, this.scope, { startImmediately: true })
  }

  /** Lets a call go on, where no other one does so for its target, and else ends it. */
  keep(target: string, call: Fiber.Fiber<unknown, unknown>): Effect.Effect<unknown> {
    if (this.going.has(target)) return Fiber.interrupt(call)
    this.going.add(target)
    call.addObserver(() => this.going.delete(target))
    const bounded = Effect.andThen(Effect.timeoutOption(Fiber.await(call), this.loadFor), Fiber.interrupt(call))
    return Effect.forkIn(bounded, this.scope)
  }
}
