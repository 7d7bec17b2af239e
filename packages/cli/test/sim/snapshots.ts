/**
 * Servers as they may stand, for the tests that draw them.
 */
import { Duration } from "effect"
import type { Passage, Snapshot } from "../../src/sim/Snapshot.ts"

/** A request that was answered, with whatever is said otherwise. */
export const passage = (otherwise: Partial<Passage> = {}): Passage => ({
  id: 1,
  method: "POST",
  path: "/api/chat",
  model: "llama3.1:8b",
  at: 1_760_000_000_000,
  fault: undefined,
  status: 200,
  packets: 12,
  bytes: 4_120,
  firstMillis: 31,
  tookMillis: 1_240,
  end: "complete",
  ...otherwise
})

/** A server with some of everything. */
export const busy: Snapshot = {
  url: "http://127.0.0.1:11434",
  version: "0.34.0",
  count: 1_204,
  open: 2,
  models: [
    { name: "llama3.1:8b", state: "loaded", slots: 4, running: 2, waiting: 3, waitingForLoad: 0 },
    { name: "nomic-embed-text", state: "loading", slots: 0, running: 0, waiting: 0, waitingForLoad: 5 },
    { name: "qwen3:14b", state: "cold", slots: 0, running: 0, waiting: 0, waitingForLoad: 0 }
  ],
  faults: [
    { fault: "overloaded", share: 0.2, struck: 17, phase: "now" },
    { fault: "slow-load", model: "nomic*", span: Duration.seconds(5), count: 3, struck: 0, phase: "later" }
  ],
  passages: [
    passage({ id: 1 }),
    passage({ id: 2, status: 503, fault: "overloaded", bytes: 95, tookMillis: 1 }),
    passage({ id: 3, path: "/v1/chat/completions", model: "x\u001b[2Jy", end: "cut" }),
    passage({ id: 4, path: "/api/generate", fault: "die", end: "broken" }),
    passage({ id: 5, status: undefined, end: "open", firstMillis: undefined, tookMillis: undefined })
  ]
}
