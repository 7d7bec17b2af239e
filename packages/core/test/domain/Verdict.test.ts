/**
 * What a failure means: its row of the table, or the row that the program names.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Exit, Redacted } from "effect"
import { type Classify, Failure, refusal, SpillwayError } from "@spillway/core"
import * as Verdict from "../../src/domain/Verdict.ts"
import { bare } from "../fixtures/reasons.ts"

const second = 1_000_000_000
const noon = Date.UTC(2026, 10, 21, 12)
const judge = (error: unknown, classify?: Classify) => Verdict.of(error, classify, () => noon)

const causeOf = (...reasons: ReadonlyArray<Cause.Reason<unknown>>) => Cause.fromReasons(reasons)
const [failed, other] = [Cause.makeFailReason("broken"), Cause.makeFailReason("broken too")]
const [died, interrupted] = [Cause.makeDieReason("a bug"), Cause.makeInterruptReason(7)]

describe("the failure of a cause", () => {
  it("is what it failed with, the first of several", () => {
    assert.deepStrictEqual(Verdict.failureOf(Cause.fail("broken")), { error: "broken" })
    assert.deepStrictEqual(Verdict.failureOf(causeOf(failed, other)), { error: "broken" })
    assert.deepStrictEqual(Verdict.failureOf(Cause.fail(undefined)), { error: undefined })
  })

  it("is none where there is a defect or an interrupt, also beside a failure", () => {
    for (const cause of [[], [died], [interrupted], [failed, died], [died, failed], [failed, interrupted]]) {
      assert.isUndefined(Verdict.failureOf(causeOf(...cause)))
    }
  })
})

describe("a verdict", () => {
  it("on a SpillwayError is its row, whether it blames its target, and when to come back", () => {
    for (const reason of bare) {
      const error = new SpillwayError({ reason })
      const { blamesTarget, failure, retryAfter } = judge(error)
      assert.strictEqual(failure, Failure.table[reason._tag])
      assert.strictEqual(blamesTarget, error.blamesTarget)
      const told = error.retryAfter
      assert.strictEqual(retryAfter, told === undefined ? undefined : Duration.toMillis(told) * 1_000_000)
    }
  })

  it("knows a refusal of ours from a failure further out, and takes no foreign failure for one", () => {
    for (const reason of bare) {
      const isRefusal = Failure.table[reason._tag].class === "refusal"
      assert.strictEqual(judge(new SpillwayError({ reason })).isRefusal, isRefusal, reason._tag)
    }
    assert.isFalse(judge("broken").isRefusal)
    assert.isFalse(judge("broken", () => "RateLimited").isRefusal)
  })

  it("is not given for a row that there is not: classify has a bug", () => {
    assert.throws(() => judge("broken", () => "Unheard" as never), "classify named Unheard, which is no row")
  })

  it("knows that whoever waited in our queue in vain has used nothing, and whoever was sent may have", () => {
    for (const phase of ["queue", "reader", "total", "connect", "load", "firstToken", "idle"] as const) {
      const error = refusal({ _tag: "TimedOut", phase, after: Duration.seconds(1), parts: 0 })
      assert.strictEqual(judge(error).isUnused, phase === "queue", phase)
      assert.strictEqual(Verdict.ofCause(Cause.fail(error), undefined)?.isUnused, phase === "queue", phase)
    }
    const later = new SpillwayError({
      reason: { _tag: "TimedOut", phase: "queue", after: Duration.seconds(1), parts: 3 }
    })
    assert.isFalse(judge(later).isUnused)
    assert.isUndefined(Verdict.ofCause(Cause.die("a bug"), undefined))
  })

  it("does not blame a target for our queue, a slow reader or the end of the caller's time", () => {
    for (const phase of ["queue", "reader", "total", "connect", "load", "firstToken", "idle"] as const) {
      const error = refusal({ _tag: "TimedOut", phase, after: Duration.seconds(1), parts: 0 })
      assert.strictEqual(judge(error).blamesTarget, !["queue", "reader", "total"].includes(phase), phase)
    }
  })

  it("on a foreign failure is that of a connection that broke: it passes, and speaks against the target", () => {
    for (const error of ["broken", undefined, new Error("broken"), { _tag: "SpillwayError" }]) {
      const { blamesTarget, failure, retryAfter } = judge(error)
      assert.strictEqual(failure, Failure.table.Unreachable)
      assert.isTrue(blamesTarget)
      assert.isUndefined(retryAfter)
    }
  })

  it("is the row that the program names, with the mark of that row against the target", () => {
    for (const name of ["BadRequest", "Overloaded", "TimedOut", "Unknown"] as const) {
      for (const named of [name, { reason: name }]) {
        const { blamesTarget, failure, retryAfter } = judge("broken", () => named)
        assert.strictEqual(failure, Failure.table[name])
        assert.strictEqual(blamesTarget, Failure.table[name].breaker)
        assert.isUndefined(retryAfter)
      }
    }
  })

  it("of one of ours is the table's, and the program is not asked about it", () => {
    const overloaded = refusal({ _tag: "Overloaded", target: "gpu1", retryAfter: Duration.seconds(4) })
    const verdict = judge(overloaded, () => assert.fail("was asked"))
    assert.strictEqual(verdict.failure, Failure.table.Overloaded)
    assert.strictEqual(verdict.retryAfter, 4 * second)
    assert.strictEqual(judge("broken", () => undefined).failure, Failure.table.Unreachable)
  })

  it("of what a foreign source threw is what the program says of that, if anything", () => {
    const cause = Redacted.make("terminated", { label: "cause" })
    const thrown = new SpillwayError({ reason: { _tag: "Unknown" }, cause })
    const named = judge(thrown, (error) => (error === "terminated" ? "Unreachable" : assert.fail("was asked of more")))
    assert.strictEqual(named.failure, Failure.table.Unreachable)
    assert.strictEqual(judge(thrown, () => undefined).failure, Failure.table.Unknown)
    assert.strictEqual(judge(thrown).failure, Failure.table.Unknown)
    assert.strictEqual(
      judge(refusal({ _tag: "Unknown" }), () => assert.fail("was asked")).failure,
      Failure.table.Unknown
    )
  })

  it("gives the program the very failure that happened", () => {
    const error = new Error("broken")
    judge(error, (given) => assert.strictEqual(given, error) as undefined)
  })

  it("reads a Retry-After that the program hands on, in every form", () => {
    const after = (retryAfter: Duration.Duration | string | null | undefined) =>
      judge("busy", () => ({ reason: "Overloaded", retryAfter })).retryAfter
    assert.strictEqual(after("3"), 3 * second)
    assert.strictEqual(after("1.5"), 1.5 * second)
    assert.strictEqual(after("0"), 0)
    assert.strictEqual(after("Sat, 21 Nov 2026 12:00:09 GMT"), 9 * second)
    assert.strictEqual(after("Sat, 21 Nov 2026 11:59:00 GMT"), 0)
    assert.strictEqual(after(Duration.millis(250)), second / 4)
    assert.strictEqual(after(Duration.infinity), Infinity)
    assert.strictEqual(after("9".repeat(40)), 31 * 86_400 * second)
    for (const nothing of ["", "soon", "-5", "NaN", "1e3", null, undefined]) assert.isUndefined(after(nothing))
  })

  it("looks at the wall clock only for a text", () => {
    const noClock = () => assert.fail("the clock was read")
    Verdict.of("busy", () => ({ reason: "Overloaded", retryAfter: Duration.seconds(1) }), noClock)
    Verdict.of(refusal({ _tag: "Overloaded", target: "gpu1" }), undefined, noClock)
  })
})

describe("an end has used nothing", () => {
  it("where it was turned away or never arrived, as the table or the program says, and before the first part", () => {
    const target = "gpu1"
    const turnedAway = [
      refusal({ _tag: "Unavailable" }),
      refusal({ _tag: "Overloaded", target }),
      refusal({ _tag: "Unauthorized" }),
      new SpillwayError({ reason: { _tag: "Unreachable", target, problem: "refused", parts: 0 } })
    ]
    for (const error of turnedAway) assert.isTrue(Verdict.failedUnused(Exit.fail(error)), error.reason._tag)
    const worked = [
      new SpillwayError({ reason: { _tag: "Unreachable", target, problem: "reset", parts: 3 } }),
      new SpillwayError({ reason: { _tag: "Cut", target, parts: 0 } }),
      new SpillwayError({ reason: { _tag: "ContentRefused", target } })
    ]
    for (const error of worked) assert.isFalse(Verdict.failedUnused(Exit.fail(error)), error.reason._tag)
    for (const exit of [Exit.void, Exit.fail("busy"), Exit.die("a bug"), Exit.interrupt(1)]) {
      assert.isFalse(Verdict.failedUnused(exit))
    }
    const classify = (error: unknown) => (error === "busy" ? "Overloaded" : error === "cut" ? "Cut" : undefined)
    assert.isTrue(Verdict.failedUnused(Exit.fail("busy"), classify))
    assert.isFalse(Verdict.failedUnused(Exit.fail("cut"), classify))
    assert.isFalse(Verdict.failedUnused(Exit.fail("anything else"), classify))
  })
})

describe("an end was a refusal", () => {
  it("where a guard further in refused, and in no other case", () => {
    const refused = refusal({ _tag: "Unavailable" })
    assert.isTrue(Verdict.wasRefused(Exit.fail(refused)))
    const busy = refusal({ _tag: "Overloaded", target: "gpu1" })
    for (const exit of [Exit.void, Exit.fail(busy), Exit.fail("broken"), Exit.die(refused), Exit.interrupt(1)]) {
      assert.isFalse(Verdict.wasRefused(exit))
    }
    assert.isFalse(Verdict.wasRefused(Exit.failCause(causeOf(Cause.makeFailReason(refused), died))))
  })
})
