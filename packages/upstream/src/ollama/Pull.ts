/**
 * Has an Ollama fetch a model, and tells how far it is.
 *
 * It says so line by line behind a status of 200, whatever becomes of it, for as long as gigabytes take. Only a line of
 * success is one: a stream that merely ends has fetched nothing that can be relied on.
 */
import type { SpillwayError } from "@spillway/core"
import { Effect } from "effect"
import type { Bounds, Place } from "../Exchange.ts"
import { numberOf, objectIn, textOf } from "../Fields.ts"
import { Lines } from "../Lines.ts"
import { cut, malformed } from "../Meaning.ts"
import { Hearing, heardBy, type Tell } from "../Whole.ts"
import { type About, failed, type Refused } from "../Wire.ts"
import * as Failures from "./Failures.ts"

/** How far it is: of a model many things are fetched, each with a digest and so many bytes. */
export interface Progress {
  /** What it does, in Ollama's words, as `pulling manifest` or `verifying sha256 digest`; at last `success`. */
  readonly status: string
  readonly digest?: string
  readonly completed?: number
  readonly total?: number
}

/** Fetches it, and tells how far it is; what is thrown there is a defect. Who is interrupted closes the connection. */
export const pull = (place: Place, model: string, told?: Told): Effect.Effect<void, SpillwayError> =>
  heardBy(
    place,
    { path: "/api/pull", said: { model, stream: true } },
    (about, tell) => new Pulling(place.bounds, about, tell, told)
  )

type Told = (progress: Progress) => void

class Pulling extends Hearing<void> {
  private readonly lines: Lines
  private readonly told: Told | undefined
  private isDone = false

  constructor(bounds: Bounds, about: About, tell: Tell<void>, told: Told | undefined) {
    super(bounds, about, tell)
    this.lines = new Lines(bounds.lineMax)
    this.told = told
  }

  override data(chunk: Buffer): void {
    if (this.status !== 200) return super.data(chunk)
    this.lines.push(chunk)
    for (let line = this.lines.next(); line !== undefined; line = this.lines.next()) {
      const problem = this.take(line)
      if (problem !== undefined) return this.stop(problem)
      // Nothing else is worth waiting for.
      if (this.isDone) return this.stop(Effect.void)
    }
    if (this.lines.isTooLong) this.stop(this.malformed())
  }

  override end(): void {
    if (this.status !== 200) return super.end()
    const problem = this.take(this.lines.rest())
    this.tell(problem ?? (this.isDone ? Effect.void : Effect.fail(failed(cut(this.about)))))
  }

  protected override over(answer: Refused): Effect.Effect<never, SpillwayError> {
    return Effect.fail(Failures.refused(answer, this.about))
  }

  /** Tells what a line says, or why nothing comes of it. */
  private take(line: string): Effect.Effect<never, SpillwayError> | undefined {
    if (line === "") return undefined
    const frame = objectIn(line) ?? {}
    if ("error" in frame) return Effect.fail(Failures.said(frame, this.about))
    const { status, ...fields } = frame
    if (typeof status !== "string") return this.malformed()
    const digest = textOf(fields["digest"])
    const completed = numberOf(fields["completed"])
    const total = numberOf(fields["total"])
    this.isDone = status === "success"
    try {
      this.told?.({
        status,
        ...(digest !== undefined && { digest }),
        ...(completed !== undefined && { completed }),
        ...(total !== undefined && { total })
      })
    } catch (thrown) {
      return Effect.die(thrown)
    }
    return undefined
  }

  private malformed(): Effect.Effect<never, SpillwayError> {
    return Effect.fail(failed(malformed(this.about)))
  }
}
