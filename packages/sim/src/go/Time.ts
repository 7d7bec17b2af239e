/** Moments as Go writes them: RFC 3339 with as many digits after the second as there are, in UTC. */
import { DateTime } from "effect"

/** A moment, in nanoseconds since 1970. */
export const timeOf = (nanos: bigint): string => {
  const [seconds, rest] = [
    floorDiv(nanos, 1_000_000_000n),
    ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  ]
  const digits = String(rest).padStart(9, "0").replace(/0+$/, "")
  const date = DateTime.formatIso(DateTime.makeUnsafe(Number(seconds) * 1_000))
  return `${date.slice(0, 19)}${digits === "" ? "" : `.${digits}`}Z`
}

const floorDiv = (value: bigint, by: bigint): bigint => (value >= 0n ? value / by : -((-value + by - 1n) / by))
