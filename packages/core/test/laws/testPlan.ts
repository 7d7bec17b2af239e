/**
 * The laws that every plan keeps, whatever it does with its goes: one answer from one of them.
 *
 * Its goes are scripts on the test clock: a pause before each part, an end, and whether they heed an interrupt. Each
 * holds a slot of its own and stands on one record with the others, so that what a loser keeps, and what is told twice,
 * is seen as well as what is said.
 */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Plan, Question, Record, refusal, Slots, SpillwayError, Summary } from "@spillway/core"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Facts } from "../../src/domain/Facts.ts"
import * as Interrupts from "./interrupts.ts"
import * as Random from "./random.ts"

/** A plan to be held to the laws. */
export interface Subject<E> {
  readonly name: string
  readonly make: Effect.Effect<Plan.Plan<E>>
  /** Whether nothing of an answer is heard before it is complete. */
  readonly isHolding?: boolean
}

/** Holds a plan to the laws. */
export const testPlan = <E>({ isHolding = false, make, name }: Subject<E>): void => {
  describe(`${name} keeps the laws of plans:`, () => {
    testOne(make)
    testAnswers(make, isHolding ? 4 : 6)
    testInterrupts(make)
  })
}

type Goes<A, E> = readonly [Effect.Effect<A, E>, ...Array<Effect.Effect<A, E>>]

const question = Question.chat("model", "How many?")

const testOne = <E>(make: Subject<E>["make"]): void => {
  it.effect("one go alone is that go: the very same answer, failure, defect or interruption", () =>
    Effect.gen(function* () {
      const plan = yield* make
      const answer = { answer: 42 }
      assert.strictEqual(yield* plan([Effect.succeed(answer)]), answer)
      for (const cause of [Cause.fail("broken"), Cause.die("a bug"), Cause.interrupt(7)]) {
        const fiber = yield* Effect.forkChild(Effect.exit(plan([Effect.failCause(cause)])))
        yield* TestClock.adjust("1 hour")
        const told = yield* Fiber.join(fiber)
        const tags = Exit.isFailure(told) ? told.cause.reasons.map(({ _tag }) => _tag) : []
        assert.deepStrictEqual(
          tags,
          cause.reasons.map(({ _tag }) => _tag)
        )
        if (Exit.isFailure(told)) assert.strictEqual(String(Cause.squash(told.cause)), String(Cause.squash(cause)))
      }
    })
  )

  it.effect("around plain Effects it is one of their answers", () =>
    Effect.gen(function* () {
      const plan = yield* make
      const answers = [{ of: 0 }, { of: 1 }, { of: 2 }]
      const [first, ...rest] = answers.map((answer) => Effect.delay(Effect.succeed(answer), 100))
      const fiber = yield* Effect.forkChild(plan([first!, ...rest]))
      yield* TestClock.adjust("1 hour")
      assert.include(answers, yield* Fiber.join(fiber))
    })
  )
}

/** What one go does. */
interface Script {
  readonly pauses: ReadonlyArray<number>
  readonly end: "succeeds" | "fails" | "dies" | "mistake"
  readonly stubborn: boolean
}

const scriptOf = (random: Random.Random): Script => ({
  pauses: Array.from({ length: random.below(5) }, () => 1 + random.below(4_000)),
  end: (["succeeds", "succeeds", "fails", "fails", "fails", "mistake", "dies"] as const)[random.below(7)]!,
  stubborn: random.below(4) === 0
})

const partsOf = (name: number, { pauses }: Script): ReadonlyArray<string> => pauses.map((_, at) => `${name}:${at} `)

const leafOf = (name: number, { end, pauses, stubborn }: Script): Call.Call<SpillwayError> => {
  const target = `gpu${name}/model`
  return (_, attempt) => {
    const speaking = Effect.gen(function* () {
      for (const [index, pause] of pauses.entries()) {
        yield* Effect.sleep(pause)
        void attempt.emit(Part.text(`${name}:${index} `))
      }
      if (end === "dies") return yield* Effect.die(`a bug of ${name}`)
      if (end === "mistake") return yield* refusal({ _tag: "BadRequest", field: target, read: "", expected: "" })
      if (end === "fails") return yield* refusal({ _tag: "Cut", target, parts: pauses.length })
      return Summary.make({ model: `${name}`, usage: { input: 1, output: pauses.length } })
    })
    return stubborn ? Effect.flatMap(Effect.forkDetach(speaking), Fiber.join) : speaking
  }
}

/** Which go an end tells of. */
const enderOf = (exit: Exit.Exit<Summary.Summary, unknown>): number => {
  if (Exit.isSuccess(exit)) return Number(exit.value.model)
  const error = Cause.squash(exit.cause)
  const said = error instanceof SpillwayError ? JSON.stringify(error.reason) : String(error)
  return Number(/(?:gpu|of )(\d)/.exec(said)?.[1])
}

const testAnswers = <E>(make: Subject<E>["make"], kinds: number): void => {
  it.effect("the caller hears one go whole, or one from its beginning on and why it ended; all is given back", () =>
    Effect.gen(function* () {
      const seen = new Map<string, number>()
      for (let seed = 1; seed <= 400; seed++) {
        const random = Random.make(seed)
        const scripts = Array.from({ length: 1 + random.below(3) }, () => scriptOf(random))
        const told = yield* play(yield* make, scripts, random.below(5) === 0 ? random.below(6_000) : undefined)
        const { attempts, exit, parts, records, running } = told
        const about = `seed ${seed}: ${parts.join("")}`
        const names = new Set(parts.map((part) => Number(part.split(":")[0])))
        assert.isAtMost(names.size, 1, about)
        const [speaker] = names
        if (speaker !== undefined) {
          const whole = partsOf(speaker, scripts[speaker]!)
          assert.deepStrictEqual(parts, whole.slice(0, parts.length), about)
          if (Exit.isSuccess(exit)) assert.strictEqual(parts.length, whole.length, about)
        }
        if (Exit.isSuccess(exit)) {
          const ender = enderOf(exit)
          assert.strictEqual(scripts[ender]!.end, "succeeds", about)
          assert.strictEqual(speaker ?? ender, ender, about)
        } else if (speaker !== undefined && !Cause.hasInterruptsOnly(exit.cause)) {
          // A bug is told as such, whoever has it.
          const ender = enderOf(exit)
          assert.isTrue(ender === speaker || scripts[ender]!.end === "dies", about)
        }
        assert.strictEqual(running, 0, about)
        assert.strictEqual(records.length, 1, about)
        for (const attempt of attempts) assert.isTrue(attempt.isClosed && attempt.endedAt !== undefined, about)
        const kind = Exit.isSuccess(exit) ? "whole" : Cause.hasInterruptsOnly(exit.cause) ? "left" : "failed"
        seen.set(`${kind} ${parts.length > 0}`, (seen.get(`${kind} ${parts.length > 0}`) ?? 0) + 1)
      }
      assert.strictEqual(seen.size, kinds)
      for (const count of seen.values()) assert.isAbove(count, 3)
    })
  )
}

/** Runs the plan over scripts, for a caller who may leave, and tells all that came of it. */
const play = <E>(plan: Plan.Plan<E>, scripts: ReadonlyArray<Script>, leavesAt: number | undefined) =>
  Effect.gen(function* () {
    const parts: Array<string> = []
    const records: Array<Record.CallRecord> = []
    let attempts: Facts["call"]["attempts"] = []
    const slots = yield* Slots.make({ slots: 1 })
    const record = yield* Record.make({ sink: (each) => void records.push(each) })
    const goes = scripts.map((script, name) =>
      Call.asEffect(leafOf(name, script), `gpu${name}/model`).pipe(slots, Plan.to(`gpu${name}/model`))
    ) as unknown as Goes<Summary.Summary, SpillwayError>
    const asked = Effect.withFiber((fiber) => {
      attempts = fiber.getRef(Facts)!.call.attempts
      return plan(goes)
    })
    const sink = { emit: (part: Part.Part) => void parts.push(Part.textOf([part])) }
    const fiber = yield* Effect.forkChild(Answer.toSink(record(asked), question, sink))
    if (leavesAt !== undefined) {
      yield* TestClock.adjust(leavesAt)
      yield* Effect.forkChild(Fiber.interrupt(fiber))
    }
    // A go that begins on a fiber of its own has to have begun before time goes on.
    for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.await(fiber)
    // What ignores its interrupt is over by now, and what waits for its end hears of it a turn later.
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    let running = 0
    for (const name of scripts.keys()) running += (yield* slots.state(`gpu${name}/model`)).running
    return { attempts, exit, parts, records, running }
  }).pipe(Effect.scoped)

const testInterrupts = <E>(make: Subject<E>["make"]): void => {
  it.effect("interrupts all its goes, runs their finalizers first, and keeps nothing, wherever it is interrupted", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.gen(function* () {
          const plan = yield* make
          const slots = yield* Effect.orDie(Slots.make({ slots: 1 }))
          return { plan, slots, running: 0 }
        }),
        (call) => {
          const go = (target: string, end: Effect.Effect<number, SpillwayError>) =>
            Effect.acquireUseRelease(
              Effect.sync(() => call.running++),
              () =>
                Effect.andThen(
                  Effect.forEach([1, 2, 3], () => Effect.yieldNow),
                  end
                ),
              () => Effect.sync(() => call.running--)
            ).pipe(call.slots, Plan.to(target))
          const failing = Effect.fail(refusal({ _tag: "Overloaded", target: "gpu1/m" }))
          return call.plan([go("gpu1/m", failing), go("gpu2/m", Effect.succeed(2))])
        },
        (call, exit, moment) =>
          Effect.gen(function* () {
            assert.strictEqual(call.running, 0, JSON.stringify(moment))
            if (Exit.hasInterrupts(exit) && Exit.isFailure(exit)) {
              assert.isTrue(Cause.hasInterruptsOnly(exit.cause), JSON.stringify(moment))
            }
            for (const target of ["gpu1/m", "gpu2/m"]) {
              assert.strictEqual((yield* call.slots.state(target)).running, 0, JSON.stringify(moment))
            }
            assert.deepStrictEqual(yield* Effect.exit(call.plan([Effect.succeed(1)])), Exit.succeed(1))
          })
      )
      assert.isAbove(interrupted, 100)
    })
  )
}
