/**
 * How a simulated server stands at a moment, in what can be drawn: no object of the server itself, so that a drawing is
 * a function of this alone.
 */
import { Units } from "@spillway/core"
import type { Server } from "@spillway/sim"
import type { ModelState } from "./ModelState.ts"
import type { Served } from "./Served.ts"

/** A request as far as it has come: whom it asked for what, and how it went. No word of a prompt or of an answer. */
export type Passage = Readonly<Server.Running["traffic"]["passages"][number]>

/** A fault that is on, and how often it has struck. */
export type FaultOn = Server.Running["faults"]["on"][number]

/** How the server stands. */
export interface Snapshot {
  readonly url: string
  readonly version: string
  /** Whose face it has, where it is no Ollama. */
  readonly face?: string
  /** How many requests have come, and how many are not over. */
  readonly count: number
  readonly open: number
  readonly models: ReadonlyArray<ModelState>
  readonly faults: ReadonlyArray<FaultOn>
  /** The last requests, in the order in which they came. */
  readonly passages: ReadonlyArray<Passage>
}

/** How a running server stands now. */
export const of = ({ face, faults, models, traffic, url }: Served, version: string): Snapshot => ({
  url,
  version,
  count: traffic.count,
  open: traffic.open.length,
  ...(face !== undefined && { face }),
  models: models(),
  faults: faults.on,
  passages: traffic.passages
})

/** A fault as it is written on the command line, without its name. */
export const wordsOf = ({ after, at, count, every, for: lasting, model, path, share, span }: FaultOn): string =>
  [
    share === undefined ? [] : Units.percent.print(share),
    count === undefined ? [] : `x${count}`,
    model === undefined ? [] : `model=${model}`,
    path === undefined ? [] : `path=${path}`,
    after === undefined ? [] : `after=${Units.duration.print(after)}`,
    lasting === undefined ? [] : `for=${Units.duration.print(lasting)}`,
    every === undefined ? [] : `every=${Units.duration.print(every)}`,
    at === undefined ? [] : `at=${at}`,
    span === undefined ? [] : `span=${Units.duration.print(span)}`
  ]
    .flat()
    .join(" ")
