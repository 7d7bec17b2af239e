/**
 * A hosted provider without regard to its face: whom it lets in, and when its bytes come.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as OpenAi from "../../src/hosted/OpenAi.ts"
import { chat, path, provider, text } from "./recorder.ts"

describe("the times of an answer", () => {
  it.effect("are those of its first token and of each one after it", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, { firstToken: "300ms", decode: 10 })
      const reply = ask(path, chat("[[sim tokens=3]]"))
      yield* TestClock.adjust("299 millis")
      assert.isFalse(reply.begun)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(reply.times, [300, 300, 400, 500, 500])
      assert.strictEqual(reply.ended, "end")
    })
  )

  it.effect("are those that its script says", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make)
      // Seven words are read: whose turn it is, two of the user's own, and four of the script.
      const reply = ask(path, chat("two words [[sim token_ms=50 tokens=2 prompt_ms=10]]"))
      yield* TestClock.adjust("1 second")
      const read = 7 * 10
      assert.deepStrictEqual(reply.times, [read, read, read + 50, read + 50])
    })
  )

  it.effect("are those of the last token where the answer comes in one piece", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, { firstToken: "300ms", decode: 10 })
      const reply = ask(path, chat("[[sim tokens=3]]", { stream: false }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(reply.times, [500])
    })
  )
})

describe("a caller", () => {
  it.effect("who reads slowly gets nothing more before there is room, then all that has come meanwhile", () =>
    Effect.gen(function* () {
      const { ask, hosted } = yield* provider(OpenAi.make)
      const reply = ask(path, chat("[[sim tokens=6 token_ms=10 prompt_ms=0 text=w]]"))
      reply.room = 2
      yield* TestClock.adjust("25 millis")
      assert.lengthOf(reply.packets, 4)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(reply.packets, 4)
      assert.strictEqual(hosted.busy, 1)
      reply.drain(1)
      assert.lengthOf(reply.packets, 5)
      reply.drain()
      assert.strictEqual(reply.ended, "end")
      assert.strictEqual(text(reply), " w0 w1 w2 w3 w4 w5")
    })
  )

  it.effect("who leaves gets nothing more and gives his place back", () =>
    Effect.gen(function* () {
      for (const stream of [true, false]) {
        const { ask, hosted } = yield* provider(OpenAi.make)
        const reply = ask(path, chat("[[sim tokens=9 token_ms=10]]", { stream }))
        yield* TestClock.adjust("425 millis")
        const { length } = reply.packets
        reply.leave()
        assert.strictEqual(hosted.busy, 0)
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(reply.packets, length)
        assert.isUndefined(reply.ended)
      }
    })
  )

  it.effect("who leaves when he has all of his answer gave one place back, and no other's", () =>
    Effect.gen(function* () {
      for (const stream of [true, false]) {
        const { ask, hosted } = yield* provider(OpenAi.make)
        const reply = ask(path, chat("[[sim tokens=2]]", { stream }))
        ask(path, chat("[[sim tokens=2 token_ms=60000]]"))
        yield* TestClock.adjust("10 seconds")
        reply.leave()
        assert.strictEqual(hosted.busy, 1)
      }
    })
  )

  it.effect("is refused while as many as may be are answered, and let in after", () =>
    Effect.gen(function* () {
      const { ask, hosted } = yield* provider(OpenAi.make, { running: 2 })
      ask(path, chat("one"))
      ask(path, chat("two", { stream: false }))
      const third = ask(path, chat("three"))
      assert.deepStrictEqual([third.status, third.headers["retry-after"]], [429, "1"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(hosted.busy, 0)
      assert.isUndefined(ask(path, chat("four")).status)
    })
  )

  it.effect("is refused when the requests of a minute are used up, until one has come back", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, { requests: 2 })
      ask(path, chat("one"))
      ask(path, chat("two"))
      const third = ask(path, chat("three"))
      assert.strictEqual(third.headers["retry-after"], "30")
      assert.strictEqual(third.headers["x-ratelimit-remaining-requests"], "0")
      assert.strictEqual(third.headers["x-ratelimit-reset-requests"], "1m0s")
      assert.deepInclude(third.json.error, { type: "requests", code: "rate_limit_exceeded" })
      assert.include(third.json.error.message, "Limit 2, Used 2, Requested 1. Please try again in 30s.")
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(ask(path, chat("four")).status)
    })
  )

  it.effect("is refused when the tokens of a minute are used up, those of the answer among them", () =>
    Effect.gen(function* () {
      const { ask } = yield* provider(OpenAi.make, { tokens: 100 })
      // Three words of the prompt, and the answer.
      ask(path, chat("[[sim tokens=72]]"))
      const second = ask(path, chat("[[sim tokens=47]]"))
      assert.deepInclude(second.json.error, { type: "tokens", code: "rate_limit_exceeded" })
      assert.strictEqual(second.headers["x-ratelimit-remaining-tokens"], "25")
      assert.strictEqual(second.headers["retry-after"], "15")
      yield* TestClock.adjust("15 seconds")
      assert.isUndefined(ask(path, chat("[[sim tokens=47]]")).status)
    })
  )
})
