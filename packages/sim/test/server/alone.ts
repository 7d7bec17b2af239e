/**
 * Runs a simulated server in a process of its own, so that what it holds can be told from what its callers hold: it
 * answers each message with what it holds, and `stop` by ending the server and all that keeps the process here.
 */
import { Effect, Exit, Scope } from "effect"
import * as Server from "../../src/Server.ts"

/** What a process holds. */
export interface Held {
  /** Those of connections, timers and the like. */
  readonly resources: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
  /** Bytes, after everything that can be collected was. */
  readonly heap: number
  readonly memory: number
}

const warnings: Array<string> = []
process.on("warning", ({ message, name }) => warnings.push(`${name}: ${message}`))

const scope = Effect.runSync(Scope.make())
const options = JSON.parse(process.argv[2] ?? "{}") as Server.Options
const { url } = await Effect.runPromise(Scope.provide(Server.start(options), scope))

const say = (message: string | Held): void => void process.send?.(message)

const stop = async (): Promise<void> => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  say("stopped")
  process.disconnect()
}

process.on("message", (message) => {
  if (message === "stop") {
    void stop()
    return
  }
  ;(globalThis as { gc?: () => void }).gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const held: Held = { resources: process.getActiveResourcesInfo(), warnings, heap: heapUsed, memory: rss }
  say(held)
})

say(url)
