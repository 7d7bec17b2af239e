/**
 * One call on its way: what is sent, what comes back, and the end it comes to.
 *
 * Parts run through plain functions. A reader who wants no more for now stops the socket, and with it the server; what
 * has come until then waits here, at most what a socket hands over at once. Whatever happens there is one end.
 */
import { Alarm, type Attempt, type Call, type Question, SpillwayError, Summary } from "@spillway/core"
import { Clock, Effect, type Fiber, Redacted } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"
import type { Broken, Connection, Listener, Sending } from "./Connection.ts"
import { Lines } from "./Lines.ts"
import { malformed } from "./Meaning.ts"
import { problemOf } from "./Problem.ts"
import { type Asked, type End, failed, mistaken, type Reading, type Wire } from "./Wire.ts"

/** What bounds an answer. */
export interface Bounds {
  /** The longest line of a stream, in characters. */
  readonly lineMax: number
  /** The longest body of what is no stream, in bytes. */
  readonly bodyMax: number
}

/** Where a wire's questions go. */
export interface Place {
  readonly upstream: string
  readonly connection: Connection
  /** What stands before every path, and goes with every request. */
  readonly prefix: string
  readonly headers: Readonly<Record<string, string>>
  readonly bounds: Bounds
}

/** The call that a wire makes. */
export const call = (wire: Wire, place: Place): Call.Call<SpillwayError> => {
  const headers = { ...place.headers, "content-type": "application/json" }
  return (question, attempt) =>
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const asked: Asked = {
        question,
        target: `${place.upstream}/${question.model}`,
        parts: () => attempt.parts,
        nowMillis: () => clock.currentTimeMillisUnsafe()
      }
      const put = mistakeIn(question.settings) ?? written(wire, asked)
      // What cannot be carried was never sent.
      attempt.sent = false
      if (put instanceof SpillwayError) return Effect.fail(put)
      return Effect.callback((resume) => {
        const exchange = new Exchange(wire, asked, attempt, place.bounds, fiber, (end) =>
          resume(Summary.is(end) ? Effect.succeed(end) : Effect.fail(end))
        )
        exchange.sending = place.connection.send(
          { method: "POST", path: place.prefix + put.path, headers, body: put.body },
          exchange
        )
        // Our own line is nobody's silence.
        if (!exchange.hasTurn) attempt.enter("queue")
        return Effect.sync(() => exchange.leave())
      })
    })
}

/** No number at all, which JSON would make nothing of. */
const mistakeIn = (settings: Question.Settings): SpillwayError | undefined => {
  for (const name of Object.keys(settings) as Array<keyof Question.Settings>) {
    const value = settings[name]
    if (typeof value === "number" && !Number.isFinite(value)) return mistaken(name, String(value), "a number")
  }
  const { maxTokens } = settings
  // Nothing is no bound at all to an Ollama: it would answer without an end.
  return maxTokens === undefined || maxTokens >= 1 ? undefined : mistaken("maxTokens", String(maxTokens), "1 or more")
}

const written = (wire: Wire, asked: Asked): ReturnType<Wire["put"]> => {
  try {
    return wire.put(asked)
  } catch {
    return mistaken("The question", "something that JSON has no form for", "what it has one for")
  }
}

/** How long, in nanoseconds, one who has his answer waits for the end of its body, and one who is refused for why. */
const endWithin = 200_000_000
const refusalWithin = 2_000_000_000

/** As much of a refusal as is worth reading, in bytes. */
const refusalMax = 65_536

class Exchange implements Alarm.Ringing, Listener {
  sending: Sending | undefined
  /** Whether it has been sent on its way, or ended before. */
  hasTurn = false
  private readonly wire: Wire
  private readonly asked: Asked
  private readonly attempt: Attempt.Attempt
  private readonly bounds: Bounds
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly tell: (end: End) => void
  private readonly lines: Lines
  private status = 0
  private headers: IncomingHttpHeaders = {}
  /** There is one where the status is that of an answer. */
  private reading: Reading | undefined
  /** What is read whole: a refusal, or an answer in one piece. */
  private chunks: Array<Buffer> = []
  private length = 0
  private answer: End | undefined
  private room: Promise<void> | undefined
  /**
   * Why no more comes: the body is over, or broke off. A function would say it in a word, but V8 takes one that is
   * assigned to a field for long-lived, and it would keep the whole call, and whoever asked, until all memory is looked
   * through.
   */
  private hasEnded = false
  private broke: { readonly error: Error; readonly how: Broken } | undefined
  private bell: Alarm.Bell | undefined
  private isOver = false

  constructor(
    wire: Wire,
    asked: Asked,
    attempt: Attempt.Attempt,
    bounds: Bounds,
    fiber: Fiber.Fiber<unknown, unknown>,
    tell: (end: End) => void
  ) {
    this.wire = wire
    this.asked = asked
    this.attempt = attempt
    this.bounds = bounds
    this.fiber = fiber
    this.tell = tell
    this.lines = new Lines(bounds.lineMax)
  }

  turn(): void {
    this.hasTurn = true
    this.attempt.enter("connect")
  }

  sent(): void {
    this.attempt.sent = true
    this.attempt.enter("firstToken")
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    this.status = status
    this.headers = headers
    if (status >= 200 && status < 300) this.reading = this.wire.reading(this.asked, headers)
    else this.waitFor(refusalWithin)
  }

  data(chunk: Buffer): void {
    const { reading } = this
    if (reading?.isWhole === false) {
      this.lines.push(chunk)
      return this.go()
    }
    const max = reading === undefined ? refusalMax : this.bounds.bodyMax
    if (this.length <= max) this.chunks.push(chunk)
    this.length += chunk.length
    if (this.length > max) this.stop(reading === undefined ? this.refused() : this.tooLong("bodyMax"))
  }

  end(): void {
    const { reading } = this
    if (reading === undefined) return this.over(this.refused())
    if (reading.isWhole) return this.over(reading.read(this.whole(), this.emit) ?? reading.over())
    this.hasEnded = true
    this.go()
  }

  broken(error: Error, how: Broken): void {
    if (how.hasBegun && this.reading === undefined) return this.over(this.refused())
    // The end of the answer may be among what has come and waits for its reader.
    this.broke = { error, how }
    this.go()
  }

  /** Its caller has left. */
  leave(): void {
    this.isOver = true
    this.bell?.cancel()
    this.sending?.leave()
  }

  /** What was waited for has not come: what is there has to do. */
  ring(): void {
    this.stop(this.answer ?? this.refused())
  }

  /** Hands out what has come, as long as there is room. */
  private go(): void {
    // Who waits for room comes back here when there is some.
    if (this.room !== undefined) return
    while (this.room === undefined && !this.isOver) {
      const line = this.lines.next()
      if (line === undefined) break
      if (this.takes(line)) return
    }
    if (this.isOver) return
    if (this.room !== undefined) return this.wait(this.room)
    if (this.lines.isTooLong) return this.stop(this.tooLong("lineMax"))
    // Who has heard the end of an answer does not care what becomes of the connection.
    if (this.hasEnded || this.broke !== undefined) this.over(this.answer ?? this.ending())
    // A connection whose body has ended is kept for others; but nobody waits long for that who has his answer. Mostly
    // its end has come together with it, and is heard before anything else is.
    else if (this.answer !== undefined && this.bell === undefined) queueMicrotask(this.waitForEnd)
  }

  /** What it comes to once all that has come is handed out, where no more comes. */
  private ending(): End {
    if (this.broke !== undefined) return problemOf(this.broke.error, this.broke.how, this.asked)
    const reading = this.reading!
    const rest = this.lines.rest()
    return (rest === "" ? undefined : reading.read(rest, this.emit)) ?? reading.over()
  }

  private waitFor(nanos: number): void {
    this.bell ??= Alarm.set(this.fiber, Alarm.now(this.fiber) + nanos, this)
  }

  private readonly waitForEnd = (): void => {
    if (!this.isOver) this.waitFor(endWithin)
  }

  private wait(room: Promise<void>): void {
    this.sending?.pause()
    void room.then(this.goOn)
  }

  private readonly goOn = (): void => {
    this.room = undefined
    if (this.isOver) return
    this.go()
    if (this.room === undefined) this.sending?.resume()
  }

  /** Takes a line; whether that has ended the call. */
  private takes(line: string): boolean {
    // What comes after the end is not looked at.
    if (line === "" || this.answer !== undefined) return false
    const end = this.reading!.read(line, this.emit)
    if (end === undefined) return false
    if (!Summary.is(end)) {
      this.stop(end)
      return true
    }
    this.answer = end
    return false
  }

  private readonly emit = (part: Parameters<Attempt.Attempt["emit"]>[0]): void => {
    const room = this.attempt.emit(part)
    if (room !== undefined) this.room = room
  }

  private whole(): string {
    return Buffer.concat(this.chunks).toString()
  }

  private refused(): SpillwayError {
    return this.wire.refused({ status: this.status, headers: this.headers, body: this.whole() }, this.asked)
  }

  private tooLong(bound: string): SpillwayError {
    return failed(malformed(this.asked, `more than its ${bound} allows`))
  }

  /** The end, though more may come: the connection is closed. */
  private stop(end: End): void {
    this.sending?.leave()
    this.over(end)
  }

  private over(end: End): void {
    if (this.isOver) return
    this.isOver = true
    this.bell?.cancel()
    this.tell(this.isNothing(end) ? failed(malformed(this.asked, "neither a word nor a token")) : end)
  }

  /** Whether an end is that of no answer: asked for something, it said nothing and counts no token for it. */
  private isNothing(end: End): boolean {
    if (!Summary.is(end) || end.finish === "refused" || this.asked.parts() > 0) return false
    // To an answer that broke off at its very end there may be nothing to add: who says so has counted what he read.
    if (this.attempt.goesOnFrom !== undefined && end.finish === "stop" && (end.usage?.input ?? 0) > 0) return false
    const { content, prompt } = this.asked.question
    // Who stops it at its first word has wanted nothing else.
    if ((Redacted.value(content).stop ?? []).length > 0) return false
    return prompt.most > 0 && (end.usage?.output ?? 0) === 0
  }
}
