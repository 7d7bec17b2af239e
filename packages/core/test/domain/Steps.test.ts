/** Steps: the order of goes, and what is passed over because it fails together with one that has failed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { to } from "../../src/domain/Go.ts"
import { Steps } from "../../src/domain/Steps.ts"
import { refusal } from "../../src/domain/SpillwayError.ts"
import * as Verdict from "../../src/domain/Verdict.ts"

const stepsOf = (targets: ReadonlyArray<string>, domains: Readonly<Record<string, string>> = {}) =>
  new Steps(
    targets.map((target) => to(target)(Effect.void)),
    new Map(Object.entries(domains)),
    undefined
  )

const overloaded = Verdict.of(refusal({ _tag: "Overloaded", target: "gpu1" }), undefined)
const absent = Verdict.of(refusal({ _tag: "ModelNotFound", model: "a" }), undefined)

const next = (steps: Steps<object>, index: number, verdict: Verdict.Verdict): number | undefined => {
  steps.failed(index, verdict)
  return steps.after(index)
}

describe("the next step", () => {
  it("is the next in order, until there is none", () => {
    const steps = stepsOf(["a/m", "b/m", "c/m"])
    assert.deepStrictEqual(
      [0, 1, 2].map((index) => next(steps, index, overloaded)),
      [1, 2, undefined]
    )
  })

  it("is none of what fails together, nor of what has failed before", () => {
    const steps = stepsOf(["a/m", "a/n", "b/m", "a/o", "b/n"])
    assert.deepStrictEqual([next(steps, 0, overloaded), next(steps, 2, overloaded)], [2, undefined])
    const racks = stepsOf(["a/m", "b/m", "c/m"], { a: "rack", b: "rack" })
    assert.strictEqual(next(racks, 0, overloaded), 2)
    const cloud = stepsOf(["a/m:cloud", "a/m", "a/n-cloud"], { a: "rack" })
    assert.deepStrictEqual([next(cloud, 0, overloaded), next(cloud, 1, absent)], [1, undefined])
  })

  it("may be beside one that only does not have the model, or whose target nobody named", () => {
    assert.strictEqual(next(stepsOf(["a/m", "a/n"]), 0, absent), 1)
    assert.strictEqual(next(new Steps([Effect.void, Effect.void], new Map(), undefined), 0, overloaded), 1)
  })
})
