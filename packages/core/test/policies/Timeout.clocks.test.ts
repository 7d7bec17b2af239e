/**
 * The clocks of a call: each runs while its own thing is waited for, and says so when it runs out.
 *
 * That they ring in the right moment however their lengths and the moments of the parts fall is in
 * Timeout.exact.test.ts; what becomes of the work is in Timeout.streams.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Answer, Policy, RateLimit, refusal } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { ask, clocks, endOf, enter, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import { errorOf } from "../fixtures/failing.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** A leaf that does these things one after the other, and then nothing. */
const hanging = (...things: ReadonlyArray<(attempt: Attempt) => Effect.Effect<void>>) =>
  leaf((attempt) =>
    Effect.andThen(
      Effect.forEach(things, (thing) => thing(attempt)),
      Effect.never
    )
  )

const wait = (millis: number) => () => Effect.sleep(millis)
const stretch = (name: Attempt["stretch"]) => (attempt: Attempt) => enter(attempt, name)

/** Five limits that tell which of them rang. */
const each = { connect: "11ms", load: "13ms", firstToken: "17ms", idle: "19ms", reader: "23ms" } as const

describe("the clock to the first token", () => {
  it.effect("cuts a call that says nothing", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      assert.strictEqual(yield* toldOf(ask(guard(hanging()))), "firstToken after 17, 0 parts, at 17")
    })
  )

  it.effect("does not cut one that is slow but steady", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "20ms", idle: "30ms" })
      const steady = leaf((attempt) =>
        Effect.forEach(Array.from({ length: 100 }), () => Effect.andThen(say(attempt), Effect.sleep(29)))
      )
      assert.strictEqual(yield* toldOf(ask(guard(steady))), "answered at 2900")
    })
  )

  it.effect("begins when the leaf does: a turn that is waited for inside is not the upstream's silence", () =>
    Effect.gen(function* () {
      const limit = yield* Effect.orDie(RateLimit.make({ rate: "1/10s", wait: "1h", per: "target" }))
      const guard = yield* clocks({ ...each, connect: "1s", load: "1s", idle: "1s", reader: "1s" })
      yield* limit(Effect.void)
      const call = guard(limit(hanging()))
      assert.strictEqual(yield* toldOf(ask(call)), "firstToken after 17, 0 parts, at 10017")
    })
  )

  it.effect("begins when the leaf does, however much shorter than the wait before it all clocks are", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = guard(Effect.andThen(Effect.sleep("1 minute"), hanging()))
      assert.strictEqual(yield* toldOf(ask(call)), "firstToken after 17, 0 parts, at 60017")
    })
  )

  it.effect("is told from a failure of the leaf, which stays as it is", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const cut = refusal({ _tag: "Cut", target: "gpu1", parts: 1 })
      const call = leaf((attempt) => Effect.andThen(say(attempt), Effect.andThen(Effect.sleep(18), Effect.fail(cut))))
      const { exit } = yield* endOf(ask(guard(call)))
      assert.strictEqual(errorOf(exit), cut)
    })
  )
})

describe("the clocks to connect and to load", () => {
  it.effect("run only for a leaf that says that it connects", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      assert.strictEqual(yield* toldOf(ask(guard(hanging(stretch("connect"))))), "connect after 11, 0 parts, at 11")
      assert.strictEqual(yield* toldOf(ask(guard(hanging(wait(12), say))), 60_000), "idle after 19, 1 parts, at 31")
    })
  )

  it.effect("hand over to the first token's, which begins anew when the server is reached", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = hanging(stretch("connect"), wait(10), stretch("firstToken"))
      assert.strictEqual(yield* toldOf(ask(guard(call))), "firstToken after 17, 0 parts, at 27")
    })
  )

  it.effect("tell a cold load from a hang: minutes of loading, and then as long as ever for the first token", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "10s", load: "5m" })
      const loading = hanging(stretch("load"), wait(4 * 60_000), stretch("firstToken"), wait(9_000), say)
      const run = yield* start(ask(guard(loading)))
      yield* TestClock.adjust(4 * 60_000 + 9_000)
      assert.isUndefined(run.end)
      yield* Fiber.interrupt(run.fiber)
      const late = hanging(stretch("load"), wait(4 * 60_000), stretch("firstToken"))
      assert.strictEqual(yield* toldOf(ask(guard(late))), "firstToken after 10000, 0 parts, at 250000")
      assert.strictEqual(yield* toldOf(ask(guard(hanging()))), "firstToken after 10000, 0 parts, at 10000")
    })
  )

  it.effect("cut a load that goes on for ever", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ ...each, load: "5m" })
      const call = hanging(wait(5), stretch("load"))
      assert.strictEqual(yield* toldOf(ask(guard(call))), "load after 300000, 0 parts, at 300005")
    })
  )

  it.effect("are over with the first part, whatever the leaf still says that it waits for", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = hanging(stretch("load"), say, wait(10), stretch("connect"))
      assert.strictEqual(yield* toldOf(ask(guard(call))), "idle after 19, 1 parts, at 19")
    })
  )
})

describe("the clock between two parts", () => {
  it.effect("cuts an answer that falls silent, and says how much of it had come", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = hanging(wait(16), say, wait(18), say, wait(18), say)
      assert.strictEqual(yield* toldOf(ask(guard(call))), "idle after 19, 3 parts, at 71")
    })
  )

  it.effect("lets an answer live for hours whose pauses are shorter", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ connect: "1s", firstToken: "5s", idle: "15s", reader: "30s", load: "5m" })
      const pauses = 1_000
      const call = leaf((attempt) =>
        Effect.forEach(Array.from({ length: pauses }), () => Effect.andThen(say(attempt), Effect.sleep(14_999)))
      )
      assert.strictEqual(yield* toldOf(ask(guard(call))), `answered at ${pauses * 14_999}`)
    })
  )

  it.effect("starts anew with every part, thinking and fragments of tools included", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = leaf((attempt) =>
        Effect.forEach(
          [
            { _tag: "Thinking", text: "hm" },
            { _tag: "ToolCall", index: 0, arguments: "{" },
            { _tag: "Text", text: "" }
          ] as const,
          (part) =>
            Effect.andThen(
              Effect.sleep(15),
              Effect.sync(() => void attempt.emit(part))
            )
        )
      )
      assert.strictEqual(yield* toldOf(ask(guard(call))), "answered at 45")
    })
  )

  it.effect("has nothing to do with what follows the answer", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      const call = guard(Effect.tap(leaf(say), () => Effect.sleep("1 minute")))
      assert.strictEqual(yield* toldOf(ask(call)), "answered at 60000")
    })
  )
})

/** A reader who takes his time with the part of this number, and the call that he reads. */
const slowReader = (millis: number) => {
  let parts = 0
  const busy = () => Effect.runPromise(Effect.void)
  return <A, E>(call: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const context = yield* Effect.context()
      return yield* Answer.toSink(call, question, {
        emit: () => (++parts === 1 ? Effect.runPromiseWith(context)(Effect.sleep(millis)) : busy())
      })
    })
}

/** Says this many parts, each when its reader has room, and then nothing. */
const waiting = (parts: number) =>
  leaf((attempt) =>
    Effect.andThen(
      Effect.forEach(Array.from({ length: parts }), (_, index) =>
        Effect.promise(() => Promise.resolve(attempt.emit({ _tag: "Text", text: `${index}` })))
      ),
      Effect.never
    )
  )

describe("the clock of the reader", () => {
  it.effect("runs while the reader keeps the upstream waiting, and not the upstream's", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ ...each, idle: "5ms" })
      const read = slowReader(60_000)
      assert.strictEqual(yield* toldOf(read(guard(waiting(2)))), "reader after 23, 1 parts, at 23")
    })
  )

  it.effect("gives the upstream its whole time again when the reader goes on", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ ...each, idle: "5ms" })
      const read = slowReader(22)
      assert.strictEqual(yield* toldOf(read(guard(waiting(1)))), "idle after 5, 1 parts, at 27")
    })
  )

  it.effect("is met by a Stream that nobody pulls, and by none that is pulled in time", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ ...each, idle: "5ms" })
      const read = (pause: number) =>
        Answer.toStream(guard(waiting(6)), question, { partsMax: 1 }).pipe(
          Stream.mapEffect(() => Effect.sleep(pause)),
          Stream.runDrain
        )
      assert.match(yield* toldOf(read(60_000)), /^reader after 23, [1-3] parts, at /)
      assert.match(yield* toldOf(read(10)), /^idle after 5, 6 parts, at /)
    })
  )
})

describe("the failures of the clocks", () => {
  it.effect("name the reader for his own: all others speak against the target, and none is tried again there", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ ...each, idle: "5ms" })
      const calls = [
        ask(guard(hanging(stretch("connect")))),
        ask(guard(hanging(stretch("load")))),
        ask(guard(hanging())),
        ask(guard(hanging(say))),
        slowReader(60_000)(guard(waiting(1)))
      ]
      const errors = (yield* Effect.forEach(calls, (call) => endOf(call, 50))).map(({ exit }) => errorOf(exit))
      assert.deepStrictEqual(
        errors.map((error: any) => [error.reason.phase, error.blamesTarget, error.retryable, error.failure.status]),
        [
          ["connect", true, false, 504],
          ["load", true, false, 504],
          ["firstToken", true, false, 504],
          ["idle", true, false, 504],
          ["reader", false, false, 504]
        ]
      )
      assert.strictEqual(new Set(errors.map(String)).size, 5)
    })
  )
})

describe("two calls of one guard", () => {
  it.effect("may be two leaves of one call, one after the other: the clocks are those of the last", () =>
    Effect.gen(function* () {
      const guard = yield* clocks(each)
      let tries = 0
      const call = leaf(() => (++tries === 1 ? Effect.andThen(Effect.sleep(15), Effect.fail("busy")) : Effect.never))
      const retried = guard(Effect.retry(call, { times: 1 }))
      assert.strictEqual(yield* toldOf(ask(retried)), "firstToken after 17, 0 parts, at 32")
    })
  )

  it.effect("are measured apart, and so is a guard for calls and for plain Effects", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(Policy.all([clocks(each)]))
      const plain = yield* start(guard(Effect.never))
      const silent = yield* start(ask(guard(hanging())))
      yield* TestClock.adjust(5)
      const speaking = yield* start(ask(guard(hanging(wait(10), say))))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        [plain, silent, speaking].map(({ end }) => told<unknown>(end!)),
        ["firstToken after 17, 0 parts, at 17", "firstToken after 17, 0 parts, at 17", "idle after 19, 1 parts, at 29"]
      )
    })
  )
})
