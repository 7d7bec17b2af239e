/**
 * Asks for one object and reads it whole: what a server tells of itself, beside the questions that it answers.
 */
import { type SpillwayError } from "@spillway/core"
import { Clock, Effect } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import type { Listener, Sending } from "./Connection.ts"
import type { Place } from "./Exchange.ts"
import { problemOf } from "./Problem.ts"
import { type Asked, failed, type Refused } from "./Wire.ts"

/** Who asks, where there is no question. */
export type Asking = Pick<Asked, "nowMillis" | "parts" | "target">

/** A status and a body, whatever they say. */
export const whole = (
  { bounds, connection, headers, prefix, upstream }: Place,
  path: string
): Effect.Effect<Refused & { readonly asked: Asking }, SpillwayError> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const asked = { target: upstream, parts: () => 0, nowMillis: () => clock.currentTimeMillisUnsafe() }
    return Effect.callback((resume) => {
      const gathering = new Gathering(bounds.bodyMax, asked, (end) =>
        resume("body" in end ? Effect.succeed({ ...end, asked }) : Effect.fail(end))
      )
      gathering.sending = connection.send({ method: "GET", path: prefix + path, headers, body: undefined }, gathering)
      return Effect.sync(() => gathering.sending?.leave())
    })
  })

class Gathering implements Listener {
  sending: Sending | undefined
  private readonly bodyMax: number
  private readonly asked: Asking
  private readonly tell: (end: Refused | SpillwayError) => void
  private readonly chunks: Array<Buffer> = []
  private length = 0
  private status = 0
  private headers: IncomingHttpHeaders = {}

  constructor(bodyMax: number, asked: Asking, tell: (end: Refused | SpillwayError) => void) {
    this.bodyMax = bodyMax
    this.asked = asked
    this.tell = tell
  }

  sent(): void {}

  head(status: number, headers: IncomingHttpHeaders): void {
    this.status = status
    this.headers = headers
  }

  data(chunk: Buffer): void {
    this.length += chunk.length
    if (this.length <= this.bodyMax) return void this.chunks.push(chunk)
    this.sending?.leave()
    this.tell(failed({ _tag: "Malformed", target: this.asked.target, parts: 0 }))
  }

  end(): void {
    this.tell({ status: this.status, headers: this.headers, body: Buffer.concat(this.chunks).toString() })
  }

  broken(error: Error, hasBegun: boolean): void {
    this.tell(problemOf(error, hasBegun, this.asked))
  }
}
