/**
 * A caller who writes down all he hears, byte for byte, and who may behave badly: leave early, half close, not read.
 *
 * It speaks HTTP/1.1 over a bare socket, because every client hides what is compared here: how an answer is cut into
 * chunks, what came in one packet, and whether it ended or was cut off.
 */
import { connect, type Socket } from "node:net"

/** What is asked. */
export interface Question {
  readonly method?: string
  readonly path: string
  /** Beside `Host` and, with a body, `Content-Type` and `Content-Length`, which can be replaced here. */
  readonly headers?: Readonly<Record<string, string>>
  /** A text as it is, or a value as JSON. */
  readonly body?: unknown
  readonly version?: "1.0" | "1.1"
}

/** How the caller behaves, with times in milliseconds since he asked. */
export interface Conduct {
  /** He goes after so many bytes of the body, or after a time. */
  readonly leaveAfterBytes?: number
  readonly leaveAfter?: number
  /** He closes his own side, and still listens. */
  readonly halfCloseAfter?: number
  /** He reads nothing until then. */
  readonly readAfter?: number
  /** How long he waits for the end. */
  readonly patience?: number
}

/** How an answer ended: as its head said, without the chunk that ends it, with a reset, by the caller, or not yet. */
export type End = "length" | "final chunk" | "no body" | "closed" | "cut" | "reset" | "left" | "open"

/** What was heard. Times are milliseconds on one clock for all questions. */
export interface Heard {
  status: string
  readonly headers: Array<string>
  /** The body as it was sent, one text a chunk; a body that is not in chunks is one text. */
  readonly chunks: Array<string>
  /** Whether the first of the body came in one packet with the head. */
  headWithBody: boolean
  readonly askedAt: number
  firstAt: number
  endedAt: number
  end: End
}

/** A question under way. */
export interface Asking {
  readonly heard: Heard
  /** The first bytes have come, or there will be none. */
  readonly begun: Promise<Heard>
  readonly ended: Promise<Heard>
  readonly leave: () => void
}

/** A connection, which takes one question after the other. */
export class Connection {
  private readonly socket: Socket
  private readonly host: string
  private reader: Reader | undefined

  constructor(url: string) {
    const { host, hostname, port } = new URL(url)
    this.host = host
    this.socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    this.socket.on("data", (bytes: Buffer) => this.reader?.read(bytes))
    this.socket.on("end", () => {
      this.reader?.closed()
      this.socket.end()
    })
    this.socket.on("error", ({ code }: NodeJS.ErrnoException) => this.reader?.broken(code ?? "unknown"))
    this.socket.on("close", () => this.reader?.closed())
  }

  /** Asks, and keeps the connection. */
  ask({ body, headers = {}, method, path, version = "1.1" }: Question, conduct: Conduct = {}): Asking {
    const text: string | undefined = body === undefined || typeof body === "string" ? body : JSON.stringify(body)
    const given: Record<string, string> = { Host: this.host }
    if (text !== undefined) {
      given["Content-Type"] = "application/json"
      given["Content-Length"] = String(Buffer.byteLength(text))
    }
    const lines = Object.entries({ ...given, ...headers }).map(([name, value]) => `${name}: ${value}`)
    const verb = method ?? (text === undefined ? "GET" : "POST")
    const reader = new Reader(verb === "HEAD", conduct, () => this.socket.destroy())
    this.reader = reader
    this.socket.write(`${verb} ${path} HTTP/${version}\r\n${lines.join("\r\n")}\r\n\r\n${text ?? ""}`)
    this.behave(conduct, reader)
    return {
      heard: reader.heard,
      begun: reader.begun,
      ended: reader.ended,
      leave: () => this.leave(reader, "left")
    }
  }

  close(): void {
    this.socket.destroy()
  }

  private behave({ halfCloseAfter, leaveAfter, patience = 20_000, readAfter }: Conduct, reader: Reader): void {
    const timers = [setTimeout(() => this.leave(reader, "open"), patience)]
    const later = (millis: number | undefined, does: () => void): void => {
      if (millis !== undefined) timers.push(setTimeout(does, millis))
    }
    later(leaveAfter, () => this.leave(reader, "left"))
    later(halfCloseAfter, () => this.socket.end())
    if (readAfter !== undefined) this.socket.pause()
    later(readAfter, () => this.socket.resume())
    void reader.ended.then(() => timers.forEach(clearTimeout))
  }

  private leave(reader: Reader, end: End): void {
    reader.over(end)
    this.socket.destroy()
  }
}

/** Asks on a connection of its own. */
export const asking = (url: string, question: Question, conduct: Conduct = {}): Asking => {
  const connection = new Connection(url)
  const asked = connection.ask(question, conduct)
  void asked.ended.then(() => connection.close())
  return asked
}

/** Reads one answer as it comes. */
class Reader {
  readonly heard: Heard
  readonly begun: Promise<Heard>
  readonly ended: Promise<Heard>
  private readonly isHead: boolean
  private readonly leaveAfterBytes: number
  private readonly leave: () => void
  private begin!: (heard: Heard) => void
  private finish!: (heard: Heard) => void
  private rest = Buffer.alloc(0)
  private hasHead = false
  private isOver = false
  private length: number | "chunked" | "close" = "close"
  private bytes = 0

  constructor(isHead: boolean, { leaveAfterBytes = Infinity }: Conduct, leave: () => void) {
    this.isHead = isHead
    this.leaveAfterBytes = leaveAfterBytes
    this.leave = leave
    this.begun = new Promise((resolve) => (this.begin = resolve))
    this.ended = new Promise((resolve) => (this.finish = resolve))
    const askedAt = performance.now()
    const never = Infinity
    this.heard = {
      status: "",
      headers: [],
      chunks: [],
      headWithBody: false,
      askedAt,
      firstAt: never,
      endedAt: never,
      end: "open"
    }
  }

  read(bytes: Buffer): void {
    if (this.isOver) return
    const { heard } = this
    heard.firstAt = Math.min(heard.firstAt, performance.now())
    this.rest = Buffer.concat([this.rest, bytes])
    const hadHead = this.hasHead
    if (!this.hasHead && !this.readHead()) return
    this.readBody()
    if (!hadHead) heard.headWithBody = heard.chunks.length > 0
    this.begin(heard)
    if (!this.isOver && this.bytes > this.leaveAfterBytes) {
      this.over("left")
      this.leave()
    }
  }

  closed(): void {
    if (this.length === "close" && this.hasHead) this.over("closed")
    else this.over("cut")
  }

  broken(code: string): void {
    this.over(code === "ECONNRESET" || code === "EPIPE" ? "reset" : "cut")
  }

  over(end: End): void {
    if (this.isOver) return
    this.isOver = true
    this.heard.end = end
    this.heard.endedAt = performance.now()
    this.begin(this.heard)
    this.finish(this.heard)
  }

  private readHead(): boolean {
    const at = this.rest.indexOf("\r\n\r\n")
    if (at < 0) return false
    const [status = "", ...headers] = this.rest.subarray(0, at).toString("latin1").split("\r\n")
    this.rest = this.rest.subarray(at + 4)
    this.hasHead = true
    this.heard.status = status
    this.heard.headers.push(...headers)
    const valueOf = (name: string): string | undefined =>
      headers.find((each) => each.toLowerCase().startsWith(`${name}:`))?.replace(/^[^:]*: */, "")
    const length = valueOf("content-length")
    if (status.includes(" 204 ")) this.length = 0
    else if (valueOf("transfer-encoding") === "chunked") this.length = "chunked"
    else if (length !== undefined) this.length = Number(length)
    return true
  }

  private readBody(): void {
    if (this.isHead) return this.over("no body")
    if (this.length === "chunked") return this.readChunks()
    if (this.rest.length > 0 && (this.length === "close" || this.rest.length >= this.length)) this.take(this.rest)
    if (this.length !== "close" && this.bytes >= this.length) this.over(this.length === 0 ? "no body" : "length")
  }

  private readChunks(): void {
    while (!this.isOver) {
      const line = this.rest.indexOf("\r\n")
      if (line < 0) return
      const size = Number.parseInt(this.rest.subarray(0, line).toString("latin1"), 16)
      if (this.rest.length < line + 2 + size + 2) return
      const chunk = this.rest.subarray(line + 2, line + 2 + size)
      this.rest = this.rest.subarray(line + 2 + size + 2)
      if (size === 0) return this.over("final chunk")
      this.take(chunk, false)
    }
  }

  private take(bytes: Buffer, isAll = true): void {
    this.heard.chunks.push(bytes.toString())
    this.bytes += bytes.length
    if (isAll) this.rest = Buffer.alloc(0)
  }
}
