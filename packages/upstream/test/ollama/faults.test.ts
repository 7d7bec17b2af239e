/** Every fault of a simulated Ollama, and what the wire makes of it. */
import { assert, describe, it } from "@effect/vitest"
import { Faults } from "@spillway/sim"
import { Duration, Effect } from "effect"
import { heldTo, type Row, silent } from "../faults.ts"
import { ask, quick, serving } from "../serving.ts"

const rows: ReadonlyArray<Row> = [
  { fault: "busy", end: "Overloaded", parts: 0 },
  { fault: "overloaded", end: "Overloaded", parts: 0 },
  { fault: "unavailable", end: "Overloaded", parts: 0 },
  { fault: "html", end: "Overloaded", parts: 0 },
  { fault: "no-concurrency", end: "UpstreamRateLimited", parts: 0 },
  { fault: "session-limit", end: "QuotaSpent", parts: 0 },
  { fault: "weekly-limit", end: "QuotaSpent", parts: 0 },
  { fault: "quota", end: "QuotaSpent", parts: 0 },
  { fault: "unauthorized", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "subscription", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "cloud-disabled", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "bad-gateway", end: "Unreachable", parts: 0 },
  { fault: "cut-request", end: "Unreachable", parts: 0 },
  { fault: "internal", end: "Overloaded", parts: 0 },
  { fault: "foreign-host", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "hang", end: silent, parts: 0 },
  { fault: "reset", end: "Cut", parts: 0 },
  { fault: "refuse", end: "Cut", parts: 0 },
  { fault: "slow span=50ms", end: "answered", parts: 12 },
  { fault: "cut at=3", end: "Cut", parts: 3 },
  { fault: "cut-reset at=3", end: "Cut", some: true },
  { fault: "silence at=3", end: silent, parts: 3 },
  { fault: "garble at=3", end: "Malformed", parts: 3 },
  { fault: "idle-close", end: "answered", parts: 12 },
  { fault: "slow-load span=300ms", end: "answered", parts: 12 },
  { fault: "load-exit", end: "LoadFailed", parts: 0 },
  { fault: "load-memory", end: "OutOfMemory", parts: 0 },
  { fault: "load-hang", end: "LoadFailed", parts: 0 },
  { fault: "die at=0", end: "RunnerDied", parts: 0 },
  { fault: "die at=4", end: "RunnerDied", parts: 4 },
  { fault: "end at=4", end: "Cut", parts: 4 },
  { fault: "empty", end: "Cut", parts: 0 },
  { fault: "done-missing", end: "Cut", parts: 12 },
  { fault: "unreadable at=4", end: "Malformed", parts: 4 },
  { fault: "stall at=4", end: silent, parts: 4 },
  { fault: "repeat", end: "Cut", parts: 31 },
  { fault: "endless", end: silent, some: true },
  { fault: "slow-tokens span=5ms", end: "answered", parts: 12 },
  { fault: "lost-slot", end: "answered", parts: 12 },
  { fault: "runner-memory", end: "OutOfMemory", parts: 0 },
  { fault: "no-slots", end: "Overloaded", parts: 0 }
]

const serve = (fault: string) =>
  Effect.map(
    serving({ models: [quick("a"), quick("other")], loadTimeout: "300ms", faults: [fault] }),
    ({ server, upstream }) => ({ upstream, open: () => server.traffic.open })
  )

heldTo("the wire to an Ollama", Object.keys(Faults.catalogue), rows, serve, "a")

describe("a quota", () => {
  it.live("tells how long it asks to wait", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ faults: ["quota span=3h"] })
      const { error } = yield* ask(upstream)
      assert.strictEqual(Duration.toMillis(error!.retryAfter!), 3 * 3_600_000)
      assert.isFalse(error!.retryable)
    })
  )
})
