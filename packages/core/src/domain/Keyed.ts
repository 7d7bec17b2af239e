/**
 * Things by key, made when they are first asked for and forgotten when they say nothing any more.
 *
 * Keys come from callers, so their number is not ours to choose: it has a bound. What no longer says anything is looked
 * for when a new key comes, once a minute or after as many new keys as were held at the last look. So it costs each of
 * them the same little, also while all that may be held are in use.
 */

/** What can be forgotten. */
export interface Forgettable {
  /** Whether an absent one would say the same. */
  isIdle(now: number): boolean
}

/** At most so many things, each under its key. */
export class Keyed<A extends Forgettable> {
  private readonly things = new Map<string, A>()
  private readonly make: () => A
  private readonly keysMax: number
  /** How many new keys have come since the last look, how many were held at it, and when it was. */
  private asked = 0
  private held = 0
  private lookedAt = 0

  constructor(keysMax: number, make: () => A) {
    this.keysMax = keysMax
    this.make = make
  }

  /** How many are held. */
  get size(): number {
    return this.things.size
  }

  /** The thing of a key, if there is one. */
  find(key: string): A | undefined {
    return this.things.get(key)
  }

  /** The thing of a key, made if there is none; nothing where all that may be held are in use. */
  get(key: string, now: number): A | undefined {
    const known = this.things.get(key)
    if (known !== undefined) return known
    if (++this.asked > this.held || now - this.lookedAt >= lookEvery) this.look(now)
    return this.things.size >= this.keysMax ? undefined : this.keep(key)
  }

  /** The same past the bound: for what somebody does by hand. */
  keep(key: string): A {
    const thing = this.things.get(key) ?? this.make()
    this.things.set(key, thing)
    return thing
  }

  /** Forgets all of them. */
  clear(): void {
    this.things.clear()
  }

  private look(now: number): void {
    for (const [key, thing] of this.things) if (thing.isIdle(now)) this.things.delete(key)
    this.asked = 0
    this.held = this.things.size
    this.lookedAt = now
  }
}

const lookEvery = 60_000_000_000
