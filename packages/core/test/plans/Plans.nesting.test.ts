/** Plans within plans, with retries between them: one answer is heard, whole or from its beginning. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Fallback,
  Hedge,
  Part,
  Plan,
  Question,
  refusal,
  Rescue,
  Retry,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const texts = ["The dam is 243 metres high.", "The dam was low.", "It has a height of 243.", "ha ha ha, said the fool."]

type Go = Effect.Effect<Summary.Summary, SpillwayError>

/** What was whole. */
interface Told {
  readonly whole: Set<string>
}

/** Says a text, or half of it, or nothing; and on its next try something else. */
const leaf = (random: Random.Random, told: Told): Go => {
  const call: Call.Call<SpillwayError> = (_, attempt) =>
    Effect.gen(function* () {
      const text = texts[random.below(texts.length)]!
      const stop = [0, random.below(text.length), text.length, text.length][random.below(4)]!
      yield* Effect.sleep(1 + random.below(30))
      for (let at = 0; at < stop;) {
        const to = Math.min(at + 1 + random.below(8), stop)
        const room = attempt.emit(Part.text(text.slice(at, to)))
        if (room !== undefined) yield* Effect.promise(() => room)
        yield* Effect.sleep(random.below(5))
        at = to
      }
      if (stop < text.length) {
        return yield* stop === 0
          ? refusal({ _tag: "Overloaded", target: "gpu/m" })
          : refusal({ _tag: "Cut", target: "gpu/m", parts: 1 })
      }
      told.whole.add(text)
      return Summary.make()
    })
  return Call.asEffect(call)
}

/** A tree of plans, of retries, and of names. */
const tree = (random: Random.Random, told: Told, depth: number): Effect.Effect<Go> =>
  Effect.gen(function* () {
    if (depth === 0 || random.below(6) === 0) return leaf(random, told)
    const children: Array<Go> = []
    for (let each = 1 + random.below(3); each > 0; each--) children.push(yield* tree(random, told, depth - 1))
    const [first, ...rest] = children as [Go, ...Array<Go>]
    const kind = random.below(6)
    if (kind === 0)
      return (yield* Effect.orDie(Retry.make({ attempts: 3, base: "5ms", max: "5ms", budget: "off" })))(first)
    if (kind === 1) return first.pipe(Plan.to(`gpu${random.below(9)}/m`))
    const plans = [
      Fallback.make(),
      Hedge.make({ after: "10ms", budget: "100%" }),
      Rescue.make(),
      Rescue.make({ mode: "whole", held: random.below(2) === 0 ? 10 : 10_000 })
    ]
    return (yield* Effect.orDie(plans[kind - 2]!))([first, ...rest])
  })

describe("plans within plans", () => {
  it.effect("let one answer through, whole, or the beginning of one and why it ended", () =>
    Effect.gen(function* () {
      const seen = new Map<string, number>()
      for (let seed = 1; seed <= 2_000; seed++) {
        const random = Random.make(seed)
        const told = { whole: new Set<string>() }
        const asked = yield* tree(random, told, 4)
        const parts: Array<Part.Part> = []
        const sink = { emit: (part: Part.Part) => void parts.push(part) }
        const fiber = yield* Effect.forkChild(
          Effect.exit(Answer.toSink(asked, Question.chat("m", "How high?"), sink)),
          {
            startImmediately: true
          }
        )
        for (let round = 0; round < 400 && fiber.pollUnsafe() === undefined; round++) yield* TestClock.adjust(10)
        const exit = yield* Fiber.join(fiber)
        const text = Part.textOf(parts)
        const about = `seed ${seed}: ${text}`
        if (Exit.isSuccess(exit)) assert.isTrue(told.whole.has(text), about)
        else
          assert.isTrue(
            texts.some((each) => each.startsWith(text)),
            about
          )
        const kind = `${Exit.isSuccess(exit)} ${text === ""}`
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
      }
      for (const kind of ["true false", "false true", "false false"]) assert.isAbove(seen.get(kind) ?? 0, 50, kind)
    })
  )
})
