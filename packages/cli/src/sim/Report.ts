/**
 * Requests as lines for a pipe or a log: in words that can be searched, or as JSON with one object a line.
 */
import { DateTime } from "effect"
import { clean, counted, millis } from "../terminal/Text.ts"
import type { Tally } from "./Ended.ts"
import type { Passage } from "./Snapshot.ts"

/** What is said when a server is there, of each request when it is over, and when the server is stopped. */
export interface Report {
  readonly ready: (of: Ready) => string
  readonly ended: (passage: Passage) => string
  readonly stopped: (tally: Tally) => string
}

/** What a server is that can be asked from now on. */
export interface Ready {
  readonly url: string
  readonly version: string
  /** Whose face it has, where it is no Ollama. */
  readonly face?: string
  readonly models: ReadonlyArray<string>
  readonly faults: ReadonlyArray<string>
}

/** In words. */
export const words: Report = {
  ready: ({ face, faults, models, url, version }) =>
    `${url} is a simulated ${face ?? `Ollama ${clean(version)}`} with ${models.map(clean).join(", ")}` +
    (faults.length === 0 ? "" : ` and the faults ${faults.map(clean).join(", ")}`),
  ended: ({ at, bytes, end, fault, firstMillis, method, model, path, status, tookMillis }) =>
    [
      clockOf(at),
      method,
      clean(path),
      clean(model) || "-",
      status ?? "-",
      end,
      `first=${inMillis(firstMillis)}`,
      `total=${inMillis(tookMillis)}`,
      `bytes=${bytes}`,
      ...(fault === undefined ? [] : [`fault=${fault}`])
    ].join(" "),
  stopped: ({ answered, broken, count, cut, left, open, refused, struck, tookMillis }) => {
    const ends = [
      [answered, "answered"],
      [refused, "refused"],
      [broken, "broken"],
      [cut, "cut"],
      [left, "left by the caller"],
      [open, "still open"]
    ] as const
    const told = ends.flatMap(([many, how]) => (many === 0 ? [] : `${many} ${how}`))
    const how = told.length === 0 ? "" : `: ${told.join(", ")}`
    const faults = struck === 0 ? "" : `; a fault struck ${struck === count ? "every one" : `${struck} of them`}`
    return `Stopped after ${millis(tookMillis)} and ${counted(count, "request")}${how}${faults}.`
  }
}

/** As JSON: the event, and the same keys in every line of its kind. */
export const json: Report = {
  ready: (of) => JSON.stringify({ event: "ready", ...of }),
  ended: ({ at, bytes, end, fault, firstMillis, method, model, path, status, tookMillis }) =>
    JSON.stringify({
      event: "request",
      ts: DateTime.formatIso(DateTime.makeUnsafe(at)),
      method,
      path,
      model: model || null,
      status: status ?? null,
      end,
      first_ms: rounded(firstMillis),
      total_ms: rounded(tookMillis),
      bytes,
      fault: fault ?? null
    }),
  stopped: ({ tookMillis, ...tally }) => JSON.stringify({ event: "stopped", ...tally, total_ms: rounded(tookMillis) })
}

/** The time of day where this runs. */
export const clockOf = (at: number): string =>
  DateTime.toDateUtc(DateTime.makeUnsafe(at)).toLocaleTimeString("en-GB", { hour12: false })

const rounded = (of: number | undefined): number | null => (of === undefined ? null : Math.round(of * 10) / 10)

const inMillis = (of: number | undefined): string => (of === undefined ? "-" : `${Math.round(of)}ms`)
