/**
 * Clocks that are no fixed time: to the first token scaled with the prompt, and what the forecast expects.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Answer, Forecast, Policy, Question, type Target, Timeout } from "@spillway/core"
import { ask, clocks, leaf, question, say, toldOf } from "../fixtures/clocks.ts"

const silent = leaf(() => Effect.never)
const fallsSilent = leaf((attempt) => Effect.andThen(say(attempt), Effect.never))

/** A question whose prompt is about so many tokens. */
const promptOf = (tokens: number): Question.Question => ({
  ...question,
  prompt: { likely: tokens, most: tokens * 2 }
})

/** When the clock to the first token rings. */
const firstToken = <E>(guard: Policy.Policy<"attempt", E>, asked: Question.Question) =>
  toldOf(Effect.asVoid(Answer.collect(guard(silent), asked)))

describe("a clock that is scaled with the prompt", () => {
  it.effect("allows as much more as the prompt is longer, and so much without one", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "5s + 1s/500tok" })
      for (const [tokens, millis] of [
        [0, 5_000],
        [250, 5_500],
        [500, 6_000],
        [50_000, 105_000]
      ] as const) {
        assert.strictEqual(
          yield* firstToken(guard, promptOf(tokens)),
          `firstToken after ${millis}, 0 parts, at ${millis}`
        )
      }
    })
  )

  it.effect("reads the prompt as a whole off a question that nobody has counted", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "1s + 1s/tok" })
      const asked = Question.chat("llama3.1:8b", "word ".repeat(500))
      const millis = 1_000 * (1 + asked.prompt.likely)
      assert.isAbove(asked.prompt.likely, 100)
      assert.strictEqual(yield* firstToken(guard, asked), `firstToken after ${millis}, 0 parts, at ${millis}`)
    })
  )

  it.effect("goes by the prompt of a question, and not by what all of the call may come to", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "5s + 1s/500tok" })
      const call = Answer.collect(guard(silent), promptOf(500))
      assert.strictEqual(
        yield* toldOf(Policy.about({ tokens: 50_000 })(Effect.asVoid(call))),
        "firstToken after 6000, 0 parts, at 6000"
      )
    })
  )

  it.effect("takes the tokens of a plain Effect from what is said about it, and none where nobody says so", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "5s + 1s/500tok" })
      assert.strictEqual(yield* toldOf(guard(Effect.never)), "firstToken after 5000, 0 parts, at 5000")
      for (const [tokens, millis] of [
        [1_000, 7_000],
        [{ likely: 2_000, most: 9_000 }, 9_000]
      ] as const) {
        const told = yield* toldOf(Policy.about({ tokens })(guard(Effect.never)))
        assert.strictEqual(told, `firstToken after ${millis}, 0 parts, at ${millis}`)
      }
    })
  )

  it.effect("is measured for each call by itself", () =>
    Effect.gen(function* () {
      const guard = yield* clocks({ firstToken: "5s + 1s/500tok", connect: "1h" })
      yield* firstToken(guard, promptOf(5_000))
      assert.strictEqual(yield* firstToken(guard, promptOf(0)), "firstToken after 5000, 0 parts, at 5000")
    })
  )
})

/** A span that is known to be just that. */
const exactly = (span: Duration.Duration) => {
  const nanos = Duration.toMillis(span) * 1e6
  return { low: nanos, likely: nanos, high: nanos }
}

/** A forecast that always expects this, and the targets it was asked about. */
const forecast = (expected: Partial<Forecast.Expectation> | undefined) => {
  const asked: Array<readonly [model: string, target: string]> = []
  const known: Forecast.Forecast = {
    of: (put: Question.Question, target: Target.Target) => {
      asked.push([put.model, target.id])
      return expected === undefined
        ? undefined
        : {
            startsIn: exactly(Duration.zero),
            firstTokenIn: exactly(Duration.zero),
            endsIn: exactly(Duration.seconds(10)),
            pauses: exactly(Duration.zero),
            ...expected
          }
    }
  }
  return { asked, knowing: Effect.provideService(Forecast.Known, known) }
}

const to = (target: string) => Policy.about({ target })
const auto = (options: Timeout.Options = {}) => Effect.orDie(Timeout.make({ load: "10m", ...options }))

/** What the clocks of a call to a target say under a forecast, which ends like this. */
const under = (expected: Partial<Forecast.Expectation> | undefined, call: typeof silent, options?: Timeout.Options) =>
  Effect.gen(function* () {
    const { asked, knowing } = forecast(expected)
    const guard = yield* auto(options)
    const end = yield* toldOf(knowing(to("gpu1/llama3.1:8b")(ask(guard(call)))))
    // It is not only said to have run so long, but rings then: all of these leaves fall silent at once.
    assert.match(end, /^\w+ after (\d+), [01] parts, at \1$/)
    return { asked, end: end.split(",")[0] }
  })

describe("a clock that is auto", () => {
  it.effect("allows four times as long to the first token as the forecast expects, once the call has its turn", () =>
    Effect.gen(function* () {
      const expected = { startsIn: exactly(Duration.seconds(60)), firstTokenIn: exactly(Duration.seconds(80)) }
      const { asked, end } = yield* under(expected, silent)
      assert.strictEqual(end, "firstToken after 80000")
      assert.deepStrictEqual(asked, [["llama3.1:8b", "gpu1/llama3.1:8b"]])
    })
  )

  it.effect("allows a pause twenty times as long as the forecast expects", () =>
    Effect.gen(function* () {
      const { end } = yield* under({ pauses: exactly(Duration.millis(900)) }, fallsSilent)
      assert.strictEqual(end, "idle after 18000")
    })
  )

  it.effect("allows ten seconds to a first token, and fifteen to a pause, however quick the target has been", () =>
    Effect.gen(function* () {
      const never = { startsIn: exactly(Duration.infinity), firstTokenIn: exactly(Duration.infinity) }
      assert.strictEqual((yield* under(never, silent)).end, "firstToken after 600000")
      const quick = { firstTokenIn: exactly(Duration.millis(3)), pauses: exactly(Duration.millis(2)) }
      assert.strictEqual((yield* under(quick, silent)).end, "firstToken after 10000")
      assert.strictEqual((yield* under(quick, fallsSilent)).end, "idle after 15000")
      const odd = { startsIn: exactly(Duration.seconds(9)), firstTokenIn: exactly(Duration.seconds(3)) }
      assert.strictEqual((yield* under(odd, silent)).end, "firstToken after 10000")
    })
  )

  it.effect("never allows more than a model may load", () =>
    Effect.gen(function* () {
      const slow = { firstTokenIn: exactly(Duration.minutes(9)), pauses: exactly(Duration.minutes(9)) }
      assert.strictEqual((yield* under(slow, silent)).end, "firstToken after 600000")
      assert.strictEqual((yield* under(slow, fallsSilent)).end, "idle after 600000")
      const without = { firstTokenIn: exactly(Duration.infinity), pauses: exactly(Duration.infinity) }
      assert.strictEqual((yield* under(without, silent)).end, "firstToken after 600000")
      const never = { startsIn: exactly(Duration.infinity), firstTokenIn: exactly(Duration.infinity) }
      assert.strictEqual((yield* under(never, silent)).end, "firstToken after 600000")
      const quick = { firstTokenIn: exactly(Duration.millis(3)), pauses: exactly(Duration.millis(2)) }
      assert.strictEqual((yield* under(quick, silent, { load: "1s" })).end, "firstToken after 1000")
      assert.strictEqual((yield* under(quick, fallsSilent, { load: "1s" })).end, "idle after 1000")
    })
  )

  it.effect("waits as long as a model may load where the target has shown nothing, or nobody forecasts", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* under(undefined, silent)).end, "firstToken after 600000")
      assert.strictEqual((yield* under(undefined, fallsSilent)).end, "idle after 600000")
      const guard = yield* auto()
      const alone = yield* toldOf(to("gpu1/llama3.1:8b")(ask(guard(silent))))
      assert.strictEqual(alone, "firstToken after 600000, 0 parts, at 600000")
    })
  )

  it.effect("rings on time where it is the shortest of all, though nothing was that short before the forecast", () =>
    Effect.gen(function* () {
      const never = { startsIn: exactly(Duration.infinity), firstTokenIn: exactly(Duration.infinity) }
      assert.strictEqual((yield* under(never, silent)).end, "firstToken after 600000")
      const quick = { firstTokenIn: exactly(Duration.millis(3)), pauses: exactly(Duration.millis(2)) }
      const long = { connect: "1h", reader: "1h" } as const
      assert.strictEqual((yield* under(quick, silent, long)).end, "firstToken after 10000")
      assert.strictEqual((yield* under(quick, fallsSilent, long)).end, "idle after 15000")
    })
  )

  it.effect("asks nobody where no target is named, or what is named is none, or around a plain Effect", () =>
    Effect.gen(function* () {
      const { asked, knowing } = forecast({ firstTokenIn: exactly(Duration.seconds(1)) })
      const guard = yield* auto()
      for (const call of [
        ask(guard(silent)),
        to("nowhere")(ask(guard(silent))),
        to("gpu1/llama3.1:8b")(guard(Effect.never))
      ]) {
        assert.strictEqual(yield* toldOf(knowing(call)), "firstToken after 600000, 0 parts, at 600000")
      }
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("leaves alone the other of the two where that is named", () =>
    Effect.gen(function* () {
      const expected = { firstTokenIn: exactly(Duration.seconds(10)), pauses: exactly(Duration.seconds(1)) }
      assert.strictEqual((yield* under(expected, silent, { firstToken: "7s" })).end, "firstToken after 7000")
      assert.strictEqual((yield* under(expected, fallsSilent, { firstToken: "7s" })).end, "idle after 20000")
      assert.strictEqual((yield* under(expected, silent, { idle: "7s" })).end, "firstToken after 40000")
      assert.strictEqual((yield* under(expected, fallsSilent, { idle: "7s" })).end, "idle after 7000")
    })
  )

  it.effect("asks the forecast nothing where both are named", () =>
    Effect.gen(function* () {
      const { asked, end } = yield* under({}, silent, { firstToken: "5s + 1s/500tok", idle: "7s" })
      assert.match(end!, /^firstToken after 50\d\d/)
      assert.deepStrictEqual(asked, [])
    })
  )
})
