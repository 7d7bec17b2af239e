/**
 * What policies are called, in a list and where their options are refused, and where they belong.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  Budget,
  CircuitBreaker,
  Context,
  Deadline,
  type Options,
  type Policy,
  Queue,
  RateLimit,
  Record as CallRecord,
  Retry,
  Shed,
  Slots,
  Timeout
} from "@spillway/core"

describe("a policy", () => {
  it.effect("has the name of its module, and belongs to the whole call, between attempts, or to one attempt", () =>
    Effect.gen(function* () {
      const stages: Record<string, ReadonlyArray<Policy.Stage>> = {}
      for (const make of [
        RateLimit.make({ rate: "1/s" }),
        RateLimit.make({ rate: "1/s", per: "all" }),
        RateLimit.make({ rate: "1/s", per: "target" }),
        Budget.make({ total: "1M tok/day" }),
        CallRecord.make({ sink: () => undefined }),
        Context.make({ context: 8_192 }),
        Deadline.make(),
        Shed.make(),
        Retry.make(),
        Queue.make(),
        Slots.make(),
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
        Record: ["call"],
        Context: ["call"],
        Deadline: ["call"],
        Shed: ["call"],
        Retry: ["between"],
        Queue: ["between"],
        Slots: ["attempt"],
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
        Context: Context.make(wrong),
        Deadline: Deadline.make(wrong),
        Queue: Queue.make(wrong),
        Record: Effect.scoped(CallRecord.make(wrong)),
        Shed: Shed.make(wrong),
        Slots: Slots.make(wrong),
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
