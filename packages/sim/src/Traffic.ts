/**
 * The requests of a server as they come and go: for the screen, for the control API, and for tests that ask what was
 * asked. It holds the last of them, and no word of a prompt or of an answer.
 */
import type { Agenda } from "./Agenda.ts"
import type { Asked, Headers, Reply } from "./Exchange.ts"
import type { Struck } from "./Fault.ts"

/** One request, as far as it has come. */
export interface Passage {
  readonly id: number
  readonly method: string
  readonly path: string
  readonly model: string
  /** Wall clock, in milliseconds since 1970. */
  readonly at: number
  fault: string | undefined
  status: number | undefined
  packets: number
  bytes: number
  /** Milliseconds from the request to the first byte, and to the end. */
  firstMillis: number | undefined
  tookMillis: number | undefined
  /** Broken is what ended as if it were whole: its answer broke in its midst, or lacks its last frame. */
  end: "open" | "complete" | "broken" | "left" | "cut"
}

/** How many that have ended are remembered. */
const remembered = 1_000

/** The requests of one server. */
export class Traffic {
  /** The last ones, in the order in which they came. */
  readonly passages: Array<Passage> = []
  count = 0
  private readonly agenda: Agenda

  constructor(agenda: Agenda) {
    this.agenda = agenda
  }

  /** Those that are not over. */
  get open(): ReadonlyArray<Passage> {
    return this.passages.filter(({ end }) => end === "open")
  }

  /** The same reply, with a record of what goes through it. */
  follow({ method, model = "", path }: Asked, reply: Reply): Reply {
    const passage: Passage = {
      id: ++this.count,
      method,
      path,
      model,
      at: Number(this.agenda.wall / 1_000_000n),
      fault: reply.fault?.name,
      status: undefined,
      packets: 0,
      bytes: 0,
      firstMillis: undefined,
      tookMillis: undefined,
      end: "open"
    }
    this.passages.push(passage)
    this.forget()
    return new Followed(reply, passage, this.agenda)
  }

  /** Forgets those that have ended; how many there have been is still known. */
  forgetEnded(): void {
    this.passages.splice(0, this.passages.length, ...this.open)
  }

  private forget(): void {
    // Those that are open stay, however many they are.
    while (this.passages.length > remembered) {
      const index = this.passages.findIndex(({ end }) => end !== "open")
      if (index < 0) return
      this.passages.splice(index, 1)
    }
  }
}

/** Writes down what passes. */
class Followed implements Reply {
  private readonly inner: Reply
  private readonly passage: Passage
  private readonly agenda: Agenda
  private readonly from: number
  private isSpoilt = false

  constructor(inner: Reply, passage: Passage, agenda: Agenda) {
    this.inner = inner
    this.passage = passage
    this.agenda = agenda
    this.from = agenda.now
    inner.onGone(() => this.over("left"))
  }

  get fault(): Struck | undefined {
    return this.inner.fault
  }

  get begun(): boolean {
    return this.inner.begun
  }

  get gone(): boolean {
    return this.inner.gone
  }

  whole(status: number, headers: Headers, body: string): void {
    this.says(status)
    this.sent(body)
    this.inner.whole(status, headers, body)
    this.ended()
  }

  begin(status: number, headers: Headers): void {
    this.says(status)
    this.inner.begin(status, headers)
  }

  write(text: string): boolean {
    this.sent(text)
    return this.inner.write(text)
  }

  end(): void {
    this.inner.end()
    this.ended()
  }

  spoilt(): void {
    this.isSpoilt = true
    this.inner.spoilt?.()
  }

  cut(how: "close" | "reset" | "silence"): void {
    this.inner.cut(how)
    if (how !== "silence") this.over("cut")
  }

  begins(): void {
    this.inner.begins?.()
    this.passage.fault ??= this.fault?.name
  }

  met(fault: string): void {
    this.passage.fault ??= fault
  }

  onRoom(listener: () => void): void {
    this.inner.onRoom(listener)
  }

  onGone(listener: () => void): void {
    this.inner.onGone(listener)
  }

  private says(status: number): void {
    if (!this.isDeaf) this.passage.status = status
  }

  private sent(text: string): void {
    const { passage } = this
    if (this.isDeaf) return
    passage.firstMillis ??= this.passed
    passage.packets++
    passage.bytes += Buffer.byteLength(text)
  }

  private ended(): void {
    this.over(this.isSpoilt ? "broken" : "complete")
  }

  private over(end: Passage["end"]): void {
    if (this.passage.end !== "open") return
    this.passage.end = end
    this.passage.tookMillis = this.passed
  }

  /** Whether what is written reaches nobody any more. */
  private get isDeaf(): boolean {
    return this.inner.gone || this.passage.end !== "open"
  }

  private get passed(): number {
    return (this.agenda.now - this.from) / 1e6
  }
}
