/**
 * Asks a server for something beside the questions that it answers, and hears what it says.
 *
 * Most of that is one object, which is read whole. What comes in pieces is taken by whoever extends the hearing; how it
 * is asked for, how it breaks and how its caller leaves is the same.
 */
import { Question, type SpillwayError } from "@spillway/core"
import { Clock, Effect } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import type { Broken, Listener, Request, Sending } from "./Connection.ts"
import type { Bounds, Place } from "./Exchange.ts"
import { malformed } from "./Meaning.ts"
import { problemOf } from "./Problem.ts"
import { type About, failed, type Refused } from "./Wire.ts"

/** What is asked for. */
export interface Wanted {
  readonly path: string
  /** The model that it is about, and what else is said: as JSON, by a POST. */
  readonly said?: { readonly model: string } & Readonly<Record<string, unknown>>
}

/** A status and a body, whatever they say, and what they are about. */
export type Whole = Refused & { readonly about: About }

/** How it ends, which is told once. */
export type Tell<A> = (end: Effect.Effect<A, SpillwayError>) => void

/** Asks for it, and reads it whole. */
export const whole = (place: Place, wanted: Wanted): Effect.Effect<Whole, SpillwayError> =>
  heardBy(place, wanted, (about, tell) => new Gathering(place.bounds, about, tell))

/** Asks for it, to be heard by this one. */
export const heardBy = <A>(
  { connection, headers, prefix, upstream }: Place,
  { path, said }: Wanted,
  hearingOf: (about: About, tell: Tell<A>) => Hearing<A>
): Effect.Effect<A, SpillwayError> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const about: About = {
      target: said === undefined ? upstream : `${upstream}/${said.model}`,
      parts: () => 0,
      nowMillis: () => clock.currentTimeMillisUnsafe(),
      // Of a model nothing is asked, but an error names the one that is meant.
      ...(said && { question: Question.chat(said.model, []) })
    }
    const to = { path: prefix + path, headers }
    const request: Request = said === undefined ? { ...to, method: "GET", body: undefined } : posted(to, said)
    return Effect.callback((resume) => {
      const hearing = hearingOf(about, resume)
      hearing.sending = connection.send(request, hearing)
      return Effect.sync(() => hearing.sending?.leave())
    })
  })

const posted = ({ headers, path }: Pick<Request, "path" | "headers">, said: Wanted["said"]): Request => ({
  method: "POST",
  path,
  headers: { ...headers, "content-type": "application/json" },
  body: JSON.stringify(said)
})

/** Hears an answer up to its end, as long as it stays within its bound. */
export abstract class Hearing<A> implements Listener {
  sending: Sending | undefined
  protected status = 0
  protected readonly about: About
  protected readonly tell: Tell<A>
  private readonly bodyMax: number
  private readonly chunks: Array<Buffer> = []
  private length = 0
  private headers: IncomingHttpHeaders = {}

  constructor({ bodyMax }: Bounds, about: About, tell: Tell<A>) {
    this.bodyMax = bodyMax
    this.about = about
    this.tell = tell
  }

  /** It has come whole. */
  protected abstract over(answer: Refused): Effect.Effect<A, SpillwayError>

  turn(): void {}

  sent(): void {}

  head(status: number, headers: IncomingHttpHeaders): void {
    this.status = status
    this.headers = headers
  }

  data(chunk: Buffer): void {
    this.length += chunk.length
    if (this.length <= this.bodyMax) this.chunks.push(chunk)
    else this.stop(Effect.fail(failed(malformed(this.about, "more than its bodyMax allows"))))
  }

  end(): void {
    this.tell(this.over({ status: this.status, headers: this.headers, body: Buffer.concat(this.chunks).toString() }))
  }

  broken(error: Error, how: Broken): void {
    this.tell(Effect.fail(problemOf(error, how, this.about)))
  }

  /** The end, though more may come: the connection is closed. */
  protected stop(end: Effect.Effect<A, SpillwayError>): void {
    this.sending?.leave()
    this.tell(end)
  }
}

class Gathering extends Hearing<Whole> {
  protected override over(answer: Refused): Effect.Effect<Whole> {
    return Effect.succeed({ ...answer, about: this.about })
  }
}
