/** The two doors of a router: a service for Effect programs, and an object for all others. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Answer,
  createSpillway,
  Part,
  Policy,
  Question,
  type Record,
  refusal,
  type Router,
  Spillway,
  SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Stream } from "effect"
import * as Unhandled from "./fixtures/unhandled.ts"

Unhandled.guard()

/** A function that says these words, one after the other, and notes who has left. */
const saying = (words: Iterable<string>) => {
  const state = { left: 0, asked: new Array<string>() }
  const says: Router.Pulled = async function* ({ model }, signal) {
    state.asked.push(model)
    try {
      for (const word of words) {
        await new Promise<void>((resolve) => void setImmediate(resolve))
        if (signal.aborted) return
        yield word
      }
    } finally {
      if (signal.aborted) state.left++
    }
  }
  return { says, state }
}

const unexpected = (): never => assert.fail("was answered")

const words = ["The dam ", "is 243 ", "metres high."]
const asked = { model: "chat", prompt: "How high?" }

const options = (mine: Router.Pulled): Router.Options => ({
  upstreams: { mine },
  routes: { chat: { targets: ["mine/model"] } },
  callers: { ann: { rate: "2/min" } }
})

describe("the service", () => {
  it.effect("answers whole, as a stream, and as a call for whoever puts the question, and is one for all", () =>
    Effect.gen(function* () {
      const { says, state } = saying(words)
      const program = Effect.gen(function* () {
        const spillway = yield* Spillway
        const whole = yield* spillway.ask(asked)
        const parts = yield* Stream.runCollect(spillway.stream(Question.chat("chat", "How high?")))
        const called = yield* Answer.collect(spillway.call, Question.chat("chat", "How high?"))
        return [whole.text, Part.textOf(parts), called.text]
      })
      const texts = yield* Effect.provide(program, Spillway.layer(options(says)))
      assert.deepStrictEqual(texts, Array(3).fill(words.join("")))
      assert.deepStrictEqual(state.asked, ["model", "model", "model"])
    })
  )

  it.effect("guards any other Effect too, with the limits of its caller", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const spillway = yield* Spillway
        const ask = spillway.guard(Effect.succeed(42)).pipe(Policy.about({ caller: "ann" }))
        assert.deepStrictEqual([yield* ask, yield* ask], [42, 42])
        return (yield* Effect.flip(ask)).reason._tag
      })
      assert.strictEqual(yield* Effect.provide(program, Spillway.layer(options(saying([]).says))), "RateLimited")
    })
  )
})

describe("the object", () => {
  it("answers with promises and with what can be iterated, for callers by their names", async () => {
    const { says } = saying(words)
    await using spillway = createSpillway(options(says))
    assert.strictEqual((await spillway.ask(asked, { caller: "ann" })).text, words.join(""))
    let text = ""
    for await (const part of spillway.stream(asked, { caller: "ann" })) text += Part.textOf([part])
    assert.strictEqual(text, words.join(""))
    const refused = await spillway.ask(asked, { caller: "ann" }).then(unexpected, (error: unknown) => error)
    assert.isTrue(refused instanceof SpillwayError && refused.reason._tag === "RateLimited")
    assert.strictEqual((await spillway.ask(asked)).text, words.join(""))
  })

  it("leaves the work where its caller leaves, by a signal or by a break", async () => {
    const { says, state } = saying({
      *[Symbol.iterator]() {
        while (true) yield "word "
      }
    })
    await using spillway = createSpillway(options(says))
    const controller = new AbortController()
    const asking = spillway.ask(asked, { signal: controller.signal }).then(unexpected, (error: unknown) => error)
    setTimeout(() => controller.abort(), 5)
    assert.isDefined(await asking)
    for await (const _ of spillway.stream(asked)) break
    while (state.left < 2) await new Promise<void>((resolve) => void setImmediate(resolve))
    assert.strictEqual(state.left, 2)
  })

  it("wraps any function, which is tried again where it throws, and throws what it threw", async () => {
    await using spillway = createSpillway({
      ...options(saying([]).says),
      defaults: { retry: { base: "1ms", max: "2ms" } }
    })
    let calls = 0
    const flaky = spillway.wrap(async (name: string, times: number, signal: AbortSignal) => {
      assert.isFalse(signal.aborted)
      if (++calls < times) throw new TypeError("terminated")
      return `${name} after ${calls}`
    })
    expectTypeOf(flaky).toBeCallableWith("ok", 3)
    assert.strictEqual(await flaky("ok", 3), "ok after 3")
    calls = 0
    const error = await flaky("never", 100).then(unexpected, (thrown: unknown) => thrown)
    assert.isTrue(error instanceof TypeError)
    assert.strictEqual(calls, 3)
  })

  it("keeps from one function what another one has broken, but where both are of one target", async () => {
    await using spillway = createSpillway({ ...options(saying([]).says), defaults: { retry: { attempts: 1 } } })
    const breaks = async () => {
      throw new Error("no such file")
    }
    const bad = spillway.wrap(breaks)
    const badThere = spillway.wrap(breaks, { target: "disk/one" })
    for (let time = 0; time < 10; time++) {
      await bad().catch(() => undefined)
      await badThere().catch(() => undefined)
    }
    const fine = async () => "fine"
    assert.strictEqual(await spillway.wrap(fine)(), "fine")
    const error = await spillway
      .wrap(fine, { target: "disk/one" })()
      .then(unexpected, (thrown: unknown) => thrown)
    assert.isTrue(error instanceof SpillwayError && error.reason._tag === "Unavailable")
  })

  it("says who gave an answer, also where another one has failed before", async () => {
    const down = async function* (): AsyncGenerator<string> {
      yield* []
      throw refusal({ _tag: "Unreachable", target: "mine/model", problem: "refused", parts: 0 })
    }
    let isDown = false
    await using spillway = createSpillway({
      upstreams: {
        mine: (question, signal) => (isDown ? down() : saying(words).says(question, signal)),
        other: async () => "yes"
      },
      routes: { chat: { targets: ["mine/model"], overflow: ["other/model"] } },
      defaults: { retry: { attempts: 1 } }
    })
    const { target, text } = await spillway.ask(asked)
    assert.deepStrictEqual([target, text], ["mine/model", words.join("")])
    isDown = true
    const { target: second, text: said } = await spillway.ask(asked)
    assert.deepStrictEqual([second, said], ["other/model", "yes"])
  })

  it("says what is wrong with a question, and with a server that is to be drained", async () => {
    const { says, state } = saying(words)
    await using spillway = createSpillway(options(says))
    const wrongs: ReadonlyArray<readonly [unknown, RegExp]> = [
      [undefined, /^model was missing: it has to be the name of a route or a model\.$/],
      ["hello", /^model was missing/],
      [{ prompt: "How high?" }, /^model was missing/],
      [{ model: 5, prompt: "How high?" }, /^model was of type number/],
      [{ model: "chat" }, /^prompt was missing: it has to be a text, or a list of \{ role, text \}\.$/],
      [{ model: "chat", prompt: 5 }, /^prompt was of type number/],
      [{ model: "chat", prompt: [{ role: "user", content: "How high?" }] }, /^prompt was of type object/]
    ]
    for (const [wrong, sentence] of wrongs) {
      const told = (thrown: unknown): void => {
        assert.isTrue(thrown instanceof SpillwayError && thrown.reason._tag === "BadRequest")
        assert.match((thrown as Error).message, sentence)
      }
      await spillway.ask(wrong as typeof asked).then(unexpected, told)
      assert.throws(() => spillway.stream(wrong as typeof asked), sentence)
    }
    assert.deepStrictEqual(state.asked, [])
    const prompt = [{ role: "system", text: "Be brief." } as const, { role: "user", text: "How high?" } as const]
    assert.strictEqual((await spillway.ask({ model: "chat", prompt })).text, words.join(""))
    assert.throws(() => spillway.drain("mien"), /upstream was "mien": it has to be mine\./)
  })

  it("throws what is wrong with its options at once", () => {
    assert.throws(
      () => createSpillway({ ...options(saying([]).says), routes: { chat: { targets: ["min/model"] } } }),
      /did you mean mine\?/
    )
    assert.throws(() => createSpillway({ ...options(saying([]).says), defaults: { deadline: "soon" } }), /deadline/)
  })

  it("takes a whole answer from a function, words or parts, and the failure that it names", async () => {
    await using spillway = createSpillway({
      upstreams: {
        whole: async () => "243 metres",
        parts: async function* () {
          yield Part.text("243 ")
          yield Part.text("metres")
          return Summary.make({ finish: "length" })
        },
        refusing: { upstream: { call: () => Effect.fail(refusal({ _tag: "ContentRefused", target: "refusing" })) } }
      }
    })
    assert.strictEqual((await spillway.ask({ model: "whole/m", prompt: "?" })).text, "243 metres")
    const { summary, text } = await spillway.ask({ model: "parts/m", prompt: "?" })
    assert.deepStrictEqual([text, summary.finish], ["243 metres", "length"])
    const error = await spillway.ask({ model: "refusing/m", prompt: "?" }).then(unexpected, (thrown: unknown) => thrown)
    assert.isTrue(error instanceof SpillwayError && error.reason._tag === "ContentRefused")
  })
})

describe("a preset", () => {
  it("is what the defaults are where they say nothing", async () => {
    const { says } = saying(words)
    await using spillway = createSpillway({ ...options(says), preset: "multi-tenant" })
    const asking = Array.from({ length: 12 }, () =>
      spillway.ask(asked, { caller: "bob" }).then(
        () => "ok",
        (error: SpillwayError) => error.reason._tag
      )
    )
    const told = await Promise.all(asking)
    assert.strictEqual(told.filter((each) => each === "RateLimited").length, 2)
    assert.throws(() => createSpillway({ ...options(says), preset: "fast" as "batch" }), /preset/)
    assert.throws(() => createSpillway({ ...options(says), preset: "strict-budget" }), /prices/)
  })
})

describe("a router that is closed", () => {
  it("ends what is under way, puts it on record, and lets nobody in any more", async () => {
    const records: Array<Record.CallRecord> = []
    const { says } = saying(Array.from({ length: 100_000 }, () => "word "))
    const spillway = createSpillway({ ...options(says), record: (record) => void records.push(record) })
    const asking = spillway.ask(asked).then(unexpected, (error: unknown) => error)
    await new Promise<void>((resolve) => void setTimeout(resolve, 20))
    await spillway.close()
    const error = await asking
    // He has not left: the router has.
    assert.isTrue(error instanceof SpillwayError && error.reason._tag === "Unavailable")
    assert.deepStrictEqual(
      records.map(({ error: code, route }) => [route, code]),
      [["chat", "cancelled"]]
    )
    const late = await spillway.ask(asked).then(unexpected, (thrown: unknown) => thrown)
    assert.isTrue(late instanceof SpillwayError && late.reason._tag === "Unavailable")
  })

  it("ends what it guards besides, and lets nothing of that in either", async () => {
    const spillway = createSpillway(options(saying([]).says))
    let left: AbortSignal | undefined
    const work = spillway.wrap((signal: AbortSignal) => {
      left = signal
      return new Promise<never>(() => undefined)
    })
    const working = work().then(unexpected, (error: unknown) => error)
    await new Promise<void>((resolve) => void setTimeout(resolve, 20))
    await spillway.close()
    const error = await working
    assert.isTrue(error instanceof SpillwayError && error.reason._tag === "Unavailable")
    assert.isTrue(left!.aborted)
    left = undefined
    await work().then(unexpected, () => undefined)
    assert.isUndefined(left)
  })

  it("never sends what was left before it was asked", async () => {
    const { says, state } = saying(words)
    await using spillway = createSpillway(options(says))
    const reason = new Error("gone")
    const error = await spillway
      .ask(asked, { signal: AbortSignal.abort(reason) })
      .then(unexpected, (thrown: unknown) => thrown)
    assert.strictEqual(error, reason)
    assert.deepStrictEqual(state.asked, [])
  })
})
