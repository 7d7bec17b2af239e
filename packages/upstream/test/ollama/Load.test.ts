/** A model that is loaded before anybody asks it: how it is kept then, and every way in which that fails. */
import { assert, describe, it } from "@effect/vitest"
import { Question } from "@spillway/core"
import type { Server } from "@spillway/sim"
import { Duration, Effect, Fiber } from "effect"
import { Ollama } from "@spillway/upstream"
import * as Connection from "../../src/Connection.ts"
import { load } from "../../src/ollama/Load.ts"
import { ask, quick, serving, to } from "../serving.ts"

/** The versions that were measured. */
const versions = ["0.34.0", "0.24.0", "0.11.4"]

/** A server, and the wire to it. */
const served = (options: Server.Options = {}, wire: Ollama.Options = {}) =>
  Effect.gen(function* () {
    const { server } = yield* serving(options)
    return { server, ollama: yield* Ollama.make("gpu", { url: server.url, ...wire }) }
  })

/** What is loaded there, and with which context. */
const loadedAt = ({ ollama }: Server.Running) =>
  ollama.loaded.map(({ context, model }) => [model.fullName.split("/").at(-1)!, context])

const kept: Question.Kept = { context: 2_048, loadedFor: Duration.minutes(30) }

/** The reason for which a load fails. */
const reasonOf = (ollama: Ollama.Ollama, model = "a") =>
  Effect.map(Effect.flip(ollama.load(model)), ({ reason }) => reason._tag)

/** The wire to a server that answers everything with this object. */
const telling = (body: object) =>
  to((socket) => {
    const said = JSON.stringify(body)
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(said)}\r\n\r\n${said}`)
  })

describe("a model that is loaded", () => {
  it.live("is there when that ends, with its context and for as long as it is kept, in every version", () =>
    Effect.gen(function* () {
      for (const version of versions) {
        const models = [quick("a", { load: "300ms" }), quick("v", { kind: "embed", load: "300ms" })]
        const { ollama, server } = yield* served({ version, models })
        for (const model of ["a", "v"]) {
          const begun = performance.now()
          yield* ollama.load(model, kept)
          assert.isAbove(performance.now() - begun, 250, `${model} ${version}`)
          const { models: seen } = yield* ollama.inspect
          const { context, loaded } = seen.find(({ name }) => name === `${model}:latest`)!
          assert.deepStrictEqual([loaded, context], [true, 2_048], `${model} ${version}`)
        }
        for (const { expiresAt } of server.ollama.loaded) {
          const left = Number(expiresAt / 1_000_000n) - Date.now()
          assert.isTrue(left > 1_700_000 && left <= 1_800_000, `${left} ${version}`)
        }
      }
    })
  )

  it.live("is asked nothing, and is not loaded anew for a question of the same route", () =>
    Effect.gen(function* () {
      const models = [quick("a", { load: "2s" }), quick("v", { kind: "embed", load: "2s" })]
      const { ollama, server } = yield* served({ models })
      const questions = {
        a: Question.chat("a", "hello [[sim tokens=1]]"),
        v: Question.make("v", { kind: "embed", inputs: ["x"] })
      }
      for (const [model, question] of Object.entries(questions)) {
        yield* ollama.load(model, kept)
        const begun = performance.now()
        assert.strictEqual((yield* ask(ollama, { ...question, kept })).end, "answered")
        assert.isBelow(performance.now() - begun, 1_500, model)
      }
      assert.sameDeepMembers(loadedAt(server), [
        ["a:latest", 2_048],
        ["v:latest", 2_048]
      ])
    })
  )

  it.live("is asked for by its name and how it is kept, with no word to answer", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* telling({ model: "a:7b", done: true, done_reason: "load" })
      yield* upstream.load("a:7b", kept)
      const body = '{"model":"a:7b","options":{"num_ctx":2048},"keep_alive":"1800s","stream":false}'
      assert.isTrue(bytes.asked[0]!.startsWith("POST /api/generate HTTP"))
      assert.isTrue(bytes.asked[0]!.endsWith(`\r\n\r\n${body}`), bytes.asked[0])
      yield* upstream.load("a:7b")
      assert.isTrue(bytes.asked[1]!.endsWith('\r\n\r\n{"model":"a:7b","stream":false}'), bytes.asked[1])
    })
  )

  it.live("waits for no question to give its connection back", () =>
    Effect.gen(function* () {
      const { ollama, server } = yield* served({ models: [quick("a"), quick("b")] }, { connections: 1 })
      const asking = yield* Effect.forkChild(ask(ollama, "hello [[sim tokens=1 hang_after=0]]"))
      while (server.traffic.open.length === 0) yield* Effect.sleep(5)
      yield* ollama.load("b")
      assert.include(loadedAt(server).flat(), "b:latest")
      yield* Fiber.interrupt(asking)
    })
  )

  it.live("is given up by whoever leaves", () =>
    Effect.gen(function* () {
      const { ollama, server } = yield* served({ models: [quick("a", { load: "20s" })] })
      const loading = yield* Effect.forkChild(ollama.load("a"))
      while (server.traffic.open.length === 0) yield* Effect.sleep(5)
      yield* Fiber.interrupt(loading)
      yield* Effect.sleep(100)
      assert.deepStrictEqual(server.traffic.open, [])
      assert.deepStrictEqual(server.ollama.loaded, [])
    })
  )
})

describe("nothing is loaded, and nothing asked", () => {
  it.live("of a model that is kept for no time at all, which stays as it is", () =>
    Effect.gen(function* () {
      const { ollama, server } = yield* served()
      yield* ollama.load("a")
      yield* ollama.load("a", { loadedFor: Duration.zero })
      assert.lengthOf(server.traffic.passages, 1)
      assert.deepStrictEqual(loadedAt(server), [["a:latest", 4_096]])
    })
  )

  it.live("of a model that runs in the cloud, by its name or by where it is", () =>
    Effect.gen(function* () {
      const { ollama, server } = yield* served({ models: [quick("big:cloud"), quick("a")] })
      yield* ollama.load("big:cloud", kept)
      const connection = yield* Connection.open({ origin: server.url, connections: 1 })
      const place = { upstream: "gpu", connection, prefix: "", headers: {}, bounds: { lineMax: 1_000, bodyMax: 1_000 } }
      yield* load(place, "https://ollama.com", "a")
      assert.lengthOf(server.traffic.passages, 0)
      yield* load(place, server.url, "a")
      assert.lengthOf(server.traffic.passages, 1)
    })
  )
})

describe("a model that cannot be loaded", () => {
  it.live("is named where there is none, in every version", () =>
    Effect.gen(function* () {
      for (const version of versions) {
        const { ollama } = yield* served({ version })
        const { reason } = yield* Effect.flip(ollama.load("b", kept))
        assert.deepInclude(reason, { _tag: "ModelNotFound", model: "b", target: "gpu/b" }, version)
      }
    })
  )

  it.live("fails in the same words as a question for it does, also where it makes vectors", () =>
    Effect.gen(function* () {
      for (const [fault, reason] of [
        ["load-exit", "LoadFailed"],
        ["load-memory", "OutOfMemory"],
        ["overloaded", "Overloaded"]
      ]) {
        const models = [quick("a"), quick("v", { kind: "embed" })]
        const { ollama } = yield* served({ models, faults: [fault!] })
        for (const model of ["a", "v"]) assert.strictEqual(yield* reasonOf(ollama, model), reason, `${fault} ${model}`)
      }
      const away = yield* Ollama.make("gpu", { url: "http://127.0.0.1:1" })
      assert.strictEqual(yield* reasonOf(away), "Unreachable")
    })
  )

  it.live("is asked for once where more than its kind is wrong", () =>
    Effect.gen(function* () {
      const { ollama, server } = yield* served({ faults: ["load-exit"] })
      yield* reasonOf(ollama)
      assert.deepStrictEqual(
        server.traffic.passages.map(({ path }) => path),
        ["/api/generate"]
      )
    })
  )

  it.live("is not taken for loaded from an error behind a good status, or from an answer that is not its end", () =>
    Effect.gen(function* () {
      const reasonAt = (body: object) => Effect.flatMap(telling(body), ({ upstream }) => reasonOf(upstream))
      assert.strictEqual(yield* reasonAt({ error: "model 'a' not found", done: true }), "ModelNotFound")
      assert.strictEqual(yield* reasonAt({ model: "a", done: false }), "Malformed")
      assert.strictEqual(yield* reasonAt({}), "Malformed")
      // One that makes vectors, which then answers with none, not even with nothing.
      const { upstream } = yield* to((socket, asked) => {
        const [status, said] = asked.startsWith("POST /api/generate")
          ? ["400 Bad Request", '{"error":"\\"a\\" does not support generate"}']
          : ["200 OK", '{"model":"a","done":true}']
        socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${said.length}\r\n\r\n${said}`)
      })
      assert.strictEqual(yield* reasonOf(upstream), "Malformed")
    })
  )
})
