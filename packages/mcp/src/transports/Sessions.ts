/**
 * The sessions of an HTTP server: bounded in number, each of one caller, and forgotten when nothing has come for long.
 *
 * The SDK keeps a session until its client ends it, and many never do. One that is at work, or that a client listens
 * to, is not idle.
 */
// @effect-diagnostics globalTimers:off asyncFunction:off
import type { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"

/** What bounds them. */
export interface Options {
  readonly sessionsMax: number
  /** How many of these may be of one caller. */
  readonly ownMax: number
  readonly idleForMillis: number
  readonly bodyMax: number
}

/** A server for a caller. */
export type Serve = (caller: string) => Server

/** One session. */
export class Session {
  readonly caller: string
  private readonly transport: StreamableHTTPServerTransport
  private readonly server: Server
  /** Requests that are not over. */
  private open = 0
  private usedAt = performance.now()

  constructor(caller: string, server: Server, transport: StreamableHTTPServerTransport) {
    this.caller = caller
    this.server = server
    this.transport = transport
  }

  /** Since when nobody has used it; 0 while somebody does. */
  idleFor(now: number): number {
    return this.open > 0 ? 0 : now - this.usedAt
  }

  /** Hands a request to the SDK. Whose connection breaks can hear no answer any more, so that his call is ended. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    this.open++
    response.once("close", () => {
      this.open--
      this.usedAt = performance.now()
      if (!response.writableFinished) gone.abort()
    })
    const auth = { token: "", clientId: this.caller, scopes: [], extra: { gone: gone.signal } }
    return this.transport.handleRequest(Object.assign(request, { auth }), response)
  }

  close(): Promise<void> {
    return this.server.close()
  }
}

/** All of them. */
export class Sessions {
  private readonly serve: Serve
  private readonly options: Options
  private readonly known = new Map<string, Session>()
  /** Of whom it is not yet known whether they begin one. */
  private readonly beginning = new Set<Session>()
  private readonly sweeper: NodeJS.Timeout

  constructor(serve: Serve, options: Options) {
    this.serve = serve
    this.options = options
    this.sweeper = setInterval(() => this.sweep(), Math.min(options.idleForMillis / 2, sweepMillis)).unref()
  }

  /** Who has sent no body yet has begun none. */
  get size(): number {
    return this.known.size
  }

  /** The session of that name, if it is his: of others he learns nothing, not even that they are. */
  find(id: string, caller: string): Session | undefined {
    const session = this.known.get(id)
    return session?.caller === caller ? session : undefined
  }

  /** Makes room for one of his, if there is any: the oldest of his own goes before those of others. */
  hasRoom(caller: string): boolean {
    const own = [...this.known].filter(([, session]) => session.caller === caller)
    if (own.length >= this.options.ownMax) return this.evict(own)
    return this.size < this.options.sessionsMax || this.evict(own) || this.evict([...this.known])
  }

  /** Whoever has been away for longest is told to begin anew; whoever is there never is. */
  private evict(among: ReadonlyArray<readonly [string, Session]>): boolean {
    const now = performance.now()
    const [id, oldest] = among.toSorted(([, one], [, other]) => other.idleFor(now) - one.idleFor(now))[0] ?? []
    if (oldest === undefined || oldest.idleFor(now) < graceMillis) return false
    this.forget(id!, oldest)
    return true
  }

  /** Begins one with a request, if that is what the request asks for. */
  async begin(caller: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      maxRequestBodySize: this.options.bodyMax,
      // Others may have begun theirs since he came.
      onsessioninitialized: (id) => {
        if (!this.hasRoom(caller)) return session.close()
        return void this.known.set(id, session)
      },
      onsessionclosed: (id) => void this.known.delete(id)
    })
    const server = this.serve(caller)
    const session = new Session(caller, server, transport)
    this.beginning.add(session)
    try {
      await server.connect(transport)
      await session.handle(request, response)
    } finally {
      this.beginning.delete(session)
      if (transport.sessionId === undefined) await session.close()
    }
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    clearInterval(this.sweeper)
    await Promise.all([...this.known.values(), ...this.beginning].map((session) => session.close()))
    this.known.clear()
  }

  private sweep(): void {
    const now = performance.now()
    for (const [id, session] of this.known) {
      if (session.idleFor(now) >= this.options.idleForMillis) this.forget(id, session)
    }
  }

  private forget(id: string, session: Session): void {
    this.known.delete(id)
    void session.close()
  }
}

/** Whoever was there a moment ago is not put out for somebody else. */
const graceMillis = 10_000

const sweepMillis = 60_000
