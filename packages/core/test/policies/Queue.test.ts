/** A queue keeps the laws of policies, whether it lets wait or not. */
import { Queue } from "@spillway/core"
import { Effect } from "effect"
import { testPolicy } from "../laws/testPolicy.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

testPolicy({
  name: "Queue",
  make: Effect.orDie(Queue.make({ slots: 3 })),
  room: {
    refusing: (slots) => Effect.orDie(Queue.make({ slots, max: 0 })),
    waiting: (slots) => Effect.orDie(Queue.make({ slots, wait: "1h" })),
    keeps: false,
    restMillis: 0
  }
})
