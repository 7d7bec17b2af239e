/**
 * The clock of the demonstration: it stands still while anything is under way, then goes on to whatever is due next.
 *
 * Callers, guards and servers share one process, so a machine that is busy with something else would be late to all of
 * it at once, and show waits that neither a guard nor a server has made. With this clock a busy machine makes the
 * demonstration slower and never different. It keeps pace with the real one for whoever watches; where nobody does,
 * there is nothing to wait for.
 */
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises"
import { type Clock, Duration, Effect } from "effect"

/** So many turns of the event loop without a sleeper that is due: whatever a socket had to say has been heard. */
const quietTurns = 40

/** What it is late by at most, in milliseconds, before it gives up catching up. */
const lateMillisMax = 2_000

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** A clock that begins now, on the calendar and at zero on the stopwatch. Its moments are nanoseconds. */
export class PacedClock implements Clock.Clock {
  private readonly isWatched: boolean
  private readonly calendar = Date.now()
  private began = performance.now()
  private at = 0
  private readonly sleepers = new Set<Sleeper>()
  private isRunning = false

  constructor({ watched }: { readonly watched: boolean }) {
    this.isWatched = watched
  }

  readonly monotonicTimeNanosUnsafe = (): bigint => BigInt(this.now())
  readonly currentTimeNanosUnsafe = (): bigint => BigInt(this.calendar) * 1_000_000n + BigInt(this.now())
  readonly currentTimeMillisUnsafe = (): number => this.calendar + Math.floor(this.now() / 1_000_000)
  readonly monotonicTimeNanos = Effect.sync(this.monotonicTimeNanosUnsafe)
  readonly currentTimeNanos = Effect.sync(this.currentTimeNanosUnsafe)
  readonly currentTimeMillis = Effect.sync(this.currentTimeMillisUnsafe)

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    if (!Duration.isFinite(duration)) return Effect.never
    return Effect.callback((resume) => {
      const due = this.now() + Number(Duration.toNanosUnsafe(duration))
      const sleeper = { due, wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      if (!this.isRunning) void this.run()
      return Effect.sync(() => void this.sleepers.delete(sleeper))
    })
  }

  private now(): number {
    if (this.isWatched) this.at = Math.max(this.at, Math.min(this.paced, this.nextDue))
    return this.at
  }

  /** How far the real clock has come. */
  private get paced(): number {
    return Math.floor((performance.now() - this.began) * 1_000_000)
  }

  private get nextDue(): number {
    let next = Infinity
    for (const { due } of this.sleepers) next = Math.min(next, due)
    return next
  }

  private async run(): Promise<void> {
    this.isRunning = true
    while (this.sleepers.size > 0) {
      for (let turns = 0; turns < quietTurns; turns++) await turn()
      const due = this.nextDue
      const waitMillis = this.isWatched ? (due - this.paced) / 1_000_000 : 0
      if (waitMillis > 0) await pause(Math.min(waitMillis, 10))
      else if (due < Infinity) this.advance(due, -waitMillis)
    }
    this.isRunning = false
  }

  private advance(due: number, lateMillis: number): void {
    if (lateMillis > lateMillisMax) this.began += lateMillis
    this.at = Math.max(this.at, due)
    for (const sleeper of this.sleepers) {
      if (sleeper.due > this.at) continue
      this.sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
