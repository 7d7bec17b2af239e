/** A model that an Ollama fetches: how far it is, and every way in which that ends. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Ollama } from "@spillway/upstream"
import { head, last, piece, type Says } from "../bytes.ts"
import { serving, to } from "../serving.ts"

const line = (frame: object): string => `${JSON.stringify(frame)}\n`

const manifest = { status: "pulling manifest" }
const layer = (completed?: number) => ({
  status: "pulling 6a0746a1ec1a",
  digest: "sha256:6a0746a1ec1a",
  total: 4_700_000_000,
  ...(completed !== undefined && { completed })
})
const success = { status: "success" }

/** Fetches `a` from a server that says this, and notes what is told. */
const pulling = (says: Says, options: Ollama.Options = {}) =>
  Effect.gen(function* () {
    const { bytes, upstream } = yield* to(says, options)
    const told: Array<Ollama.Progress> = []
    return { bytes, told, pull: upstream.pull("a", (progress) => void told.push(progress)) }
  })

/** A server that says these lines, and that it has said all. */
const saying =
  (...frames: ReadonlyArray<object>): Says =>
  (socket) =>
    void socket.write(head() + frames.map((frame) => piece(line(frame))).join("") + last)

/** The reason for which it fails. */
const reasonOf = (says: Says, options?: Ollama.Options) =>
  Effect.gen(function* () {
    const { bytes, pull, told } = yield* pulling(says, options)
    const { reason } = yield* Effect.flip(pull)
    return { reason, told, bytes }
  })

describe("a model that is fetched", () => {
  it.live("is there once the server says so; until then it tells how far it is, in order", () =>
    Effect.gen(function* () {
      const frames = [manifest, layer(), layer(2_350_000_000), layer(4_700_000_000), success]
      const { bytes, pull, told } = yield* pulling(saying(...frames))
      yield* pull
      assert.deepStrictEqual(told, frames)
      assert.match(bytes.asked[0]!, /^POST \/api\/pull HTTP[^]*\{"model":"a","stream":true\}$/)
    })
  )

  it.live("is told of while it comes, and not only at its end", () =>
    Effect.gen(function* () {
      const { pull, told } = yield* pulling((socket) => void socket.write(head() + piece(line(manifest))))
      const fiber = yield* Effect.forkChild(pull)
      yield* Effect.sleep(100)
      assert.deepStrictEqual(told, [manifest])
      assert.isUndefined(fiber.pollUnsafe())
    })
  )

  it.live("may be told of in whatever pieces, and without an end of the last line", () =>
    Effect.gen(function* () {
      const all = line(manifest) + line(layer(1)) + JSON.stringify(success)
      const { pull, told } = yield* pulling(
        (socket) => void socket.write(head() + Array.from(all, piece).join("") + last)
      )
      yield* pull
      assert.deepStrictEqual(told, [manifest, layer(1), success])
    })
  )

  it.live("needs nobody to be told", () =>
    Effect.gen(function* () {
      const { upstream } = yield* to(saying(manifest, success))
      yield* upstream.pull("a")
    })
  )

  it.live("is there, whatever becomes of the connection after that", () =>
    Effect.gen(function* () {
      const { pull, told } = yield* pulling(
        (socket) => void socket.write(head() + piece(line(success) + line({ error: "gone" })), () => socket.destroy())
      )
      yield* pull
      assert.deepStrictEqual(told, [success])
    })
  )

  it.live("tells only what has the right kind", () =>
    Effect.gen(function* () {
      const { pull, told } = yield* pulling(saying({ status: "a", digest: 7, total: "9", completed: -1 }, success))
      yield* pull
      assert.deepStrictEqual(told, [{ status: "a" }, success])
    })
  )
})

describe("a model that is not fetched", () => {
  it.live("is one of which the stream says why, in the words that a question's errors have", () =>
    Effect.gen(function* () {
      const busy = yield* reasonOf(saying(manifest, { error: "server busy, please try again." }))
      assert.deepStrictEqual([busy.reason._tag, busy.told], ["Overloaded", [manifest]])
      const none = yield* reasonOf(saying({ error: "model 'a' not found" }))
      assert.deepInclude(none.reason, { _tag: "ModelNotFound", model: "a", target: "gpu/a" })
      const away = yield* reasonOf(saying({ error: "pull model manifest: Get: no such host" }, success))
      assert.strictEqual(away.reason._tag, "Unreachable")
      const nowhere = yield* reasonOf(saying({ error: "pull model manifest: file does not exist" }))
      assert.strictEqual(nowhere.reason._tag, "ModelNotFound")
      const odd = yield* reasonOf(saying({ error: "something else" }, success))
      assert.strictEqual(odd.reason._tag, "Unknown")
    })
  )

  it.live("may also be refused with a status, and words", () =>
    Effect.gen(function* () {
      const { server } = yield* serving({ faults: ["overloaded path=/api/pull"] })
      const ollama = yield* Ollama.make("gpu", { url: server.url })
      assert.strictEqual((yield* Effect.flip(ollama.pull("a"))).reason._tag, "Overloaded")
      const words = piece(line({ error: "this model is for subscribers" }))
      const refusal = `${head("application/json", "403 Forbidden")}${words}${last}`
      assert.strictEqual((yield* reasonOf((socket) => void socket.write(refusal))).reason._tag, "UpstreamUnauthorized")
    })
  )

  it.live("is one of which the stream ends, or breaks, before it says success", () =>
    Effect.gen(function* () {
      const ended = yield* reasonOf(saying(manifest, layer(1)))
      assert.deepStrictEqual(ended.reason, { _tag: "Cut", target: "gpu/a", parts: 0 })
      const empty = yield* reasonOf(saying())
      assert.strictEqual(empty.reason._tag, "Cut")
      const broken = yield* reasonOf(
        (socket) => void socket.write(head() + piece(line(manifest)), () => socket.destroy())
      )
      assert.deepStrictEqual([broken.reason._tag, broken.told], ["Cut", [manifest]])
    })
  )

  it.live("is one of which nothing can be read, and the connection is closed", () =>
    Effect.gen(function* () {
      for (const garbage of ["<html></html>\n", '["success"]\n', '{"completed":3}\n', '{"status":7}\n']) {
        const { bytes, reason } = yield* reasonOf((socket) => void socket.write(head() + piece(garbage)))
        assert.deepStrictEqual(reason, { _tag: "Malformed", target: "gpu/a", parts: 0 }, garbage)
        yield* Effect.sleep(100)
        assert.strictEqual(bytes.open(), 0, garbage)
      }
    })
  )

  it.live("is one whose lines are longer than they may be", () =>
    Effect.gen(function* () {
      const endless: Says = (socket) => void socket.write(head() + piece("x".repeat(101)))
      assert.strictEqual((yield* reasonOf(endless, { lineMax: 100 })).reason._tag, "Malformed")
    })
  )
})

describe("whoever has it fetched", () => {
  it.live("closes the connection when he is interrupted", () =>
    Effect.gen(function* () {
      const { bytes, pull, told } = yield* pulling((socket) => void socket.write(head() + piece(line(manifest))))
      const fiber = yield* Effect.forkChild(pull)
      yield* Effect.sleep(100)
      assert.deepStrictEqual([told.length, bytes.open()], [1, 1])
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep(100)
      assert.strictEqual(bytes.open(), 0)
    })
  )

  it.live("and throws when he is told ends it with that defect, and closes the connection", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => void socket.write(head() + piece(line(manifest))))
      const thrown = new Error("no place to draw")
      const exit = yield* Effect.exit(
        upstream.pull("a", () => {
          throw thrown
        })
      )
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), thrown)
      yield* Effect.sleep(100)
      assert.strictEqual(bytes.open(), 0)
    })
  )
})
