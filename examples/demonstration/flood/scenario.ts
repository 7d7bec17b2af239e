/**
 * Plays the same traffic twice at the same time: against the bare function, and against the guarded one.
 *
 * It knows no terminal and runs on whatever clock its fiber has: on the real one for people who watch, on a test clock
 * for the test. What differs between the two worlds is one line.
 */
import { Policy, type SpillwayError } from "@spillway/core"
import { Clock, Effect } from "effect"
import { agent, callers, Diary, person } from "./callers.ts"
import { Guard } from "./guard.ts"
import { ModelServer, type TooManyRequests, type Failed } from "./server.ts"

/** How long both worlds run, and what decides their luck. */
export interface Settings {
  readonly millis: number
  readonly seed: string
}

/** One side of the demonstration, as it stands at this moment. */
export interface World {
  readonly server: ModelServer
  readonly person: Diary
  readonly agent: Diary
}

/** Both sides, and when they began. */
export interface Scenario {
  readonly settings: Settings
  beganAt: number
  readonly bare: World
  readonly guarded: World
}

/** Makes both worlds; nothing happens in them yet. */
export const make = (settings: Settings): Effect.Effect<Scenario> =>
  Effect.gen(function* () {
    const world = Effect.map(ModelServer.make(settings.seed), (server): World => ({
      server,
      person: new Diary(),
      agent: new Diary()
    }))
    return { settings, beganAt: yield* Clock.currentTimeMillis, bare: yield* world, guarded: yield* world }
  })

/** Lets the traffic run, in both worlds at once, until its time is over. */
export const play = ({ bare, guarded, settings }: Scenario): Effect.Effect<void> =>
  Effect.all(
    [
      traffic(bare, settings, () => bare.server.ask),
      traffic(guarded, settings, (caller) => Guard.guard(guarded.server.ask).pipe(Policy.about({ caller })))
    ],
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.provide(Guard.layer), Effect.orDie)

type Ask<R> = (caller: string) => Effect.Effect<void, TooManyRequests | Failed | SpillwayError, R>

const traffic = <R>(world: World, { millis, seed }: Settings, ask: Ask<R>): Effect.Effect<void, never, R> => {
  const heard = (caller: "agent" | "person") =>
    Effect.tapError(ask(caller), (error) =>
      Effect.sync(() => {
        if ("retryAfter" in error && error.retryAfter !== undefined) world[caller].told++
      })
    )
  // The person's last question has all his patience before the time is over.
  const asking = millis - callers.personPatienceMillis - 1
  return Effect.all([agent(heard("agent"), world.agent), person(heard("person"), world.person, asking, seed)], {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.timeoutOption(millis), Effect.asVoid)
}
