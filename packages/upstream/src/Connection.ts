/**
 * The connections to one server: bounded, kept, and without a clock of their own.
 *
 * Clocks belong to the policies, which know a load from a hang, so nothing here gives up after some minutes. An idle
 * connection may have died without a word: what fails on one that was kept, at once and before a byte came back, was
 * never begun over there, and is sent once more on a new one. That is no retry, since nothing was done twice.
 */
import { Effect, type Scope } from "effect"
import { Client, type Dispatcher, Pool } from "undici"
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** A request. */
export interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Whoever is told what comes back. Of `end` and `broken` one is called, once, unless it has left before. */
export interface Listener {
  /** The request goes out, on a connection that is there. */
  sent(): void
  head(status: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  /** `hasBegun` says whether a head came before. */
  broken(error: Error, hasBegun: boolean): void
}

/** A request under way. */
export interface Sending {
  /** Asks for nothing more, until `resume`. */
  pause(): void
  resume(): void
  /** Closes its connection, now. */
  leave(): void
}

/** The connections to one server. */
export interface Connection {
  readonly send: (request: Request, listener: Listener) => Sending
}

/** How connections are made. */
export interface Settings {
  readonly origin: string
  /** How many at most; who finds all of them in use waits for one. */
  readonly connections: number
}

/** Opens what is asked for, until the scope is closed. */
export const open = ({ connections, origin }: Settings): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(
        () =>
          new Pool(origin, {
            connections,
            pipelining: 1,
            // A connection is one question's at a time: what it dies of, and who leaves, concerns nobody else.
            allowH2: false,
            headersTimeout: 0,
            bodyTimeout: 0,
            // An address that swallows what is sent to it; the clock of a policy is shorter.
            connectTimeout: 30_000,
            keepAliveTimeout: 60_000,
            factory: (at, options) => new Kept(at, options)
          })
      ),
      (pool) => Effect.promise(() => pool.destroy())
    ),
    (pool) => ({ send: (request, listener) => new Sent(pool, request, listener) })
  )

/** A connection that tells whoever uses it whether somebody else has used it before. */
class Kept extends Client {
  private isThere = false

  constructor(origin: URL, options: object) {
    super(origin, options)
    this.on("connect", () => {
      this.isThere = true
    })
    this.on("disconnect", () => {
      this.isThere = false
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Sent) handler.isKept = this.isThere
    return super.dispatch(options, handler)
  }
}

/** What a kept connection can die of unnoticed, and how soon that shows. */
const deaths = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])
const deathWithin = 250

class Sent implements Dispatcher.DispatchHandler, Sending {
  /** Whether it goes out on a connection that was there before. */
  isKept = false
  private readonly pool: Pool
  private readonly request: Request
  private readonly listener: Listener
  private controller: Dispatcher.DispatchController | undefined
  private sentAt = 0
  private hasBegun = false
  private isOver = false
  private isAgain = false
  private isPaused = false

  constructor(pool: Pool, request: Request, listener: Listener) {
    this.pool = pool
    this.request = request
    this.listener = listener
    this.go()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.isOver) return controller.abort(left)
    this.sentAt = performance.now()
    if (!this.isAgain) this.listener.sent()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // A server may say first that it has heard.
    if (this.isOver || status < 200) return
    this.hasBegun = true
    this.listener.head(status, headers)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.isOver) this.listener.data(chunk)
  }

  onResponseEnd(): void {
    if (this.isOver) return
    this.isOver = true
    this.listener.end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return
    if (this.wasDead(error)) {
      this.isAgain = true
      this.isKept = false
      return this.go()
    }
    this.isOver = true
    this.listener.broken(error, this.hasBegun)
  }

  pause(): void {
    this.isPaused = true
    this.controller?.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.controller?.resume()
  }

  leave(): void {
    if (this.isOver) return
    this.isOver = true
    this.controller?.abort(left)
  }

  private go(): void {
    const { body, headers, method, path } = this.request
    this.pool.dispatch({ method, path, headers, body: body ?? null }, this)
  }

  private wasDead(error: Error): boolean {
    const { code = "" } = error as NodeJS.ErrnoException
    const isAtOnce = performance.now() - this.sentAt < deathWithin
    return this.isKept && !this.isAgain && !this.hasBegun && isAtOnce && deaths.has(code)
  }
}

/** Why a request is given up: its caller has. */
const left = new Error("The caller has left.")
