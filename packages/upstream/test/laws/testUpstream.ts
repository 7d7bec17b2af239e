/**
 * The laws of every upstream, over real sockets: who leaves closes the socket, who does not read on stops the server,
 * there is one end, and whatever breaks and wherever it breaks, nothing is told that was not said.
 */
import { assert, describe, it } from "@effect/vitest"
import { Answer, type Attempt, Call, type Part, Question, type SpillwayError, type Upstream } from "@spillway/core"
import { Effect, Fiber } from "effect"
import * as Random from "../../../core/test/laws/random.ts"
import { guard } from "../../../core/test/fixtures/unhandled.ts"
import { chunk, head, last, piece, type Says, serve, version } from "../bytes.ts"
import { ask } from "../serving.ts"
import type { Spoken } from "./Spoken.ts"

/** What is said, in words that are hard to cut. */
const words = ["H\u00e9llo", " \u{1f600}", ' "quoted"', " \u6f22\u5b57", "\n", " end\u2028"]

/** The ends of what is broken, garbled or cut; anything else would be a wrong name. */
const brokenEnds = ["Cut", "Malformed", "Unreachable"]

/** A server that says these bytes, and the wire to it. */
const saying = ({ make }: Spoken, says: Says, bounds?: Parameters<Spoken["make"]>[1]) =>
  Effect.gen(function* () {
    const bytes = yield* serve((socket, asked, count) => {
      const said = version(asked)
      if (said === undefined) says(socket, asked, count)
      else socket.write(said)
    })
    return { bytes, upstream: yield* make(bytes.url, bounds) }
  })

/** Runs until it holds, for as long as it may. */
const until = (holds: () => boolean, within = 1_000) =>
  Effect.gen(function* () {
    const begun = performance.now()
    while (!holds() && performance.now() - begun < within) yield* Effect.sleep(1)
    return performance.now() - begun
  })

/** A question to an upstream, into a sink. */
const into = ({ call }: Upstream, sink: Attempt.Sink) =>
  Answer.toSink(Call.asEffect<SpillwayError, never>(call), Question.chat("a", "hello"), sink)

/** Holds an upstream to the laws. */
export const testUpstream = (spoken: Spoken): void => {
  const { begin, end, say, type } = spoken
  const body = begin + words.map(say).join("") + end
  const whole = head(type) + piece(body) + last
  // A chunk of nothing would be the last.
  const opening = head(type) + (begin === "" ? "" : piece(begin))

  describe(`the laws of an upstream, kept by ${spoken.name}`, () => {
    guard()

    it.live("an answer has its parts in order, one end, and its usage in it", () =>
      Effect.gen(function* () {
        const { upstream } = yield* saying(spoken, (socket) => socket.write(whole))
        let attempt: Attempt.Attempt | undefined
        let ends = 0
        const call: Call.Call<SpillwayError> = (question, given) =>
          Effect.onExit(upstream.call(question, (attempt = given)), () => Effect.sync(() => void ends++))
        const told = yield* ask({ ...upstream, call })
        assert.deepStrictEqual([told.end, told.text, ends], ["answered", words.join(""), 1])
        assert.strictEqual(told.parts.length, words.length)
        assert.deepInclude(told.summary, { finish: "stop", model: "a", usage: { input: 3, output: 2 } })
        assert.deepStrictEqual(attempt!.usage, { input: 3, output: 2 })
        assert.isTrue(attempt!.sent)
      })
    )

    it.live("who leaves closes the socket within 100 ms, after however many parts, and hears nothing more", () =>
      Effect.gen(function* () {
        const { bytes, upstream } = yield* saying(spoken, (socket) => {
          socket.write(opening)
          const timer = setInterval(() => socket.write(chunk(say("x"))), 2)
          socket.on("close", () => clearInterval(timer))
        })
        for (const after of [0, 1, 2, 7]) {
          let parts = 0
          const asking = yield* Effect.forkChild(into(upstream, { emit: () => void parts++ }))
          if (after === 0) yield* until(() => bytes.open() > 0)
          yield* until(() => parts >= after)
          assert.isAtLeast(parts, after)
          yield* Fiber.interrupt(asking)
          const heard = parts
          assert.isBelow(yield* until(() => bytes.open() === 0), 100)
          assert.strictEqual(parts, heard)
        }
      })
    )

    it.live(
      "who does not read on stops the server: of 100 MB little is in memory, and all of it comes in the end",
      () =>
        Effect.gen(function* () {
          const long = chunk(say("x".repeat(10_000)))
          const count = 10_000
          let written = 0
          const { upstream } = yield* saying(spoken, (socket) => {
            socket.write(opening)
            const go = (): void => {
              while (written < count) {
                written++
                if (!socket.write(long)) return void socket.once("drain", go)
              }
              socket.end(Buffer.concat([chunk(end), Buffer.from(last)]))
            }
            go()
          })
          let isReading = false
          let wake = (): void => {}
          let length = 0
          const emit = (part: Part.Part): void | Promise<void> => {
            length += part._tag === "Text" ? part.text.length : 0
            if (!isReading) return new Promise((resolve) => (wake = resolve))
          }
          const before = process.memoryUsage().rss
          const asking = yield* Effect.forkChild(into(upstream, { emit }))
          yield* Effect.sleep(300)
          assert.isBelow(written, 2_000)
          assert.strictEqual(length, 10_000)
          assert.isBelow(process.memoryUsage().rss - before, 100_000_000)
          isReading = true
          wake()
          assert.strictEqual((yield* Fiber.join(asking)).finish, "stop")
          assert.strictEqual(length, count * 10_000)
        })
    )

    it.live("a reader gets no part before he has taken the one before, however many packets come meanwhile", () =>
      Effect.gen(function* () {
        const count = 60
        const { upstream } = yield* saying(spoken, (socket) => {
          socket.write(opening)
          let sent = 0
          const timer = setInterval(() => {
            socket.write(chunk(say("x") + say("y")))
            if (++sent < count / 2) return
            clearInterval(timer)
            socket.end(Buffer.concat([chunk(end), Buffer.from(last)]))
          }, 1)
        })
        let isBusy = false
        let taken = 0
        const emit = (): Promise<void> => {
          assert.isFalse(isBusy, `at part ${taken}`)
          isBusy = true
          return new Promise((resolve) => {
            setTimeout(() => {
              isBusy = false
              taken++
              resolve()
            }, 3)
          })
        }
        yield* into(upstream, { emit })
        assert.strictEqual(taken, count)
      })
    )

    it.live("a reader who takes a little and stops again stops the server again", () =>
      Effect.gen(function* () {
        // He stops in the midst of what has come at once.
        const long = chunk(say("x".repeat(2_000)).repeat(6))
        let written = 0
        const { upstream } = yield* saying(spoken, (socket) => {
          socket.write(opening)
          const go = (): void => {
            written++
            if (socket.write(long)) setImmediate(go)
            else socket.once("drain", go)
          }
          go()
        })
        let taken = 0
        const emit = (): Promise<void> =>
          new Promise((resolve) => {
            if (++taken < 4) setTimeout(resolve, 20)
          })
        const asking = yield* Effect.forkChild(into(upstream, { emit }))
        yield* Effect.sleep(300)
        const before = written
        yield* Effect.sleep(300)
        assert.strictEqual(taken, 4)
        assert.strictEqual(written, before)
        yield* Fiber.interrupt(asking)
      })
    )

    for (const how of ["end", "resetAndDestroy"] as const) {
      it.live(`a connection that breaks (${how}), after whichever byte, tells a beginning and is no answer`, () =>
        Effect.gen(function* () {
          const all = Buffer.from(whole)
          // What is behind the answer's own end is missed by nobody.
          const answered = all.indexOf(piece(body)) + chunk(body).length - 2
          let at = 0
          const { upstream } = yield* saying(spoken, (socket) => {
            if (at === 0) return void socket[how]()
            socket.write(all.subarray(0, at), () => setImmediate(() => socket[how]()))
          })
          for (at = 0; at < all.length; at += 1 + (at % 3)) {
            const told = yield* ask(upstream)
            assert.isTrue(words.join("").startsWith(told.text), `${at}: ${told.text}`)
            if (at < answered - 3) assert.include(brokenEnds, told.end, `after ${at} bytes`)
            else assert.include([...brokenEnds, "answered"], told.end)
          }
        })
      )
    }

    it.live("bytes come to the same parts and the same end, wherever they are cut", () =>
      Effect.gen(function* () {
        const all = Buffer.from(body)
        const random = Random.make(1)
        const { upstream } = yield* saying(spoken, (socket) => {
          const pieces: Array<Buffer> = [Buffer.from(head(type))]
          for (let at = 0; at < all.length;) {
            const size = 1 + random.below(20)
            pieces.push(chunk(all.subarray(at, at + size)))
            at += size
          }
          // And packets that know nothing of chunks.
          const sent = Buffer.concat([...pieces, Buffer.from(last)])
          const send = (from: number): void => {
            if (from >= sent.length) return
            const size = 1 + random.below(200)
            socket.write(sent.subarray(from, from + size), () => setImmediate(send, from + size))
          }
          send(0)
        })
        for (let run = 0; run < 25; run++) {
          const told = yield* ask(upstream)
          assert.deepStrictEqual([told.end, told.text], ["answered", words.join("")], `run ${run}`)
        }
      })
    )

    it.live("garbage comes to a named end, and to no part that nobody sent", () =>
      Effect.gen(function* () {
        const random = Random.make(3)
        const { upstream } = yield* saying(spoken, (socket) => {
          const garbled = Buffer.from(body)
          for (let each = 0; each < 3; each++) garbled[random.below(garbled.length)] = random.below(256)
          socket.end(Buffer.concat([Buffer.from(head(type)), chunk(garbled), Buffer.from(last)]))
        })
        const ends = new Set<string>()
        for (let run = 0; run < 200; run++) {
          const told = yield* ask(upstream)
          ends.add(told.end)
          assert.isAtMost(told.parts.length, words.length)
        }
        assert.isAtLeast(ends.size, 2)
        assert.notInclude([...ends], "defect")
      })
    )

    it.live("a line that is longer than it may be ends the answer and the connection", () =>
      Effect.gen(function* () {
        const says: Says = (socket) => {
          socket.write(head(type))
          for (let each = 0; each < 100; each++) socket.write(chunk("x".repeat(10_000)))
        }
        const { bytes, upstream } = yield* saying(spoken, says, { lineMax: 100_000 })
        assert.strictEqual((yield* ask(upstream)).end, "Malformed")
        assert.isBelow(yield* until(() => bytes.open() === 0), 500)
      })
    )

    it.live("connections are kept, bounded, and leave nothing behind: no socket, no listener, after 10,000 calls", () =>
      Effect.gen(function* () {
        const warnings: Array<Error> = []
        const warned = (warning: Error): void => void warnings.push(warning)
        process.on("warning", warned)
        const { bytes, upstream } = yield* saying(spoken, (socket) => socket.write(whole), { connections: 8 })
        const asking = Effect.forEach([...Array(10_000).keys()], () => ask(upstream), { concurrency: 50 })
        const ends = yield* asking
        process.off("warning", warned)
        assert.isTrue(ends.every((told) => told.end === "answered"))
        assert.isAtMost(bytes.connections(), 9)
        assert.deepStrictEqual(warnings, [])
      })
    )
  })
}
