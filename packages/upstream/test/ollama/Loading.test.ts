/** A load is told from a hang, at the cost of a look at what is loaded, and only where nothing comes for a second. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  type Attempt,
  Call,
  type Options,
  Question,
  type SpillwayError,
  Summary,
  Timeout,
  type Upstream
} from "@spillway/core"
import type { Server } from "@spillway/sim"
import { Effect, Exit, Fiber, Option } from "effect"
import { Ollama } from "@spillway/upstream"
import * as Connection from "../../src/Connection.ts"
import * as Loading from "../../src/ollama/Loading.ts"
import { done, frame, head, last, piece, serve, version } from "../bytes.ts"
import { quick, serving } from "../serving.ts"

/** Clocks that are longer than any test takes, but for those that it names. */
const long = { connect: "1m", firstToken: "1m", idle: "1m", load: "1m" } as const

/** How a question ends under these clocks: `answered`, the clock that has run out, or another reason. */
const endOf = (
  { call }: Pick<Upstream, "call">,
  clocks: Timeout.Options = {},
  asked = "hello [[sim tokens=3]]",
  model = "a"
): Effect.Effect<string, Options.OptionsRefused> =>
  Effect.gen(function* () {
    const guard = yield* Timeout.make({ ...long, ...clocks })
    const asking = Answer.collect(guard(Call.asEffect<SpillwayError, never>(call)), Question.chat(model, asked))
    const exit = yield* Effect.exit(asking)
    if (Exit.isSuccess(exit)) return "answered"
    const reason = Option.getOrUndefined(Exit.findErrorOption(exit))?.reason
    return reason?._tag === "TimedOut" ? reason.phase : (reason?._tag ?? "defect")
  })

/** How often it was looked what is loaded. */
const looksAt = ({ traffic }: Server.Running): number =>
  traffic.passages.filter(({ path }) => path === "/api/ps").length

/** A server of one model that loads for so long, and the wire to it. */
const loading = (load: string, options: Server.Options = {}, wire?: Ollama.Options) =>
  serving({ models: [quick("a", { load })], ...options }, wire)

/** A server whose model is loaded, and which has forgotten how that was. */
const warm = Effect.gen(function* () {
  const served = yield* serving()
  assert.strictEqual(yield* endOf(served.upstream), "answered")
  served.server.traffic.forgetEnded()
  return served
})

/** A question whose answer takes longer than a second, though its first word does not. */
const slow = "hello [[sim tokens=16 token_ms=100]]"

describe.concurrent("a model that loads", () => {
  it.live("has the time of a load, and not that of a first token", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("2500ms")
      assert.strictEqual(yield* endOf(upstream, { firstToken: "1600ms", load: "10s" }), "answered")
      assert.isAtLeast(looksAt(server), 2)
    })
  )

  it.live("has no longer than that", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("20s")
      assert.strictEqual(yield* endOf(upstream, { load: "1500ms" }), "load")
      yield* Effect.sleep(100)
      assert.deepStrictEqual(server.traffic.open, [])
    })
  )

  it.live("hands over to the first token once it is there", () =>
    Effect.gen(function* () {
      const { upstream } = yield* loading("1500ms")
      const clocks = { firstToken: "1600ms", load: "10s" } as const
      assert.strictEqual(yield* endOf(upstream, clocks, "hello [[sim hang_after=0]]"), "firstToken")
    })
  )

  it.live("makes vectors no less", () =>
    Effect.gen(function* () {
      const { upstream } = yield* serving({ models: [quick("v", { kind: "embed", load: "2500ms" })] })
      const guard = yield* Timeout.make({ ...long, firstToken: "1600ms" })
      const question = Question.make("v", { kind: "embed", inputs: ["x"] })
      const { parts } = yield* Answer.collect(guard(Call.asEffect<SpillwayError, never>(upstream.call)), question)
      assert.strictEqual(parts.length, 1)
    })
  )

  it.live("is looked at also where questions hold all connections", () =>
    Effect.gen(function* () {
      const { upstream } = yield* loading("2500ms", {}, { connections: 1 })
      assert.strictEqual(yield* endOf(upstream, { firstToken: "1600ms" }), "answered")
    })
  )

  it.live("cannot be told from a hang in v0.11.4, which lists it at once", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("20s", { version: "0.11.4" })
      assert.strictEqual(yield* endOf(upstream, { firstToken: "1600ms" }), "firstToken")
      assert.strictEqual(looksAt(server), 1)
    })
  )
})

describe.concurrent("a server that hangs", () => {
  it.live("has the time of a first token where its model is loaded, and is looked at once", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* warm
      assert.strictEqual(yield* endOf(upstream, { firstToken: "2500ms" }, "hello [[sim hang_after=0]]"), "firstToken")
      assert.strictEqual(looksAt(server), 1)
    })
  )

  it.live("has it too where it does not tell what is loaded", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("20s", { faults: ["overloaded path=/api/ps"] })
      assert.strictEqual(yield* endOf(upstream, { firstToken: "2500ms" }), "firstToken")
      assert.strictEqual(looksAt(server), 1)
      const hanging = yield* serving({ faults: ["hang", "hang path=/api/ps"] })
      assert.strictEqual(yield* endOf(hanging.upstream, { firstToken: "1600ms" }), "firstToken")
      yield* Effect.sleep(100)
      assert.deepStrictEqual(hanging.server.traffic.open, [])
    })
  )

  it.live("is not waited for by who still waits for a connection", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ models: [quick("a"), quick("b")] }, { connections: 1 })
      const first = yield* Effect.forkChild(endOf(upstream, {}, "hello [[sim hang_after=0]]"))
      yield* Effect.sleep(50)
      const second = yield* Effect.forkChild(endOf(upstream, {}, "hello", "b"))
      yield* Effect.sleep(1_600)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), "answered")
      assert.strictEqual(looksAt(server), 1)
    })
  )
})

describe.concurrent("a look", () => {
  it.live("that comes back after the first part changes nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((socket, asked) => {
        const says = asked.startsWith("GET /api/ps")
          ? [{ at: 500, words: `${head("application/json")}${piece('{"models":[]}')}${last}` }]
          : [
              { at: 1_200, words: head() + piece(frame("Hello")) },
              { at: 2_000, words: piece(done) + last }
            ]
        for (const { at, words } of says) setTimeout(() => socket.write(version(asked) ?? words), at)
      })
      const upstream = yield* Ollama.make("gpu", { url })
      let seen: Attempt.Attempt | undefined
      const call: Upstream["call"] = (question, attempt) => upstream.call(question, (seen = attempt))
      assert.strictEqual(yield* endOf({ call }), "answered")
      assert.strictEqual(seen!.stretch, "firstToken")
    })
  )
})

describe.concurrent("what is loaded is not asked", () => {
  it.live("by a call that is answered within a second", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* warm
      for (let each = 0; each < 5; each++) assert.strictEqual(yield* endOf(upstream), "answered")
      yield* Effect.sleep("1200 millis")
      assert.strictEqual(looksAt(server), 0)
    })
  )

  it.live("once something has come, however slowly the rest does", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* warm
      assert.strictEqual(yield* endOf(upstream, {}, slow), "answered")
      assert.strictEqual(looksAt(server), 0)
    })
  )

  it.live("any more once something has come after a load", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("900ms")
      let atFirst: number | undefined
      const sink = { emit: () => void (atFirst ??= looksAt(server)) }
      yield* Answer.toSink(Call.asEffect<SpillwayError, never>(upstream.call), Question.chat("a", slow), sink)
      assert.isAtLeast(atFirst!, 1)
      assert.strictEqual(looksAt(server), atFirst)
    })
  )

  it.live("by whoever has left", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* loading("20s")
      const early = yield* Effect.forkChild(endOf(upstream))
      yield* Effect.sleep(500)
      yield* Fiber.interrupt(early)
      const late = yield* Effect.forkChild(endOf(upstream))
      yield* Effect.sleep("1300 millis")
      yield* Fiber.interrupt(late)
      assert.strictEqual(looksAt(server), 1)
      yield* Effect.sleep("1200 millis")
      assert.strictEqual(looksAt(server), 1)
      assert.deepStrictEqual(server.traffic.open, [])
    })
  )

  it.live("of a model that runs in the cloud, by its name or by where it is asked for", () =>
    Effect.gen(function* () {
      for (const model of ["big:cloud", "big:20b-cloud"]) {
        const { server, upstream } = yield* serving({ models: [quick(model)], faults: ["slow span=1300ms"] })
        assert.strictEqual(yield* endOf(upstream, {}, "hello", model), "answered")
        assert.strictEqual(looksAt(server), 0)
      }
      const { server } = yield* serving()
      const connection = yield* Connection.open({ origin: server.url, connections: 1 })
      const place = { upstream: "gpu", connection, prefix: "", headers: {}, bounds: { lineMax: 1_000, bodyMax: 1_000 } }
      const silent = () => Effect.as(Effect.sleep("1300 millis"), Summary.make())
      yield* endOf({ call: Loading.told(silent, place, "https://ollama.com") })
      assert.strictEqual(looksAt(server), 0)
      yield* endOf({ call: Loading.told(silent, place, "https://not-ollama.com") })
      assert.strictEqual(looksAt(server), 1)
    })
  )
})
