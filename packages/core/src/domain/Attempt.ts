/**
 * One go at an upstream, as everybody around it may know it: what came, when, whether it was sent, what it used.
 *
 * An attempt is the sink of its own leaf. It is written to by plain functions while parts run, so that a clock or a
 * budget can look at it at any moment without standing in the way of a part. Once closed it drops what still comes: a
 * loser of a race, or work that ignores its interrupt, can no longer reach the caller.
 */
import { type Clock, Data, type Exit } from "effect"
import * as Alarm from "./Alarm.ts"
import { lengthOf, type Part, text } from "./Part.ts"
import type { Usage } from "./Usage.ts"

/** Takes every part that comes; a promise asks the producer to wait until it resolves. */
export interface Sink {
  emit(part: Part): void | Promise<void>
  /** Whether nobody hears a part before all of them have come: what breaks until then can begin anew. */
  readonly isWhole?: boolean
}

/** A way that parts go: attempts that follow one another may share it, and all of it counts for each of them. */
class Way {
  readonly into: Sink
  /** How many of the parts that plans have taken up have come out through their gates. */
  passed = 0

  constructor(into: Sink) {
    this.into = into
  }
}

/** Two answers would have been mixed into one: a mistake in the program, found before anything is sent. */
export class AnswerMixed extends Data.TaggedError("AnswerMixed")<{ readonly problem: string }> {
  override get message(): string {
    return (
      `This question ${this.problem}. Try again only before the first part, and one try after the other; ` +
      "who goes on with an answer, or races for one, wraps each try in Plan.go, with a gate that lets one through."
    )
  }
}

/**
 * What a leaf waits for before its first part: a line of our own, the way to the server, a model that loads, or the
 * token itself.
 */
export type Stretch = "queue" | "connect" | "load" | "firstToken"

/** What its caller has heard already of the answer that a go is to finish. */
export interface Begun {
  /** Its words, where it is nothing else, so that a model may go on from them. */
  readonly text: string | undefined
  /** In how many parts they came. */
  readonly parts: number
}

/** The facts of one go. Moments are nanoseconds on the monotonic clock. */
export class Attempt implements Sink {
  /** Where it goes, as `upstream/model`, where that is known. */
  target: string | undefined
  startedAt: number | undefined
  endedAt: number | undefined
  /** What it waits for, and since when: a leaf that knows says so with `enter`. */
  stretch: Stretch = "firstToken"
  stretchAt: number | undefined
  /** How many parts came, and when the first and the last. */
  parts = 0
  /** How many characters of text, thinking and arguments they hold. */
  length = 0
  firstAt: number | undefined
  lastAt: number | undefined
  /** The longest time that passed between two of them, but for what the reader took. */
  longestPause = 0
  /** Since when the reader has kept the producer waiting; nobody waits when absent. */
  blockedAt: number | undefined
  /** When the reader last let the producer go on: silence counts from here, not from the last part. */
  resumedAt: number | undefined
  /** Whether anything went out. A leaf that knows better sets it to false first and to true when it writes. */
  sent = false
  /** What it used, as soon as the server has said so. */
  usage: Usage | undefined
  /** Whether it was turned away, or never arrived, so that it used nothing. */
  unused = false
  /** Whether its caller left, or it lost a race, before it had ended: what it came to is what it had done by then. */
  left = false
  /** Whether its time ran out, so that nobody hears what it came to. */
  lost = false
  /** Set where another go has broken off in the midst of its answer, which this one is to finish. */
  begun: Begun | undefined
  /** What was heard and is read by the model as the beginning of its own answer: a leaf says so with `goOn`. */
  goesOnFrom: string | undefined
  /** What its Effect came to, once it has ended; a record reads a class off it, and keeps nothing else of it. */
  exit: Exit.Exit<unknown, unknown> | undefined
  /** Resolves when work that went on after its Effect had ended really ends. */
  lingering: Promise<void> | undefined

  private readonly clock: Clock.Clock
  private readonly way: Way
  private readonly origin: Attempt | undefined
  private closed = false
  private isRepeated = false
  private blocking = 0

  constructor(clock: Clock.Clock, into: Sink, target?: string, origin?: Attempt) {
    this.clock = clock
    // Who goes the same way as the one before him shares what is counted there.
    this.way = origin?.way.into === into ? origin.way : new Way(into)
    this.target = target
    this.origin = origin
    this.begun = origin?.begun
  }

  /** Whether parts that still come are dropped. */
  get isClosed(): boolean {
    return this.closed
  }

  emit(part: Part): void | Promise<void> {
    if (this.closed) return
    const now = Alarm.read(this.clock)
    if (this.parts++ === 0) this.firstAt = now
    else this.longestPause = Math.max(this.longestPause, now - Math.max(this.lastAt!, this.resumedAt ?? 0))
    // Who thinks first begins another answer.
    if (this.goesOnFrom !== undefined && !isEmpty(part)) this.repeat(part._tag !== "Thinking")
    this.lastAt = now
    this.length += lengthOf(part)
    const room = this.way.into.emit(part)
    if (room === undefined) return
    this.blocking++
    this.blockedAt ??= now
    return room.then(() => this.resume())
  }

  /** Nothing that comes from now on reaches the caller. */
  close(): void {
    this.closed = true
  }

  /** The leaf begins. A go that runs its leaf again, without having asked for a fresh attempt, gets one here. */
  start(target: string | undefined): Attempt {
    if (this.startedAt !== undefined) return this.again().start(target)
    this.startedAt = this.stretchAt = Alarm.read(this.clock)
    this.target = target ?? this.target
    this.sent = true
    return this
  }

  /** The leaf waits for something else from now on. */
  enter(stretch: Stretch): void {
    this.stretch = stretch
    this.stretchAt = Alarm.read(this.clock)
  }

  /** The model goes on from there: to whoever compares, it is as if it had said all of that again. */
  goOn(from: string): void {
    this.goesOnFrom = from
  }

  /** Its answer is over. Who had nothing to add has said what was heard. */
  complete(): void {
    this.repeat(true)
  }

  /** Work goes on after its Effect has ended, until this resolves too. */
  linger(until: Promise<unknown>): void {
    this.lingering = Promise.allSettled([this.lingering, until]).then(() => undefined)
  }

  /** The leaf has ended, whatever became of it. */
  end(): void {
    this.endedAt = Alarm.read(this.clock)
    this.closed = true
  }

  /** A go within this one: a fresh attempt whose parts go where this one's go, or into the sink given. */
  again(into: Sink = this.way.into, target: string | undefined = this.target): Attempt {
    return new Attempt(this.clock, into, target, this)
  }

  /** Whether it is that attempt, or a go within it. */
  isWithin(other: Attempt): boolean {
    return this === other || this.origin?.isWithin(other) === true
  }

  /** Where this attempt's parts go. */
  get destination(): Sink {
    return this.way.into
  }

  /** How many of the parts that plans take up on this way have come out through their gates. */
  get passed(): number {
    return this.way.passed
  }

  /** The same way for a plan that puts a gate before it: what the gate lets through is counted. */
  get door(): Sink {
    const { way } = this
    return {
      emit: (part) => {
        way.passed++
        return way.into.emit(part)
      }
    }
  }

  private repeat(isSame: boolean): void {
    if (this.isRepeated || this.goesOnFrom === undefined || this.closed) return
    this.isRepeated = true
    if (isSame) void this.way.into.emit(text(this.goesOnFrom))
  }

  private resume(): void {
    // A leaf that does not wait may have several parts on their way to the reader.
    if (--this.blocking > 0) return
    this.blockedAt = undefined
    this.resumedAt = Alarm.read(this.clock)
  }
}

/** Whether a part says nothing: some servers send one before the first word. */
const isEmpty = (part: Part): boolean =>
  (part._tag === "Text" || (part._tag === "Thinking" && part.sealed === undefined)) && part.text === ""
