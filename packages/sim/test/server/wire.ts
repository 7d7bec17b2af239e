/**
 * A connection to a server, with every byte that came on it: what a client library hides is what these tests look at.
 */
import { connect, type Socket } from "node:net"
import { until } from "./running.ts"

/** An answer as it stood on the wire. */
export interface Came {
  readonly status: number | undefined
  /** Names as they were written, in their order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Without the frame of the chunks. */
  readonly body: string
  /** Whether the frame says that the body is whole. */
  readonly isWhole: boolean
  /** Where the bytes after it begin. */
  readonly length: number
}

/** One connection. */
export class Wire {
  readonly socket: Socket
  end: "open" | "closed" | "reset" = "open"
  private readonly chunks: Array<Buffer> = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on("data", (chunk: Buffer) => this.chunks.push(chunk))
    socket.on("end", () => {
      if (this.end === "open") this.end = "closed"
    })
    socket.on("error", () => {
      this.end = "reset"
    })
  }

  static open(port: number, allowHalfOpen = false): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new Wire(socket))
      })
    })
  }

  /** Everything that came, a character a byte. */
  get bytes(): string {
    return Buffer.concat(this.chunks).toString("latin1")
  }

  /** What has come of the answer. */
  get came(): Came {
    return cameOf(this.bytes)
  }

  /** Forgets what came. */
  clear(): void {
    this.chunks.length = 0
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.socket.write(requestOf(path, body, headers))
  }
}

/** The bytes of a request. */
export const requestOf = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): string => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const length = `Content-Length: ${Buffer.byteLength(text)}`
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${more.join("")}${length}\r\n\r\n${text}`
}

/** How an answer ended: whole on a connection that was kept or closed, or in its midst. */
export type Ended = "kept" | "whole-closed" | "closed" | "reset" | "silent"

/** An answer, with how it ended and when. */
export interface Asked extends Came {
  readonly ended: Ended
  readonly firstMillis: number | undefined
  readonly tookMillis: number
}

/** Asks on a connection of its own, until the answer is whole, the connection is over, or it is quiet for a while. */
export const ask = async (port: number, path: string, body: unknown, quietMillis = 150): Promise<Asked> => {
  const wire = await Wire.open(port)
  const from = performance.now()
  let first: number | undefined
  let last = from
  wire.socket.on("data", () => {
    last = performance.now()
    first ??= last - from
  })
  wire.post(path, body)
  await until(() => wire.end !== "open" || wire.came.isWhole || performance.now() - last > quietMillis, 10_000)
  const tookMillis = performance.now() - from
  const { came } = wire
  // A connection that is to close does so with the answer.
  if (came.isWhole && wire.end === "open") await until(() => wire.end !== "open", 25).catch(() => 0)
  const { end } = wire
  wire.socket.destroy()
  const ended = came.isWhole ? (end === "open" ? "kept" : "whole-closed") : end === "open" ? "silent" : end
  return { ...came, ended, firstMillis: first, tookMillis }
}

/** Reads an answer, as far as it came. */
const cameOf = (bytes: string): Came => {
  const nothing = { status: undefined, headers: [], body: "", isWhole: false, length: 0 }
  const border = bytes.indexOf("\r\n\r\n")
  if (border < 0) return nothing
  const [first = "", ...lines] = bytes.slice(0, border).split("\r\n")
  const headers = lines
    .map((line) => line.split(/: (.*)/s) as [string, string])
    .map(([name, value]) => [name, value] as const)
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(first)?.[1])
  const from = border + 4
  const length = headers.find(([name]) => name === "Content-Length")?.[1]
  if (length !== undefined) {
    const body = bytes.slice(from, from + Number(length))
    return { status, headers, body: utf8(body), isWhole: body.length === Number(length), length: from + body.length }
  }
  if (!headers.some(([name]) => name === "Transfer-Encoding"))
    return { ...nothing, status, headers, isWhole: status === 204 }
  return { status, headers, ...chunked(bytes, from) }
}

const chunked = (bytes: string, from: number): Pick<Came, "body" | "isWhole" | "length"> => {
  let body = ""
  for (let at = from; ;) {
    const line = bytes.indexOf("\r\n", at)
    if (line < 0) return { body: utf8(body), isWhole: false, length: bytes.length }
    const size = Number.parseInt(bytes.slice(at, line), 16)
    body += bytes.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
    if (size === 0) return { body: utf8(body), isWhole: bytes.length >= at, length: at }
  }
}

const utf8 = (bytes: string): string => Buffer.from(bytes, "latin1").toString()
