/** That every call has exactly one record, wherever it ends, and that none of them holds a word of anybody's. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  Answer,
  Call,
  Part,
  Policy,
  Queue,
  Question,
  RateLimit,
  Record,
  refusal,
  Retry,
  SpillwayError,
  Summary,
  Timeout
} from "@spillway/core"
import { cut } from "../fixtures/leaf.ts"
import { recording } from "../fixtures/recording.ts"
import * as Interrupts from "../laws/interrupts.ts"
import * as Random from "../laws/random.ts"

const target = "gpu1/llama3.1:8b"
const ask = <E>(self: Effect.Effect<Summary.Summary, E>) => Answer.collect(self, Question.chat("chat", "hello"))

describe("there is exactly one record", () => {
  it.effect("of a call that is interrupted between any two operations, once it has begun", () =>
    Effect.gen(function* () {
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(recording(), (made) => ({ ...made, began: 0, ended: 0 })),
        (call) =>
          call.record(
            Effect.suspend(() => {
              call.began++
              return Effect.andThen(
                Effect.forEach([1, 2, 3], () => Effect.yieldNow),
                Effect.sync(() => call.ended++)
              )
            })
          ),
        ({ began, ended, read, record }, exit, moment) =>
          Effect.gen(function* () {
            const records = yield* read
            const { waiting } = yield* record.state
            assert.strictEqual(waiting, 0)
            if (began > 0) assert.lengthOf(records, 1, JSON.stringify(moment))
            assert.isAtMost(records.length, 1, JSON.stringify(moment))
            // It may be interrupted on its way out, as an answer that nobody fetches.
            if (Exit.isSuccess(exit)) assert.strictEqual(records[0]?.status, 200, JSON.stringify(moment))
            assert.isTrue(
              records.every(({ status }) => status === 499 || (status === 200 && ended > 0)),
              JSON.stringify(moment)
            )
          })
      )
      assert.isAbove(interrupted, 100)
    })
  )

  it.effect("of each of many calls at once, whatever becomes of them", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 20; seed++) {
        const random = Random.make(seed)
        const { record, read } = yield* recording()
        const guard = yield* Policy.all([
          record,
          RateLimit.make({ rate: "40/h", per: "all" }),
          Retry.make({ base: 0 }),
          Queue.make({ slots: 3, max: 8 }),
          Timeout.make({ firstToken: "2s", load: "2s", idle: "2s" })
        ])
        const call: Call.Call<string | SpillwayError> = (_, attempt) =>
          Effect.gen(function* () {
            yield* Effect.sleep(random.below(3_000))
            void attempt.emit(Part.text("Hi"))
            const end = random.below(6)
            if (end === 0) return yield* Effect.fail("broken")
            if (end === 1) return yield* Effect.fail(cut(1))
            if (end === 2) return yield* Effect.die("a bug")
            yield* Effect.sleep(random.below(3_000))
            return Summary.make()
          })
        const all = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 60 }),
            () => Effect.exit(ask(guard(Call.asEffect(call, target)).pipe(Effect.timeout(random.below(9_000))))),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 minute")
        const exits = yield* Fiber.join(all)
        const records = yield* read
        assert.lengthOf(records, 60, `seed ${seed}`)
        const answered = exits.filter(Exit.isSuccess).length
        assert.strictEqual(records.filter(({ status }) => status === 200).length, answered, `seed ${seed}`)
        const sent = records.filter(({ attempts }) => attempts.length > 0).length
        assert.isAbove(sent, answered, `seed ${seed}`)
        assert.isTrue(
          records.every(({ attempts, target: to }) => (to === undefined) === (attempts.length === 0)),
          `seed ${seed}`
        )
      }
    })
  )
})

describe("nothing that anybody wrote", () => {
  it.effect("stands in a record or in its line, whatever fails however", () =>
    Effect.gen(function* () {
      const secret = "xyzzy"
      const { record, read } = yield* recording()
      const thrown = new Error(secret, { cause: secret })
      const causes = [
        Cause.fail(thrown),
        Cause.fail({ message: secret }),
        Cause.fail(secret),
        Cause.die(thrown),
        Cause.fail(new SpillwayError({ reason: { _tag: "Unknown" }, cause: Redacted.make(thrown) })),
        Cause.fail(refusal({ _tag: "BadRequest", field: secret, read: secret, expected: secret }))
      ]
      const ends = [...causes.map((cause) => Exit.failCause<object | string>(cause)), Exit.succeed(Summary.make())]
      for (const end of ends) {
        const call: Call.Call<object | string> = (_, attempt) => {
          void attempt.emit(Part.text(secret))
          return end
        }
        yield* Effect.exit(Answer.collect(record(Call.asEffect(call)), Question.chat("m", secret)))
        yield* Effect.exit(record(end))
      }
      const records = yield* read
      assert.lengthOf(records, 2 * ends.length)
      for (const each of records) {
        assert.notInclude(JSON.stringify(each), secret)
        assert.notInclude(Record.toLine(each), secret)
      }
    })
  )
})
