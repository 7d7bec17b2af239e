/**
 * A reply on a real socket, framed as Go frames it: no headers of Node's own, a length only for what is short, and what
 * is written in one go in one packet.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Headers, Reply } from "./Exchange.ts"
import type { Struck } from "./Fault.ts"

/** The longest body that is sent with its length: Go writes what is longer in chunks, as it comes. */
const lengthMax = 2_048

/** The way to answer one request. */
export class SocketReply implements Reply {
  readonly fault: Struck | undefined
  begun = false
  gone = false
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly date: () => string
  private readonly more: Headers
  private readonly leaving: Array<() => void> = []
  private readonly drained: Array<() => void> = []
  private hasLeft = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    said: { readonly date: () => string; readonly more: Headers; readonly fault: Struck | undefined }
  ) {
    this.request = request
    this.response = response
    this.date = said.date
    this.more = said.more
    this.fault = said.fault
    // Go says nothing of a connection that it keeps.
    response.removeHeader("connection")
    response.on("drain", () => this.drained.forEach((each) => each()))
    response.once("close", () => {
      this.gone = true
      if (!response.writableFinished) this.leave()
    })
    // Who closes his side while he is answered is taken for one who has left, though he can still be told so.
    request.socket.once("end", () => this.leave())
  }

  whole(status: number, headers: Headers, body: string): void {
    const length = Buffer.byteLength(body)
    if (length > lengthMax) {
      this.begin(status, headers)
      this.write(body)
      return this.end()
    }
    if (!this.head(status, headers, status === 204 ? [] : [["Content-Length", String(length)]])) return
    this.response.end(body)
  }

  begin(status: number, headers: Headers): void {
    this.head(status, headers, [])
  }

  write(text: string): boolean {
    return this.gone || this.response.write(text)
  }

  end(): void {
    if (!this.gone) this.response.end()
  }

  cut(how: "close" | "reset" | "silence"): void {
    if (how === "reset") this.request.socket.resetAndDestroy()
    else if (how === "close") this.request.socket.destroySoon()
  }

  onRoom(listener: () => void): void {
    this.drained.push(listener)
  }

  onGone(listener: () => void): void {
    if (this.hasLeft) listener()
    else this.leaving.push(listener)
  }

  private leave(): void {
    if (this.hasLeft || this.response.writableEnded) return
    this.hasLeft = true
    for (const listener of this.leaving) listener()
  }

  /** Says how it goes, if anybody is still there. */
  private head(status: number, headers: Headers, length: Headers): boolean {
    if (this.gone || this.begun) return false
    this.begun = true
    const last: Headers = isLast(this.request) ? [["Connection", "close"]] : []
    // Go sorts its headers, and says after them when it was and how long.
    const sorted = [...headers, ...this.more].toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    const all: Headers = [...sorted, ["Date", this.date()], ...length, ...last]
    this.response.writeHead(
      status,
      all.flatMap(([name, value]) => [name, value])
    )
    return true
  }
}

/** Whether the caller wants no other answer on this connection. */
const isLast = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.connection?.toLowerCase() === "close" || (httpVersion === "1.0" && headers.connection === undefined)
