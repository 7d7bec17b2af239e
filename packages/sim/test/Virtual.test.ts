/** The simulation in virtual time: held against what queueing theory says, and against its own words. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Question } from "@spillway/core"
import { Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Virtual from "../src/Virtual.ts"
import * as Words from "../src/Words.ts"
import { all, asking } from "./asked.ts"

const model = { name: "a", kind: "plain", load: "10ms", prefill: 1e9, decode: 100, sharing: 0 } as const

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, each) => sum + each, 0) / values.length

/** Poisson arrivals whose answers have so many tokens, and how long each waited for its slot, in seconds. */
const waits = (
  virtual: Virtual.Virtual,
  { calls, decode, perSecond }: { readonly calls: number; readonly decode: number; readonly perSecond: number },
  tokensOf: (chance: number) => number
) =>
  Effect.gen(function* () {
    const warm = yield* asking(virtual, "[[sim tokens=1]]")
    yield* TestClock.adjust("5 seconds")
    yield* Fiber.join(warm)
    let at = 0
    const fibers = []
    const tokens: Array<number> = []
    for (let each = 0; each < calls; each++) {
      at += (-Math.log(1 - (yield* Random.next)) / perSecond) * 1_000
      tokens.push(tokensOf(yield* Random.next))
      fibers.push(yield* asking(virtual, `${each} [[sim tokens=${tokens[each]}]]`, { after: at }))
    }
    yield* TestClock.adjust(at + 600_000)
    const told = yield* all(fibers)
    return told.map(({ tookMillis }, index) => tookMillis / 1_000 - tokens[index]! / decode)
  })

describe("Virtual", () => {
  it.effect("says word for word what the seed and the prompt say", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model], seed: 7 })
      const prompt = "What is a spillway? [[sim tokens=12]]"
      const fiber = yield* asking(virtual, prompt)
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), {
        text: Words.text(Words.keyOf(7, prompt), 12),
        firstMillis: 750,
        tookMillis: 870
      })
    })
  )

  for (const load of [0.5, 0.8])
    it.effect(`waits as an M/D/1 queue does at a load of ${load}`, () =>
      Effect.gen(function* () {
        const virtual = yield* Virtual.make("gpu", { models: [{ ...model, decode: 20 }] })
        // Every answer takes one second.
        const waited = mean(
          yield* Random.withSeed(
            waits(virtual, { calls: 4_000, decode: 20, perSecond: load }, () => 20),
            "queue"
          )
        )
        const expected = load / (2 * (1 - load))
        assert.isBelow(Math.abs(waited - expected) / expected, 0.15)
      })
    )

  for (const load of [0.6, 0.8])
    it.effect(`waits as an M/M/3 queue does at a load of ${load}`, () =>
      Effect.gen(function* () {
        const virtual = yield* Virtual.make("gpu", { models: [model], parallel: 3 })
        const tokensOf = (chance: number) => Math.max(1, Math.round(-Math.log(1 - chance) * 100))
        const arrivals = { calls: 3_000, decode: 100, perSecond: 3 * load }
        const waited = mean(yield* Random.withSeed(waits(virtual, arrivals, tokensOf), "queue"))
        const expected = erlangC(3, 3 * load) / (3 * (1 - load))
        assert.isBelow(Math.abs(waited - expected) / expected, 0.2)
      })
    )

  it.effect("makes each of several answers slower than one, by the share that they take from each other", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [{ ...model, sharing: 0.5 }], parallel: 4 })
      const warm = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(warm)
      const took: Array<number> = []
      for (const count of [1, 2, 4]) {
        const fibers = yield* Effect.forEach([...Array(count).keys()], (each) =>
          asking(virtual, `${count} ${each} [[sim tokens=100]]`)
        )
        yield* TestClock.adjust("1 minute")
        took.push(Math.max(...(yield* all(fibers)).map(({ tookMillis }) => tookMillis)))
      }
      // The one who comes second waits for a token of the first.
      assert.deepStrictEqual(took, [1_000, 1_505, 2_505])
    })
  )

  it.effect("stalls its neighbours while it reads a long prompt", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [{ ...model, prefill: 512 }], parallel: 2 })
      const warm = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(warm)
      const neighbour = yield* asking(virtual, "a [[sim tokens=100 prompt_ms=0]]")
      yield* TestClock.adjust("100 millis")
      const long = yield* asking(virtual, `${"word ".repeat(1_022)}[[sim tokens=1]]`)
      yield* TestClock.adjust("1 minute")
      // Two batches of a second each come between its tokens.
      assert.strictEqual((yield* Fiber.join(neighbour)).tookMillis, 3_000)
      assert.isAbove((yield* Fiber.join(long)).summary!.prompt, 1_900)
    })
  )

  let left = ""
  for (const kind of ["plain", "go", "jinja"] as const) {
    it.effect(`goes on where an answer was left, with a prompt of the kind ${kind}`, () =>
      Effect.gen(function* () {
        const virtual = yield* Virtual.make("gpu", { models: [{ ...model, kind }] })
        const said = yield* Effect.forEach([undefined, 4], (kept) =>
          Effect.gen(function* () {
            const whole = kept === undefined ? "" : Words.split(left).slice(0, kept).join("")
            const user = { role: "user", text: "Why? [[sim tokens=9]]" } as const
            const turns = whole === "" ? [user] : [user, { role: "assistant", text: whole } as const]
            const question = Question.chat("a", turns)
            const fiber = yield* Effect.forkChild(Answer.collect(Call.asEffect(virtual.upstream.call), question))
            yield* TestClock.adjust("1 minute")
            const { text } = yield* Fiber.join(fiber)
            return (left = whole + text)
          })
        )
        assert.strictEqual(said[1], said[0])
      })
    )
  }
  it.effect("tells of a step to its end before the next one begins, whoever is done in its midst", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", {
        models: [{ ...model, prefill: 1_000, decode: 10 }],
        parallel: 2
      })
      const warm = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(warm)
      const fibers = [
        yield* asking(virtual, "a [[sim tokens=1 prompt_ms=0]]"),
        yield* asking(virtual, `${"word ".repeat(498)}[[sim tokens=3]]`),
        yield* asking(virtual, "c [[sim tokens=3 prompt_ms=0]]")
      ]
      yield* TestClock.adjust("1 minute")
      const [, second] = yield* all(fibers)
      // Half a second to read, beside a token of the first, and three tokens.
      assert.isBelow(second!.summary!.prompt, 700)
      assert.isBelow(second!.tookMillis, 1_100)
    })
  )

  it.effect("frees the slot of a caller who left when the step that runs is over", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model] })
      const first = yield* asking(virtual, "[[sim tokens=1000]]")
      yield* TestClock.adjust("2 seconds")
      const second = yield* asking(virtual, "[[sim tokens=1]]")
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.isAtMost((yield* Fiber.join(second)).tookMillis, 1_020)
      assert.strictEqual(virtual.ollama.scheduler.residents.size, 1)
    })
  )

  for (const [fault, reason, tokens] of [
    ["die at=2", "RunnerDied", 2],
    ["end at=2", "Cut", 2],
    ["empty", "Cut", 0],
    ["unreadable at=1", "Malformed", 1],
    ["cut at=3", "Cut", 3],
    ["cut at=9", "Cut", 5],
    ["cut span=20ms", "Cut", 0],
    ["die", "RunnerDied", undefined],
    ["done-missing", "Cut", 5],
    ["overloaded", "Overloaded", 0],
    ["session-limit", "QuotaSpent", 0],
    ["runner-memory", "OutOfMemory", 0],
    ["load-memory", "OutOfMemory", 0]
  ] as const)
    it.effect(`ends with its reason where ${fault} strikes`, () =>
      Effect.gen(function* () {
        const virtual = yield* Virtual.make("gpu", { models: [model], faults: [fault] })
        const prompt = "[[sim tokens=5]]"
        const fiber = yield* asking(virtual, prompt)
        yield* TestClock.adjust("1 minute")
        const told = yield* Fiber.join(fiber)
        assert.strictEqual(told.reason, reason)
        if (tokens !== undefined) assert.strictEqual(told.text, Words.text(Words.keyOf(1, prompt), tokens))
      })
    )

  for (const [status, reason] of [
    [400, "BadRequest"],
    [401, "UpstreamUnauthorized"],
    [403, "UpstreamUnauthorized"],
    [404, "ModelNotFound"],
    [429, "UpstreamRateLimited"],
    [500, "Overloaded"],
    [503, "Overloaded"]
  ] as const)
    it.effect(`ends as ${reason} where a script refuses with ${status}`, () =>
      Effect.gen(function* () {
        const virtual = yield* Virtual.make("gpu", { models: [model] })
        const fiber = yield* asking(virtual, `[[sim status=${status}]]`)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(fiber)).reason, reason)
      })
    )

  it.effect("runs an hour of 1,000 requests in half a second of the processor's time", () =>
    Effect.gen(function* () {
      const millisOf = ({ system, user }: NodeJS.CpuUsage) => (system + user) / 1_000
      const took: Array<number> = []
      for (let run = 0; run < 5; run++) {
        const virtual = yield* Virtual.make("gpu", { models: [{ ...model, prefill: 700, decode: 11.6 }] })
        const fibers = yield* Effect.forEach([...Array(1_000).keys()], (each) =>
          asking(virtual, `${each} [[sim tokens=30]]`, { after: each * 3_600 })
        )
        const before = process.cpuUsage()
        yield* TestClock.adjust("2 hours")
        took.push(millisOf(process.cpuUsage(before)))
        assert.strictEqual(
          (yield* all(fibers)).every(({ reason }) => reason === undefined),
          true
        )
      }
      assert.isBelow(Math.min(...took), 500)
    })
  )

  it.effect("strikes with the fault of a runner only whoever begins to be answered", () =>
    Effect.gen(function* () {
      const virtual = yield* Virtual.make("gpu", { models: [model], faults: ["die at=0 x1"] })
      const reasons: Array<string | undefined> = []
      for (const prompt of ["[[sim tokns=1]]", "[[sim tokens=1]]", "[[sim tokens=1]]"]) {
        const asked = yield* asking(virtual, prompt)
        yield* TestClock.adjust("5 seconds")
        reasons.push((yield* Fiber.join(asked)).reason)
      }
      assert.deepStrictEqual(reasons, ["BadRequest", "RunnerDied", undefined])
    })
  )

  it.effect("says what is wrong with a script, as a server does", () =>
    Effect.gen(function* () {
      const { upstream } = yield* Virtual.make("gpu", { models: [model] })
      const call = Answer.collect(Call.asEffect(upstream.call), Question.chat("a", "Why? [[sim tokns=4]]"))
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* TestClock.adjust("5 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "unknown key tokns, did you mean tokens")
    })
  )
})

/** The chance that all servers are busy. */
const erlangC = (servers: number, load: number): number => {
  let sum = 0
  let term = 1
  for (let each = 0; each < servers; each++) {
    sum += term
    term *= load / (each + 1)
  }
  const busy = (term * servers) / (servers - load)
  return busy / (sum + busy)
}
