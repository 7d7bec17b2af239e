/** One call over a real socket: who leaves, who does not read on, what breaks, and that there is one end. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Question, type SpillwayError } from "@spillway/core"
import { Duration, Effect, Fiber, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer as createSecureServer } from "node:https"
import { type AddressInfo, createServer } from "node:net"
import { Ollama } from "@spillway/upstream"
import { chunk, done, frame, head, last, piece } from "./bytes.ts"
import { ask, quick, serving, to } from "./serving.ts"

const whole = head() + chunk(frame("Hello") + frame(" you") + done).toString() + last

describe("a caller who leaves", () => {
  it.live("closes the socket within 100 ms, and the server stops", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ models: [quick("a", { decode: 50 })] })
      const asking = yield* Effect.forkChild(ask(upstream, "hello [[sim tokens=1000]]"))
      yield* Effect.sleep(200)
      assert.strictEqual(server.traffic.open.length, 1)
      const begun = performance.now()
      yield* Fiber.interrupt(asking)
      while (server.traffic.open.length > 0 && performance.now() - begun < 1_000) yield* Effect.sleep(2)
      assert.isBelow(performance.now() - begun, 100)
      assert.strictEqual(server.traffic.passages.at(-1)?.end, "left")
    })
  )

  it.live("is never sent where he left before a connection was there", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.write(whole), { connections: 1 })
      const [first, second] = yield* Effect.all([Effect.forkChild(ask(upstream)), Effect.forkChild(ask(upstream))])
      yield* Fiber.interrupt(second)
      assert.strictEqual((yield* Fiber.join(first)).end, "answered")
      yield* Effect.sleep(50)
      assert.strictEqual(bytes.asked.filter((asked) => asked.startsWith("POST")).length, 1)
      assert.strictEqual((yield* ask(upstream)).end, "answered")
    })
  )
})

describe("an answer whose reader is slow", () => {
  for (const how of ["resetAndDestroy", "destroy"] as const) {
    it.live(`is whole, part by part, although its connection is gone (${how}) before all of it was read`, () =>
      Effect.gen(function* () {
        const { upstream } = yield* to((socket) => {
          socket.write(head() + piece(["a", "b", "c", "d", "e"].map(frame).join("") + done))
          setTimeout(() => socket[how](), 50)
        })
        const parts: Array<Part.Part> = []
        let isBusy = false
        const sink = {
          emit: (part: Part.Part): Promise<void> => {
            assert.isFalse(isBusy)
            isBusy = true
            parts.push(part)
            return new Promise((resolve) => {
              setTimeout(() => {
                isBusy = false
                resolve()
              }, 80)
            })
          }
        }
        const question = Question.chat("a", "hello")
        const exit = yield* Effect.exit(
          Answer.toSink(Call.asEffect<SpillwayError, never>(upstream.call), question, sink)
        )
        assert.strictEqual(exit._tag, "Success")
        assert.strictEqual(Part.textOf(parts), "abcde")
      })
    )
  }
})

describe("a connection", () => {
  it.live("is kept for the next question", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.write(whole))
      // The first one also asks which version it is, before its connection is free.
      yield* ask(upstream)
      const before = bytes.connections()
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* ask(upstream)).text, "Hello you")
      assert.strictEqual(bytes.connections(), before)
    })
  )

  it.live("that died while it was idle costs no question: it is asked once, on another", () =>
    Effect.gen(function* () {
      let deaths = 0
      const { bytes, upstream } = yield* to((socket, _, count) => {
        // Dies only when something comes, as a way through a firewall does: nobody can know before.
        if (count > 2 && deaths++ === 0) return socket.resetAndDestroy()
        socket.write(whole)
      })
      assert.strictEqual((yield* ask(upstream)).end, "answered")
      yield* Effect.sleep(20)
      assert.strictEqual((yield* ask(upstream)).end, "answered")
      assert.strictEqual(deaths, 2)
      assert.strictEqual(bytes.connections(), 2)
    })
  )

  it.live("that is new and breaks is not tried again", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.resetAndDestroy())
      assert.strictEqual((yield* ask(upstream)).end, "Unreachable")
      assert.strictEqual(bytes.asked.length, 1)
    })
  )

  it.live("is none that can be had: refused, no such name, no TLS there", () =>
    Effect.gen(function* () {
      const plain = createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      }).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => plain.close()))
      yield* Effect.promise(() => once(plain, "listening"))
      const { port } = plain.address() as AddressInfo
      for (const [url, problem] of [
        ["http://127.0.0.1:1", "nobody listens there"],
        ["http://nowhere.invalid:1", /name/],
        [`https://127.0.0.1:${port}`, /./]
      ] as const) {
        const { end, error } = yield* ask(yield* Ollama.make("gpu", { url }))
        assert.strictEqual(end, "Unreachable", url)
        assert.match((error!.reason as { readonly problem: string }).problem, new RegExp(problem))
      }
    })
  )
})

/** A certificate that vouches for itself, where there is something to make one with. */
const certificate = (): { readonly key: string; readonly cert: string } | undefined => {
  const asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout - -out - -days 2 -subj /CN=a"
  const made = spawnSync("openssl", asked.split(" "))
  const pem = made.stdout?.toString() ?? ""
  const [key] = /-----BEGIN PRIVATE KEY[^]+?END PRIVATE KEY-----/.exec(pem) ?? []
  const [cert] = /-----BEGIN CERTIFICATE[^]+?END CERTIFICATE-----/.exec(pem) ?? []
  return key === undefined || cert === undefined ? undefined : { key, cert }
}

describe("a secure connection", () => {
  it.live("to a server that nobody vouches for is none, and says so", ({ skip }) =>
    Effect.gen(function* () {
      const made = certificate()
      if (made === undefined) return skip("there is no openssl to make a certificate with")
      const server = createSecureServer(made, (_, response) => response.end(done)).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      yield* Effect.promise(() => once(server, "listening"))
      const { port } = server.address() as AddressInfo
      const { error } = yield* ask(yield* Ollama.make("gpu", { url: `https://127.0.0.1:${port}` }))
      assert.containSubset(error!.reason, { _tag: "Unreachable", problem: "its certificate is its own" })
      assert.isFalse(error!.message.includes("DEPTH_ZERO"))
    })
  )

  it.live("is one question's at a time: no newer HTTP, that would share it, is offered", () =>
    Effect.gen(function* () {
      let hello = ""
      const plain = createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", (data) => {
          hello = data.toString("latin1")
          socket.destroy()
        })
      }).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => plain.close()))
      yield* Effect.promise(() => once(plain, "listening"))
      const { port } = plain.address() as AddressInfo
      yield* ask(yield* Ollama.make("gpu", { url: `https://127.0.0.1:${port}` }))
      assert.include(hello, "\u0008http/1.1")
      assert.notInclude(hello, "\u0002h2")
    })
  )
})

describe("an answer that is none", () => {
  const cases: ReadonlyArray<readonly [title: string, says: string, end: string]> = [
    ["a page in a 200", `${head("text/html")}${piece("<html>")}${last}`, "Malformed"],
    ["a body that is no JSON", `${head()}${piece("hello\n")}${last}`, "Malformed"],
    ["a line that is no object", `${head()}${piece("[1]\n")}${last}`, "Malformed"],
    ["an empty body", `${head()}${last}`, "Cut"],
    [
      "an error object in a 200",
      `${head("application/json")}${piece('{"error":"model \'a\' not found"}')}${last}`,
      "ModelNotFound"
    ],
    ["what is no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "Malformed"],
    ["an end without a word", "", "Unreachable"],
    ["a body that is cut off", `${head()}${piece(frame("Hello"))}`, "Cut"],
    [
      "a last frame without the end of its line",
      `${head()}${piece(frame("Hello") + done.trimEnd())}${last}`,
      "answered"
    ],
    ["more after the last frame", `${head()}${piece(frame("Hello") + done + frame("more"))}${last}`, "answered"],
    ["a connection that breaks after the last frame", `${head()}${piece(frame("Hello") + done)}`, "answered"]
  ]
  for (const [title, says, end] of cases) {
    it.live(`ends in ${end}: ${title}`, () =>
      Effect.gen(function* () {
        const { upstream } = yield* to((socket) => socket.end(says))
        const told = yield* ask(upstream)
        assert.strictEqual(told.end, end)
        if (end === "answered") assert.strictEqual(told.text, "Hello")
      })
    )
  }

  it.live("may be a limit of a rate or a quota: where no word tells, how long it asks to wait does", () =>
    Effect.gen(function* () {
      for (const [seconds, end] of [
        [20, "UpstreamRateLimited"],
        [7_200, "QuotaSpent"]
      ] as const) {
        const says = `HTTP/1.1 429 Too Many Requests\r\nRetry-After: ${seconds}\r\nContent-Length: 8\r\n\r\nslow down`
        const { upstream } = yield* to((socket) => socket.end(says))
        const told = yield* ask(upstream)
        assert.strictEqual(told.end, end)
        assert.strictEqual(Duration.toSeconds(told.error!.retryAfter!), seconds)
      }
    })
  )

  it.live("shows what the server said to whoever asks for it, and to no printer", () =>
    Effect.gen(function* () {
      const secret = "the words of the prompt"
      const body = piece(`{"error":"odd: ${secret}"}`)
      const says = `${head("application/json", "500 Internal Server Error")}${body}${last}`
      const { upstream } = yield* to((socket) => socket.end(says))
      const { end, error } = yield* ask(upstream)
      assert.strictEqual(end, "Unknown")
      assert.strictEqual(Redacted.value(error!.cause!), `odd: ${secret}`)
      assert.notInclude(`${error!.message} ${JSON.stringify(error)} ${String(error)}`, secret)
    })
  )
})
