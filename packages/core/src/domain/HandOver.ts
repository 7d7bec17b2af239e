/**
 * The one bounded buffer between a producer that pushes and a consumer that pulls.
 *
 * A full hand-over answers a part with a promise, and keeps it until half of the room is free again: waking a producer
 * for every single part would cost more than the part. Nothing is dropped, so a producer that ignores the promise is
 * stopped by a second, far larger bound instead of by the machine's memory.
 */
// @effect-diagnostics newPromise:off
import { Data, Exit } from "effect"
import type { Sink } from "./Attempt.ts"
import type { Part } from "./Part.ts"

/** How many parts may wait for their consumer before the producer is asked to wait. */
export const partsMaxDefault = 64

/** How many more a producer may push that does not wait: one read of a socket can hold that many, a deaf one more. */
export const overrunMax = 65_536

/** A producer went on pushing although it was asked to wait. */
export class ProducerDeaf extends Data.TaggedError("ProducerDeaf")<{ readonly parts: number }> {
  override get message(): string {
    return `${this.parts} parts wait for their reader: a producer has to wait for the promise that emit returns.`
  }
}

/** Parts in, parts out, one end. */
export class HandOver<A, E> implements Sink {
  private parts: Array<Part> = []
  private first = 0
  private exit: Exit.Exit<A, E> | undefined
  private room: Promise<void> | undefined
  private roomMade: () => void = () => {}
  private wake: (() => void) | undefined
  private stop: (() => void) | undefined
  private readonly partsMax: number

  constructor(partsMax: number = partsMaxDefault) {
    if (!(partsMax >= 1)) throw new RangeError(`partsMax was ${partsMax}: it has to be a number from 1 on`)
    this.partsMax = partsMax
  }

  private get waiting(): number {
    return this.parts.length - this.first
  }

  emit(part: Part): void | Promise<void> {
    if (this.exit !== undefined) return
    if (this.waiting >= this.partsMax + overrunMax) return this.stopDeaf()
    this.parts.push(part)
    this.notify()
    if (this.waiting < this.partsMax) return
    return (this.room ??= new Promise((resolve) => {
      this.roomMade = resolve
    }))
  }

  /** The end, once: what still waits can be taken, nothing comes after it. */
  end(exit: Exit.Exit<A, E>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    this.makeRoom()
    this.notify()
  }

  /** The end that everything leads to, once it is known. */
  get ended(): Exit.Exit<A, E> | undefined {
    return this.exit
  }

  /** The next part, if one waits. */
  take(): Part | undefined {
    if (this.waiting === 0) return undefined
    const part = this.parts[this.first]!
    this.first++
    if (this.waiting === 0) {
      this.parts = []
      this.first = 0
    } else if (this.first >= 1_024) {
      this.parts.splice(0, this.first)
      this.first = 0
    }
    if (this.waiting <= this.partsMax >> 1) this.makeRoom()
    return part
  }

  /** Every part that waits, in one array. */
  takeAll(): ReadonlyArray<Part> {
    const all = this.first === 0 ? this.parts : this.parts.slice(this.first)
    this.parts = []
    this.first = 0
    this.makeRoom()
    return all
  }

  /** Calls back when a producer has to be stopped, because it goes on although it was asked to wait. */
  onDeaf(stop: () => void): void {
    this.stop = stop
    if (this.exit !== undefined) stop()
  }

  /** Calls back once, as soon as there is a part or the end. */
  onReady(wake: () => void): void {
    if (this.waiting > 0 || this.exit !== undefined) return wake()
    this.wake = wake
  }

  private stopDeaf(): void {
    this.end(Exit.die(new ProducerDeaf({ parts: this.waiting })))
    this.stop?.()
  }

  private notify(): void {
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }

  private makeRoom(): void {
    if (this.room === undefined) return
    this.room = undefined
    this.roomMade()
  }
}
