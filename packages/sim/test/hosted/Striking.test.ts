/**
 * What each fault does to a request, and each word of a script: on the face of OpenAI, since it is the same on all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Row, table } from "../../src/hosted/Faults.ts"
import * as OpenAi from "../../src/hosted/OpenAi.ts"
import { chat, faults, path, provider, type Recorder, text } from "./recorder.ts"

const timeless = (body: string): string => body.replaceAll(/"created":\s*\d+/g, "")

describe("a fault", () => {
  const content = "[[sim tokens=4 token_ms=10 prompt_ms=0 text=w]]"
  const after = (name: string, more: object = {}, stream = true) =>
    Effect.gen(function* () {
      const { ask, hosted } = yield* provider(OpenAi.make, {}, faults({ name, ...more }))
      const reply = ask(path, chat(content, { stream }))
      yield* TestClock.adjust("35 seconds")
      if (name !== "comments-only") assert.strictEqual(hosted.busy, 0)
      return reply
    })

  /** All that a caller can tell of an answer, but for what time it is. */
  const seen = ({ body, ended, status, times }: Recorder): string =>
    JSON.stringify([status, timeless(body), ended, times])

  for (const { name, where } of table) {
    it.effect(`changes what it says it changes: ${name}, ${where}`, () =>
      Effect.gen(function* () {
        assert.notDeepEqual(seen(yield* after(name)), seen(yield* after("none")))
        const isSame = seen(yield* after(name, {}, false)) === seen(yield* after("none", {}, false))
        assert.strictEqual(isSame, where === "stream")
      })
    )
  }

  for (const row of table) {
    const { at, name, span } = row as Row
    it.effect(`heeds at and span if its row says what they are to it: ${name}`, () =>
      Effect.gen(function* () {
        // All are asked in one hour: how long the padding is depends on how many digits the moment has.
        yield* TestClock.adjust("1 hour")
        const all = (more: object) =>
          Effect.map(after(name, more), (reply) => seen(reply) + JSON.stringify(reply.headers))
        assert.strictEqual((yield* all({ at: 1 })) !== (yield* all({ at: 3 })), at !== undefined)
        const isHeeded = (yield* all({ span: 1e9 })) !== (yield* all({ span: 3e9 }))
        assert.strictEqual(isHeeded, span !== undefined)
      })
    )
  }

  it.effect("of the door strikes a listing of models, and one of an answer does not", () =>
    Effect.gen(function* () {
      const broken = yield* provider(OpenAi.make, {}, faults({ name: "cut" }, { name: "internal" }))
      assert.strictEqual(broken.ask("/v1/models").status, 500)
      const fine = yield* provider(OpenAi.make, {}, faults({ name: "cut" }, { name: "error-mid-stream" }))
      assert.strictEqual(fine.ask("/v1/models").status, 200)
    })
  )

  it.effect("of an answer is not asked for by who is refused", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { ask } = yield* provider(
        OpenAi.make,
        { requests: 1 },
        { strike: (names) => void (names.has("cut") && asked.push("cut")) }
      )
      const statuses = [
        ask(path, chat("hi", { model: "absent" })),
        ask(path, chat("[[sim tokns=1]]")),
        ask(path, chat("[[sim status=500]]")),
        ask("/v1/models")
      ].map(({ status }) => status)
      assert.deepStrictEqual([statuses, asked], [[404, 400, 500, 200], []])
      ask(path, chat("hi"))
      assert.deepStrictEqual(asked, ["cut"])
      assert.strictEqual(ask(path, chat("hi")).status, 429)
      assert.deepStrictEqual(asked, ["cut"])
    })
  )

  it.effect("closes, resets or silences a stream after so many tokens", () =>
    Effect.gen(function* () {
      for (const [name, ended] of [
        ["cut", "close"],
        ["reset", "reset"],
        ["silence", "silence"]
      ] as const) {
        const reply = yield* after(name, { at: 2 })
        assert.deepStrictEqual([text(reply), reply.ended], [" w0 w1", ended])
      }
    })
  )

  it.effect("closes, resets or silences half a body that comes in one piece", () =>
    Effect.gen(function* () {
      const plain = yield* after("none", {}, false)
      for (const [name, ended] of [
        ["cut", "close"],
        ["reset", "reset"],
        ["silence", "silence"]
      ] as const) {
        const reply = yield* after(name, {}, false)
        assert.strictEqual(reply.ended, ended)
        assert.isTrue(timeless(plain.body).startsWith(timeless(reply.body)) && reply.body.length < plain.body.length)
      }
    })
  )

  it.effect("hangs without a header", () =>
    Effect.gen(function* () {
      const reply = yield* after("hang")
      assert.deepStrictEqual([reply.begun, reply.ended], [false, "silence"])
    })
  )

  it.effect("leaves but the marker out, or with a place the reason to stop as well", () =>
    Effect.gen(function* () {
      const late = yield* after("no-marker")
      assert.deepStrictEqual([text(late), late.ended], [" w0 w1 w2 w3", "end"])
      assert.strictEqual(late.events.at(-1).choices[0].finish_reason, "stop")
      assert.notInclude(late.body, "[DONE]")
      const early = yield* after("no-marker", { at: 3 })
      assert.deepStrictEqual([text(early), early.ended], [" w0 w1 w2", "end"])
      assert.notInclude(early.body, '"finish_reason":"stop"')
    })
  )

  it.effect("breaks one line and goes on", () =>
    Effect.gen(function* () {
      const reply = yield* after("truncated-json", { at: 1 })
      const lines = reply.body.split("\n\n").filter((line) => line.startsWith("data: {"))
      const broken = lines.filter((line) => !line.endsWith("}"))
      assert.lengthOf(lines, 6)
      assert.deepStrictEqual(broken, [lines[2]])
      assert.throws(() => JSON.parse(broken[0]!.slice(6)))
      assert.include(reply.body, "[DONE]")
    })
  )

  it.effect("stalls for good with nothing but comments, also before the first token", () =>
    Effect.gen(function* () {
      const reply = yield* after("comments-only", { at: 1 })
      assert.strictEqual(text(reply), " w0")
      assert.deepStrictEqual(reply.times, [0, 0, 10, 10_010, 20_010, 30_010])
      assert.deepStrictEqual(new Set(reply.packets.slice(2).map(([, packet]) => packet)), new Set([": keep-alive\n\n"]))
      const never = yield* after("comments-only", { at: 0, span: 5_000_000_000 })
      assert.strictEqual(never.body, ": keep-alive\n\n".repeat(8))
      assert.isUndefined(never.ended)
    })
  )

  it.effect("sends a page in place of JSON, with a status of either kind", () =>
    Effect.gen(function* () {
      for (const [name, status] of [
        ["html", 502],
        ["html-200", 200]
      ] as const) {
        const reply = yield* after(name)
        assert.strictEqual(reply.status, status)
        assert.match(reply.headers["content-type"]!, /^text\/html/)
        assert.isTrue(reply.body.startsWith("<html>"))
      }
    })
  )

  it.effect("makes every token take as long as it says, or a second", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* after("slow")).times, [1_000, 1_000, 2_000, 3_000, 4_000, 4_000])
      const slower = yield* after("slow", { span: 3_000_000_000 })
      assert.deepStrictEqual(slower.times, [3_000, 3_000, 6_000, 9_000, 12_000, 12_000])
    })
  )

  it.effect("tells how long to wait, and says of money that it takes hours", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* after("rate-limited")).headers["retry-after"], "20")
      assert.strictEqual((yield* after("rate-limited", { span: 1_500_000_000 })).headers["retry-after"], "2")
      assert.strictEqual((yield* after("quota")).headers["retry-after"], "7200")
    })
  )
})

describe("a script", () => {
  const asked = (script: string, more: object = {}) =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make)
      const reply = ask(path, chat(`[[sim tokens=4 token_ms=1 text=w ${script}]]`, more))
      yield* TestClock.adjust("1 second")
      return reply
    })

  it.effect("breaks a stream where it says", () =>
    Effect.gen(function* () {
      const died = yield* asked("die_after=2")
      assert.strictEqual(text(died), " w0 w1")
      assert.strictEqual(died.events.at(-1).error.type, "server_error")
      const hung = yield* asked("hang_after=1")
      assert.deepStrictEqual([text(hung), hung.ended], [" w0", "silence"])
      const stopped = yield* asked("end_after=3")
      assert.deepStrictEqual([text(stopped), stopped.ended], [" w0 w1 w2", "end"])
      assert.notInclude(stopped.body, '"finish_reason":"stop"')
      const garbled = yield* asked("garbage_after=4")
      assert.notInclude(garbled.body, "[DONE]")
    })
  )

  it.effect("is refused where it says what only a stream can show", () =>
    Effect.gen(function* () {
      const { json, status } = yield* asked("end_after=3", { stream: false })
      const message =
        "sim script: end_after breaks only a stream, and this answer comes in one piece; " +
        "ask for a stream or leave it out"
      assert.deepStrictEqual([status, json.error.message], [400, message])
    })
  )

  it.effect("breaks an answer in one piece as far as it can show it", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* asked("die_after=2", { stream: false })).status, 500)
      const garbled = yield* asked("garbage_after=2", { stream: false })
      assert.throws(() => garbled.json)
    })
  )

  it.effect("refuses with the status that it says", () =>
    Effect.gen(function* () {
      for (const [status, code] of [
        [400, null],
        [401, "invalid_api_key"],
        [403, "model_not_found"],
        [404, "model_not_found"],
        [413, null],
        [418, null],
        [429, "rate_limit_exceeded"],
        [500, null],
        [503, null],
        [504, null]
      ] as const) {
        const reply = yield* asked(`status=${status}`)
        assert.deepStrictEqual([reply.status, reply.json.error.code], [status, code])
      }
      for (const status of ["200", "0", "1000", "none"]) {
        const reply = yield* asked(`status=${status}`)
        const message = `sim script: status=${status} says nothing, write a status from 400 to 599`
        assert.deepStrictEqual([reply.status, reply.json.error.message], [400, message])
      }
    })
  )

  it.effect("that cannot be read is refused as any other mistake is, and uses no fault up", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, {}, faults({ name: "internal" }))
      const { json, status } = ask(path, chat("[[sim tokns=4]]"))
      const message = "sim script: unknown key tokns, did you mean tokens"
      assert.deepStrictEqual([status, json.error.message, json.error.type], [400, message, "invalid_request_error"])
    })
  )
})
