/**
 * How many calls of each key run now, where only so many may.
 *
 * Keys come from callers: who runs none is not named, so that there are never more than calls that run. When one has
 * ended, whoever it held up may wait in any line.
 */
import type { Queued } from "./Places.ts"

/** Calls that run, counted by their keys, where not any number may. */
export class Running {
  /** How many of each may run. */
  readonly most: number
  private readonly counts = new Map<string, number>()
  /** The lines in which somebody waits. */
  private readonly lines = new Set<Queued>()

  constructor(most: number) {
    this.most = most
  }

  of(key: string): number {
    return this.counts.get(key) ?? 0
  }

  readonly hasRoom = (key: string): boolean => this.of(key) < this.most

  begin(key: string): void {
    if (this.most === Infinity) return
    this.counts.set(key, this.of(key) + 1)
  }

  end(key: string, now: number): void {
    if (this.most === Infinity) return
    const running = this.of(key) - 1
    if (running > 0) this.counts.set(key, running)
    else this.counts.delete(key)
    for (const line of this.lines) line.dispatch(now)
  }

  /** Somebody has come into a line, or left it. */
  changed(queued: Queued): void {
    if (queued.line.size > 0) this.lines.add(queued)
    else this.lines.delete(queued)
  }
}
