/**
 * The door over standard input and output, for the one client that has started the process.
 *
 * Standard output belongs to the protocol: whatever else is written there, by whichever dependency, goes to standard
 * error. And the process ends with its client, however that ends: an end of input, a broken output, a signal, or a
 * parent that is gone though somebody else still holds its pipe.
 */
// @effect-diagnostics globalTimers:off
import type { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { Data, Effect, Latch, type Scope } from "effect"
import type { Writable } from "node:stream"

/** A line of its input was longer than any that is read. */
export class LineTooLong extends Data.TaggedError("LineTooLong")<{}> {
  override get message(): string {
    return "A line of standard input was longer than 10 MB: send less at once."
  }
}

/** Whom it serves. */
export interface Options {
  /** The process that has started this one, read as soon as it began: who reads it later may find another one. */
  readonly parent?: number
}

/** Serves until the client is gone. What runs for it then is ended. */
export const serve = (
  server: Server,
  { parent = process.ppid }: Options = {}
): Effect.Effect<void, LineTooLong, Scope.Scope> =>
  Effect.gen(function* () {
    const stdout = yield* claimed
    const ended = yield* Effect.acquireRelease(
      Effect.sync(() => listen(parent)),
      (listening) => Effect.sync(listening.stop)
    )
    let isTooLong = false
    // Before anything else has ended it, it is closed for a line that is too long.
    const onclose = (): void => {
      isTooLong ||= !ended.isOver()
      ended.end()
    }
    const transport = Object.assign(new StdioServerTransport(process.stdin, stdout), { onclose })
    yield* Effect.acquireRelease(
      Effect.promise(() => server.connect(transport)),
      () => Effect.promise(() => server.close())
    )
    yield* ended.over.await
    yield* isTooLong ? Effect.fail(new LineTooLong()) : Effect.void
  })

/** Standard output as the protocol has it. Everybody else's goes to standard error until the end of the scope. */
const claimed: Effect.Effect<Writable, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const { stdin, stdout } = process
    const write = stdout.write.bind(stdout)
    stdout.write = process.stderr.write.bind(process.stderr)
    const told = (text: string): boolean => {
      // Whoever does not read what he is answered is not read either, before it fills the memory.
      if (!write(text) && stdout.writableLength > unreadMax && !stdin.isPaused()) {
        stdin.pause()
        stdout.once("drain", () => stdin.resume())
      }
      // The SDK would listen once for each answer that waits.
      return true
    }
    // All that the SDK asks of it.
    return { write: told } as unknown as Writable
  }),
  () =>
    Effect.sync(() => {
      // Its own is that of its prototype.
      Reflect.deleteProperty(process.stdout, "write")
    })
)

const unreadMax = 4_000_000

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Waits for the first of all the ways in which a client may be gone. */
const listen = (parent: number) => {
  const over = Latch.makeUnsafe()
  let isOver = false
  const end = (): void => {
    isOver = true
    over.openUnsafe()
  }
  const { stdin, stdout } = process
  for (const event of ["end", "close", "error"]) stdin.on(event, end)
  stdout.on("error", end)
  for (const signal of signals) process.on(signal, end)
  const watch = setInterval(() => {
    if (process.ppid !== parent) end()
  }, watchMillis)
  watch.unref()
  if (process.ppid !== parent) end()
  if (stdin.readableEnded || stdin.destroyed) end()
  const stop = (): void => {
    clearInterval(watch)
    for (const event of ["end", "close", "error"]) stdin.off(event, end)
    stdout.off("error", end)
    for (const signal of signals) process.off(signal, end)
  }
  return { over, end, stop, isOver: () => isOver }
}

const watchMillis = 1_000
