/**
 * Lists of policies in a wrong order, each refused by the compiler with a sentence, and in a right one, all accepted.
 *
 * A line that ends in a comment has to be refused with the words of that comment; every other line has to compile.
 */
import { Effect } from "effect"
import {
  CircuitBreaker,
  Context,
  Deadline,
  Policy,
  Queue,
  RateLimit,
  Record,
  Retry,
  Shed,
  Slots,
  Timeout
} from "@spillway/core"

const call = Policy.make("Deadline", "call", (self) => self)
const between = Policy.make("Retry", "between", (self) => self)
const attempt = Policy.make("Timeout", "attempt", (self) => self)
const nested = Policy.all([call, attempt])

export const right = [
  Policy.all([]),
  Policy.all([call]),
  Policy.all([call, between, attempt]),
  Policy.all([call, call, between, between, attempt, attempt]),
  Policy.all([nested, attempt]),
  Policy.all([call, nested]),
  Policy.all([RateLimit.make({ rate: "10/min" }), between, RateLimit.make({ rate: "60/min", per: "target" })]),
  Policy.all([Effect.succeed(call), Effect.succeed(attempt)]),
  Policy.all([call, call] as ReadonlyArray<Policy.Policy<"call">>)
]

/** The real ones as they stand in a README. */
export const whole = Policy.all([
  Record.make({ sink: () => {} }),
  Deadline.make(),
  Context.make({ context: 8_192 }),
  Shed.make(),
  Retry.make(),
  Queue.make({ slots: "auto" }),
  CircuitBreaker.make(),
  Timeout.make()
])

export const wrong = [
  Policy.all([attempt, call]), // A policy of the whole call cannot stand inside one that repeats or guards attempts
  Policy.all([between, call]), // A policy of the whole call cannot stand inside one that repeats or guards attempts
  Policy.all([attempt, between]), // A policy that repeats attempts cannot stand inside one that guards a single attempt
  Policy.all([call, attempt, between]), // A policy that repeats attempts cannot stand inside one that guards a single
  Policy.all([attempt, nested]), // A policy of the whole call cannot stand inside one that repeats or guards attempts
  Policy.all([nested, between]), // A policy that repeats attempts cannot stand inside one that guards a single attempt
  Policy.all([attempt, RateLimit.make({ rate: "10/min" })]), // A policy of the whole call cannot stand inside
  Policy.all([RateLimit.make({ rate: "60/min", per: "target" }), call]), // A policy of the whole call cannot stand
  Policy.all([attempt, Effect.succeed(call)]), // A policy of the whole call cannot stand inside
  Policy.all([Queue.make(), Shed.make()]), // A policy of the whole call cannot stand inside
  Policy.all([Retry.make(), Record.make({ sink: () => {} })]), // A policy of the whole call cannot stand inside
  Policy.all([Slots.make(), Context.make({ context: 8_192 })]), // A policy of the whole call cannot stand inside
  Policy.all([Slots.make(), Queue.make()]), // A policy that repeats attempts cannot stand inside
  Policy.all([CircuitBreaker.make(), Queue.make()]) // A policy that repeats attempts cannot stand inside one
]

export const options = [
  RateLimit.make({ rate: "10/min", burst: 5, wait: "5s" }),
  RateLimit.make({ rate: "10/min", wait: 5_000 }),
  RateLimit.make({ rate: "10/min", brust: 5 }), // brust
  RateLimit.make({ rate: 10 }), // string
  RateLimit.make({ rate: "10/min", per: "tenant" }), // "tenant"
  Slots.make({ slots: "auto" }),
  Slots.make({ slots: "many" }), // "many"
  Queue.make({ slots: Effect.runSync(Slots.make()) }),
  Queue.make({ slots: "8" }), // "8"
  Shed.make({ patience: "learnt" }), // "learnt"
  Record.make({}) // sink
]
