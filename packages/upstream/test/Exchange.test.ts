/** One call over a real socket: who leaves, who does not read on, what breaks, and that there is one end. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Policy, Question, type SpillwayError, Timeout } from "@spillway/core"
import { Duration, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { Ollama } from "@spillway/upstream"
import { chunk, done, frame, head, last, piece, serve } from "./bytes.ts"
import { ask, quick, serving, to } from "./serving.ts"

const whole = head() + chunk(frame("Hello") + frame(" you") + done).toString() + last

describe("a caller who leaves", () => {
  it.live("closes the socket within 100 ms, and the server stops", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ models: [quick("a", { decode: 50 })] })
      const took: Array<number> = []
      // A machine that is busy with something else is late for one and another, not for all of them.
      while (took.length < 5 && !took.some((millis) => millis < 100)) {
        const asking = yield* Effect.forkChild(ask(upstream, "hello [[sim tokens=1000]]"))
        while (server.traffic.open.length === 0) yield* Effect.sleep(5)
        const begun = performance.now()
        yield* Fiber.interrupt(asking)
        while (server.traffic.open.length > 0 && performance.now() - begun < 1_000) yield* Effect.sleep(2)
        took.push(performance.now() - begun)
        assert.strictEqual(server.traffic.passages.at(-1)?.end, "left")
      }
      assert.isBelow(Math.min(...took), 100)
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

describe("an exchange", () => {
  it.live("has no clock of its own: not for a head, and not for what comes after it", () =>
    Effect.gen(function* () {
      const { upstream } = yield* to((socket) => {
        setTimeout(() => socket.write(head() + piece(frame("Hello"))), 300)
        setTimeout(() => socket.write(piece(done) + last), 600)
      })
      assert.strictEqual((yield* ask(upstream)).end, "answered")
    })
  )

  it.live("does not take a first word of having heard for the answer", () =>
    Effect.gen(function* () {
      const heard = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      const { upstream } = yield* to((socket) => socket.write(heard + whole))
      assert.deepInclude(yield* ask(upstream), { end: "answered", text: "Hello you" })
    })
  )

  it.live("waits for one of its bounded connections as long as it takes: that is nobody's silence", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket, asked) => void (asked.includes("second") && socket.write(whole)), {
        connections: 1
      })
      const first = yield* Effect.forkChild(ask(upstream))
      yield* Effect.sleep(50)
      const guard = yield* Policy.all([Timeout.make({ connect: "100ms", firstToken: "100ms" })])
      const call = guard(Call.asEffect<SpillwayError, never>(upstream.call))
      const asking = yield* Effect.forkChild(Answer.collect(call, Question.chat("a", "second")))
      yield* Effect.sleep(400)
      assert.isUndefined(asking.pollUnsafe())
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* Fiber.join(asking)).text, "Hello you")
      assert.strictEqual(bytes.asked.filter((asked) => asked.startsWith("POST")).length, 2)
    })
  )

  it.live("of those who leave while they wait, none is sent, none costs a connection, and none is kept", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket, asked) => void (asked.includes("last") && socket.write(whole)), {
        connections: 1
      })
      const first = yield* Effect.forkChild(ask(upstream))
      yield* Effect.sleep(50)
      for (let each = 0; each < 50; each++) {
        const leaver = yield* Effect.forkChild(ask(upstream), { startImmediately: true })
        yield* Fiber.interrupt(leaver)
      }
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* ask(upstream, Question.chat("a", "last"))).end, "answered")
      assert.strictEqual(bytes.asked.filter((asked) => asked.startsWith("POST")).length, 2)
      // The first one closed his by leaving; the last one has another, and the version was asked for beside.
      assert.isAtMost(bytes.connections(), 3)
    })
  )

  it.live("that has its answer does not wait long for the end of a body that does not come", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.write(head() + piece(frame("Hello") + done)))
      const begun = performance.now()
      assert.deepInclude(yield* ask(upstream), { end: "answered", text: "Hello" })
      assert.isBelow(performance.now() - begun, 600)
      yield* Effect.sleep(50)
      assert.isAtMost(bytes.open(), 1)
      const { upstream: refused } = yield* to((socket) => {
        socket.write('HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nContent-Length: 100\r\n\r\n{"error":')
      })
      const told = yield* ask(refused)
      assert.deepStrictEqual([told.end, Duration.toSeconds(told.error!.retryAfter!)], ["UpstreamRateLimited", 5])
    })
  )

  it.live("is refused where a setting is no number, or bounds an answer to nothing", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => socket.write(whole))
      for (const settings of [{ maxTokens: 0 }, { maxTokens: -1 }, { maxTokens: Number.NaN }, { seed: Infinity }]) {
        const { error } = yield* ask(upstream, Question.chat("a", "hello", settings))
        assert.containSubset(error!.reason, { _tag: "BadRequest", field: Object.keys(settings)[0] })
      }
      const odd = { kind: "generate" as const, prompt: "a", format: { n: 1n } }
      assert.strictEqual((yield* ask(upstream, Question.make("a", odd))).end, "BadRequest")
      assert.deepStrictEqual(bytes.asked, [])
    })
  )

  it.live("closes its connection at the first word that something broke, whatever else the server would say", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to((socket) => {
        socket.write(head() + piece(`${frame("Hello")}{"error":"an error was encountered: EOF"}\n`))
      })
      assert.strictEqual((yield* ask(upstream)).end, "RunnerDied")
      yield* Effect.sleep(50)
      assert.strictEqual(bytes.open(), 0)
    })
  )

  it.live("ends with the scope of its upstream, and so does every connection", () =>
    Effect.gen(function* () {
      const bytes = yield* serve((socket) => socket.write(head() + piece(frame("Hello"))))
      const scope = yield* Scope.make()
      const upstream = yield* Scope.provide(Ollama.make("gpu", { url: bytes.url }), scope)
      const asking = yield* Effect.forkChild(ask(upstream))
      yield* Effect.sleep(100)
      assert.strictEqual(bytes.open(), 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(asking)).end, "Unavailable")
      assert.strictEqual((yield* ask(upstream)).end, "Unavailable")
      yield* Effect.sleep(50)
      assert.strictEqual(bytes.open(), 0)
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
    ["an end without a word", "", "Cut"],
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

  it.live("is named by its status, also where its words are cut off or have no end", () =>
    Effect.gen(function* () {
      const refusal = `HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n{"error":`
      const { upstream } = yield* to((socket) => socket.end(refusal))
      assert.strictEqual((yield* ask(upstream)).end, "Overloaded")
      const { bytes, upstream: endless } = yield* to((socket) => {
        socket.write(head("text/plain", "503 Busy"))
        for (let each = 0; each < 20; each++) socket.write(chunk("x".repeat(10_000)))
      })
      assert.strictEqual((yield* ask(endless)).end, "Overloaded")
      yield* Effect.sleep(50)
      assert.strictEqual(bytes.open(), 0)
    })
  )

  it.live("is one in one piece that is larger than it may be", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* to(
        (socket) => {
          socket.write(head("application/json") + piece('{"embeddings":[['))
          for (let each = 0; each < 20; each++) socket.write(chunk("0.5,".repeat(1_000)))
        },
        { bodyMax: 50_000 }
      )
      assert.strictEqual((yield* ask(upstream, Question.make("a", { kind: "embed", inputs: ["x"] }))).end, "Malformed")
      yield* Effect.sleep(50)
      assert.strictEqual(bytes.open(), 0)
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
      assert.include(Redacted.value(error!.cause!), `odd: ${secret}`)
      assert.notInclude(`${error!.message} ${JSON.stringify(error)} ${String(error)}`, secret)
    })
  )
})
