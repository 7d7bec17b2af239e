/** What both wires to hosted providers do alike, against a simulated one with the face of each. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Policy, Question, type SpillwayError, type Summary, Timeout } from "@spillway/core"
import { HostedServer } from "@spillway/sim"
import { Duration, Effect, Fiber } from "effect"
import { heldTo, type Row, silent } from "./faults.ts"
import { ask, hosting, hosts } from "./serving.ts"

const rowsOf = (firstEvent: string): ReadonlyArray<Row> => [
  { fault: "unauthorized", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "forbidden", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "unknown-model", end: "ModelNotFound", parts: 0 },
  { fault: "rate-limited", end: "UpstreamRateLimited", parts: 0 },
  { fault: "rate-limited span=2h", end: "QuotaSpent", parts: 0 },
  { fault: "quota", end: "QuotaSpent", parts: 0 },
  { fault: "internal", end: "Overloaded", parts: 0 },
  { fault: "overloaded", end: "Overloaded", parts: 0 },
  { fault: "html", end: "Unreachable", parts: 0 },
  { fault: "html-200", end: "Malformed", parts: 0 },
  { fault: "hang", end: silent, parts: 0 },
  { fault: "error-in-200", end: firstEvent, parts: 0 },
  { fault: "empty-answer", end: "Malformed", parts: 0 },
  { fault: "slow span=20ms", end: "answered", parts: 12 },
  { fault: "truncated-json at=3", end: "Malformed", parts: 3 },
  { fault: "cut at=3", end: "Cut", parts: 3 },
  { fault: "reset at=3", end: "Cut", some: true },
  { fault: "silence at=3", end: silent, parts: 3 },
  { fault: "idle-close", end: "answered", parts: 12 },
  { fault: "no-marker", end: "Cut", parts: 12 },
  { fault: "no-marker at=3", end: "Cut", parts: 3 },
  { fault: "error-mid-stream at=0", end: firstEvent, parts: 0 },
  { fault: "error-mid-stream at=3", end: "RunnerDied", parts: 3 },
  { fault: "comments-only at=3 span=20ms", end: silent, parts: 3 },
  { fault: "comments-only at=0 span=20ms", end: silent, parts: 0 }
]

const catalogue = HostedServer.known.map(({ name }) => name)

/** An error as the first event is told by its kind at Anthropic, and by nothing at OpenAI. */
for (const [face, firstEvent] of [
  ["openai", "RunnerDied"],
  ["anthropic", "Overloaded"]
] as const) {
  const { model } = hosts[face]

  heldTo(
    `the wire to a provider with the face of ${face}`,
    catalogue,
    rowsOf(firstEvent),
    (fault) =>
      Effect.map(hosting(face, { faults: [fault] }), ({ server, upstream }) => ({
        upstream,
        open: () => server.traffic.open
      })),
    model
  )

  describe(`an answer of ${face}`, () => {
    it.live("tells which model gave it and what it took", () =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face)
        const { parts, summary } = yield* ask(upstream, "Why? [[sim tokens=4]]", model)
        const { finish, model: answered, usage } = summary as Summary.Summary
        assert.deepStrictEqual([parts.length, finish, answered, usage?.output], [4, "stop", model, 4])
        assert.isAbove(usage!.input, 0)
      })
    )

    it.live("that reaches its bound says so", () =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face)
        const told = yield* ask(upstream, Question.chat(model, "Why? [[sim tokens=40]]", { maxTokens: 3 }))
        assert.strictEqual((told.summary as Summary.Summary).finish, "length")
        assert.strictEqual(told.parts.length, 3)
      })
    )

    it.live("may call a tool, in fragments of one call", () =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face)
        const tools = [{ name: "f", parameters: { type: "object" } }]
        const messages = [{ role: "user" as const, text: 'Why? [[sim tool=f arguments={"a":1234567}]]' }]
        const { parts, summary } = yield* ask(upstream, Question.make(model, { kind: "chat", messages, tools }))
        const calls = parts.filter((part) => part._tag === "ToolCall")
        assert.isAbove(calls.length, 2)
        assert.deepStrictEqual([...new Set(calls.map(({ index }) => index))], [0])
        assert.strictEqual(calls[0]!.name, "f")
        assert.isString(calls[0]!.id)
        assert.strictEqual(calls.map((call) => call.arguments).join(""), '{"a":1234567}')
        assert.strictEqual((summary as Summary.Summary).finish, "tool-calls")
      })
    )
  })

  describe(`the clocks of a policy around ${face}`, () => {
    const timed = (fault: string, clock: Timeout.Options) =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face, { faults: [fault] })
        const guard = yield* Policy.all([Timeout.make(clock)])
        const call = guard(Call.asEffect<SpillwayError, never>(upstream.call))
        const asked = Question.chat(model, "hello [[sim tokens=12]]")
        return (yield* Effect.flip(Answer.collect(call, asked))).reason
      })

    it.live("hear no comments and no pings: a stall that they keep warm is one", () =>
      Effect.gen(function* () {
        const reason = yield* timed("comments-only at=3 span=20ms", { idle: "200ms" })
        assert.containSubset(reason, { _tag: "TimedOut", phase: "idle", parts: 3 })
        const first = yield* timed("comments-only at=0 span=20ms", { firstToken: "200ms" })
        assert.containSubset(first, { _tag: "TimedOut", phase: "firstToken", parts: 0 })
      })
    )

    it.live("tell a server that sends not even a head", () =>
      Effect.gen(function* () {
        const reason = yield* timed("hang", { firstToken: "200ms" })
        assert.containSubset(reason, { _tag: "TimedOut", phase: "firstToken" })
      })
    )
  })

  describe(`a look at ${face}`, () => {
    it.live("waits for no question", () =>
      Effect.gen(function* () {
        const { server } = yield* hosting(face, { faults: ["silence at=1"] })
        const upstream = yield* hosts[face].make(face, { url: server.url, key: "sesame", connections: 1 })
        const asking = yield* Effect.forkChild(ask(upstream, "hello [[sim tokens=12]]", model))
        while (server.traffic.open.length === 0) yield* Effect.sleep(5)
        assert.isAbove((yield* upstream.inspect).models.length, 0)
        yield* Fiber.interrupt(asking)
      })
    )
  })

  describe(`a question to ${face}`, () => {
    it.live("that its key does not open is the upstream's refusal", () =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face, { key: "other" })
        assert.strictEqual((yield* ask(upstream, "hello", model)).end, "UpstreamUnauthorized")
        assert.strictEqual((yield* Effect.flip(upstream.inspect)).reason._tag, "UpstreamUnauthorized")
      })
    )

    it.live("that comes too soon is told when to come back", () =>
      Effect.gen(function* () {
        const { upstream } = yield* hosting(face, { faults: ["rate-limited span=6s"] })
        const { error } = yield* ask(upstream, "hello", model)
        assert.strictEqual(Duration.toMillis(error!.retryAfter!), 6_000)
      })
    )
  })
}
