/**
 * Runs a simulated server for a test, and ends it when the test file is over or before.
 */
import { Effect, Exit, Scope } from "effect"
import { request } from "node:http"
import * as Server from "../../src/Server.ts"

/** A server that runs until it is stopped. */
export interface Serving extends Server.Running {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** A model that answers at once. */
export const quick = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  name,
  kind: "go" as const,
  load: "1ms" as const,
  decode: 1e9,
  prefill: 1e9,
  answer: 20,
  ...more
})

/** Starts a server on a free port. */
export const serve = async (options: Server.Options = {}): Promise<Serving> => {
  const scope = Effect.runSync(Scope.make())
  const running = await Effect.runPromise(Scope.provide(Server.start(options), scope))
  const stop = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void))
  return { ...running, port: Number(new URL(running.url).port), stop }
}

/** Lets a while pass, of real time: what happens on a socket has no other clock. */
export const pass = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Waits until something holds, and says how many milliseconds that took; fails where it takes longer than it may. */
export const until = async (holds: () => boolean | Promise<boolean>, millisMax = 2_000): Promise<number> => {
  const from = performance.now()
  while (!(await holds())) {
    if (performance.now() - from > millisMax) throw new Error(`It did not come to hold within ${millisMax} ms`)
    await pass(2)
  }
  return performance.now() - from
}

/** What was answered to one request of the control API, on a connection of its own that is not kept. */
export const control = (url: string, method: string, path: string, body = ""): Promise<Controlled> =>
  new Promise((resolve, reject) => {
    const asking = request(`${url}/_sim${path}`, { method, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (piece: string) => {
        text += piece
      })
      response.on("end", () => resolve({ status: response.statusCode, value: JSON.parse(text) as Controlled["value"] }))
    })
    asking.on("error", reject)
    asking.end(body)
  })

/** An answer of the control API. */
export interface Controlled {
  readonly status: number | undefined
  readonly value: {
    readonly error?: string
    readonly on?: ReadonlyArray<Readonly<Record<string, unknown>>>
    readonly known?: Readonly<Record<string, unknown>>
    readonly count?: number
    readonly requests?: ReadonlyArray<Readonly<Record<string, unknown>>>
    readonly models?: ReadonlyArray<Readonly<Record<string, unknown>>>
  }
}

/** A turn of a user. */
export const user = (content: string) => ({ role: "user" as const, content })

/** What a client library fails with; fails itself where that does not fail. */
export const failureOf = async (asked: Promise<unknown>): Promise<Failure> => {
  const came = await asked.then(
    () => undefined,
    (error: unknown) => error
  )
  if (!(came instanceof Error)) throw new Error("It did not fail")
  return came
}

/** The fields of the errors of all clients. */
export interface Failure extends Error {
  /** Of an Ollama client, and of the others. */
  readonly error?: unknown
  readonly status_code?: number
  readonly status?: number
  readonly headers?: unknown
}
