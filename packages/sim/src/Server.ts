/**
 * A simulated Ollama on a real port.
 *
 * It keeps what Go's server keeps and Node's does not: no time limits of its own, no headers beside those it was given,
 * and a caller who closes his side of the connection has left. A small API beside Ollama's own, below `/_sim`, switches
 * faults on and off and tells who has asked what.
 */
import { Options as CoreOptions, Units } from "@spillway/core"
import { Data, DateTime, Effect, Schema, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Agenda } from "./Agenda.ts"
import * as Control from "./Control.ts"
import type { Asked, Handler } from "./Exchange.ts"
import type * as Fault from "./Fault.ts"
import * as Door from "./ollama/Door.ts"
import * as Faults from "./ollama/Faults.ts"
import type { Ollama } from "./ollama/Ollama.ts"
import * as Routes from "./ollama/Routes.ts"
import * as Simulation from "./Simulation.ts"
import { SocketReply } from "./SocketReply.ts"
import { Traffic } from "./Traffic.ts"

/** Where it listens. */
export const Options = Schema.Struct({
  host: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("127.0.0.1"))),
  /** 0 takes a free one. */
  port: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** The longest body that is read, in bytes. */
  bodyMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(64_000_000)))
})

/** The options as TypeScript takes them: those of the simulation, and where it listens. */
export type Options = Simulation.Options & typeof Options.Encoded

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

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly ollama: Ollama
  readonly faults: Fault.Switchboard
  readonly traffic: Traffic
}

/** What starting one may fail with. */
export type StartRefused = CoreOptions.OptionsRefused | Fault.FaultRefused | ListenRefused

/** Starts one, which ends with its scope. */
export const start = ({ bodyMax, host, port, ...options }: Options = {}): Effect.Effect<
  Running,
  StartRefused,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const settings = yield* CoreOptions.decode("Server", Options)({ bodyMax, host, port })
    const { agenda, faults, ollama } = yield* Simulation.make(options)
    const traffic = new Traffic(agenda)
    const routes = Routes.handler(ollama, () => ollama.draw())
    const handler = Control.beside({ faults, ollama, traffic }, Door.struck(agenda, routes))
    const server = createServer((request, response) => {
      listen(request, response, { agenda, bodyMax: settings.bodyMax, faults, handler, traffic })
    })
    const url = yield* Effect.acquireRelease(listening(server, settings), () => closed(server))
    return { url, ollama, faults, traffic }
  })

/** Who is asked, what is read of him, and who answers. */
interface Listening {
  readonly agenda: Agenda
  readonly bodyMax: number
  readonly faults: Fault.Faults
  readonly handler: Handler
  readonly traffic: Traffic
}

/** Reads a request to its end, and has it answered. */
const listen = (request: IncomingMessage, response: ServerResponse, listening: Listening): void => {
  const chunks: Array<Buffer> = []
  let length = 0
  request.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length > listening.bodyMax) request.destroy()
    else chunks.push(chunk)
  })
  request.on("error", () => {})
  response.on("error", () => {})
  request.once("end", () => {
    const asked = askedOf(request, Buffer.concat(chunks).toString())
    const model = modelOf(asked.body)
    const fault = listening.faults.strike(Faults.ofRequests, { path: asked.path, model })
    const date = (): string => httpDate(listening.agenda.wall)
    const reply = new SocketReply(request, response, { date, more: Routes.originHeaders(asked), fault })
    listening.handler(asked, Control.isFor(asked) ? reply : listening.traffic.follow(asked, model, reply))
  })
}

const askedOf = ({ headers, method = "GET", url = "/" }: IncomingMessage, body: string): Asked => {
  const [path = "/", query] = url.split(/\?(.*)/s)
  return {
    method,
    path,
    query: new URLSearchParams(query),
    headers: headers as Record<string, string | undefined>,
    body
  }
}

/** The model that is asked for, as far as that can be seen without reading all of it. */
const modelOf = (body: string): string => {
  const [, quoted] = /"model"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(body) ?? []
  return quoted === undefined ? "" : (JSON.parse(quoted) as string)
}

const httpDate = (nanos: bigint): string =>
  DateTime.toDateUtc(DateTime.makeUnsafe(Number(nanos / 1_000_000n))).toUTCString()

const listening = (
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
