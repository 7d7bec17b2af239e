/**
 * The port that a simulated server listens on: reads requests to their ends, and hands them on.
 *
 * It keeps what the servers of providers keep and Node's does not: no time limits of its own, and a caller who closes
 * his side of the connection has left.
 */
import { Options as CoreOptions, Units } from "@spillway/core"
import { Data, DateTime, Effect, Schema, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Agenda } from "./Agenda.ts"
import type { Asked, Handler, Headers } from "./Exchange.ts"
import type { Struck } from "./Fault.ts"
import { SocketReply } from "./SocketReply.ts"

/** Where it listens. */
export const Options = Schema.Struct({
  host: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("127.0.0.1"))),
  /** 0 takes a free one. */
  port: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** The longest body that is read, in bytes. */
  bodyMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(64_000_000)))
})

/** The options as TypeScript takes them. */
export type Options = typeof Options.Encoded

/** The port cannot be listened on. */
export class ListenRefused extends Data.TaggedError("ListenRefused")<{
  readonly address: string
  readonly code: string
}> {
  override get message(): string {
    const why = this.code === "EADDRINUSE" ? "somebody else listens there: take another port" : this.code
    return `${this.address} cannot be listened on: ${why}`
  }
}

/** Who answers, and how it looks on the wire. */
export interface Listening {
  readonly agenda: Agenda
  readonly handler: Handler
  /** Whether headers are those of a server written in Go: sorted, and none but those that were given. */
  readonly isGo: boolean
  /** What goes wrong with this request, when it comes or else when its answer begins. */
  readonly struckBy: (asked: Asked) => Struck | undefined
  readonly struckLate?: (asked: Asked) => Struck | undefined
  /** What every answer to it says beside. */
  readonly headersFor: (asked: Asked) => Headers
}

/** Listens until the scope is closed; answers with the address. */
export const open = (
  options: { readonly [Name in keyof Options]: Options[Name] | undefined },
  listening: Listening
): Effect.Effect<string, ListenRefused | CoreOptions.OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* CoreOptions.decode("Listener", Options)(options)
    // A question that breaks the simulation must not end it for everybody else.
    const context = yield* Effect.context()
    listening.agenda.onBroken = (thrown) => {
      Effect.runForkWith(context)(Effect.logError("The simulation broke in the midst of an answer.", thrown))
    }
    const server = createServer((request, response) => {
      take(request, response, settings.bodyMax, listening)
    })
    // Who has closed his side, whether he is answered or not, is let go: what he was told has left by then.
    server.on("connection", (socket) => {
      // Each of many requests that are sent at once listens.
      socket.setMaxListeners(0)
      socket.once("end", () => process.nextTick(() => socket.destroySoon()))
    })
    return yield* Effect.acquireRelease(listen(server, settings), () =>
      Effect.andThen(
        closed(server),
        Effect.sync(() => listening.agenda.end())
      )
    )
  })

/** The model that a body asks for, as Go would find it: by its name in upper or lower case, at the top. */
const modelOf = (body: string): string => {
  try {
    const read = JSON.parse(body) as Record<string, unknown> | null
    const [, model] = Object.entries(read ?? {}).findLast(([name]) => name.toLowerCase() === "model") ?? []
    // A slice would keep alive all that it was cut from, for as long as the request is remembered.
    return typeof model === "string" ? Buffer.from(model.slice(0, nameMax)).toString() : ""
  } catch {
    return ""
  }
}

/** The longest name that is written down. */
const nameMax = 200

/** Reads a request to its end, and has it answered. */
const take = (request: IncomingMessage, response: ServerResponse, bodyMax: number, listening: Listening): void => {
  const chunks: Array<Buffer> = []
  let length = 0
  request.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length > bodyMax) request.destroy()
    else chunks.push(chunk)
  })
  request.on("error", () => {})
  response.on("error", () => {})
  request.once("end", () => {
    const asked = askedOf(request, Buffer.concat(chunks).toString())
    const said = {
      date: () => httpDate(listening.agenda.wall),
      fault: listening.struckBy(asked),
      begins: () => listening.struckLate?.(asked),
      isGo: listening.isGo,
      more: listening.headersFor(asked)
    }
    const reply = new SocketReply(request, response, said)
    try {
      listening.handler(asked, reply)
    } catch {
      if (reply.begun) reply.cut("close")
      else reply.whole(500, [["Content-Type", "text/plain"]], "the simulation cannot answer this")
    }
  })
}

const askedOf = ({ headers, method = "GET", url = "/" }: IncomingMessage, body: string): Asked => {
  const [path = "/", query] = url.split(/\?(.*)/s)
  return {
    method,
    path,
    query: new URLSearchParams(query),
    headers: headers as Record<string, string | undefined>,
    body,
    model: modelOf(body)
  }
}

const httpDate = (nanos: bigint): string =>
  DateTime.toDateUtc(DateTime.makeUnsafe(Number(nanos / 1_000_000n))).toUTCString()

const listen = (
  server: Server,
  { host, port }: { readonly host: string; readonly port: number }
): Effect.Effect<string, ListenRefused> =>
  Effect.callback((resume) => {
    // Neither idle connections nor slow ones are cut by an Ollama.
    Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0, httpAllowHalfOpen: true })
    const failed = ({ code = "unknown" }: NodeJS.ErrnoException): void =>
      resume(Effect.fail(new ListenRefused({ address: `${host}:${port}`, code })))
    server.once("error", failed)
    server.listen(port, host, () => {
      server.off("error", failed)
      const address = server.address() as AddressInfo
      const name = address.family === "IPv6" ? `[${address.address}]` : address.address
      resume(Effect.succeed(`http://${name}:${address.port}`))
    })
  })

const closed = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
