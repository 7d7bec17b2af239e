/** A server that says just the bytes it is told to, for each connection anew, and remembers what it was asked. */
import { Effect, type Scope } from "effect"
import { createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"

/** What it does with a connection once a whole request has come: its head and its body. */
export type Says = (socket: Socket, asked: string, count: number) => void

/** A server, and what it has heard. */
export interface Bytes {
  readonly url: string
  /** The requests, in the order in which they came. */
  readonly asked: ReadonlyArray<string>
  /** How many connections there have been, and how many are open. */
  readonly connections: () => number
  readonly open: () => number
}

/** Serves until the scope is closed. */
export const serve = (says: Says): Effect.Effect<Bytes, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly bytes: Bytes; readonly close: () => void }>((resume) => {
        const asked: Array<string> = []
        const sockets = new Set<Socket>()
        let connections = 0
        const server = createServer((socket) => {
          connections++
          sockets.add(socket)
          let text = ""
          socket.setEncoding("utf8")
          socket.on("error", () => {})
          socket.on("close", () => sockets.delete(socket))
          socket.on("data", (more: string) => {
            text += more
            const head = text.indexOf("\r\n\r\n")
            if (head < 0) return
            const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
            if (Buffer.byteLength(text.slice(head + 4)) < length) return
            asked.push(text)
            const whole = text
            text = ""
            says(socket, whole, asked.length)
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const bytes = {
            url: `http://127.0.0.1:${port}`,
            asked,
            connections: () => connections,
            open: () => sockets.size
          }
          const close = (): void => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
          resume(Effect.succeed({ bytes, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ bytes }) => bytes
  )

/** A head, and a body in chunks of HTTP's own. */
export const head = (type = "application/x-ndjson", status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`

export const chunk = (body: string | Buffer): Buffer => {
  const bytes = Buffer.from(body as string)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
}

/** The same as text. */
export const piece = (body: string): string => chunk(body).toString()

export const last = "0\r\n\r\n"

/** The version that a wire asks for at the end of its first answer. */
export const version = (asked: string): string | undefined => {
  if (!asked.startsWith("GET /api/version")) return undefined
  const body = '{"version":"0.34.0"}'
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** A frame of a chat, as a line. */
export const frame = (content: string): string =>
  `${JSON.stringify({ model: "a", message: { content }, done: false })}\n`

/** The last one. */
export const done = `${JSON.stringify({
  model: "a",
  message: { content: "" },
  done: true,
  done_reason: "stop",
  total_duration: 9,
  prompt_eval_count: 3,
  eval_count: 2
})}\n`
