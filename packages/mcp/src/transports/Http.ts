/**
 * The door over Streamable HTTP, for many clients at once: sessions on a bare server of Node.
 *
 * Sessions, because without them what cancels a call finds it no more. And bare, because the frameworks that the SDK
 * comes with read bodies before anybody has asked who sends them, and say no in HTML.
 */
import { Data, Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as Gate from "./Gate.ts"
import type { Serve, Sessions } from "./Sessions.ts"

/** Where it listens, who may come, and what bounds them. */
export interface Options extends Partial<Gate.Options> {
  readonly port?: number
  readonly sessionsMax?: number
  readonly idleForMillis?: number
  readonly bodyMax?: number
}

/** What holds where nothing is said. */
export const defaults = {
  host: "127.0.0.1",
  port: 0,
  sessionsMax: 100,
  idleForMillis: 1_800_000,
  bodyMax: 4_194_304
} as const

/** So many connections there are at most. */
export const connectionsMax = 1_024

/** It does not listen, and why. */
export class ListenRefused extends Data.TaggedError("ListenRefused")<{ readonly sentence: string }> {
  override get message(): string {
    return this.sentence
  }
}

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly sessions: () => number
}

/** Listens until the end of the scope, which ends what runs. */
export const open = (serve: Serve, options: Options = {}): Effect.Effect<Running, ListenRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { bodyMax, host, idleForMillis, port, sessionsMax } = { ...defaults, ...options }
    if (!Gate.isLoopback(host) && options.keys === undefined) {
      const sentence = `${host} can be reached from other machines: name a key for each caller, or listen on 127.0.0.1.`
      return yield* new ListenRefused({ sentence })
    }
    // Where all are one caller, all of them are his.
    const ownMax = options.keys === undefined ? sessionsMax : Math.max(Math.floor(sessionsMax / 4), 1)
    const gate = yield* Effect.mapError(
      Effect.fromResult(Gate.make({ ...options, host })),
      (sentence) => new ListenRefused({ sentence })
    )
    // Whoever serves one client over standard input does not wait for what only a server needs.
    const { Sessions } = yield* Effect.promise(() => import("./Sessions.ts"))
    const sessions = new Sessions(serve, { sessionsMax, ownMax, idleForMillis, bodyMax })
    yield* Effect.addFinalizer(() => Effect.promise(() => sessions.close()))
    const server = createServer(
      { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 60_000 },
      (request, response) => {
        const answered = handle(sessions, gate, request, response)
        // It has said what is wrong, or cannot say anything to anybody any more.
        answered.catch(() => response.destroy())
      }
    )
    server.maxConnections = connectionsMax
    yield* Effect.acquireRelease(listening(server, host, port), () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
    )
    const address = server.address() as AddressInfo
    const name = address.family === "IPv6" ? `[${address.address}]` : address.address
    return { url: `http://${name}:${address.port}${path}`, sessions: () => sessions.size }
  })

const path = "/mcp"

const listening = (server: ReturnType<typeof createServer>, host: string, port: number) =>
  Effect.callback<void, ListenRefused>((resume) => {
    server.once("error", ({ code }: NodeJS.ErrnoException) => {
      const sentence =
        code === "EADDRINUSE"
          ? `${host}:${port} is taken: stop what listens there, or take another port (0 takes a free one).`
          : `${host}:${port} cannot be listened on (${code ?? "no reason given"}): name another address or port.`
      resume(Effect.fail(new ListenRefused({ sentence })))
    })
    server.listen(port, host, () => resume(Effect.void))
  })

const handle = (
  sessions: Sessions,
  gate: Gate.Gate,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  const asked = gate(request.headers)
  if ("status" in asked) return turn(response, asked.status, asked.sentence)
  if (request.url?.split("?", 1)[0] !== path) return turn(response, 404, `There is only ${path} here.`)
  const id = request.headers["mcp-session-id"]
  if (id !== undefined) {
    const session = typeof id === "string" ? sessions.find(id, asked.caller) : undefined
    return session === undefined
      ? turn(response, 404, "Session not found: begin a new one with initialize.", sessionNotFound)
      : session.handle(request, response)
  }
  if (request.method !== "POST") return turn(response, 400, "A session is begun with a POST of initialize.")
  return sessions.hasRoom(asked.caller)
    ? sessions.begin(asked.caller, request, response)
    : turn(response, 503, "You, or all together, have as many sessions as may be: come back in 10 s.")
}

/** Says no, as the protocol says it, to somebody of whom nothing more is read. */
const turn = (response: ServerResponse, status: number, message: string, code = -32_000): Promise<void> => {
  const body = JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id: null })
  response.writeHead(status, {
    "content-type": "application/json",
    connection: "close",
    ...(status === 401 && { "www-authenticate": 'Bearer realm="spillway"' }),
    ...(status === 503 && { "retry-after": "10" })
  })
  response.end(body)
  return Promise.resolve()
}

const sessionNotFound = -32_001
