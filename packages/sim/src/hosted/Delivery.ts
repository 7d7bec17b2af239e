/**
 * How an answer leaves: its pieces at their times, as long as there is room, and broken where it is to break.
 *
 * Everything is text by now, so that this knows nothing of providers. A provider goes on writing into a connection that
 * is kept warm by comments alone for as long as its caller stays, so nothing here ends such a stream.
 */
import type { Agenda, Bell } from "../Agenda.ts"
import type { Headers, Reply } from "../Exchange.ts"
import type { Sent } from "./Refusal.ts"

/** The text of a streamed answer. */
export interface Pieces {
  readonly headers: () => Headers
  /** What comes before the first piece. */
  readonly open: string
  /** How many pieces there are, and each of them. */
  readonly count: number
  readonly piece: (place: number) => string
  /** Why it ended and what it took, then that it ended. */
  readonly close: string
  readonly marker: string
  /** What keeps it warm, and whether that is sent whenever nothing else is. */
  readonly warm: string
  readonly isWarm: boolean
  /** An error as an event. */
  readonly error: string
}

/** When the pieces come, in nanoseconds: the first, and each after it. */
export interface Pace {
  readonly first: number
  readonly each: number
}

/** How an answer breaks, and after how many of its pieces. */
export interface Break {
  readonly by:
    | "error-in-200"
    | "truncated-json"
    | "cut"
    | "reset"
    | "silence"
    | "idle-close"
    | "no-marker"
    | "error-mid-stream"
    | "comments-only"
  readonly at: number
  /** Nothing but the marker is missing. */
  readonly isClosed?: boolean
  /** How often a comment comes. */
  readonly every?: number
}

const warmEvery = 10_000_000_000

/** A streamed answer under way. */
export class Streamed {
  private readonly agenda: Agenda
  private readonly reply: Reply
  private readonly text: Pieces
  private readonly pace: Pace
  private readonly begun: number
  private readonly over: () => void
  private breaks: Break | undefined
  /** What is written next: a piece; what comes before them, one below the first; how it ends, one after the last. */
  private next = -1
  private wroteAt: number
  private isStalled = false
  private isFull = false
  private isOver = false
  private bell: Bell | undefined

  /** `over` is called once, whichever way it ends. */
  constructor(
    agenda: Agenda,
    reply: Reply,
    { breaks, pace, text }: { readonly text: Pieces; readonly pace: Pace; readonly breaks: Break | undefined },
    over: () => void
  ) {
    this.agenda = agenda
    this.reply = reply
    this.text = text
    this.pace = pace
    this.breaks = breaks
    this.over = over
    this.begun = agenda.now
    this.wroteAt = agenda.now
  }

  start(): void {
    this.reply.onGone(() => this.end())
    this.reply.onRoom(() => {
      if (!this.isFull) return
      this.isFull = false
      this.go()
    })
    this.go()
  }

  private go(): void {
    while (!this.isOver && !this.isFull) {
      const due = Math.min(this.dueAt(), this.warmAt())
      if (due > this.agenda.now) {
        this.bell = this.agenda.at(due, () => this.go())
        return
      }
      this.step()
    }
  }

  /** When the next of it is there. */
  private dueAt(): number {
    if (this.isStalled) return Infinity
    const place = Math.max(Math.min(this.next, this.text.count - 1), 0)
    return this.begun + Math.round(this.pace.first + place * this.pace.each)
  }

  /** When it has to be kept warm. */
  private warmAt(): number {
    if (!this.isStalled && !(this.text.isWarm && this.reply.begun)) return Infinity
    return this.wroteAt + (this.breaks?.every ?? warmEvery)
  }

  private step(): void {
    const { breaks, next, reply, text } = this
    if (!reply.begun) reply.begin(200, text.headers())
    if (this.dueAt() > this.agenda.now) return this.write(text.warm)
    if (breaks !== undefined && (next === breaks.at || breaks.by === "error-in-200")) return this.break(breaks)
    this.next++
    // A stall from the first on does not even say that there is an answer.
    if (next < 0) return breaks?.by === "comments-only" && breaks.at === 0 ? undefined : this.write(text.open)
    if (next < text.count) return this.write(text.piece(next))
    this.write(text.close + text.marker)
    this.finish()
  }

  private break(breaks: Break): void {
    const { next, reply, text } = this
    // Who closes after a whole answer has spoilt nothing.
    if (breaks.by !== "idle-close") reply.spoilt?.()
    switch (breaks.by) {
      case "truncated-json":
        this.breaks = undefined
        this.next++
        this.write(broken(next < text.count ? text.piece(next) : text.close))
        if (next >= text.count) this.finish()
        return
      case "error-in-200":
      case "error-mid-stream":
        this.write(text.error)
        return this.finish()
      case "no-marker":
        if (breaks.isClosed === true) this.write(text.close)
        return this.finish()
      case "idle-close":
        this.write(text.close + text.marker)
        this.finish()
        return reply.cut("close")
      case "comments-only":
        this.isStalled = true
        return this.write(text.warm)
      case "cut":
      case "reset":
      case "silence":
        reply.cut(breaks.by === "cut" ? "close" : breaks.by)
        return this.end()
    }
  }

  private write(text: string): void {
    this.wroteAt = this.agenda.now
    this.isFull = !this.reply.write(text)
  }

  private finish(): void {
    this.reply.end()
    this.end()
  }

  private end(): void {
    if (this.isOver) return
    this.isOver = true
    this.bell?.cancel()
    this.over()
  }
}

/** Sends an answer in one piece when it is ready; `over` is called once, whichever way it ends. */
export const whole = (
  agenda: Agenda,
  reply: Reply,
  {
    breaks,
    error,
    span,
    text
  }: {
    readonly text: { readonly headers: () => Headers; readonly body: string }
    readonly span: number
    readonly breaks: Break | undefined
    readonly error: Sent
  },
  over: () => void
): void => {
  const bell = agenda.after(span, () => {
    over()
    const headers = text.headers()
    if (breaks === undefined) return reply.whole(200, headers, text.body)
    if (breaks.by === "error-in-200" || breaks.by === "truncated-json") reply.spoilt?.()
    switch (breaks.by) {
      case "error-in-200":
        return reply.whole(200, headers, error.body)
      case "error-mid-stream":
        return reply.whole(error.status, error.headers, error.body)
      case "truncated-json":
        return reply.whole(200, headers, halfOf(text.body))
      case "cut":
      case "reset":
      case "silence":
        reply.begin(200, headers)
        reply.write(halfOf(text.body))
        return reply.cut(breaks.by === "cut" ? "close" : breaks.by)
      case "idle-close":
        reply.whole(200, headers, text.body)
        return reply.cut("close")
      case "no-marker":
      case "comments-only":
        return reply.whole(200, headers, text.body)
    }
  })
  reply.onGone(() => {
    bell.cancel()
    over()
  })
}

const halfOf = (text: string): string => text.slice(0, Math.ceil(text.length / 2))

/** An event whose data end in mid-JSON: what names the event comes well before. */
const broken = (event: string): string => `${event.slice(0, Math.ceil(event.length * 0.7)).trimEnd()}\n\n`
