/**
 * Retry around calls that stream: each try is an attempt of its own, and of all of them the reader sees one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { Answer, Part, Plan, Policy, Question, refusal, Retry } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { around, facts } from "../fixtures/around.ts"
import { ending, errorOf, failing } from "../fixtures/failing.ts"
import { answers, cut, fails, leaf } from "../fixtures/leaf.ts"
import { makeLog, ways } from "../fixtures/readers.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const retry = (options?: Retry.Options) =>
  Effect.orDie(Retry.make({ schedule: Schedule.recurs(1_000), budget: "off", ...options }))

const question = Question.chat("model", "How many?")
describe("a call that is tried again", () => {
  for (const [name, read] of ways) {
    it.live(`brings the parts of the try that succeeds, and no other, to ${name}`, () =>
      Effect.gen(function* () {
        const lost: Array<Attempt> = []
        const { attempts, self } = leaf<string>(fails("busy"), fails("busy"), (attempt) => {
          // Whoever has lost goes on talking.
          for (const other of attempts.slice(0, -1)) lost.push(other)
          for (const other of lost) void other.emit(Part.text("late"))
          return answers("4", "2")(attempt)
        })
        const log = makeLog()
        yield* read((yield* retry())(self), log)
        assert.deepStrictEqual(log.parts, ["4", "2"])
        assert.deepStrictEqual(log.ends, ["succeeded"])
        assert.strictEqual(lost.length, 2)
      })
    )

    it.live(`is over after its first part: ${name} gets what went out, and the failure as it is`, () =>
      Effect.gen(function* () {
        const { attempts, self } = leaf(fails("broken", "4"), answers("7"))
        const log = makeLog()
        yield* read((yield* retry())(self), log)
        assert.strictEqual(attempts.length, 1)
        assert.deepStrictEqual(log.ends, ["failed: broken"])
        assert.deepStrictEqual(log.parts, name === "collect" ? [] : ["4"])
      })
    )
  }

  it.effect("gets a fresh attempt for each try, all of them on record with what they used", () =>
    Effect.gen(function* () {
      const uses = (output: number) => (attempt: Attempt) => {
        attempt.usage = { input: 3, output }
        return Effect.fail("busy")
      }
      const { attempts, self } = leaf(uses(1), uses(2), answers("4"))
      const guard = yield* retry()
      const recorded: Array<ReadonlyArray<Attempt>> = []
      const call = around(guard(self), (known) => void recorded.push([...known.call.attempts]))
      let heard: unknown
      yield* Policy.about({ caller: "ann" })(
        around(Answer.collect(call, question), (known) => void (heard = known.attempt.usage))
      )
      assert.strictEqual(new Set(attempts).size, 3)
      assert.deepStrictEqual(recorded, [attempts])
      assert.deepStrictEqual(
        attempts.map(({ isClosed, parts, sent, usage }) => [isClosed, parts, sent, usage?.output]),
        [
          [true, 0, true, 1],
          [true, 0, true, 2],
          [true, 1, true, 4]
        ]
      )
      assert.deepStrictEqual(heard, { input: 9, output: 7 })
    })
  )

  it.effect("shows the guards further in an attempt that has not begun, whatever became of the one before", () =>
    Effect.gen(function* () {
      const seen: Array<Attempt> = []
      const begun: Array<unknown> = []
      const inside = <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.flatMap(facts, (known) => {
          seen.push(known!.attempt)
          begun.push(known!.attempt.startedAt ?? known!.attempt.usage)
          return self
        })
      const { self } = leaf(fails("busy"), fails("busy"), answers("4"))
      yield* Answer.collect((yield* retry())(inside(self)), question)
      const using = failing(Effect.andThen(Policy.used({ input: 1, output: 1 }), Effect.fail("busy")))
      yield* Effect.exit(Policy.about({ caller: "ann" })((yield* retry())(inside(using.self))))
      assert.strictEqual(new Set(seen).size, 6)
      assert.deepStrictEqual(begun, Array.from({ length: 6 }))
    })
  )

  it.effect("is not tried again once a part has gone out, whatever the part, the failure or `classify` says", () =>
    Effect.gen(function* () {
      for (const part of [Part.text(""), Part.thinking("hm"), Part.text("4")]) {
        for (const error of [cut(1), cut(0), refusal({ _tag: "Overloaded", target: "gpu1" })]) {
          const { attempts, self } = leaf((attempt) => {
            void attempt.emit(part)
            return Effect.fail(error)
          })
          const guard = yield* retry({ classify: () => "Unreachable" })
          assert.strictEqual(errorOf(yield* Effect.exit(Answer.collect(guard(self), question))), error)
          assert.strictEqual(attempts.length, 1)
        }
      }
    })
  )

  it.effect("is over when a later try has let a part out", () =>
    Effect.gen(function* () {
      const { attempts, self } = leaf(fails(cut(0)), fails(cut(1), "4"), answers("7"))
      const exit = yield* Effect.exit(Answer.collect((yield* retry())(self), question))
      assert.deepStrictEqual(errorOf(exit), cut(1))
      assert.strictEqual(attempts.length, 2)
    })
  )

  it.effect("is tried again inside a plan that has delivered parts before", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const broken = leaf(fails("broken", "one "))
      const rest = leaf(fails("busy"), fails("busy"), answers("two"))
      const call = Plan.go(broken.self).pipe(
        Effect.catch(() => Plan.go(guard(rest.self), (destination) => ({ emit: (part) => destination.emit(part) })))
      )
      const { text } = yield* Answer.collect(call, question)
      assert.strictEqual(text, "one two")
      assert.strictEqual(rest.attempts.length, 3)
    })
  )

  it.effect("is not tried again after a part that a plan still holds back", () =>
    Effect.gen(function* () {
      const { attempts, self } = leaf(fails("broken", "4"), answers("7"))
      const call = Plan.go((yield* retry())(self), () => ({ emit: () => undefined }))
      const failure = yield* Effect.flip(Answer.collect(call, question))
      assert.strictEqual(failure, "broken")
      assert.strictEqual(attempts.length, 1)
    })
  )

  it.effect("does not mind what the call was answered before: what follows the answer is tried again", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const { runs, self } = failing<void, string>(Effect.fail("locked"), Effect.fail("locked"), Effect.void)
      const call = Effect.tap(leaf(answers("4")).self, () => guard(self))
      assert.strictEqual((yield* Answer.collect(call, question)).text, "4")
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("is not tried again beside another go of the plan that has delivered parts meanwhile", () =>
    Effect.gen(function* () {
      const guard = yield* retry()
      const gate = (destination: { emit: (part: Part.Part) => void | Promise<void> }) => ({
        emit: (part: Part.Part) => destination.emit(part)
      })
      const loser = leaf(() => Effect.andThen(Effect.sleep("2 seconds"), Effect.fail("busy")))
      const winner = leaf((attempt) =>
        Effect.andThen(Effect.sleep("1 second"), Effect.andThen(answers("4")(attempt), Effect.never))
      )
      const call = Effect.raceFirst(Plan.go(guard(loser.self), gate), Plan.go(winner.self, gate))
      yield* ending(Answer.collect(call, question))
      assert.strictEqual(loser.attempts.length, 1)
    })
  )
})
