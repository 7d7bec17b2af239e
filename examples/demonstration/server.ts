/**
 * A model server on a port of this machine that does what a script says: it answers, refuses, loads, hangs, goes slowly
 * or breaks off.
 *
 * It speaks real HTTP, so that what is guarded is what people guard: a status, a header, a stream of lines, a socket
 * that is closed when the caller leaves. It keeps a record of every request, from which the figures are counted.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Usage } from "@spillway/core"
import { Effect, FiberSet, type Scope } from "effect"

/** One line of an answer; the last one says what was used. */
export type Line = { readonly loading: boolean } | { readonly text: string } | { readonly usage: Usage.Usage }

/** One thing that the server does with a request. */
export type Step =
  | { readonly refuse: number; readonly retryAfter?: number }
  | { readonly wait: number }
  | { readonly say: Line }
  /** Silent for ever. */
  | { readonly hang: true }
  /** Breaks off, when it has come to so much: it will send a bill for it. */
  | { readonly cut: Usage.Usage }

/** What the server is asked: `try` counts from 1 for each name. */
export interface Request {
  readonly name: string
  readonly maxTokens: number
  readonly try: number
  /** In milliseconds since the scene began. */
  readonly at: number
  endedAt?: number
  status?: number
  /** Whether the caller closed the connection before the end. */
  left: boolean
  used?: Usage.Usage
}

/** What the server does, request by request. */
export type Script = (request: Request) => ReadonlyArray<Step>

/** A server that runs. */
export interface Server {
  readonly url: string
  readonly requests: ReadonlyArray<Request>
}

/** Starts a server, which ends with the scope. */
export const start = (script: Script, now: () => number): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime()
    const requests: Array<Request> = []
    const server = createServer((incoming, response) => {
      const request = requestOf(incoming, requests, now())
      requests.push(request)
      // One connection for each request, so that none is left over.
      response.setHeader("connection", "close")
      const fiber = run(Effect.forEach(script(request), (step) => perform(step, request, response), { discard: true }))
      response.once("close", () => {
        request.left = !response.writableFinished && request.used === undefined
        request.endedAt = now()
        fiber.interruptUnsafe()
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
  })

const requestOf = (incoming: IncomingMessage, before: ReadonlyArray<Request>, at: number): Request => {
  const url = new URL(incoming.url!, "http://127.0.0.1")
  const name = url.pathname.slice(1)
  return {
    name,
    maxTokens: Number(url.searchParams.get("max_tokens") ?? Infinity),
    try: before.filter((each) => each.name === name).length + 1,
    at,
    left: false
  }
}

const perform = (step: Step, request: Request, response: ServerResponse): Effect.Effect<void> => {
  if ("wait" in step) return Effect.sleep(step.wait)
  if ("hang" in step) return Effect.never
  return Effect.sync(() => {
    if ("refuse" in step) {
      request.status = step.refuse
      if (step.retryAfter !== undefined) response.setHeader("retry-after", step.retryAfter)
      response.writeHead(step.refuse).end()
    } else if ("cut" in step) {
      request.used = step.cut
      response.destroy()
    } else {
      request.status = 200
      response.write(`${JSON.stringify(step.say)}\n`)
      if (!("usage" in step.say)) return
      request.used = step.say.usage
      response.end()
    }
  })
}

/** An answer after so many milliseconds. */
export const answer = (millis: number, usage: Usage.Usage = { input: 20, output: 60 }): ReadonlyArray<Step> => [
  { wait: millis },
  { say: { text: "243 metres" } },
  { say: { usage } }
]
