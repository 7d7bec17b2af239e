/**
 * How many keys a memory holds, and when it looks for those that say nothing any more.
 *
 * A look costs a little for every key that is held. So it comes after as many asks as there were keys, which costs each
 * of them the same little, or after a minute; and a memory that is full looks again only when something may have become
 * idle, and not all the time.
 */

/** Idle keys are looked for this often at the latest, when anybody asks at all. */
const lookEvery = 60_000_000_000

/** A memory that is full is looked through at most this often. */
const lookRest = 1_000_000_000

/** The room that everything in one memory shares. */
export class Room {
  /** How many keys are held: whoever adds or drops one counts it here. */
  held = 0
  private readonly keysMax: number
  /** Drops what is idle, and says of the rest when it may be. */
  private readonly forget: (now: number) => void
  private asks = 0
  private asksMax = 64
  private lookAt = 0
  /** When one of those that are in use may be idle, at the soonest. */
  private idleAt = Infinity

  constructor(keysMax: number, forget: (now: number) => void) {
    this.keysMax = keysMax
    this.forget = forget
  }

  /** To be told of everybody who asks for a key. */
  ask(now: number): void {
    if (++this.asks > this.asksMax || now >= this.lookAt) this.look(now)
  }

  /** Whether so many more keys may be held. */
  has(keys: number): boolean {
    return this.held + keys <= this.keysMax
  }

  /** Looks for more room where there may be some, and says whether it has looked. */
  seek(now: number): boolean {
    if (now < this.seekAt) return false
    this.look(now)
    return true
  }

  /** When it makes sense to look for room again: not before there may be some, and not all the time. */
  get seekAt(): number {
    return Math.max(this.idleAt, this.lookAt - lookEvery + lookRest)
  }

  /** To be told when a key that is in use may be idle. */
  idle(at: number): void {
    if (at < this.idleAt) this.idleAt = at
  }

  private look(now: number): void {
    this.asks = 0
    this.lookAt = now + lookEvery
    this.idleAt = Infinity
    this.forget(now)
    this.asksMax = this.held + 64
  }
}
