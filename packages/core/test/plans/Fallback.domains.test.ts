/** Fallback: what fails together with one that has failed is not asked. */
import { assert, describe, it } from "@effect/vitest"
import { Fallback, Plan, type Reason, refusal, SpillwayError } from "@spillway/core"
import { Duration, Effect } from "effect"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const failure = (reason: Reason) => new SpillwayError({ reason })

const overloaded = refusal({ _tag: "Overloaded", target: "gpu1/m" })

describe("what fails together", () => {
  /** Which of the targets are asked, where those of these fail. */
  const asked = Effect.fnUntraced(function* (
    options: Fallback.Options,
    error: SpillwayError,
    ...targets: ReadonlyArray<string>
  ) {
    const plan = yield* Fallback.make(options)
    const names: Array<string> = []
    const [first, ...rest] = targets.map((target) =>
      Effect.suspend(() => {
        names.push(target)
        return Effect.fail(error)
      }).pipe(Plan.to(target))
    )
    yield* Effect.exit(plan([first!, ...rest]))
    return names
  })

  it.effect("is not asked again: neither the same server, nor what shares its rack or its cloud", () =>
    Effect.gen(function* () {
      const targets = ["gpu1/a", "gpu1/b", "gpu2/a", "gpu3/a"]
      assert.deepStrictEqual(yield* asked({}, overloaded, ...targets), ["gpu1/a", "gpu2/a", "gpu3/a"])
      const racks = { domains: { gpu1: "rack-a", gpu2: "rack-a" } }
      assert.deepStrictEqual(yield* asked(racks, overloaded, ...targets), ["gpu1/a", "gpu3/a"])
      const clouds = ["gpu1/gpt-oss:120b-cloud", "gpu1/a", "gpu1/qwen3-coder:480b-cloud", "gpu2/a"]
      const others = ["gpu1/gpt-oss:120b-cloud", "gpu1/a", "gpu2/a"]
      assert.deepStrictEqual(yield* asked({}, overloaded, ...clouds), others)
      assert.deepStrictEqual(yield* asked(racks, overloaded, ...clouds), others.slice(0, 2))
    })
  )

  it.effect("is asked all the same where only the model or our own line was at fault", () =>
    Effect.gen(function* () {
      const targets = ["gpu1/a", "gpu1/b"]
      const late = (phase: "queue" | "firstToken") =>
        failure({ _tag: "TimedOut", phase, after: Duration.seconds(1), parts: 0 })
      for (const reason of [
        refusal({ _tag: "ModelNotFound", model: "a" }),
        refusal({ _tag: "ContextTooLong", tokens: 9_000 }),
        refusal({ _tag: "QueueFull", queued: 1, queuedMax: 1 }),
        late("queue")
      ]) {
        assert.deepStrictEqual(yield* asked({}, reason, ...targets), targets)
      }
      for (const reason of [
        refusal({ _tag: "QuotaSpent", target: "gpu1" }),
        refusal({ _tag: "UpstreamRateLimited", target: "gpu1" }),
        late("firstToken")
      ]) {
        assert.deepStrictEqual(yield* asked({}, reason, ...targets), ["gpu1/a"])
      }
    })
  )

  it.effect("is not known of a go that names no target", () =>
    Effect.gen(function* () {
      const plan = yield* Fallback.make()
      assert.strictEqual(yield* plan([Effect.fail(overloaded).pipe(Plan.to("gpu1/a")), Effect.succeed(1)]), 1)
      assert.strictEqual(yield* plan([Effect.fail(overloaded).pipe(Plan.to("no target")), Effect.succeed(1)]), 1)
    })
  )
})
