/**
 * Budget around calls: the bound it sends along, and what each way of ending is billed for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  Budget,
  Call,
  Plan,
  Policy,
  Question,
  RateLimit,
  Retry,
  type SpillwayError,
  Summary,
  Timeout
} from "@spillway/core"
import {
  amounts,
  answering,
  ask,
  breaking,
  budget,
  hanging,
  inTotal,
  promptMost,
  question,
  refusalOf
} from "../fixtures/bills.ts"

const start = { startImmediately: true }
const daily = (options: Partial<Budget.Options> = {}) => budget({ total: "20000 tok/day", ...options })
const inFull = promptMost + 4_096

/** What a leaf sees of a question, and what is reserved meanwhile. */
const seenOf = (guard: Budget.Budget, asked: Question.Question) =>
  Effect.gen(function* () {
    let seen: { readonly bound: number | undefined; readonly reserved: number } | undefined
    const looking: Call.Call = ({ settings }) =>
      Effect.map(Effect.orDie(inTotal(guard)), ({ reserved }) => {
        seen = { bound: settings.maxTokens, reserved }
        return Summary.make({ usage: { input: 1, output: 1 } })
      })
    yield* ask(guard(Call.asEffect(looking)), asked)
    return seen
  })

describe("The bound of an answer", () => {
  it.effect("is 4,096 tokens where the caller names none, and is sent along", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seenOf(yield* daily(), question()), { bound: 4_096, reserved: inFull })
    })
  )

  it.effect("is what the budget says, or what the caller asks for where that is less", () =>
    Effect.gen(function* () {
      const guard = yield* daily({ maxTokens: 500 })
      const reserved = (output: number) => ({ bound: output, reserved: promptMost + output })
      assert.deepStrictEqual(yield* seenOf(guard, question()), reserved(500))
      assert.deepStrictEqual(yield* seenOf(guard, question(200)), reserved(200))
      assert.deepStrictEqual(yield* seenOf(guard, question(500)), reserved(500))
      assert.deepStrictEqual(yield* seenOf(guard, question(501)), reserved(500))
    })
  )

  it.effect("cannot be pushed up by a caller who means harm", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      for (const hostile of [999_999_999, Number.MAX_VALUE, Infinity, Number.NaN]) {
        assert.deepStrictEqual(yield* seenOf(guard, question(hostile)), { bound: 4_096, reserved: inFull })
      }
    })
  )

  it.effect(
    "is a whole number of tokens from one on: what is none is no bound to a server, and no room for others",
    () =>
      Effect.gen(function* () {
        const guard = yield* daily()
        for (const hostile of [-1, -1_000_000_000, -Infinity, 0, 0.5]) {
          assert.deepStrictEqual(
            yield* seenOf(guard, question(hostile)),
            { bound: 4_096, reserved: inFull },
            `${hostile} tokens`
          )
        }
      })
  )

  it.effect("has no parts of a token", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seenOf(yield* daily(), question(2.7)), { bound: 2, reserved: promptMost + 2 })
    })
  )

  it.effect("leaves everything else of the question and the call as it was", () =>
    Effect.gen(function* () {
      const guard = yield* daily({ each: "20000 tok/day" })
      const asked = Question.chat("gpt", "How high is the dam?", { temperature: 0.5, seed: 7 })
      let seen: Question.Question | undefined
      const looking = Call.asEffect((given) =>
        Effect.sync(() => {
          seen = given
          return Summary.make({ usage: { input: 3, output: 4 } })
        })
      )
      const whole = yield* Policy.about({ caller: "ann" })(ask(guard(looking), asked))
      assert.deepStrictEqual(seen, { ...asked, settings: { temperature: 0.5, seed: 7, maxTokens: 4_096 } })
      assert.deepStrictEqual(whole.summary, Summary.make({ usage: { input: 3, output: 4 } }))
      assert.strictEqual((yield* guard.standing("ann")).each!.spent, 7)
    })
  )

  it.effect("is none for vectors, which have no words", () =>
    Effect.gen(function* () {
      const asked = Question.make("embedder", { kind: "embed", inputs: ["How high is the dam?"] })
      const seen = yield* seenOf(yield* daily(), asked)
      assert.deepStrictEqual(seen, { bound: undefined, reserved: asked.prompt.most })
    })
  )

  it.effect("is left to its caller where the answer costs nothing", () =>
    Effect.gen(function* () {
      const prices = { gpt: "free", dear: { input: 1, output: 1 } } as const
      const inMoney = yield* budget({ total: "$1/day", prices })
      assert.deepStrictEqual(yield* seenOf(inMoney, question()), { bound: undefined, reserved: 0 })
      assert.deepStrictEqual(yield* seenOf(inMoney, question(9_000)), { bound: 9_000, reserved: 0 })
      const both = yield* budget({ total: "$1/day", each: "20000 tok/day", prices })
      assert.deepStrictEqual(yield* seenOf(both, question(9_000)), { bound: 4_096, reserved: 0 })
    })
  )

  it.effect("is named where a call could never fit, and nothing is sent", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: "4000 tok/day" })
      let sent = false
      const call = Call.asEffect(() => Effect.sync(() => (sent = true)).pipe(Effect.as(Summary.make())))
      const error = yield* refusalOf(ask(guard(call)))
      assert.strictEqual(error.reason._tag === "BadRequest" && error.reason.field, "maxTokens")
      assert.isFalse(sent)
      yield* ask(guard(call), question(100))
    })
  )
})

describe("A call is billed", () => {
  it.effect("what its server counted", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      yield* ask(guard(answering({ input: 10, output: 90 })))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100 }))
    })
  )

  it.effect("in full, as unsettled, where its server did not say or said what cannot be", () =>
    Effect.gen(function* () {
      for (const usage of [
        undefined,
        { input: -5, output: 1 },
        { input: Number.NaN, output: 1 },
        { input: 1e300, output: 1 }
      ]) {
        const guard = yield* daily()
        yield* ask(guard(answering(usage)))
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: inFull, unsettled: inFull }))
      }
    })
  )

  it.effect("in full, as unsettled, when it was sent and lost", () =>
    Effect.gen(function* () {
      for (const lost of [breaking(), Call.asEffect(() => Effect.die("a bug"))]) {
        const guard = yield* daily()
        yield* Effect.exit(ask(guard(lost)))
        assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: inFull, unsettled: inFull }))
      }
    })
  )

  it.effect("what it had used when it broke, where that is known", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      yield* Effect.exit(ask(guard(breaking({ input: 10, output: 5 }))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 15 }))
    })
  )

  it.effect("nothing when it never was sent: refused further in, failed before its leaf, or unsent by it", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const open = yield* Effect.orDie(RateLimit.make({ rate: "1/day" }))
      yield* open(Effect.void)
      const unsent = Call.asEffect((_, attempt) => {
        attempt.sent = false
        return Effect.fail("refused before a byte went out")
      })
      const calls: ReadonlyArray<Effect.Effect<Summary.Summary, string | SpillwayError>> = [
        open(answering()),
        Effect.fail("no target"),
        Effect.die("a bug"),
        unsent
      ]
      for (const call of calls) {
        yield* Effect.exit(ask(guard(call)))
        assert.deepStrictEqual(yield* inTotal(guard), amounts())
      }
    })
  )

  it.effect("each of its tries, and what is lost of one of them in full", () =>
    Effect.gen(function* () {
      const tries: Array<Effect.Effect<Summary.Summary, string | SpillwayError>> = [
        breaking({ input: 10, output: 5 }),
        breaking({ input: 20, output: 1 }),
        answering({ input: 10, output: 9 })
      ]
      let next = 0
      const flaky = Effect.suspend(() => tries[next++]!)
      const both = (guard: Budget.Budget) =>
        Effect.orDie(
          Policy.all([Effect.succeed(guard), Retry.make({ attempts: 3, budget: "off", classify: () => "Cut" })])
        )
      const guard = yield* daily()
      const asking = ask((yield* both(guard))(flaky))
      const running = yield* Effect.forkChild(asking, start)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(running)
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 55 }))

      tries.splice(1, 1, breaking())
      next = 0
      const again = yield* Effect.forkChild(asking, start)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(again)
      const { spent, unsettled } = yield* inTotal(guard)
      assert.strictEqual(spent, 55 + 15 + inFull + 19)
      assert.isAtLeast(unsettled, inFull)
    })
  )

  it.effect("only its own tries, when somebody tries the whole of it again", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      let tries = 0
      const flaky = Effect.suspend((): Effect.Effect<Summary.Summary, string | SpillwayError> =>
        ++tries === 1 ? breaking({ input: 400, output: 0 }) : answering({ input: 100, output: 0 })
      )
      yield* ask(Effect.retry(guard(flaky), { times: 1 }))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 500 }))
    })
  )

  it.effect("for the loser of a race too: its prompt and what it produced", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const gate = () => ({ emit: () => undefined })
      const race = Effect.raceFirst(
        Plan.go(hanging(["a", "b", "c"]), gate),
        Plan.go(Effect.andThen(Effect.yieldNow, answering({ input: 10, output: 20 })), gate)
      )
      yield* ask(guard(race))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: promptMost + 3 + 30 }))
    })
  )

  it.effect("what is used beside its leaf as well", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const moderated = Effect.andThen(Policy.used({ input: 7, output: 0 }), answering({ input: 10, output: 20 }))
      yield* ask(guard(moderated))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 37 }))
    })
  )

  it.effect("as well when the budget stands around the whole asking", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      yield* Policy.about({ tokens: 600 })(guard(ask(answering({ input: 10, output: 90 }))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 100 }))
      yield* Effect.exit(Policy.about({ tokens: 600 })(guard(ask(breaking()))))
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: 700, unsettled: 600 }))
    })
  )

  it.effect("in full when a clock gave up on it and its work goes on unseen", () =>
    Effect.gen(function* () {
      const guard = yield* daily()
      const both = yield* Effect.orDie(Policy.all([Effect.succeed(guard), Timeout.make({ firstToken: "5s" })]))
      const deaf = Call.asEffect(() => Effect.uninterruptible(Effect.as(Effect.sleep("1 hour"), Summary.make())))
      const asking = yield* Effect.forkChild(Effect.flip(ask(both(deaf))), start)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(asking)).reason._tag, "TimedOut")
      assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: inFull, unsettled: inFull }))
    })
  )
})
