/**
 * The connections to one server: bounded, kept, and without a clock of their own.
 *
 * Clocks belong to the policies, which know a load from a hang, so nothing here gives up after some minutes. Whoever
 * finds all connections in use waits here, where he can leave again without a trace. An idle connection may have died
 * without a word: what fails on one that was kept, as soon as a word can come back and before one did, was hardly begun
 * over there, and is sent once more on a new one. That is no retry, since nothing was done twice.
 */
import { Effect, type Scope } from "effect"
import type { Socket } from "node:net"
import { buildConnector, Client, type Dispatcher, Pool } from "undici"
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
  /** Its turn has come: it goes to a connection, which may have to be made first. */
  turn(): void
  /** The request goes out, on a connection that is there. */
  sent(): void
  head(status: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  /** What was sent has failed, or what was heard could not be taken. */
  broken(error: Error, how: Broken): void
}

/** How far a request had come when it broke. */
export interface Broken {
  readonly wasSent: boolean
  readonly hasBegun: boolean
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

/** How many there are beside those of questions: whoever looks what is there waits for no question. */
export const besideMax = 8

/** Opens what is asked for, until the scope is closed. */
export const open = ({ connections, origin }: Settings): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Line(origin, connections)),
      (line) => Effect.promise(() => line.close())
    ),
    (line) => ({ send: (request, listener) => new Sent(line, request, listener) })
  )

/** Who waits for a connection, in the order in which they came: a set keeps it, and lets anybody go at once. */
class Line {
  readonly pool: Pool
  private free: number
  private isServing = false
  private readonly waiting = new Set<Sent>()

  constructor(origin: string, connections: number) {
    this.free = connections
    this.pool = new Pool(origin, {
      connections,
      pipelining: 1,
      // A connection is one question's at a time: what it dies of, and who leaves, concerns nobody else.
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 60_000,
      factory: (at, options) => new Kept(at, options)
    })
  }

  /** Whether there was room for him, to go at once or to wait. */
  enter(sent: Sent): boolean {
    if (this.free > 0 && this.waiting.size === 0) {
      this.free--
      sent.go(this.pool)
      return true
    }
    if (this.waiting.size >= waitingMax) return false
    this.waiting.add(sent)
    return true
  }

  /** Whoever waits leaves; whoever has a connection gives it to the next. */
  leave(sent: Sent): void {
    if (this.waiting.delete(sent)) return
    this.free++
    this.serve()
  }

  /** Lets as many go as there is room for. Who fails at once leaves within his turn, and must not begin another. */
  private serve(): void {
    if (this.isServing) return
    this.isServing = true
    while (this.free > 0 && this.waiting.size > 0) {
      const [next] = this.waiting
      this.waiting.delete(next!)
      this.free--
      next!.go(this.pool)
    }
    this.isServing = false
  }

  close(): Promise<void> {
    return this.pool.destroy()
  }
}

/** How many wait at most: who guards a server with a queue never has so many, and who does not has to be told. */
export const waitingMax = 10_000

/** An address that swallows what is sent to it; the clock of a policy is shorter. */
const connectTimeout = 30_000

/** A connection that tells whoever uses it whether somebody else has used it before, and how far away its end is. */
class Kept extends Client {
  private readonly making: { socket: Socket | undefined; millis: number }
  private isThere = false

  constructor(origin: URL, options: object) {
    const making: Kept["making"] = { socket: undefined, millis: 0 }
    const connector = buildConnector({ timeout: connectTimeout, allowH2: false })
    super(origin, {
      ...options,
      connect: (to, told) => {
        const begun = performance.now()
        // It answers the socket that it makes, though its type does not say so.
        const socket: unknown = connector(to, (...made) => {
          making.socket = undefined
          making.millis = performance.now() - begun
          told(...made)
        })
        making.socket = socket as Socket
      }
    })
    this.making = making
    this.on("connect", () => {
      this.isThere = true
    })
    this.on("disconnect", () => {
      this.isThere = false
    })
  }

  /** Within how many milliseconds it shows that the other end was not there any more: it takes a way and a way back. */
  get deathWithin(): number {
    return 20 + 2 * this.making.millis
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Sent) handler.goesOn(this, this.isThere)
    return super.dispatch(options, handler)
  }

  /** Makes no connection any more, for one who has left: nobody else waits for this one. */
  stopMaking(): void {
    this.making.socket?.destroy(left)
  }
}

/** What a kept connection can die of unnoticed. */
const deaths = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])

class Sent implements Broken, Dispatcher.DispatchHandler, Sending {
  private readonly line: Line
  private request: Request | undefined
  private readonly listener: Listener
  private client: Kept | undefined
  private controller: Dispatcher.DispatchController | undefined
  /** Whether it goes out on a connection that was there before. */
  private isKept = false
  private sentAt = 0
  wasSent = false
  hasBegun = false
  private isOver = false
  private isAgain = false
  private isPaused = false

  constructor(line: Line, request: Request, listener: Listener) {
    this.line = line
    this.request = request
    this.listener = listener
    if (line.enter(this)) return
    this.isOver = true
    queueMicrotask(() => listener.broken(full, this))
  }

  /** Its turn has come. */
  go(pool: Pool): void {
    this.listener.turn()
    this.dispatch(pool)
  }

  goesOn(client: Kept, isKept: boolean): void {
    this.client = client
    this.isKept = isKept
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.isOver) return controller.abort(left)
    this.sentAt = performance.now()
    this.wasSent = true
    if (!this.isAgain) this.listener.sent()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // A server may say first that it has heard.
    if (this.isOver || status < 200) return
    this.hasBegun = true
    try {
      this.listener.head(status, headers)
    } catch (thrown) {
      this.stop(thrown)
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isOver) return
    try {
      this.listener.data(chunk)
    } catch (thrown) {
      this.stop(thrown)
    }
  }

  onResponseEnd(): void {
    if (this.isOver) return
    this.over()
    try {
      this.listener.end()
    } catch (thrown) {
      this.listener.broken(unreadable(thrown), this)
    }
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return
    if (this.wasDead(error)) {
      this.isAgain = true
      // Not to the pool, which might have another one that died: this one is gone, and makes itself anew.
      return this.dispatch(this.client!)
    }
    this.over()
    this.listener.broken(error, this)
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
    if (this.controller !== undefined) this.controller.abort(left)
    else this.client?.stopMaking()
    this.over()
  }

  private dispatch(to: Dispatcher): void {
    const { body, headers, method, path } = this.request!
    to.dispatch({ method, path, headers, body: body ?? null }, this)
  }

  /** Holds on to nothing any more: undici may keep it for a while. */
  private over(): void {
    this.isOver = true
    this.request = undefined
    this.line.leave(this)
  }

  private stop(thrown: unknown): void {
    this.leave()
    this.listener.broken(unreadable(thrown), this)
  }

  private wasDead(error: Error): boolean {
    const { code = "" } = error as NodeJS.ErrnoException
    if (!this.isKept || this.isAgain || this.hasBegun || !deaths.has(code)) return false
    return performance.now() - this.sentAt < this.client!.deathWithin
  }
}

/** Why a request is given up: its caller has. */
const left = new Error("The caller has left.")

/** Why a request is not even let wait. */
const full = Object.assign(new Error("Too many wait for a connection."), { code: "ETOOMANYWAIT" })

/** What somebody said that we could not take: a mistake of ours, which must not leave anybody waiting. */
const unreadable = (thrown: unknown): Error =>
  Object.assign(new Error("What came could not be read.", { cause: thrown }), { code: "HPE_UNREADABLE" })
