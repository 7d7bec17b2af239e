/**
 * The one error of every door: what it says, whether it says to come back, and that it is an error like any other.
 *
 * Refusals are made without a stack by building on the prototype, so everything that a constructor would have done for
 * them is asked for here: Effect's operators, printing, and a rejection that nobody handles in a process of its own.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Redacted } from "effect"
import { Failure, type Reason, refusal, SpillwayError } from "@spillway/core"
import type { Phase } from "../../src/domain/SpillwayError.ts"
import * as Reasons from "../fixtures/reasons.ts"

const limited: Reason = { _tag: "RateLimited", key: "ada", limit: "10/min", retryAfter: Duration.millis(2_340) }
const sentence = '"ada" has reached its limit of 10/min: come back in 2.4 s.'

const phases = ["queue", "connect", "load", "firstToken", "idle", "reader", "total"] as const

describe("a reason", () => {
  for (const [index, [name, , , again]] of Reasons.table.entries()) {
    const reasons = [Reasons.bare[index]!, Reasons.full[index]!]

    it(`${name} says in a sentence or two what happened and what to do`, () => {
      for (const reason of reasons) {
        assert.strictEqual(reason._tag, name)
        const { message } = refusal(reason)
        assert.match(message, name === "Cancelled" ? /^[^]+\.$/ : /^[^]+: [^]+\.$/)
        assert.isAtMost(message.match(/[.!?](\s|$)/g)!.length, 2, message)
        assert.notMatch(message, /undefined|null|NaN|\[object|Duration|  /)
        assert.isAtMost(message.length, 160)
      }
    })

    it(`${name} is${again === "no" ? " not" : ""} worth coming back for, as the product has it`, () => {
      const retryable = { yes: [true, true], "before-first-part": [true, false] }[again as string] ?? [false, false]
      assert.deepStrictEqual(
        reasons.map((reason) => refusal(reason).retryable),
        retryable
      )
      for (const reason of reasons) {
        const after = "retryAfter" in reason ? reason.retryAfter : undefined
        assert.strictEqual(refusal(reason).retryAfter, after)
        if (after !== undefined) assert.include(refusal(reason).message, "come back in 2.4 s")
      }
    })
  }

  it("says to come back only where that helps, here or elsewhere, or once a window has turned", () => {
    const late = [0, 3].flatMap((parts) =>
      phases.map((phase): Reason => ({ _tag: "TimedOut", phase, after: Duration.seconds(1), parts }))
    )
    for (const reason of [...Reasons.bare, ...Reasons.full, ...late]) {
      const { failure, message, retryable } = refusal(reason)
      const isFresh = "parts" in reason && reason.parts === 0
      const helpsElsewhere = failure.again === "elsewhere" || (isFresh && failure.again.startsWith("elsewhere"))
      const turns = reason._tag === "BudgetSpent" || reason._tag === "QuotaSpent"
      if (/come back|again/.test(message)) assert.isTrue(retryable || helpsElsewhere || turns, message)
      // The same target would be as late again: that it is worth asking another one is no reason to come back. A turn
      // that did not come may come next time.
      if (reason._tag === "TimedOut") {
        const mayCome = reason.phase === "queue" && reason.parts === 0
        assert.deepStrictEqual([retryable, /come back|again/.test(message)], [mayCome, mayCome])
      }
    }
  })

  it("says what happened by itself too, with nothing of what to do about it", () => {
    for (const reason of [...Reasons.bare, ...Reasons.full]) {
      const { happened, message } = refusal(reason)
      assert.isTrue(message.startsWith(happened) && message.length > happened.length)
      assert.match(message.slice(happened.length), reason._tag === "Cancelled" ? /^\.$/ : /^: [^]+\.$/)
    }
  })

  it("leaves what would be right to the cause where only a server knows it", () => {
    const { happened, message } = refusal({ _tag: "BadRequest", field: "format", read: "refused by its server" })
    assert.strictEqual(happened, "format was refused by its server")
    assert.strictEqual(message, `${happened}: Redacted.value(error.cause) tells why.`)
  })

  it("says how long in the units that people use, rounded up", () => {
    const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]
    for (const [millis, said] of [
      [0.2, "1 ms"],
      [2_340, "2.4 s"],
      [2 * minute - 50, "120 s"],
      [2 * minute, "2 min"],
      [2 * minute + 1, "3 min"],
      [hour - 1_000, "1 h 0 min"],
      [day - 1_000, "1 d 0 h"],
      [25 * hour, "1 d 1 h"],
      [30 * day + 1, "30 d 1 h"]
    ] as const) {
      const { message } = refusal({ ...limited, retryAfter: Duration.millis(millis) })
      assert.include(message, `come back in ${said}.`)
    }
  })

  it("says where, if that is known, and to come back later where nobody knows when", () => {
    assert.match(refusal({ _tag: "Unavailable" }).message, /come back later\.$/)
    assert.match(refusal({ _tag: "ModelNotFound", model: "a", target: "gpu/a" }).message, /no model "a" at gpu:/)
    assert.match(refusal({ _tag: "ModelNotFound", model: "a" }).message, /no model "a":/)
    assert.match(
      refusal({ _tag: "ModelNotFound", model: "a", near: "b" }).message,
      /no model "a" \(.* mean "b"\?\): ask/
    )
  })

  it("never says to come back sooner than it makes sense", () => {
    for (const [millis, said] of [
      [0.2, "1 ms"],
      [999, "999 ms"],
      [1_000, "1 s"],
      [1_001, "1.1 s"],
      [90_000, "90 s"]
    ] as const) {
      const { message } = refusal({ _tag: "Overloaded", target: "gpu1/a", retryAfter: Duration.millis(millis) })
      assert.isTrue(message.endsWith(`come back in ${said}.`), message)
    }
  })
})

describe("the blame for a failure", () => {
  const timedOut = (phase: Phase): Reason => ({ _tag: "TimedOut", phase, after: Duration.millis(1), parts: 0 })

  it("is the target's where its server was late, and not for our queue, a reader or the caller's time", () => {
    const blamed = {
      queue: false,
      connect: true,
      load: true,
      firstToken: true,
      idle: true,
      reader: false,
      total: false
    }
    for (const [phase, blames] of Object.entries(blamed)) {
      assert.strictEqual(refusal(timedOut(phase as Phase)).blamesTarget, blames, phase)
    }
  })

  it("is otherwise as the failure table has it for breakers", () => {
    for (const reason of Reasons.bare) {
      if (reason._tag === "TimedOut") continue
      assert.strictEqual(refusal(reason).blamesTarget, Failure.table[reason._tag].breaker, reason._tag)
    }
    assert.isTrue(refusal({ _tag: "Cut", target: "gpu1/a", parts: 3 }).blamesTarget)
    assert.isFalse(refusal(limited).blamesTarget)
  })

  it("does not depend on the words for the phase, which each have their own", () => {
    const sentences = phases.map((phase) => refusal(timedOut(phase)).message)
    assert.strictEqual(new Set(sentences).size, phases.length)
    for (const words of sentences) assert.include(words, "1 ms")
  })
})

describe("a refusal", () => {
  it("has no stack, and is an error of its class all the same", () => {
    const error = refusal(limited)
    assert.isUndefined(error.stack)
    assert.instanceOf(error, SpillwayError)
    assert.instanceOf(error, Error)
    assert.strictEqual(error.name, "SpillwayError")
    assert.strictEqual(error.message, sentence)
    assert.isDefined(new SpillwayError({ reason: limited }).stack)
  })

  it.effect("is yielded and failed with like any other", () =>
    Effect.gen(function* () {
      const error = refusal(limited)
      const failing = Effect.gen(function* () {
        yield* Effect.void
        return yield* error
      })
      expectTypeOf(failing).toEqualTypeOf<Effect.Effect<never, SpillwayError>>()
      assert.strictEqual(yield* Effect.flip(failing), error)
      assert.strictEqual(yield* Effect.flip(Effect.fail(error)), error)
      const exit = yield* Effect.exit(failing)
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), error)
    })
  )

  it("rejects a promise with itself", async () => {
    const error = refusal(limited)
    assert.strictEqual(await Effect.runPromise(Effect.fail(error)).catch((thrown: unknown) => thrown), error)
  })

  it.effect("is caught by its tag and by its reason, with the facts of that reason", () =>
    Effect.gen(function* () {
      const failing: Effect.Effect<string, SpillwayError> = Effect.fail(refusal(limited))
      const byTag = Effect.catchTag(failing, "SpillwayError", (error) => Effect.succeed(error.reason._tag))
      expectTypeOf(byTag).toEqualTypeOf<Effect.Effect<string>>()
      assert.strictEqual(yield* byTag, "RateLimited")
      const byReason = Effect.catchReason(failing, "SpillwayError", "RateLimited", (reason) => {
        expectTypeOf(reason.retryAfter).toEqualTypeOf<Duration.Duration>()
        return Effect.succeed(reason.key)
      })
      expectTypeOf(byReason).toExtend<Effect.Effect<string, SpillwayError>>()
      assert.strictEqual(yield* byReason, "ada")
      const other = Effect.catchReason(failing, "SpillwayError", "QueueFull", () => Effect.succeed("full"))
      assert.strictEqual((yield* Effect.flip(other)).message, sentence)
    })
  )

  it("shows its sentence wherever it is printed", () => {
    const error = refusal(limited)
    for (const text of [
      inspect(error),
      inspect({ error }),
      String(error),
      Cause.pretty(Cause.fail(error)),
      Cause.pretty(Cause.die(error)),
      JSON.parse(JSON.stringify(error)).message
    ]) {
      assert.include(text, sentence)
    }
    assert.strictEqual(String(error), `SpillwayError: ${sentence}`)
  })

  it("shows its sentence when it is a rejection that nobody handles", async () => {
    const program = `import { refusal } from "@spillway/core"
      Promise.reject(refusal({ _tag: "QueueFull", queued: 8, queuedMax: 8 }))`
    const { code, stderr } = await new Promise<{ readonly code: unknown; readonly stderr: string }>((resolve) =>
      execFile(
        process.execPath,
        ["--input-type=module", "--eval", program],
        { cwd: fileURLToPath(new URL("../../../..", import.meta.url)) },
        (error, _, printed) => resolve({ code: error?.code, stderr: printed })
      )
    )
    assert.strictEqual(code, 1)
    assert.include(stderr, "The queue is full (8 of 8): come back later.")
    assert.notInclude(stderr, "#<")
  })
})

describe("an error with a cause", () => {
  it("keeps the cause for the program and leaves it out of what a log holds", () => {
    const thrown = new Error("what was asked")
    const error = new SpillwayError({ reason: { _tag: "Unknown" }, cause: Redacted.make(thrown) })
    assert.strictEqual(error.cause && Redacted.value(error.cause), thrown)
    for (const printed of [
      inspect(error),
      String(error),
      Cause.pretty(Cause.fail(error)),
      inspect(Cause.fail(error))
    ]) {
      assert.notInclude(printed, "what was asked")
    }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), {
      _tag: "SpillwayError",
      message: "The guarded work failed in a way that has no name here: Redacted.value(error.cause) tells it.",
      retryable: false,
      reason: { _tag: "Unknown" }
    })
  })
})
