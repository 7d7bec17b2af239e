/** Rescue by a model that goes on: it reads what was heard as the beginning of its own answer, and says the rest. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Part,
  Plan,
  Question,
  Record,
  refusal,
  Rescue,
  Retry,
  SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Exit, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { cut, errorOf, goOf, partsOf, question, words } from "../fixtures/breaking.ts"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

/** How the answer has begun that a question ends with. */
const begunOf = (asked: Question.Question): string => {
  const content = Redacted.value(asked.content)
  const last = content.kind === "chat" ? content.messages.at(-1) : undefined
  return last?.role === "assistant" ? last.text : ""
}

interface Model {
  /** What it says after a beginning; a failure is said after so many letters. */
  readonly says: (begun: string) => string
  readonly breaksAfter?: number
  readonly breaks?: SpillwayError
  readonly begins?: ReadonlyArray<Part.Part>
}

/** A go to a model that goes on, from as much of what was heard as it reads. */
const goingOn = (
  name: string,
  { begins = [], breaks = cut, breaksAfter = Infinity, says }: Model,
  random = Random.make(1),
  reads: (heard: string) => string | undefined = (heard) => heard
) => {
  const call: Call.Call<SpillwayError> = (asked, attempt) =>
    Effect.gen(function* () {
      const said = says(begunOf(asked))
      for (const part of [...begins, ...partsOf(said.slice(0, breaksAfter), random)]) {
        const room = attempt.emit(part)
        if (room !== undefined) yield* Effect.promise(() => room)
        yield* Effect.yieldNow
      }
      if (breaksAfter <= said.length) return yield* breaks
      return Summary.make({ model: name })
    })
  const target = `${name}/m`
  return Call.asEffect(
    Call.goingOn(call, (_, heard) => Effect.succeed(reads(heard))),
    target
  ).pipe(Plan.to(target))
}

const play = (plan: Plan.Plan, goes: ReadonlyArray<Effect.Effect<Summary.Summary, SpillwayError>>, asked = question) =>
  Effect.gen(function* () {
    const parts: Array<Part.Part> = []
    const records: Array<Record.CallRecord> = []
    const [first, ...rest] = goes
    const exit = yield* Effect.scoped(
      Effect.gen(function* () {
        const record = yield* Record.make({ sink: (each) => void records.push(each) })
        const sink = { emit: (part: Part.Part) => void parts.push(part) }
        return yield* Effect.exit(Answer.toSink(record(plan([first!, ...rest])), asked, sink))
      })
    )
    assert.lengthOf(records, 1)
    return { exit, parts, text: Part.textOf(parts), record: records[0]! }
  })

const howOf = ({ attempts }: Record.CallRecord) => attempts.map(({ outcome, rescue }) => [outcome, rescue])

/** One that says the words, and one that says its own wherever it goes on. */
const same = (begun: string) => (words.startsWith(begun) ? words.slice(begun.length) : "?")
const own = (name: string) => (begun: string) => (begun === "" ? `${name} begins.` : ` ${name} goes on.`)

/** What a model reads of what was heard: space at its end it says again. */
const readOf = (heard: string) => heard.trimEnd()

describe("an answer that breaks at any part", () => {
  it.effect("goes on with whoever goes on, from what was heard and from nothing else", () =>
    Effect.gen(function* () {
      const seen = new Map<string, number>()
      for (let seed = 1; seed <= 1_500; seed++) {
        const random = Random.make(seed)
        const mode = random.below(3) === 0 ? "whole" : "resume"
        const plan = yield* Rescue.make({ mode })
        let heard = mode === "whole" ? "" : words.slice(0, random.below(words.length))
        const first = goingOn("gpu0", { says: same, breaksAfter: heard.length }, random)
        const goes = [first]
        let expected: string | undefined
        for (let at = 1 + random.below(3); at > 0 && expected === undefined; at--) {
          const name = `gpu${goes.length}`
          const says = random.below(2) === 0 ? same : own(name)
          const isBroken = random.below(2) === 0
          const said = says(readOf(heard))
          const breaksAfter = isBroken ? random.below(said.length) : Infinity
          goes.push(goingOn(name, { says, breaksAfter }, random))
          // Whoever does not begin with the space that was heard says something else.
          if (!said.startsWith(heard.slice(readOf(heard).length))) continue
          const all = readOf(heard) + said.slice(0, breaksAfter)
          if (!isBroken) expected = all
          else if (mode === "resume" && all.length > heard.length) heard = all
        }
        const { exit, record, text } = yield* play(plan, goes)
        const about = `seed ${seed}, ${mode}: ${text}`
        assert.strictEqual(text, expected ?? heard, about)
        assert.strictEqual(Exit.isSuccess(exit), expected !== undefined, about)
        assert.strictEqual(record.attempts.length, goes.length, about)
        const kind = `${mode} ${record.status}`
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
      }
      assert.strictEqual(seen.size, 4)
      for (const count of seen.values()) assert.isAbove(count, 50)
    })
  )

  it.effect("is on record with how it was finished", () =>
    Effect.gen(function* () {
      const first = goingOn("gpu0", { says: same, breaksAfter: 7 })
      const goesOn = yield* play(yield* Rescue.make(), [first, goingOn("gpu1", { says: own("gpu1") })])
      assert.deepStrictEqual(howOf(goesOn.record), [
        ["cut", undefined],
        ["ok", "continue"]
      ])
      const again = yield* play(yield* Rescue.make(), [first, goOf("gpu1", { parts: [Part.text(words)] })])
      assert.deepStrictEqual([again.text, howOf(again.record)[1]], [words, ["ok", "repeat"]])
      const anew = yield* play(yield* Rescue.make({ mode: "whole" }), [first, goingOn("gpu1", { says: same })])
      assert.deepStrictEqual([anew.text, howOf(anew.record)[1]], [words, ["ok", undefined]])
    })
  )
})

describe("what was heard of it, and when", () => {
  const slow = (target: string, after: string, said: ReadonlyArray<string>, end: Effect.Effect<void, SpillwayError>) =>
    Call.asEffect(
      (_, attempt) =>
        Effect.gen(function* () {
          for (const word of said) {
            yield* Effect.sleep(after as "1 second")
            void attempt.emit(Part.text(word))
          }
          yield* end
          return Summary.make()
        }),
      `${target}/m`
    ).pipe(Plan.to(`${target}/m`))

  const playing = (plan: Plan.Plan<SpillwayError>, goes: Parameters<typeof play>[1]) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(play(plan as Plan.Plan, goes), { startImmediately: true })
      for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
      return yield* Fiber.join(fiber)
    })

  it.effect("is on record as the caller heard it, not as a model said it", () =>
    Effect.gen(function* () {
      const goes = [
        slow("gpu1", "1 second", ["The ", "dam"], Effect.fail(cut)),
        slow("gpu2", "5 seconds", ["The dam", " is high."], Effect.void)
      ]
      const resumed = yield* playing(yield* Rescue.make(), goes)
      assert.deepStrictEqual([resumed.text, resumed.record.ttftMs], ["The dam is high.", 1_000])
      const whole = yield* playing(yield* Rescue.make({ mode: "whole" }), goes)
      assert.deepStrictEqual([whole.text, whole.record.ttftMs], ["The dam is high.", 12_000])
    })
  )

  it.effect("lets a retry around a rescue of the whole try again, and none around one that lets through", () =>
    Effect.gen(function* () {
      for (const [mode, text, sends] of [
        ["whole", "The dam is high.", 2],
        ["resume", "The dam", 1]
      ] as const) {
        const retry = yield* Retry.make({ attempts: 3, budget: "off" })
        const rescue = yield* Rescue.make({ mode })
        let asked = 0
        const go = Effect.suspend(() =>
          ++asked === 1
            ? slow("gpu1", "1 second", ["The dam"], Effect.fail(cut))
            : slow("gpu1", "1 second", ["The dam", " is high."], Effect.void)
        )
        const told = yield* playing((goes) => retry(rescue(goes)), [go])
        assert.deepStrictEqual([told.text, asked], [text, sends])
      }
    })
  )
})

describe("whoever goes on", () => {
  const first = goingOn("gpu0", { says: same, breaksAfter: 8 })

  it.effect("may read less than was heard, and has to say what is left of it", () =>
    Effect.gen(function* () {
      assert.strictEqual(words.slice(0, 8), "The dam ")
      const trimmed = (says: Model["says"]) => goingOn("gpu1", { says }, Random.make(2), (heard) => heard.trimEnd())
      const { text } = yield* play(yield* Rescue.make(), [first, trimmed(() => " is high.")])
      assert.strictEqual(text, "The dam is high.")
      const other = yield* play(yield* Rescue.make(), [first, trimmed(() => "is high.")])
      assert.deepStrictEqual(
        [other.text, errorOf(other.exit), other.record.attempts[1]!.outcome],
        ["The dam ", cut, "left"]
      )
    })
  )

  it.effect("has nothing to add where all was said", () =>
    Effect.gen(function* () {
      const whole = goingOn("gpu0", { says: same, breaksAfter: words.length })
      const { exit, text } = yield* play(yield* Rescue.make(), [whole, goingOn("gpu1", { says: same })])
      assert.deepStrictEqual([text, Exit.isSuccess(exit)], [words, true])
    })
  )

  it.effect("and thinks first begins another answer", () =>
    Effect.gen(function* () {
      const thinks = { says: same, begins: [Part.thinking("Hm.")] }
      const { exit, parts, text } = yield* play(yield* Rescue.make(), [first, goingOn("gpu1", thinks)])
      assert.deepStrictEqual([text, errorOf(exit)], ["The dam ", cut])
      assert.isTrue(parts.every(({ _tag }) => _tag === "Text"))
    })
  )

  it.effect("may call a tool in place of more words", () =>
    Effect.gen(function* () {
      const call: Part.Part = { _tag: "ToolCall", index: 0, name: "look", arguments: "{}" }
      const { exit, parts } = yield* play(yield* Rescue.make(), [
        first,
        goingOn("gpu1", { says: () => "", begins: [call] })
      ])
      assert.deepStrictEqual([Exit.isSuccess(exit), Part.textOf(parts), parts.at(-1)], [true, "The dam ", call])
    })
  )

  it.effect("and is refused for it is asked for the whole: it was no mistake of the caller", () =>
    Effect.gen(function* () {
      const mistake = refusal({ _tag: "BadRequest", field: "messages", read: "an assistant's", expected: "a user's" })
      const tries: Array<string> = []
      const refuses = (whole: string) => {
        const call: Call.Call<SpillwayError> = (asked, attempt) => {
          tries.push(begunOf(asked))
          if (begunOf(asked) !== "") return Effect.fail(mistake)
          void attempt.emit(Part.text(whole))
          return Effect.succeed(Summary.make())
        }
        return Call.asEffect(Call.goingOn(call, (_, heard) => Effect.succeed(heard))).pipe(Plan.to("gpu1/m"))
      }
      const { record, text } = yield* play(yield* Rescue.make(), [first, refuses(words)])
      assert.deepStrictEqual([text, tries], [words, ["The dam", ""]])
      assert.deepStrictEqual(howOf(record), [
        ["cut", undefined],
        ["bad_request", "continue"],
        ["ok", "repeat"]
      ])
      const { exit } = yield* play(yield* Rescue.make(), [first, refuses("It is high.")])
      assert.strictEqual(errorOf(exit), cut)
      // One that was asked for the whole of it is right about its caller.
      const other = goOf("gpu1", { parts: [], breaks: mistake })
      const last = yield* play(yield* Rescue.make(), [first, other, goingOn("gpu2", { says: same })])
      assert.strictEqual(last.text, "The dam ")
      // And so is one that has said more of it, and may not go on.
      const refused = refusal({ _tag: "ContentRefused", target: "gpu1/m" })
      const half = goingOn("gpu1", { says: same, breaksAfter: 3, breaks: refused })
      const more = yield* play(yield* Rescue.make(), [first, half, goingOn("gpu2", { says: same })])
      assert.deepStrictEqual([more.text, errorOf(more.exit)], [words.slice(0, 10), refused])
    })
  )

  it.effect("is told of words alone: not of thoughts, nor of an object, nor where it shall think", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const says = (begun: string) => {
        asked.push(begun)
        return words
      }
      const thought = Effect.suspend(() =>
        goOf("gpu0", { parts: [Part.thinking("Hm."), Part.text("The dam ")], breaks: cut })
      ).pipe(Plan.to("gpu0/m"))
      yield* play(yield* Rescue.make(), [thought, goingOn("gpu1", { says })])
      const thinking = Question.chat("m", "How high?", { think: true })
      yield* play(yield* Rescue.make(), [first, goingOn("gpu1", { says })], thinking)
      const short = Question.chat("m", "How high?", { maxTokens: 2 })
      yield* play(yield* Rescue.make(), [first, goingOn("gpu1", { says })], short)
      assert.deepStrictEqual(asked, ["", "", ""])
    })
  )
})
