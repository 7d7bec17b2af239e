/**
 * RateLimit under the laws of policies, and what it alone promises.
 */
import { Effect } from "effect"
import { RateLimit } from "@spillway/core"
import { testPolicy } from "../laws/testPolicy.ts"

testPolicy({
  name: "RateLimit",
  refusing: (room) => Effect.orDie(RateLimit.make({ rate: `${room}/min` })),
  waiting: (room) => Effect.orDie(RateLimit.make({ rate: `${room}/s`, wait: "1h" })),
  keeps: true,
  restMillis: 60_000
})

testPolicy({
  name: "RateLimit in tokens",
  refusing: (room) => Effect.orDie(RateLimit.make({ rate: "1000/min", tokens: `${room} tok/min` })),
  waiting: (room) => Effect.orDie(RateLimit.make({ tokens: `${room} tok/s`, wait: "1h" })),
  keeps: true,
  restMillis: 60_000
})
