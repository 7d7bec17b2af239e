/**
 * What our policies cost: the leaf alone, RateLimit, and a stack of five.
 *
 * The five do nothing but what every policy has to: a frame that gives back what was taken inside it. They stand for
 * the cost of composing, which no policy can go below.
 */
import { Effect } from "effect"
import { Policy, RateLimit } from "@spillway/core"
import { Facts } from "../../packages/core/src/domain/Facts.ts"
import type { Subject } from "./measure.ts"
import { leaf, ofEffect } from "./subjects.ts"

/** A policy that counts who is inside. */
const trivial = <S extends Policy.Stage>(name: string, stage: S): Policy.Policy<S> => {
  let inside = 0
  return Policy.make(name, stage, (self) =>
    Effect.suspend(() => {
      let taken = false
      return Effect.onExitPrimitive(
        Effect.suspend(() => {
          taken = true
          inside++
          return self
        }),
        () => {
          if (taken) inside--
          return undefined
        }
      )
    })
  )
}

/** The same, counting by what it reads of the call and of the attempt. */
const trivialWithFacts = <S extends Policy.Stage>(name: string, stage: S): Policy.Policy<S> => {
  const inside = new Map<string, number>()
  return Policy.make(name, stage, (self) =>
    Effect.withFiber((fiber) => {
      const facts = fiber.getRef(Facts)
      const key = (stage === "attempt" ? facts?.attempt.target : facts?.call.caller) ?? "default"
      let taken = false
      return Effect.onExitPrimitive(
        Effect.suspend(() => {
          taken = true
          inside.set(key, (inside.get(key) ?? 0) + 1)
          return self
        }),
        () => {
          if (taken) inside.set(key, (inside.get(key) ?? 0) - 1)
          return undefined
        }
      )
    })
  )
}

/** Five trivial policies as one, in the order of a real stack. */
export const five = Policy.all([
  trivial("One", "call"),
  trivial("Two", "call"),
  trivial("Three", "between"),
  trivial("Four", "attempt"),
  trivial("Five", "attempt")
])

const fiveWithFacts = Policy.all([
  trivialWithFacts("One", "call"),
  trivialWithFacts("Two", "call"),
  trivialWithFacts("Three", "between"),
  trivialWithFacts("Four", "attempt"),
  trivialWithFacts("Five", "attempt")
])

const about = Policy.about({ caller: "agent", target: "gpu/model", tokens: 10 })

/** Every case of ours that is no stream. */
export const policies: Effect.Effect<ReadonlyArray<Subject>> = Effect.gen(function* () {
  const requests = yield* RateLimit.make({ rate: "1000000000/s" })
  const both = yield* RateLimit.make({ rate: "1000000000/s", tokens: "1000000000 tok/s" })
  const spent = yield* RateLimit.make({ rate: "1/day" })
  const spentBoth = yield* RateLimit.make({ rate: "1/day", tokens: "10 tok/day" })
  const stack = yield* five
  const stackWithFacts = yield* fiveWithFacts
  yield* spent(Effect.void)
  yield* about(spentBoth(Effect.void))
  return [
    ofEffect("calls", "async leaf alone", leaf),
    ofEffect("calls", "RateLimit, requests", requests(leaf)),
    ofEffect("calls", "RateLimit, requests and tokens, Policy.about", about(both(leaf))),
    ofEffect("calls", "five policies", stack(leaf)),
    ofEffect(
      "calls",
      "five policies, applied anew for each call",
      Effect.suspend(() => stack(leaf))
    ),
    ofEffect("calls", "five policies, facts provided and read", about(stackWithFacts(leaf))),
    ofEffect("refusals", "RateLimit spent, Effect.ignore", Effect.ignore(spent(leaf))),
    ofEffect("refusals", "RateLimit spent, Effect.exit", Effect.exit(spent(leaf))),
    ofEffect("refusals", "RateLimit spent in both, Policy.about", Effect.ignore(about(spentBoth(leaf))))
  ]
}).pipe(Effect.orDie)
