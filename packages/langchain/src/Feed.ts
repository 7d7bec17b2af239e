/**
 * Hands the questions of one batch to a router as fast as that admits them.
 *
 * A thousand questions at once are more than any line holds, and others stand in that line too. So a handful begins,
 * answers let in more, and never more are under way than the servers run at once and a few that wait. Who is refused by
 * a line or a limit of ours comes back by himself, and the moment that was named is waited for. What is refused again
 * and again while nothing is answered is told to its caller.
 */
import { type Reason, SpillwayError } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"

/** How long somebody waits who was not told for how long, and how often he is refused while nothing happens. */
const waitDefault = Duration.seconds(1)
const inVainMax = 5

/** How many begin, and how many may wait in line behind those who run. */
const firstMost = 4
const lead = 2

/** What passes by itself. */
const passing: ReadonlySet<Reason["_tag"]> = new Set(["RateLimited", "QueueFull", "DeadlineUnmeetable", "Unavailable"])

/** What passes only if something else happens first. */
const doubtful: ReadonlySet<Reason["_tag"]> = new Set(["DeadlineUnmeetable", "Unavailable"])

/** The line of one batch. */
export class Feed {
  private running = 0
  private most = firstMost
  private readonly slots: () => number
  private answered = 0
  private pause: Fiber.Fiber<unknown> | undefined
  private readonly line: Array<() => void> = []

  /** The line of one batch, before servers that run so many at once, as far as anybody knows now. */
  constructor(slots: () => number) {
    this.slots = slots
  }

  /** A turn, once there is one; rejects where whoever waits leaves. */
  async enter(signal: AbortSignal | undefined): Promise<Turn> {
    await this.wait(signal, false)
    return new Turn(this, signal)
  }

  /** Asks, and again where it is refused and its turn comes. */
  async through<A>(signal: AbortSignal | undefined, ask: () => Promise<A>): Promise<A> {
    const turn = await this.enter(signal)
    let isAnswered = false
    try {
      while (true) {
        try {
          const answer = await ask()
          isAnswered = true
          return answer
        } catch (thrown) {
          if (!(await turn.refused(thrown))) throw thrown
        }
      }
    } finally {
      turn.end(isAnswered)
    }
  }

  /** Whether whoever is under way is the only one. */
  get isAlone(): boolean {
    return this.running <= 1
  }

  /** How many have been answered so far. */
  get count(): number {
    return this.answered
  }

  /** Somebody is over; his answer makes room for more than himself. */
  leave(isAnswered: boolean): void {
    this.running--
    if (isAnswered) {
      this.answered++
      // They are counted once in a round of answers: they change slowly, and to count them takes a while.
      if (this.answered % Math.ceil(this.most) === 0)
        this.most = Math.max(1, Math.min(2 * this.most, this.slots() + lead))
    }
    this.next()
  }

  /** Somebody was refused: no more from now on than are under way, and nobody at all for a time that was named. */
  async again(signal: AbortSignal | undefined, span: Duration.Duration | undefined): Promise<void> {
    this.running--
    this.most = Math.max(1, this.running)
    if (span !== undefined) this.close(span)
    await this.wait(signal, true)
  }

  private wait(signal: AbortSignal | undefined, isFirst: boolean): Promise<void> {
    signal?.throwIfAborted()
    if (!isFirst && this.line.length === 0 && this.pause === undefined && this.hasRoom) {
      this.running++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const at = this.line.indexOf(go)
        if (at >= 0) this.line.splice(at, 1)
        // A time that nobody waits for must not keep a process awake.
        if (this.line.length === 0) this.pause?.interruptUnsafe()
        reject(signal!.reason)
      }
      const go = (): void => {
        signal?.removeEventListener("abort", leave)
        resolve()
      }
      signal?.addEventListener("abort", leave, { once: true })
      if (isFirst) this.line.unshift(go)
      else this.line.push(go)
      this.next()
    })
  }

  private get hasRoom(): boolean {
    return this.running + 1 <= this.most
  }

  private next(): void {
    if (this.pause !== undefined) return
    while (this.hasRoom) {
      const go = this.line.shift()
      if (go === undefined) return
      this.running++
      go()
    }
  }

  /** Nobody is let in for so long; who said so first is believed, since whoever comes too early is told again. */
  private close(span: Duration.Duration): void {
    if (this.pause !== undefined) return
    this.pause = Effect.runFork(Effect.sleep(span))
    this.pause.addObserver(() => {
      this.pause = undefined
      this.next()
    })
  }
}

/** Somebody of a batch who has been let in. */
class Turn {
  private readonly feed: Feed
  private readonly signal: AbortSignal | undefined
  private isIn = true
  private inVain = 0
  private before: number

  constructor(feed: Feed, signal: AbortSignal | undefined) {
    this.feed = feed
    this.signal = signal
    this.before = feed.count
  }

  /** He was answered, or has failed for a reason of his own. */
  end(isAnswered: boolean): void {
    if (this.isIn) this.feed.leave(isAnswered)
    this.isIn = false
  }

  /** He was refused: resolves when he may try again, or with false where that would be in vain. */
  async refused(error: unknown): Promise<boolean> {
    const { reason, retryAfter } = error instanceof SpillwayError ? error : { reason: undefined, retryAfter: undefined }
    if (reason === undefined || !passing.has(reason._tag)) return false
    // What names no moment at which it is there again has been closed.
    if (reason._tag === "Unavailable" && retryAfter === undefined) return false
    const { count, isAlone } = this.feed
    this.inVain = isAlone && this.before === count ? this.inVain + 1 : 0
    this.before = count
    if (doubtful.has(reason._tag) && this.inVain >= inVainMax) return false
    // What others of the batch hold comes free with them; all else takes the time that was named.
    const isHeld = !isAlone && (reason._tag === "QueueFull" || reason._tag === "DeadlineUnmeetable")
    this.isIn = false
    await this.feed.again(this.signal, isHeld ? undefined : (retryAfter ?? waitDefault))
    this.isIn = true
    return true
  }
}
