/**
 * Whose budget is spent: for a while he waits for what is free, as if there were nothing that costs.
 *
 * A budget may have room again at any moment, when an answer costs less than was reserved for it: so this is believed
 * for ten seconds, and whoever then comes to his last moment tries it again.
 */

/** Callers who have just been told so. */
export class Spent {
  private readonly until = new Map<string, number>()

  /** This caller's budget does not hold what he asked for. */
  note(caller: string, now: number): void {
    this.until.delete(caller)
    this.until.set(caller, now + believedFor)
    const [oldest] = this.until.keys()
    if (this.until.size > callersMax && oldest !== undefined) this.until.delete(oldest)
  }

  /** Whether that was so a moment ago. */
  has(caller: string, now: number): boolean {
    return this.until.size > 0 && (this.until.get(caller) ?? -Infinity) > now
  }
}

const believedFor = 10_000_000_000

const callersMax = 1_000
