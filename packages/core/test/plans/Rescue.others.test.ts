/** Rescue: what is never begun anew, and what becomes of those who say something else. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Part,
  Plan,
  Policy,
  Question,
  refusal,
  Rescue,
  Slots,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ask, cut, errorOf, goOf, question } from "../fixtures/breaking.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

describe("what is never begun anew", () => {
  const call: Part.Part = { _tag: "ToolCall", index: 0, id: "1", name: "look", arguments: '{"at": "the d' }

  it.effect("is an answer that broke inside the arguments of a tool, at any place", () =>
    Effect.gen(function* () {
      for (let stop = 1; stop <= call.arguments.length; stop++) {
        const plan = yield* Rescue.make()
        const begun = [Part.text("I look. "), { ...call, arguments: call.arguments.slice(0, stop) }]
        const { exit, parts } = yield* ask(plan, [
          { parts: begun, breaks: cut },
          { parts: [Part.text("I look. "), { ...call, arguments: '{"at": "the dam"}' }] }
        ])
        assert.strictEqual(errorOf(exit), cut)
        assert.deepStrictEqual(parts, begun)
        const whole = yield* ask(yield* Rescue.make({ mode: "whole" }), [
          { parts: begun, breaks: cut },
          { parts: [{ ...call, arguments: '{"at": "the dam"}' }] }
        ])
        assert.deepStrictEqual(Part.toolCallsOf(whole.parts), [
          { id: "1", name: "look", arguments: '{"at": "the dam"}' }
        ])
      }
    })
  )

  it.effect("is the half of an object, what fails everywhere, and what is longer than may be held", () =>
    Effect.gen(function* () {
      const again = { parts: [Part.text('{"height": 243}')] }
      const object = Question.make("m", {
        kind: "chat",
        messages: [{ role: "user", text: "How high?" }],
        format: { type: "object" }
      })
      const half = { parts: [Part.text('{"hei')], breaks: cut }
      assert.strictEqual(errorOf((yield* ask(yield* Rescue.make(), [half, again], object)).exit), cut)
      assert.strictEqual((yield* ask(yield* Rescue.make(), [half, again])).text, '{"height": 243}')
      assert.strictEqual(
        (yield* ask(yield* Rescue.make({ mode: "whole" }), [half, again], object)).text,
        '{"height": 243}'
      )
      const refused = refusal({ _tag: "ContentRefused", target: "gpu1" })
      assert.strictEqual(
        errorOf((yield* ask(yield* Rescue.make(), [{ ...half, breaks: refused }, again])).exit),
        refused
      )
      for (const mode of ["resume", "whole"] as const) {
        const short = yield* ask(yield* Rescue.make({ mode, held: 4 }), [half, again])
        assert.deepStrictEqual([errorOf(short.exit), short.text], [cut, '{"hei'])
        const longer = yield* ask(yield* Rescue.make({ mode, held: 4 }), [{ parts: [...again.parts, ...again.parts] }])
        assert.strictEqual(longer.text, '{"height": 243}{"height": 243}')
      }
    })
  )

  it.effect("is anything when the time is over", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      let asked = 0
      const slow: Call.Call<SpillwayError> = (_, attempt) => {
        void attempt.emit(Part.text("The"))
        return Effect.delay(Effect.fail(cut), "10 seconds")
      }
      const other = Effect.suspend(() => {
        asked++
        return Effect.succeed(Summary.make())
      })
      const fiber = yield* Effect.forkChild(
        Effect.exit(Answer.collect(plan([Call.asEffect(slow), other]), question)).pipe(
          Policy.about({ deadline: "10s" })
        )
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([errorOf(yield* Fiber.join(fiber)), asked], [cut, 0])
    })
  )
})

describe("what two goes fail with", () => {
  it.effect("may be the very same cause: each is looked at for itself", () =>
    Effect.gen(function* () {
      const broken = Effect.fail(cut)
      const call: Part.Part = { _tag: "ToolCall", index: 0, name: "look", arguments: '{"a' }
      const says = (...parts: ReadonlyArray<Part.Part>) =>
        Call.asEffect((_, attempt) => {
          for (const part of parts) void attempt.emit(part)
          return broken
        })
      const other = goOf("gpu3", { parts: [Part.text("Something else entirely")] })
      const plan = yield* Rescue.make()
      const parts: Array<Part.Part> = []
      const sink = { emit: (part: Part.Part) => void parts.push(part) }
      const goes = [says(Part.text("I ")), says(Part.text("I "), Part.text("look "), call), other] as const
      const exit = yield* Effect.exit(Answer.toSink(plan([...goes]), question, sink))
      assert.strictEqual(errorOf(exit), cut)
      assert.deepStrictEqual(parts, [Part.text("I "), Part.text("look "), call])
    })
  )

  it.effect("speaks against each of them, although it is the very same cause", () =>
    Effect.gen(function* () {
      const broken = Effect.fail(cut)
      let asked = 0
      const says = (target: string, ...parts: ReadonlyArray<Part.Part>) =>
        Call.asEffect((_, attempt) => {
          asked++
          for (const part of parts) void attempt.emit(part)
          return broken
        }).pipe(Plan.to(target))
      const goes = [says("gpu1/m", Part.text("I ")), says("gpu2/m"), says("gpu2/n"), says("gpu3/m")] as const
      yield* Effect.exit(Answer.collect((yield* Rescue.make())([...goes]), question))
      assert.strictEqual(asked, 3)
    })
  )

  it.effect("is kept of all of them, also of one that went on with another", () =>
    Effect.gen(function* () {
      const later = refusal({ _tag: "Cut", target: "gpu2/m", parts: 2 })
      const { exit } = yield* ask(yield* Rescue.make(), [
        { parts: [Part.text("The ")], breaks: cut },
        { parts: [Part.text("The dam")], breaks: later }
      ])
      const all = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => "error" in reason && reason.error) : []
      assert.deepStrictEqual(all, [later, cut])
    })
  )

  it.effect("says of a whole answer that nobody has heard a part, so that a fallback around it may go on", () =>
    Effect.gen(function* () {
      const rescue = yield* Rescue.make({ mode: "whole" })
      const { exit } = yield* ask(rescue, [{ parts: [Part.text("The dam")], breaks: cut }])
      assert.deepInclude((errorOf(exit) as SpillwayError).reason, { _tag: "Cut", parts: 0 })
    })
  )
})

describe("one that says something else", () => {
  const first = goOf("gpu1", { parts: [Part.text("The dam")], breaks: cut })

  it.effect("is let go at once, and keeps what is its own until it has ended", () =>
    Effect.gen(function* () {
      for (const stubborn of [false, true]) {
        const plan = yield* Rescue.make()
        const slots = yield* Slots.make({ slots: 1 })
        let ended = false
        const other: Call.Call = (_, attempt) => {
          const speaking = Effect.gen(function* () {
            yield* Effect.sleep("1 second")
            void attempt.emit(Part.text("A dam"))
            yield* Effect.sleep("10 seconds")
            void attempt.emit(Part.text("The dam is high"))
            return Summary.make()
          }).pipe(Effect.ensuring(Effect.sync(() => (ended = true))))
          return stubborn ? Effect.uninterruptible(speaking) : speaking
        }
        const parts: Array<string> = []
        const asked = slots(plan([first, Call.asEffect(other)]))
        const sink = { emit: (part: Part.Part) => void parts.push(Part.textOf([part])) }
        const fiber = yield* Effect.forkChild(Effect.exit(Answer.toSink(asked, question, sink)))
        yield* Effect.yieldNow
        yield* TestClock.adjust("1 second")
        assert.strictEqual(errorOf(yield* Fiber.join(fiber)), cut)
        assert.deepStrictEqual([ended, (yield* slots.state()).running], [!stubborn, stubborn ? 1 : 0])
        yield* TestClock.adjust("20 seconds")
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        assert.deepStrictEqual([ended, (yield* slots.state()).running], [true, 0])
        assert.deepStrictEqual(parts, ["The dam"])
      }
    })
  )

  it.effect("and whoever speaks is interrupted when the caller leaves", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      let ended = false
      const endless = Effect.ensuring(
        Effect.never,
        Effect.sync(() => (ended = true))
      )
      const fiber = yield* Effect.forkChild(Answer.collect(plan([first, Call.asEffect(() => endless)]), question))
      yield* Effect.yieldNow
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(ended)
    })
  )

  it.effect("is not asked where it fails together with the one that broke", () =>
    Effect.gen(function* () {
      const same = { parts: [Part.text("The dam is high")] }
      const plan = yield* Rescue.make({ domains: { gpu1: "rack", gpu2: "rack" } })
      assert.strictEqual(errorOf((yield* ask(plan, [{ parts: [Part.text("The")], breaks: cut }, same])).exit), cut)
      const others = yield* ask(plan, [{ parts: [Part.text("The")], breaks: cut }, same, same])
      assert.deepStrictEqual([others.text, others.records[0]!.target], ["The dam is high", "gpu3/m"])
    })
  )

  it.effect("or less, is on record as left, and not as who answered", () =>
    Effect.gen(function* () {
      for (const text of ["The", "Thx dam is high"]) {
        for (const atOnce of [true, false]) {
          const { records } = yield* ask(yield* Rescue.make(), [
            { parts: [Part.text("The dam")], breaks: cut },
            { atOnce, parts: [Part.text(text)] }
          ])
          assert.deepStrictEqual(
            records[0]!.attempts.map(({ outcome }) => outcome),
            ["cut", "left"]
          )
          assert.strictEqual(records[0]!.status, 502)
        }
      }
    })
  )

  it.effect("is nobody's turn any more when the time is over, or the reader has broken", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      let asked = 0
      const late = Call.asEffect(() => Effect.delay(Effect.succeed(Summary.make()), "20 seconds"))
      const third = Effect.suspend(() => {
        asked++
        return Effect.succeed(Summary.make())
      })
      const timed = Answer.collect(plan([first, late, third]), question).pipe(Policy.about({ deadline: "10s" }))
      const fiber = yield* Effect.forkChild(Effect.exit(timed), { startImmediately: true })
      for (let second = 0; second < 25; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(errorOf(yield* Fiber.join(fiber)), cut)
      const broken = {
        emit: () => {
          throw new Error("full")
        }
      }
      const short = goOf("gpu2", { parts: [Part.text("The")] })
      yield* Effect.exit(Answer.toSink(plan([first, short, third]), question, broken))
      assert.strictEqual(asked, 0)
    })
  )
})
