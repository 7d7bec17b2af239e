/**
 * The way to the caller, which counts what passed and lets nothing pass after the end.
 *
 * A sink that breaks is its own fault, not the model's: it gets no more parts, the producer goes on unread, and the
 * call ends with that defect.
 */
import type { Clock } from "effect"
import * as Alarm from "./Alarm.ts"
import type { Sink } from "./Attempt.ts"
import type { Part } from "./Part.ts"

/** The way to one caller. */
export class Delivery implements Sink {
  parts = 0
  /** When the first one passed, in monotonic nanoseconds. */
  firstAt: number | undefined
  broken: { readonly thrown: unknown } | undefined
  readonly isWhole: boolean
  private open = true
  private readonly sink: Sink
  private readonly clock: Clock.Clock | undefined

  constructor(sink: Sink, clock?: Clock.Clock) {
    this.firstAt = undefined
    this.isWhole = sink.isWhole === true
    this.sink = sink
    this.clock = clock
  }

  emit(part: Part): void | Promise<void> {
    if (!this.open) return
    if (this.parts++ === 0) this.firstAt = this.clock && Alarm.read(this.clock)
    try {
      return this.sink.emit(part)?.then(undefined, (thrown) => this.break(thrown))
    } catch (thrown) {
      this.break(thrown)
    }
  }

  close(): void {
    this.open = false
  }

  private break(thrown: unknown): void {
    this.broken ??= { thrown }
    this.open = false
  }
}

/** The way to nobody. */
export const nowhere: Sink = { emit: () => undefined }
