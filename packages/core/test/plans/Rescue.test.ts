/** Rescue: a stream that breaks at any part, and others that say the same, something else, or too little. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Part,
  Plan,
  Policy,
  Question,
  Record,
  refusal,
  Rescue,
  SpillwayError,
  Summary
} from "@spillway/core"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Random from "../laws/random.ts"
import { testPlan } from "../laws/testPlan.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPlan({ name: "Rescue", make: Effect.orDie(Rescue.make()) })
testPlan({ name: "Rescue of the whole", make: Effect.orDie(Rescue.make({ mode: "whole" })), isHolding: true })

const words = "The dam is 243 metres high, and the water that is too much for it goes over the spillway."
const question = Question.chat("m", "How high?")
const cut = refusal({ _tag: "Cut", target: "gpu1/m", parts: 1 })

interface Script {
  readonly parts: ReadonlyArray<Part.Part>
  readonly breaks?: SpillwayError
  /** Whether it says all in one go, without letting anybody else have a turn. */
  readonly atOnce?: boolean
}

/** The words in parts of random lengths. */
const partsOf = (text: string, random: Random.Random): ReadonlyArray<Part.Part> => {
  const parts: Array<Part.Part> = []
  for (let at = 0; at < text.length;) {
    const to = at + 1 + random.below(8)
    parts.push(Part.text(text.slice(at, to)))
    at = to
  }
  return parts
}

const goOf = (name: string, { atOnce = false, breaks, parts }: Script) => {
  const call: Call.Call<SpillwayError> = (_, attempt) =>
    Effect.gen(function* () {
      for (const part of parts) {
        const room = attempt.emit(part)
        if (room !== undefined) yield* Effect.promise(() => room)
        if (!atOnce) yield* Effect.yieldNow
      }
      if (breaks !== undefined) return yield* breaks
      return Summary.make({ model: name, usage: { input: 1, output: parts.length } })
    })
  return Call.asEffect(call, `${name}/m`).pipe(Plan.to(`${name}/m`))
}

/** What the caller hears, and how it ends. */
const ask = (plan: Plan.Plan, scripts: ReadonlyArray<Script>, asked = question) =>
  Effect.gen(function* () {
    const parts: Array<Part.Part> = []
    const records: Array<Record.CallRecord> = []
    const record = yield* Record.make({ sink: (each) => void records.push(each) })
    const [first, ...rest] = scripts.map((script, at) => goOf(`gpu${at + 1}`, script))
    const sink = { emit: (part: Part.Part) => void parts.push(part) }
    const exit = yield* Effect.exit(Answer.toSink(record(plan([first!, ...rest])), asked, sink))
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    return { exit, text: Part.textOf(parts), parts, records }
  }).pipe(Effect.scoped)

const errorOf = (exit: Exit.Exit<unknown, SpillwayError>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

describe("an answer that breaks at any part", () => {
  for (const atOnce of [false, true]) {
    it.effect(`is whole where another says the same, and else ends with why it broke${atOnce ? ", at once" : ""}`, () =>
      Effect.gen(function* () {
        const seen = new Map<string, number>()
        for (let seed = 1; seed <= 1_500; seed++) {
          const random = Random.make(seed)
          const mode = random.below(2) === 0 ? "resume" : "whole"
          const plan = yield* Rescue.make({ mode })
          const stop = random.below(words.length + 1)
          const other = () => {
            const at = random.below(words.length)
            return [
              words,
              `#${words}`,
              `${words.slice(0, at)}#${words.slice(at + 1)}`,
              words.slice(0, at),
              `${words.slice(0, stop)} And so on.`
            ][random.below(5)]!
          }
          const scripts: Array<Script> = [{ atOnce, parts: partsOf(words.slice(0, stop), random), breaks: cut }]
          for (let each = random.below(3); each >= 0; each--) {
            const breaks = random.below(3) === 0 ? { breaks: refusal({ _tag: "Cut", target: "gpu", parts: 1 }) } : {}
            scripts.push({ atOnce, parts: partsOf(other(), random), ...breaks })
          }
          const { exit, records, text } = yield* ask(plan, scripts)
          const wholes = scripts.filter(({ breaks }) => breaks === undefined).map(({ parts }) => Part.textOf(parts))
          const about = `seed ${seed}, ${mode}, stopped at ${stop}: ${text}`
          assert.lengthOf(records, 1, about)
          if (Exit.isSuccess(exit)) {
            // It is one whole answer, and the summary is that of whoever gave it.
            assert.include(wholes, text, about)
            const speaker = scripts[Number(exit.value.model!.slice(3)) - 1]!
            assert.strictEqual(Part.textOf(speaker.parts), text, about)
          } else {
            // What was heard is the beginning of one that broke.
            const broken = scripts.filter(({ breaks }) => breaks !== undefined).map(({ parts }) => Part.textOf(parts))
            assert.isTrue(
              broken.some((each) => each.startsWith(text)),
              about
            )
            assert.strictEqual((errorOf(exit) as SpillwayError).reason._tag, "Cut", about)
            if (mode === "whole") assert.strictEqual(text, "", about)
            // Nobody who came after would have said the same to its end.
            if (mode === "whole") assert.lengthOf(wholes, 0, about)
            else
              assert.isFalse(
                wholes.some((each) => each.startsWith(text)),
                about
              )
          }
          const kind = `${mode}, ${Exit.isSuccess(exit)}`
          seen.set(kind, (seen.get(kind) ?? 0) + 1)
        }
        assert.strictEqual(seen.size, 4)
        for (const count of seen.values()) assert.isAbove(count, 50)
      })
    )
  }

  it.effect("is told as it was, with all that was tried after it behind", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      const down = refusal({ _tag: "Overloaded", target: "gpu2/m" })
      const { exit, records, text } = yield* ask(plan, [
        { parts: [Part.text("The dam")], breaks: cut },
        { parts: [], breaks: down },
        { parts: [Part.text("A dam")] }
      ])
      assert.strictEqual(text, "The dam")
      assert.strictEqual(errorOf(exit), cut)
      const all = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => "error" in reason && reason.error) : []
      assert.deepStrictEqual(all, [cut, down])
      assert.deepStrictEqual(
        records[0]!.attempts.map(({ outcome }) => outcome),
        ["cut", "overloaded", "left"]
      )
    })
  )
})

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

describe("a slow reader", () => {
  it.effect("is waited for, also for what was held back", () =>
    Effect.gen(function* () {
      for (const mode of ["resume", "whole"] as const) {
        const plan = yield* Rescue.make({ mode, held: 30 })
        const taken: Array<string> = []
        let reading = 0
        let most = 0
        const sink = {
          emit: async (part: Part.Part) => {
            most = Math.max(most, ++reading)
            await new Promise<void>((resolve) => setImmediate(resolve))
            reading--
            taken.push(Part.textOf([part]))
          }
        }
        const random = Random.make(1)
        const scripts = [{ parts: partsOf(words.slice(0, 20), random), breaks: cut }, { parts: partsOf(words, random) }]
        const [first, ...rest] = scripts.map((script, at) => goOf(`gpu${at + 1}`, script))
        yield* Answer.toSink(plan([first!, ...rest]), question, sink)
        assert.strictEqual(taken.join(""), words)
        assert.strictEqual(most, 1)
      }
    })
  )
})

describe("a plain Effect", () => {
  it.effect("has a fallback before anything of it was heard, and nothing after", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      const overloaded = Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1" }))
      assert.strictEqual(yield* plan([overloaded, Effect.succeed(2)]), 2)
      assert.strictEqual(yield* Effect.flip(plan([Effect.fail(cut), Effect.succeed(2)])), cut)
    })
  )

  it("keeps its type", () => {
    const go: Effect.Effect<number, "broken", "a service"> = Effect.fail("broken")
    const plan = Effect.runSync(Rescue.make())
    expectTypeOf(plan([go, go])).toEqualTypeOf<Effect.Effect<number, "broken", "a service">>()
  })
})

describe("options", () => {
  it.effect("that make no sense are refused", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Rescue.make({ mode: "half" as "whole", held: 0, classify: 7 as never }))
      assert.deepStrictEqual(refused.problems.map(({ path }) => path).toSorted(), ["classify", "held", "mode"])
    })
  )
})
