/** Rates: how fast a target is, as it has shown itself. */
import { assert, describe, it } from "@effect/vitest"
import { Attempt, Part, refusal, Summary, type Usage } from "@spillway/core"
import { type Clock, Exit } from "effect"
import { Rates, tokensOf, type Wanted } from "../../src/domain/Rates.ts"

const second = 1_000_000_000

/** An attempt on a clock of its own, whose moments are seconds. */
const going = (
  moments: { readonly first?: number; readonly last?: number; readonly end: number; readonly parts?: number },
  ended: { readonly exit?: Attempt.Attempt["exit"]; readonly usage?: Usage.Usage; readonly timings?: Summary.Timings }
) => {
  let now = 0
  const clock = { monotonicTimeNanosUnsafe: () => BigInt(Math.round(now * second)) } as Clock.Clock
  const attempt = new Attempt.Attempt(clock, { emit: () => undefined }).start("gpu/m")
  const { end, first, last = first, parts = 2 } = moments
  if (first !== undefined) {
    now = first
    void attempt.emit(Part.text("The "))
    now = last!
    for (let part = 1; part < parts; part++) void attempt.emit(Part.text("dam "))
  }
  now = end
  if (ended.usage !== undefined) attempt.usage = ended.usage
  attempt.exit = ended.exit ?? Exit.succeed(Summary.make(ended.timings === undefined ? {} : { timings: ended.timings }))
  attempt.end()
  return attempt
}

const wanted = (prompt: number, answer?: number): Wanted => ({
  prompt,
  answer: answer === undefined ? undefined : { low: answer, likely: answer, high: answer },
  answerMax: Infinity,
  isHeldBack: false
})

const close = (read: number | undefined, expected: number) => assert.approximately(read! / expected, 1, 1e-6)

/** It waits a tenth of a second, reads a thousand tokens a second and writes ten. */
const measured = (rates = new Rates(), load = 0) => {
  rates.learn(
    going(
      { first: 0.1 + load + 0.5, last: 0.1 + load + 0.5 + 2, end: 0.1 + load + 0.5 + 2 },
      {
        usage: { input: 500, output: 20 },
        timings: { total: 0, load: load * second, prompt: 0.5 * second, output: 2 * second }
      }
    ),
    500
  )
  return rates
}

describe("a target", () => {
  it("of which nothing was seen is not known", () => {
    assert.isUndefined(new Rates().expect(wanted(10), true))
    assert.isUndefined(new Rates().likely(wanted(10), true))
  })

  it("that measures itself takes what it waits, and its time for each token read and written", () => {
    const lasts = measured().expect(wanted(2_000, 50), true)!
    close(lasts.first.likely, 2.1 * second)
    close(lasts.whole.likely, (2.1 + 5) * second)
    close(lasts.pauses.likely, 2 * second)
    close(measured().likely(wanted(2_000, 50), true), lasts.whole.likely)
  })

  it("reads the tokens of the estimate, whatever its model counts for them, also of what it keeps", () => {
    const rates = new Rates()
    const read = (prompt: number, counted: number, cached: number | undefined, took: number, already = 0) =>
      rates.learn(
        going(
          { first: 0.1 + took, end: 1.1 + took },
          {
            usage: { input: counted, output: 20, ...(cached !== undefined && { cached }) },
            timings: { total: 0, load: 0, prompt: took * second, output: second }
          }
        ),
        prompt,
        already
      )
    read(500, 250, undefined, 0.5)
    close(rates.likely(wanted(2_000, 0), true), 2.1 * second)
    // Half of what it had read is kept, as it counts it and as it takes.
    read(1_000, 500, 125, 0.75, 500)
    close(rates.likely(wanted(1_000, 0), true, 500), (0.1 + 1 - 0.5 * 0.75) * second)
    read(1_000, 500, undefined, 0.75, 500)
    close(rates.likely(wanted(1_000, 0), true, 500), (0.1 + 1 - 0.5 * 0.625) * second)
  })

  it("writes as much as it has written, where nobody knows how much that will be", () => {
    close(measured().expect(wanted(0), true)!.whole.likely, 2.1 * second)
  })

  it("takes the time of a load more where it has to load, twice an answer's while that was never seen", () => {
    const rates = measured()
    const warm = rates.expect(wanted(100, 9), undefined)!
    const cold = rates.expect(wanted(100, 9), false)!
    close(cold.whole.likely, 3 * warm.whole.likely)
    assert.strictEqual(cold.first.high, Infinity)
    close(rates.likely(wanted(100, 9), false), cold.whole.likely)
    measured(rates, 8)
    close(rates.expect(wanted(100, 9), false)!.whole.likely, warm.whole.likely + 8 * second)
    close(rates.likely(wanted(100, 9), false), warm.whole.likely + 8 * second)
    close(rates.likely(wanted(100, 9), true), warm.whole.likely)
  })

  it("that tells nothing is known by what came when", () => {
    const rates = new Rates()
    rates.learn(going({ first: 2, last: 5, end: 5, parts: 31 }, {}), 100)
    const lasts = rates.expect(wanted(100_000, 10), true)!
    close(lasts.first.likely, 2 * second)
    close(lasts.whole.likely, (2 + 10 * (3 / 31)) * second)
  })

  it("that was kept waiting by its reader shows nothing of how fast it writes, unless it measures itself", () => {
    const rates = new Rates()
    const attempt = going({ first: 1, last: 90, end: 90 }, {})
    attempt.resumedAt = 80 * second
    rates.learn(attempt, 100)
    close(rates.expect(wanted(0, 1_000), true)!.whole.likely, second)
  })

  it("does not read what it had read before", () => {
    const rates = new Rates()
    const timings = { total: 0, load: 0, prompt: 0.5 * second, output: 0 }
    rates.learn(going({ first: 0.5, end: 0.5 }, { usage: { input: 1_000, output: 0, cached: 500 }, timings }), 1_000)
    close(rates.likely(wanted(1_000), true)! - rates.likely(wanted(0), true)!, second)
    // Of a handful of tokens nothing is learned.
    rates.learn(going({ first: 0.5, end: 0.5 }, { usage: { input: 1_000, output: 0, cached: 990 }, timings }), 1_000)
    close(rates.likely(wanted(1_000), true)! - rates.likely(wanted(0), true)!, second)
  })

  it("that failed shows nothing of how fast it is", () => {
    const rates = measured()
    const before = rates.likely(wanted(0, 0), true)!
    const failed = Exit.fail(refusal({ _tag: "Unreachable", target: "gpu/m", problem: "refused", parts: 0 }))
    rates.learn(going({ end: 0.01 }, { exit: failed }), 100)
    rates.learn(going({ first: 30, end: 60 }, { exit: failed }), 100)
    close(rates.likely(wanted(0, 0), true), before)
  })

  it("that came all at once shows nothing of how fast it writes", () => {
    const rates = measured()
    const before = rates.likely(wanted(0, 100), true)!
    for (let each = 0; each < 20; each++) rates.learn(going({ first: 0.6, end: 0.6, parts: 1 }, {}), 500)
    assert.isAbove(rates.likely(wanted(0, 100), true)!, before * 0.9)
  })

  it("is believed for a minute, and then half as much each minute", () => {
    const rates = new Rates()
    assert.strictEqual(rates.believed(1e15), 1)
    rates.learn(going({ first: 1, end: 2 }, {}), 10)
    const after = [2, 62, 122, 182].map((at) => rates.believed(at * second))
    assert.deepStrictEqual(after, [1, 1, 0.5, 0.25])
  })

  it("need not read again what it has read, as far as it turns out to keep that", () => {
    const rates = measured()
    const saved = () => rates.likely(wanted(1_000), true)! - rates.likely(wanted(1_000), true, 1_000)!
    close(saved(), second)
    const whole = rates.expect(wanted(1_000), true)!.first.likely
    close(whole - rates.expect(wanted(1_000), true, 1_000)!.first.likely, second)
    const again = (cached: number | undefined, prompt: number) => {
      const usage = { input: 1_000, output: 1, ...(cached !== undefined && { cached }) }
      const timings = { total: 0, load: 0, prompt: prompt * second, output: 0 }
      rates.learn(going({ first: prompt, end: prompt }, { usage, timings }), 1_000, 1_000)
    }
    // As its server counts it, or by how long it took.
    for (let each = 0; each < 20; each++) again(0, 1)
    assert.isBelow(saved(), 0.01 * second)
    for (let each = 0; each < 20; each++) again(1_000, 0.001)
    assert.isAbove(saved(), 0.99 * second)
    for (let each = 0; each < 20; each++) again(undefined, 1)
    assert.isBelow(saved(), 0.01 * second)
  })

  it("that seems to read many times as fast as it does has read it before", () => {
    const rates = measured()
    const timings = { total: 0, load: 0, prompt: 0.01 * second, output: 0 }
    for (let each = 0; each < 20; each++) {
      rates.learn(going({ first: 0.1, end: 0.1 }, { usage: { input: 3_000, output: 1 }, timings }), 3_000)
    }
    assert.isAbove(rates.likely(wanted(1_000), true)! - rates.likely(wanted(0), true)!, 0.9 * second)
  })

  it("that goes on with what was heard before shows nothing", () => {
    const attempt = going({ first: 9, end: 9 }, {})
    attempt.goOn("The dam")
    const rates = new Rates()
    rates.learn(attempt, 100)
    assert.isUndefined(rates.expect(wanted(1), true))
  })

  it("may be silent for as long as a call of a tool takes that is as long as it may be", () => {
    const rates = measured()
    const { quiet } = rates.expect({ ...wanted(10, 5), answerMax: 1_000, isHeldBack: true }, true)!
    assert.isTrue(quiet.first >= 100 * second && quiet.between >= 100 * second)
    const endless = rates.expect({ ...wanted(10, 5), isHeldBack: true }, true)!.quiet
    assert.deepStrictEqual(endless, { first: Infinity, between: Infinity })
  })
})

describe("the tokens of an answer", () => {
  it("are those that its server counted, else as many as came in parts or letters", () => {
    assert.strictEqual(tokensOf(going({ first: 1, end: 1 }, { usage: { input: 1, output: 7 } })), 7)
    assert.strictEqual(tokensOf(going({ first: 1, end: 1, parts: 9 }, {})), 9)
    const long = going({ first: 1, end: 1 }, {})
    long.length = 400
    assert.strictEqual(tokensOf(long), 100)
    assert.strictEqual(tokensOf(going({ end: 1 }, {})), 1)
  })
})
