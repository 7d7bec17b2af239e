/** Connections: kept, bounded, dead, refused, and secure. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer as createSecureServer } from "node:https"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { Ollama } from "@spillway/upstream"
import { chunk, done, frame, head, last } from "./bytes.ts"
import { ask, to } from "./serving.ts"

const whole = head() + chunk(frame("Hello") + frame(" you") + done).toString() + last

describe("a connection", () => {
  it.live("is kept for the next question", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.write(whole))
      for (let each = 0; each < 20; each++) assert.strictEqual((yield* ask(upstream)).text, "Hello you")
      // One is free only a turn after its answer, so that two take turns; and one is for the look at the version.
      assert.isAtMost(bytes.connections(), 3)
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
      // One for the question about the version, and a new one.
      assert.strictEqual(bytes.connections(), 3)
    })
  )

  it.live("of several that died while they were idle costs no question either", () =>
    Effect.gen(function* () {
      let isDead = false
      const { bytes, upstream } = yield* to((socket, asked) => {
        if (isDead && socket.listenerCount("old") > 0) return socket.resetAndDestroy()
        socket.on("old", () => {})
        setTimeout(() => socket.write(whole), asked.includes("slow") ? 50 : 0)
      })
      yield* Effect.all(
        [1, 2, 3].map(() => ask(upstream, "slow")),
        { concurrency: "unbounded" }
      )
      isDead = true
      const before = bytes.connections()
      for (let each = 0; each < 3; each++) assert.strictEqual((yield* ask(upstream)).end, "answered", `${each}`)
      assert.isAtMost(bytes.connections() - before, 3)
    })
  )

  it.live("that was kept, and breaks only after the server has worked for a while, is not tried again", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket, asked) => {
        if (asked.includes("work")) setTimeout(() => socket.resetAndDestroy(), 150)
        else socket.write(whole)
      })
      yield* ask(upstream)
      yield* Effect.sleep(20)
      assert.strictEqual((yield* ask(upstream, "work")).end, "Cut")
      yield* Effect.sleep(200)
      assert.strictEqual(bytes.asked.filter((asked) => asked.includes("work")).length, 1)
    })
  )

  it.live("that is still being made is given up with its caller", () =>
    Effect.gen(function* () {
      const open = new Set<Socket>()
      // Whoever greets it hears nothing.
      const silent = createServer((socket) => {
        open.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => open.delete(socket))
        socket.resume()
      }).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => silent.close()))
      yield* Effect.promise(() => once(silent, "listening"))
      const { port } = silent.address() as AddressInfo
      const upstream = yield* Ollama.make("gpu", { url: `https://127.0.0.1:${port}` })
      const asking = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(ask(upstream)))
      while (open.size < 3) yield* Effect.sleep(5)
      const begun = performance.now()
      yield* Fiber.interruptAll(asking)
      while (open.size > 0 && performance.now() - begun < 2_000) yield* Effect.sleep(2)
      // A connection that nobody gives up is tried for half a minute.
      assert.strictEqual(open.size, 0)
    })
  )

  it.live("that is new and breaks is not tried again", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.resetAndDestroy())
      assert.strictEqual((yield* ask(upstream)).end, "Cut")
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
