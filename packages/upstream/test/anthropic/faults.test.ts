/** Every fault of a simulated provider with this face, and what the wire makes of it. */
import { HostedServer } from "@spillway/sim"
import { Effect } from "effect"
import { heldTo, type Row, silent } from "../faults.ts"
import { hosting, hosts } from "../serving.ts"

const rows: ReadonlyArray<Row> = [
  { fault: "unauthorized", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "forbidden", end: "UpstreamUnauthorized", parts: 0 },
  { fault: "unknown-model", end: "ModelNotFound", parts: 0 },
  { fault: "rate-limited", end: "UpstreamRateLimited", parts: 0 },
  { fault: "rate-limited span=2h", end: "QuotaSpent", parts: 0 },
  { fault: "quota", end: "QuotaSpent", parts: 0 },
  { fault: "internal", end: "Overloaded", parts: 0 },
  { fault: "overloaded", end: "Overloaded", parts: 0 },
  { fault: "html", end: "Unreachable", parts: 0 },
  { fault: "html-200", end: "Malformed", parts: 0 },
  { fault: "hang", end: silent, parts: 0 },
  { fault: "error-in-200", end: "Overloaded", parts: 0 },
  { fault: "empty-answer", end: "Malformed", parts: 0 },
  { fault: "slow span=20ms", end: "answered", parts: 12 },
  { fault: "truncated-json at=3", end: "Malformed", parts: 3 },
  { fault: "cut at=3", end: "Cut", parts: 3 },
  { fault: "reset at=3", end: "Cut", some: true },
  { fault: "silence at=3", end: silent, parts: 3 },
  { fault: "idle-close", end: "answered", parts: 12 },
  { fault: "no-marker", end: "Cut", parts: 12 },
  { fault: "no-marker at=3", end: "Cut", parts: 3 },
  { fault: "error-mid-stream at=0", end: "Overloaded", parts: 0 },
  { fault: "error-mid-stream at=3", end: "Overloaded", parts: 3 },
  { fault: "comments-only at=3 span=20ms", end: silent, parts: 3 },
  { fault: "comments-only at=0 span=20ms", end: silent, parts: 0 }
]

const { model } = hosts.anthropic

const serve = (fault: string) =>
  Effect.map(hosting("anthropic", { faults: [fault] }), ({ server, upstream }) => ({
    upstream,
    open: () => server.traffic.open
  }))

heldTo(
  "the wire to Anthropic",
  HostedServer.known.map(({ name }) => name),
  rows,
  serve,
  model
)
