/** Every fault of the simulator's catalogue, over a real socket: what the wire makes of it, and in time. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Faults } from "@spillway/sim"
import { ask, quick, serving } from "../serving.ts"

/** A fault, the end that a question comes to, and how many parts come before. */
interface Row {
  readonly fault: string
  readonly end: string
  readonly parts?: number
  /** Whether some come, where how many depends on what a packet holds. */
  readonly some?: boolean
}

/** A question that never ends is one that a clock has to end. */
const silent = "silent"

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
  { fault: "reset", end: "Unreachable", parts: 0 },
  { fault: "refuse", end: "Unreachable", parts: 0 },
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

const nameOf = (fault: string): string => fault.split(" ")[0]!

describe("the wire to an Ollama", () => {
  it("is held to every fault there is", () => {
    assert.deepStrictEqual([...new Set(rows.map(({ fault }) => nameOf(fault)))], Object.keys(Faults.catalogue))
  })

  for (const { end, fault, parts, some } of rows) {
    it.live(`makes of ${fault}: ${end}`, () =>
      Effect.gen(function* () {
        const { server, upstream } = yield* serving({
          models: [quick("a"), quick("other")],
          loadTimeout: "300ms",
          faults: [fault]
        })
        // What marks the end of an answer in the table must not come from a script that breaks it by itself.
        const asked = fault === "endless" || fault === "repeat" ? "hello" : "hello [[sim tokens=12]]"
        const begun = performance.now()
        const told = yield* Effect.timeoutOption(ask(upstream, asked), end === silent ? 400 : 10_000)
        if (end === silent) {
          assert.strictEqual(told._tag, "None")
          yield* Effect.sleep(100)
          // Who has left has closed his connection: nothing is open any more over there.
          assert.deepStrictEqual(server.traffic.open, [])
          return
        }
        assert.strictEqual(told._tag, "Some")
        if (told._tag === "None") return
        assert.strictEqual(told.value.end, end, told.value.error?.message)
        if (parts !== undefined) assert.strictEqual(told.value.parts.length, parts)
        if (some === true) assert.isAtMost(told.value.parts.length, 12)
        assert.isBelow(performance.now() - begun, 5_000)
      })
    )
  }

  it.live("tells how long a quota asks to wait", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ faults: ["quota span=3h"] })
      const { error } = yield* ask(upstream)
      assert.strictEqual(Duration.toMillis(error!.retryAfter!), 3 * 3_600_000)
      assert.isFalse(error!.retryable)
    })
  )
})
