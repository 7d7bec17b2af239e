/**
 * What our policies cost: the leaf alone, each guard, and all of them in one list.
 *
 * Beside the real list stands one of five that do nothing but what every policy has to: a frame that gives back what
 * was taken inside it. They are the cost of composing, which no list can go below.
 */
import { type Context, Effect, Fiber, Scope } from "effect"
import {
  Budget,
  CircuitBreaker,
  Context as ContextFits,
  Deadline,
  Fallback,
  Hedge,
  Policy,
  Queue,
  RateLimit,
  Record,
  Rescue,
  Retry,
  Shed,
  Slots,
  Timeout
} from "@spillway/core"
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

/** What a timeout cannot do without: its work on a fiber of its own, or its caller would have to wait for it. */
const onFiberOfItsOwn = Policy.make(
  "Fiber",
  "attempt",
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      Effect.callback<A, E>((resume) => {
        const child = Effect.runForkWith(fiber.context as Context.Context<R>)(self)
        child.addObserver(resume)
        return Effect.suspend(() => Fiber.interrupt(child))
      })
    )
)

const fiveOnFiber = Policy.all([
  trivialWithFacts("One", "call"),
  trivialWithFacts("Two", "call"),
  trivialWithFacts("Three", "between"),
  trivialWithFacts("Four", "attempt"),
  onFiberOfItsOwn
])

const about = Policy.about({ caller: "agent", target: "gpu/model", tokens: 10 })

const rateLimit = RateLimit.make({ rate: "1000000000/s" })
const budget = Budget.make({ total: "$1000000/day", each: "$1000000/day", unpriced: { input: 1, output: 1 } })
const timeout = Timeout.make({ firstToken: "30s", idle: "30s" })

/** The guards the product is named for, in the order of its example, with bounds that never bind. */
const real = Policy.all([rateLimit, budget, Retry.make(), CircuitBreaker.make(), timeout])

/** The leaf, before which all stop now and then: a loop of promises leaves a writer of records no turn. */
const lettingOthers = Effect.suspend(() => {
  if (++asked % 500 === 0) turn ??= new Promise((resolve) => setImmediate(resolve)).then(() => (turn = undefined))
  return turn === undefined ? leaf : Effect.andThen(aTurn, leaf)
})
const aTurn = Effect.promise(async () => turn)
let turn: Promise<undefined> | undefined
let asked = 0

const recorded = Record.make({ sink: () => Effect.void, buffer: 10_000 })

/** Everything there is, in its order, with bounds that never bind. */
const whole = Effect.gen(function* () {
  const queue = yield* Queue.make({ slots: 1_000 })
  return yield* Policy.all([
    recorded,
    Deadline.make(),
    rateLimit,
    budget,
    ContextFits.make({ context: 8_192 }),
    Shed.make({ queue }),
    Retry.make(),
    queue,
    CircuitBreaker.make(),
    timeout
  ])
})

/** Every case of ours that is no stream. */
export const policies: Effect.Effect<ReadonlyArray<Subject>> = Effect.gen(function* () {
  const requests = yield* RateLimit.make({ rate: "1000000000/s" })
  const both = yield* RateLimit.make({ rate: "1000000000/s", tokens: "1000000000 tok/s" })
  const spent = yield* RateLimit.make({ rate: "1/day" })
  const spentBoth = yield* RateLimit.make({ rate: "1/day", tokens: "10 tok/day" })
  const stack = yield* five
  const stackWithFacts = yield* fiveWithFacts
  const realStack = yield* real
  const breaker = yield* CircuitBreaker.make()
  const open = yield* CircuitBreaker.make()
  yield* open.isolate()
  const spentBudget = yield* Budget.make({ total: "10 tok/day", onAlert: () => Effect.void })
  yield* about(spentBudget(Effect.void))
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
    ofEffect("calls", "five policies, facts, one on a fiber of its own", about((yield* fiveOnFiber)(leaf))),
    ofEffect("calls", "Retry", (yield* Retry.make())(leaf)),
    ofEffect("calls", "CircuitBreaker", breaker(leaf)),
    ofEffect("calls", "Timeout", (yield* timeout)(leaf)),
    ofEffect("calls", "Deadline", (yield* Deadline.make())(leaf)),
    ofEffect("calls", "Slots, room for all", (yield* Slots.make({ slots: 1_000 }))(leaf)),
    ofEffect("calls", "Queue, room for all", (yield* Queue.make({ slots: 1_000 }))(leaf)),
    ofEffect("calls", "Shed, which learns patience", (yield* Shed.make())(leaf)),
    ofEffect("calls", "Record, each written", (yield* recorded)(lettingOthers)),
    ofEffect("calls", "Fallback, the first answers", (yield* Fallback.make())([leaf, leaf])),
    ofEffect("calls", "Rescue, the first answers", (yield* Rescue.make())([leaf, leaf])),
    ofEffect("calls", "Hedge, the first is in time", (yield* Hedge.make({ after: "1m" }))([leaf, leaf])),
    ofEffect("calls", "Budget, Policy.about", about((yield* budget)(leaf))),
    ofEffect("calls", "RateLimit, Budget, Retry, CircuitBreaker, Timeout", realStack(leaf)),
    ofEffect("calls", "RateLimit, Budget, Retry, CircuitBreaker, Timeout, Policy.about", about(realStack(leaf))),
    ofEffect("calls", "all ten in one list, Policy.about", about((yield* whole)(lettingOthers))),
    ofEffect("refusals", "CircuitBreaker isolated", Effect.ignore(open(leaf))),
    ofEffect("refusals", "Budget spent, Policy.about", Effect.ignore(about(spentBudget(leaf)))),
    ofEffect("refusals", "RateLimit spent, Effect.ignore", Effect.ignore(spent(leaf))),
    ofEffect("refusals", "RateLimit spent, Effect.exit", Effect.exit(spent(leaf))),
    ofEffect("refusals", "RateLimit spent in both, Policy.about", Effect.ignore(about(spentBoth(leaf))))
  ]
}).pipe(Effect.provideServiceEffect(Scope.Scope, Scope.make()), Effect.orDie)
