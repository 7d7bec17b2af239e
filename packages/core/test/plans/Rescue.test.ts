/** Rescue: a stream that breaks at any part, and others that say the same, something else, or too little. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Answer, Part, Policy, refusal, Rescue, SpillwayError } from "@spillway/core"
import { Effect, Exit } from "effect"
import { facts } from "../fixtures/around.ts"
import { ask, cut, errorOf, goOf, partsOf, question, type Script, words } from "../fixtures/breaking.ts"
import * as Random from "../laws/random.ts"
import { testPlan } from "../laws/testPlan.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPlan({ name: "Rescue", make: Effect.orDie(Rescue.make()) })
testPlan({ name: "Rescue of the whole", make: Effect.orDie(Rescue.make({ mode: "whole" })), isHolding: true })

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

describe("a slow reader", () => {
  it.effect("is waited for, also for what was held back", () =>
    Effect.gen(function* () {
      for (const [mode, held] of [
        ["resume", 30],
        ["whole", 30],
        ["whole", 1_000]
      ] as const) {
        const plan = yield* Rescue.make({ mode, held })
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

  it.effect("that may have been sent is told as lost, in a scope of its own each", () =>
    Effect.gen(function* () {
      const plan = yield* Rescue.make()
      const lost = (error: SpillwayError) =>
        Effect.gen(function* () {
          const known = yield* facts
          yield* plan([Effect.fail(error), Effect.succeed(2)])
          return known!.call.attempts.filter((attempt) => attempt.lost).length
        }).pipe(Policy.about({}))
      assert.strictEqual(yield* lost(new SpillwayError({ reason: { _tag: "Cut", target: "gpu1", parts: 0 } })), 1)
      assert.strictEqual(yield* lost(refusal({ _tag: "Overloaded", target: "gpu1" })), 0)
      const scopes: Array<unknown> = []
      const look = Effect.flatMap(facts, (known) => {
        scopes.push(known)
        return Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1" }))
      })
      yield* Effect.ignore(plan([look, look])).pipe(Policy.about({}))
      assert.notStrictEqual(scopes[0], scopes[1])
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
