/**
 * RateLimit in tokens, and around calls: what is expected is taken, what was used is settled, what was never sent is
 * free.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit } from "effect"
import { Answer, type Attempt, Call, Part, Plan, Policy, Question, RateLimit, Summary } from "@spillway/core"

const limit = (options: RateLimit.Options) => Effect.orDie(RateLimit.make(options))

/** The error of a refused call, which has to be one. */
const refusalOf = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.flip(Effect.asVoid(self))

describe("RateLimit in tokens", () => {
  const tokens = (amount: number) => Policy.about({ tokens: amount })
  const nothingLeft = (amount: number) => Policy.used({ input: amount, output: 0 })

  it.effect("takes requests and tokens both or neither", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "3/min", tokens: "1000 tok/min" })
      yield* tokens(900)(guard(Effect.void))
      for (let index = 0; index < 10; index++) yield* refusalOf(tokens(500)(guard(Effect.void)))
      yield* tokens(50)(guard(Effect.void))
      yield* tokens(50)(guard(Effect.void))
      assert.include((yield* refusalOf(tokens(1)(guard(Effect.void)))).message, "3/min and 1k tok/min")
    })
  )

  it.effect("gives back what an answer did not use, and collects what it used too much", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min" })
      yield* tokens(1_000)(guard(nothingLeft(100)))
      yield* tokens(900)(guard(nothingLeft(1_500)))
      const error = yield* refusalOf(tokens(400)(guard(Effect.void)))
      // 1,600 used and 400 asked, of 1,000 at once: 1,000 have to be earned first, at 60 ms each.
      assert.deepStrictEqual(error.retryAfter, Duration.minutes(1))
    })
  )

  it.effect("keeps the estimate where nobody says what was used, and listens to each guarded call by itself", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min" })
      yield* tokens(400)(Effect.all([guard(nothingLeft(0)), guard(Effect.void)], { concurrency: 2 }))
      yield* tokens(600)(guard(Effect.void))
      yield* refusalOf(tokens(1)(guard(Effect.void)))
    })
  )

  it.effect("counts what was used before a guard further in refused", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min" })
      const spent = yield* limit({ rate: "1/h", per: "all" })
      yield* spent(Effect.void)
      yield* refusalOf(tokens(1)(guard(Effect.andThen(nothingLeft(1_000), spent(Effect.void)))))
      assert.deepStrictEqual((yield* refusalOf(tokens(1)(guard(Effect.void)))).reason._tag, "RateLimited")
    })
  )

  it.effect("is not lowered by a count that is none", () =>
    Effect.gen(function* () {
      for (const wrong of [Number.NaN, -899]) {
        const guard = yield* limit({ tokens: "1000 tok/min" })
        yield* tokens(100)(guard(Effect.andThen(nothingLeft(900), nothingLeft(wrong))))
        yield* refusalOf(tokens(101)(guard(Effect.void)))
      }
    })
  )

  it.effect("tells every limit around what was used inside", () =>
    Effect.gen(function* () {
      const guard = yield* Effect.orDie(
        Policy.all([RateLimit.make({ tokens: "1000 tok/min" }), RateLimit.make({ tokens: "2000 tok/min", per: "all" })])
      )
      yield* tokens(1_000)(guard(nothingLeft(0)))
      yield* tokens(1_000)(guard(nothingLeft(0)))
      yield* tokens(1_000)(guard(Effect.void))
      yield* refusalOf(tokens(1)(guard(Effect.void)))
    })
  )

  it.effect("takes part of a token as one, and no token as one", () =>
    Effect.gen(function* () {
      for (const amount of [0, 0.1, 1]) {
        const guard = yield* limit({ tokens: "2 tok/min" })
        yield* tokens(amount)(guard(Effect.void))
        yield* tokens(amount)(guard(Effect.void))
        yield* refusalOf(tokens(amount)(guard(Effect.void)))
      }
    })
  )

  it.effect("is not put out of order by what cannot be a number of tokens", () =>
    Effect.gen(function* () {
      for (const wrong of [Number.NaN, -1, Infinity, 1e300]) {
        const guard = yield* limit({ tokens: "1000 tok/min" })
        yield* tokens(400)(guard(nothingLeft(wrong)))
        yield* tokens(600)(guard(Effect.void))
        assert.deepStrictEqual((yield* refusalOf(tokens(1)(guard(Effect.void)))).retryAfter, Duration.millis(60))
      }
      for (const wrong of [Number.NaN, -1, Infinity]) {
        const exit = yield* Effect.exit(tokens(wrong)(Effect.void))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "number of tokens")
      }
    })
  )

  it.effect("refuses for good what could never fit, and says how much could", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min", tokensBurst: 500, wait: "1h" })
      const error = yield* refusalOf(tokens(501)(guard(Effect.void)))
      assert.strictEqual(error.reason._tag, "BadRequest")
      assert.isFalse(error.retryable)
      assert.include(error.message, "500")
    })
  )
})

describe("RateLimit around a call", () => {
  const question = Question.chat("llama", "How high is the dam?")
  const answering = (input: number, output: number) =>
    Call.asEffect(
      Call.fromAsyncIterable(async function* () {
        yield Part.text("243 metres")
        return Summary.make({ usage: { input, output } })
      })
    )

  it.effect("settles the tokens to what the server counted", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min" })
      const asking = Answer.collect(guard(answering(10, 940)), question)
      yield* asking
      assert.strictEqual((yield* asking).text, "243 metres")
      yield* refusalOf(asking)
    })
  )

  it.effect("settles as well when it stands around the whole asking", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "1000 tok/min" })
      const asking = Policy.about({ tokens: 600 })(guard(Answer.collect(answering(10, 90), question)))
      yield* asking
      yield* asking
      yield* asking
    })
  )

  it.effect("counts nothing for a call that was never sent", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/min" })
      const refused = Effect.fail("refused further in")
      yield* refusalOf(Answer.collect(guard(refused), question))
      yield* Answer.collect(guard(answering(1, 1)), question)
      yield* refusalOf(Answer.collect(guard(answering(1, 1)), question))
    })
  )

  it.effect("counts a call that was sent and failed", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/min" })
      const failing = Call.asEffect(() => Effect.fail("broken"))
      yield* refusalOf(Answer.collect(guard(failing), question))
      assert.strictEqual(
        (yield* refusalOf(Answer.collect(guard(answering(1, 1)), question))).reason._tag,
        "RateLimited"
      )
    })
  )

  it.effect("counts nothing for what a leaf knows it has not sent, and its usage for what it tried again", () =>
    Effect.gen(function* () {
      const unsent = Call.asEffect((_, attempt) => {
        attempt.sent = false
        return Effect.fail("refused before a byte went out")
      })
      const guard = yield* limit({ rate: "1/min" })
      yield* Effect.flip(Answer.collect(guard(unsent), question))
      yield* Answer.collect(guard(answering(1, 1)), question)

      let tries = 0
      const flaky = Call.asEffect<string, never>((_, attempt) => {
        attempt.usage = { input: 500, output: 0 }
        return ++tries % 2 === 1 ? Effect.fail("busy") : Effect.succeed(Summary.make())
      })
      for (const per of ["caller", "target"] as const) {
        const inTokens = yield* limit({ tokens: "1000 tok/h", per })
        yield* Answer.collect(inTokens(Effect.retry(flaky, { times: 1 })), question)
        yield* refusalOf(Answer.collect(inTokens(answering(1, 1)), question))
      }
    })
  )

  it.effect("does not count what another go beside it has sent or used", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "2/min", tokens: "1000 tok/min", per: "target" })
      const unsent = Call.asEffect((_, attempt) => {
        attempt.sent = false
        return Effect.as(Effect.repeat(Effect.yieldNow, { times: 20 }), Summary.make())
      })
      const gate = (destination: Attempt.Sink) => ({ emit: (part: Part.Part) => destination.emit(part) })
      const goes = [unsent, answering(1, 599)].map((go) => Plan.go(guard(go), gate))
      yield* Answer.collect(Effect.all(goes, { concurrency: 2 }), question)
      const exit = yield* Answer.collect(Policy.about({ tokens: 400 })(guard(answering(1, 1))), question)
      assert.strictEqual(exit.text, "243 metres")
    })
  )

  it.effect("does not count again what a try before it has used", () =>
    Effect.gen(function* () {
      let tries = 0
      const flaky = Call.asEffect<string, never>((_, attempt) => {
        attempt.usage = { input: 400, output: 0 }
        return ++tries === 1 ? Effect.fail("busy") : Effect.succeed(Summary.make())
      })
      const guard = yield* limit({ tokens: "1000 tok/h" })
      yield* Answer.collect(Effect.retry(guard(flaky), { times: 1 }), question)
      yield* Policy.about({ tokens: 200 })(guard(Effect.void))
      yield* refusalOf(Policy.about({ tokens: 1 })(guard(Effect.void)))
    })
  )

  it.effect("counts a question asked on the way by its own size", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ tokens: "500 tok/min" })
      const moderated = Effect.andThen(
        Answer.collect(guard(answering(1, 1)), Question.chat("llama", "Is this fine?")),
        answering(1, 1)
      )
      const long = Question.chat("llama", "How high is the dam? ".repeat(500))
      assert.strictEqual((yield* Answer.collect(moderated, long)).text, "243 metres")
    })
  )

  it.effect("counts by target what goes there", () =>
    Effect.gen(function* () {
      const guard = yield* limit({ rate: "1/min", per: "target" })
      const to = (target: string) => Policy.about({ target })(Answer.collect(guard(answering(1, 1)), question))
      yield* to("gpu1/llama")
      yield* refusalOf(to("gpu1/llama"))
      yield* to("gpu2/llama")
    })
  )
})
