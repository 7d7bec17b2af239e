/**
 * Goes never share a sink, shown by a hedge made for this test: it runs all goes at once, and the first that speaks
 * wins.
 *
 * Its losers are not interrupted before the winner has ended, and some go on speaking after they are: what keeps
 * answers apart has to be the attempt of each go and the gate before it, not good manners.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Answer, type Attempt, Call, Part, Plan, Question, Summary } from "@spillway/core"
import { AnswerMixed } from "../src/domain/Attempt.ts"
import { Facts } from "../src/domain/Facts.ts"
import * as Random from "./laws/random.ts"
import * as Unhandled from "./fixtures/unhandled.ts"

Unhandled.guard()

const question = Question.chat("model", "How many?")

const hedge = Plan.make("Hedge", (goes) =>
  Effect.suspend(() => {
    let winner: number | undefined
    let failed = 0
    const gate = (index: number) => (destination: Attempt.Sink) => ({
      emit: (part: Part.Part) => {
        winner ??= index
        return winner === index ? destination.emit(part) : undefined
      }
    })
    const entered = goes.map((go, index) =>
      Effect.flatMap(Effect.exit(Plan.go(go, gate(index))), (exit) => {
        if (Exit.isSuccess(exit)) winner ??= index
        const isOut = winner === undefined ? ++failed < goes.length : winner !== index
        return isOut ? Effect.never : exit
      })
    )
    return Effect.raceAllFirst(entered)
  })
)

describe("a plan", () => {
  it.effect("that is given nothing to ask says so", () =>
    Effect.gen(function* () {
      const nothing: ReadonlyArray<Effect.Effect<number>> = []
      for (const goes of [nothing, Effect.succeed(1) as never]) {
        const exit = yield* Effect.exit(hedge(goes))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "was given nothing to ask")
      }
    })
  )

  it("takes any list, and goes that answer and fail in several ways", () => {
    const names: ReadonlyArray<number> = [1, 2]
    const goes = names.map((name) => Effect.succeed(name))
    expectTypeOf(hedge(goes)).toEqualTypeOf<Effect.Effect<number>>()
    const several = hedge([Effect.fail("broken"), Effect.succeed(1), Effect.die(2)])
    expectTypeOf(several).toEqualTypeOf<Effect.Effect<number, string>>()
  })
})

/** What one go does: a pause before each part, then an end, and whether it heeds its interrupt. */
interface Script {
  readonly pauses: ReadonlyArray<number>
  readonly end: "succeeds" | "fails"
  readonly stubborn: boolean
}

const leaf = (name: number, script: Script): Call.Call<string> => {
  const summary = Summary.make({ model: `${name}` })
  return (_, attempt) => {
    const speaking = Effect.gen(function* () {
      for (const [index, pause] of script.pauses.entries()) {
        yield* Effect.sleep(pause)
        void attempt.emit(Part.text(`${name}:${index} `))
      }
      return script.end === "fails" ? yield* Effect.fail(`${name}`) : summary
    })
    return script.stubborn ? Effect.flatMap(Effect.forkDetach(speaking), Fiber.join) : speaking
  }
}

const goesOf = (scripts: ReadonlyArray<Script>) =>
  scripts.map((script, name) => Call.asEffect(leaf(name, script), `${name}`)) as [
    Effect.Effect<Summary.Summary, string>,
    ...Array<Effect.Effect<Summary.Summary, string>>
  ]

/** Runs the plan through a sink, long enough for every stubborn go to have said all, and tells what came of it. */
const observe = (self: Effect.Effect<Summary.Summary, string>) =>
  Effect.gen(function* () {
    const parts: Array<string> = []
    let attempts: ReadonlyArray<Attempt.Attempt> = []
    const watched = Effect.withFiber((fiber) => {
      attempts = fiber.getRef(Facts)!.call.attempts
      return self
    })
    const sink = { emit: (part: Part.Part) => void parts.push(Part.textOf([part])) }
    const fiber = yield* Effect.forkChild(Answer.toSink(watched, question, sink))
    yield* TestClock.adjust(1_000)
    return { parts, attempts, exit: yield* Fiber.await(fiber) }
  })

const whole = (name: number, script: Script) => script.pauses.map((_, index) => `${name}:${index} `)

describe("a hedge", () => {
  it.effect("hands on the parts of the first go to speak, in every order of arrival", () =>
    Effect.gen(function* () {
      for (const stubborn of [false, true]) {
        for (const firsts of [
          [1, 2, 3],
          [1, 3, 2],
          [2, 1, 3],
          [2, 3, 1],
          [3, 1, 2],
          [3, 2, 1]
        ]) {
          const scripts = firsts.map((first): Script => ({ pauses: [first, 5, 5], end: "succeeds", stubborn }))
          const { attempts, exit, parts } = yield* observe(hedge(goesOf(scripts)))
          const winner = firsts.indexOf(1)
          assert.deepStrictEqual(parts, whole(winner, scripts[winner]!))
          assert.deepStrictEqual(exit, Exit.succeed(Summary.make({ model: `${winner}` })))
          assert.strictEqual(new Set(attempts).size, 3)
        }
      }
    })
  )

  it.effect("hands on the parts of one go only, whatever the goes do", () =>
    Effect.gen(function* () {
      const seenEnds = new Set<string>()
      for (let seed = 1; seed <= 400; seed++) {
        const random = Random.make(seed)
        const scripts = Array.from({ length: 2 + random.below(3) }, (): Script => ({
          pauses: Array.from({ length: random.below(5) }, () => random.below(4)),
          end: random.below(3) === 0 ? "fails" : "succeeds",
          stubborn: random.below(2) === 0
        }))
        const { attempts, exit, parts } = yield* observe(hedge(goesOf(scripts)))
        const names = new Set(parts.map((part) => part.split(":")[0]))
        assert.isAtMost(names.size, 1, `seed ${seed}: ${parts.join("")}`)
        const ending = Exit.isSuccess(exit) ? exit.value.model! : String(Cause.squash(exit.cause))
        const told = Number([...names][0] ?? ending)
        assert.strictEqual(ending, `${told}`, `seed ${seed}`)
        assert.deepStrictEqual(parts, whole(told, scripts[told]!), `seed ${seed}`)
        assert.strictEqual(scripts[told]!.end === "succeeds", Exit.isSuccess(exit), `seed ${seed}`)
        assert.strictEqual(new Set(attempts).size, attempts.length, `seed ${seed}`)
        for (const attempt of attempts) assert.isTrue(attempt.isClosed && attempt.endedAt !== undefined, `seed ${seed}`)
        seenEnds.add(`${exit._tag} ${parts.length > 0}`)
      }
      assert.strictEqual(seenEnds.size, 4)
    })
  )

  it("is a plan by type: it adds no failure and keeps those of its goes", () => {
    const go: Effect.Effect<number, "broken", "a service"> = Effect.fail("broken")
    expectTypeOf(hedge([go, go])).toEqualTypeOf<Effect.Effect<number, "broken", "a service">>()
  })
})

describe("a go", () => {
  const speaks: Script = { pauses: [1], end: "fails", stubborn: false }
  const silent: Script = { pauses: [], end: "fails", stubborn: false }
  const answers: Script = { pauses: [1, 1], end: "succeeds", stubborn: false }

  it.effect("closes its attempt at its end: what it says afterwards reaches nobody", () =>
    Effect.gen(function* () {
      let kept: Attempt.Sink | undefined
      const first: Call.Call<string> = (_, attempt) => {
        kept = attempt
        return Effect.fail("busy")
      }
      const second: Call.Call = (_, attempt) => {
        void kept!.emit(Part.text("late "))
        void attempt.emit(Part.text("second "))
        return Effect.succeed(Summary.make())
      }
      const either = Plan.go(Call.asEffect(first)).pipe(
        Effect.catchIf(
          () => true,
          () => Plan.go(Call.asEffect(second))
        )
      )
      assert.deepStrictEqual((yield* observe(either)).parts, ["second "])
    })
  )

  it.effect("is not tried again after a part without a gate: that would splice two answers", () =>
    Effect.gen(function* () {
      const [go] = goesOf([speaks])
      const { exit, parts } = yield* observe(Effect.retry(Plan.go(go), { times: 1 }))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof AnswerMixed)
      assert.deepStrictEqual(parts, ["0:0 "])
    })
  )

  it.effect("does not run beside another without a gate: their parts would mix", () =>
    Effect.gen(function* () {
      const [one, other] = goesOf([answers, answers])
      const { exit, parts } = yield* observe(
        Effect.map(Effect.all([Plan.go(one), Effect.exit(Plan.go(other!))], { concurrency: 2 }), ([first, second]) => {
          assert.isTrue(Exit.isFailure(second))
          return first
        })
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.isTrue(parts.every((part) => part.startsWith("0:")))
    })
  )

  it.effect("gates inside gates: a go within a go passes both", () =>
    Effect.gen(function* () {
      const passed: Array<string> = []
      const gate = (name: string) => (destination: Attempt.Sink) => ({
        emit: (part: Part.Part) => {
          passed.push(name)
          return destination.emit(part)
        }
      })
      const [go] = goesOf([{ ...answers, pauses: [1] }])
      const { parts } = yield* observe(Plan.go(Plan.go(go, gate("inner")), gate("outer")))
      assert.deepStrictEqual(parts, ["0:0 "])
      assert.deepStrictEqual(passed, ["inner", "outer"])
    })
  )

  it.effect("without Plan.go, two runs at once are refused, and the first goes on undisturbed", () =>
    Effect.gen(function* () {
      const exits: Array<Exit.Exit<unknown, string>> = []
      const [first, second] = goesOf([answers, answers])
      const note = Effect.onExit((exit: Exit.Exit<Summary.Summary, string>) => Effect.sync(() => exits.push(exit)))
      const both = Effect.all([note(first), Effect.exit(note(second!))], { concurrency: 2 })
      const { attempts, parts } = yield* observe(Effect.map(both, ([summary]) => summary))
      assert.isTrue(Exit.isFailure(exits[0]!) && Cause.squash(exits[0].cause) instanceof AnswerMixed)
      assert.isTrue(Exit.isSuccess(exits[1]!))
      assert.deepStrictEqual(parts, ["0:0 ", "0:1 "])
      assert.lengthOf(attempts, 1)
    })
  )

  it.effect("without Plan.go, a retry after a part is refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const [go] = goesOf([speaks])
      const { attempts, exit, parts } = yield* observe(Effect.retry(go, { times: 3 }))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof AnswerMixed)
      assert.deepStrictEqual(parts, ["0:0 "])
      assert.lengthOf(attempts, 1)
    })
  )

  it.effect("without Plan.go, a retry before the first part works and has a fresh attempt", () =>
    Effect.gen(function* () {
      let tries = 0
      const call: Call.Call<string> = (asked, attempt) => leaf(tries, tries++ < 2 ? silent : answers)(asked, attempt)
      const { attempts, exit, parts } = yield* observe(Effect.retry(Call.asEffect(call), { times: 5 }))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(parts, ["2:0 ", "2:1 "])
      assert.strictEqual(new Set(attempts).size, 3)
      assert.deepStrictEqual(
        attempts.map((attempt) => attempt.parts),
        [0, 0, 2]
      )
    })
  )
})
