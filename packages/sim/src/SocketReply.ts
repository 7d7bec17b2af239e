/**
 * A reply on a real socket: what is written in one go leaves in one packet, and where the server is one written in Go,
 * there are no headers of Node's own and a length only for what is short.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Headers, Reply } from "./Exchange.ts"
import type { Struck } from "./Fault.ts"

/** The longest body that is sent with its length: Go writes what is longer in chunks, as it comes. */
const lengthMax = 2_048

/** The way to answer one request. */
export class SocketReply implements Reply {
  fault: Struck | undefined
  begun = false
  gone = false
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly date: () => string
  private readonly more: Headers
  private readonly isGo: boolean
  private readonly late: () => Struck | undefined
  private readonly leaving: Array<() => void> = []
  private readonly drained: Array<() => void> = []
  private hasLeft = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    said: {
      readonly date: () => string
      readonly more: Headers
      readonly fault: Struck | undefined
      readonly begins: () => Struck | undefined
      readonly isGo: boolean
    }
  ) {
    this.request = request
    this.response = response
    this.date = said.date
    this.more = said.more
    this.fault = said.fault
    this.late = said.begins
    this.isGo = said.isGo
    // Go says nothing of a connection that it keeps.
    if (said.isGo) response.removeHeader("connection")
    response.on("drain", () => this.drained.forEach((each) => each()))
    // Who closes his side while he is answered is taken for one who has left, though he can still be told so.
    const left = (): void => this.leave()
    const { socket } = request
    if (socket.readableEnded) left()
    else socket.once("end", left)
    response.once("close", () => {
      this.gone = true
      socket.off("end", left)
      if (!response.writableFinished) left()
    })
  }

  whole(status: number, headers: Headers, body: string): void {
    const length = Buffer.byteLength(body)
    if (this.isGo && length > lengthMax) {
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
    // What comes before its head would make one of its own.
    return this.gone || !this.begun || this.response.write(text)
  }

  end(): void {
    if (!this.gone) this.response.end()
  }

  cut(how: "close" | "reset" | "silence"): void {
    const { socket } = this.request
    if (how === "close") socket.destroySoon()
    // What was written before has left first: the response hands it to its socket at the end of this turn.
    else if (how === "reset") process.nextTick(() => socket.write("", () => socket.resetAndDestroy()))
  }

  begins(): void {
    this.fault ??= this.late()
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
    const given = [...this.more, ...headers]
    const ordered = this.isGo ? given.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)) : given
    const all: Headers = [...ordered, ["Date", this.date()], ...length, ...last]
    this.response.writeHead(
      status,
      all.flatMap(([name, value]) => [name, value])
    )
    if (this.isGo && this.request.httpVersion === "1.0") speakOld(this.response)
    return true
  }
}

/** Whether the caller wants no other answer on this connection. */
const isLast = ({ headers }: IncomingMessage): boolean => headers.connection?.toLowerCase() === "close"

/** Go answers in the version that it is asked in; Node always in its own, and offers no way to say otherwise. */
const speakOld = (response: ServerResponse): void => {
  const written = response as unknown as { _header: string }
  written._header = written._header.replace("HTTP/1.1", "HTTP/1.0")
}
