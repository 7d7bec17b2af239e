/** What an Ollama tells of one model, and what is taken of what a stranger tells. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Ollama } from "@spillway/upstream"
import { type Bytes, serve } from "../bytes.ts"
import { quick, serving } from "../serving.ts"

/** The wire to a server that answers everything with this. */
const telling = (body: unknown) =>
  Effect.gen(function* () {
    const said = typeof body === "string" ? body : JSON.stringify(body)
    const bytes: Bytes = yield* serve(
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(said)}\r\n\r\n${said}`)
    )
    return { bytes, ollama: yield* Ollama.make("gpu", { url: bytes.url }) }
  })

describe("a model that is shown", () => {
  it.live("has its abilities, the context it was trained for, and what it is made of", () =>
    Effect.gen(function* () {
      const { server } = yield* serving({ models: [quick("a:7b", { can: ["tools", "vision"], context: 8_192 })] })
      const ollama = yield* Ollama.make("gpu", { url: server.url })
      assert.deepStrictEqual(yield* ollama.show("a:7b"), {
        capabilities: ["completion", "tools", "vision"],
        contextMax: 8_192,
        family: "llama",
        parameters: "2.4B",
        quantization: "F16"
      })
    })
  )

  it.live("is not loaded for that", () =>
    Effect.gen(function* () {
      const { server } = yield* serving()
      const ollama = yield* Ollama.make("gpu", { url: server.url })
      yield* ollama.show("a")
      assert.deepStrictEqual(server.ollama.loaded, [])
    })
  )

  it.live("is asked for by its name, as JSON", () =>
    Effect.gen(function* () {
      const { bytes, ollama } = yield* telling({ details: {} })
      yield* ollama.show("a:7b")
      assert.match(bytes.asked[0]!, /^POST \/api\/show HTTP[^]*content-type: application\/json[^]*\{"model":"a:7b"\}$/i)
    })
  )

  it.live("has nothing that the server does not say, or says in another kind", () =>
    Effect.gen(function* () {
      const shown = function* (body: unknown) {
        const { ollama } = yield* telling(body)
        return yield* ollama.show("a")
      }
      assert.deepStrictEqual(yield* shown({ details: {} }), { capabilities: [] })
      const details = { family: 7, parameter_size: "", quantization_level: null }
      const info = { "general.architecture": "x", "x.context_length": "8192", "y.context_length": 4_096 }
      assert.deepStrictEqual(yield* shown({ details, model_info: info, capabilities: ["tools", 3, null] }), {
        capabilities: ["tools"]
      })
      const odd = { "general.architecture": { toString: 1 }, "undefined.context_length": "many" }
      assert.deepStrictEqual(yield* shown({ details: {}, model_info: odd }), { capabilities: [] })
    })
  )
})

describe("a model that cannot be shown", () => {
  it.live("is named when there is none, and so is where it was looked for", () =>
    Effect.gen(function* () {
      for (const version of ["0.34.0", "0.11.4"]) {
        const { server } = yield* serving({ version })
        const ollama = yield* Ollama.make("gpu", { url: server.url })
        const { reason } = yield* Effect.flip(ollama.show("b"))
        assert.deepInclude(reason, { _tag: "ModelNotFound", model: "b", target: "gpu/b" }, version)
      }
    })
  )

  it.live("fails in the same words as a question does", () =>
    Effect.gen(function* () {
      const { server } = yield* serving({ faults: ["overloaded path=/api/show x1"] })
      const ollama = yield* Ollama.make("gpu", { url: server.url })
      assert.strictEqual((yield* Effect.flip(ollama.show("a"))).reason._tag, "Overloaded")
      const away = yield* Ollama.make("gpu", { url: "http://127.0.0.1:1" })
      assert.strictEqual((yield* Effect.flip(away.show("a"))).reason._tag, "Unreachable")
    })
  )

  it.live("is not taken from an error behind a good status, from a page, or from what is about no model", () =>
    Effect.gen(function* () {
      const reason = function* (body: unknown) {
        const { ollama } = yield* telling(body)
        return (yield* Effect.flip(ollama.show("a"))).reason._tag
      }
      assert.strictEqual(yield* reason({ error: "model 'a' not found", details: {} }), "ModelNotFound")
      assert.strictEqual(yield* reason("<html></html>"), "Malformed")
      assert.strictEqual(yield* reason({}), "Malformed")
      assert.strictEqual(yield* reason({ details: {}, capabilities: "tools" }), "Malformed")
    })
  )
})
