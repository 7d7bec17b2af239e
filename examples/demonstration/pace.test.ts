/**
 * Holds the demonstration's clock to its word: it waits for sockets, and for nothing else unless somebody watches.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { ask } from "./client.ts"
import { stopwatch } from "./measure.ts"
import { PacedClock } from "./pace.ts"
import { answer, start } from "./server.ts"

const paced =
  (watched: boolean) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.provideService(self, Clock.Clock, new PacedClock({ watched }))

describe("the clock of the demonstration", () => {
  it.live("does not wait for what is far away when nobody watches", () =>
    Effect.gen(function* () {
      const now = yield* stopwatch
      yield* Effect.sleep("1 day")
      assert.strictEqual(now(), 86_400_000)
    }).pipe(paced(false))
  )

  it.live("wakes sleepers when they are due, and not those who have left", () =>
    Effect.gen(function* () {
      const now = yield* stopwatch
      const woken: Array<number> = []
      const sleep = (millis: number) =>
        Effect.andThen(
          Effect.sleep(millis),
          Effect.sync(() => woken.push(now()))
        )
      yield* Effect.all([sleep(30), sleep(10), Effect.timeoutOption(sleep(40), 20)], { concurrency: "unbounded" })
      assert.deepStrictEqual(woken, [10, 30])
    }).pipe(paced(false))
  )

  it.live("lets no time pass while a socket has something to say", () =>
    Effect.gen(function* () {
      const now = yield* stopwatch
      const server = yield* start(() => answer(200), now)
      const asking = Effect.map(ask(server.url), now)
      const ended = yield* Effect.all([asking, Effect.delay(asking, 100)], { concurrency: "unbounded" })
      assert.deepStrictEqual(ended, [200, 300])
    }).pipe(Effect.scoped, paced(false))
  )

  it.live("is not ahead of the real one for whoever watches", () =>
    Effect.gen(function* () {
      const began = performance.now()
      yield* paced(true)(Effect.sleep(60))
      assert.isAtLeast(performance.now() - began, 59)
    })
  )
})
