/**
 * What policies are called, in a list and where their options are refused, and where they belong.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Budget, CircuitBreaker, Deadline, type Options, type Policy, RateLimit, Retry, Timeout } from "@spillway/core"

describe("a policy", () => {
  it.effect("has the name of its module, and belongs to the whole call, between attempts, or to one attempt", () =>
    Effect.gen(function* () {
      const stages: Record<string, ReadonlyArray<Policy.Stage>> = {}
      for (const make of [
        RateLimit.make({ rate: "1/s" }),
        RateLimit.make({ rate: "1/s", per: "all" }),
        RateLimit.make({ rate: "1/s", per: "target" }),
        Budget.make({ total: "1M tok/day" }),
        Deadline.make(),
        Retry.make(),
        CircuitBreaker.make(),
        Timeout.make()
      ]) {
        const policy = yield* make
        stages[policy.name] = policy.stages
      }
      assert.deepStrictEqual(stages, {
        RateLimit: ["call"],
        "RateLimit per all": ["call"],
        "RateLimit per target": ["attempt"],
        Budget: ["call"],
        Deadline: ["call"],
        Retry: ["between"],
        CircuitBreaker: ["attempt"],
        Timeout: ["attempt"]
      })
    })
  )

  it.effect("says its name where its options are refused", () =>
    Effect.gen(function* () {
      const wrong = { wrong: 1 } as never
      for (const [name, make] of Object.entries({
        Budget: Budget.make(wrong),
        CircuitBreaker: CircuitBreaker.make(wrong),
        Deadline: Deadline.make(wrong),
        RateLimit: RateLimit.make(wrong),
        Retry: Retry.make(wrong),
        Timeout: Timeout.make(wrong)
      })) {
        const refused = yield* Effect.flip(Effect.asVoid<unknown, Options.OptionsRefused, never>(make))
        assert.include(String(refused), `${name}: `)
      }
    })
  )
})
