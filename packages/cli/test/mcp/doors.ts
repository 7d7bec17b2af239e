/** The real command before a simulated Ollama, and the SDK's own client at either of its doors. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Server } from "@spillway/sim"
import { Effect, Exit, Scope } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { quick as model } from "../../../sim/test/server/running.ts"

/** The command from source. */
export const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** A simulated Ollama that lives as long as the test. */
export const simulated = async (
  options: Server.Options = { models: [model("a"), model("v-embed", { kind: "embed" })] }
) => {
  const scope = Scope.makeUnsafe()
  onTestFinished(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runPromise(Scope.provide(Server.start(options), scope))
}

/** A command that was started, with what it has said so far. */
export interface Started {
  readonly child: ChildProcessWithoutNullStreams
  readonly said: { out: string; err: string }
  readonly code: Promise<number | null>
}

/** Starts the command. */
export const start = (words: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}): Started => {
  const child = spawn(process.execPath, [main, "mcp", ...words], { env: { ...process.env, ...environment } })
  const said = { out: "", err: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text))
  // Whoever writes to one that has ended is told by its code.
  child.stdin.on("error", () => {})
  const code = new Promise<number | null>((resolve) => child.once("close", resolve))
  onTestFinished(() => void child.kill("SIGKILL"))
  return { child, said, code }
}

/** Waits until something is so, or for a few seconds. */
export const until = async (isSo: () => boolean | Promise<boolean>, millis = 10_000): Promise<void> => {
  const begun = performance.now()
  while (!(await isSo())) {
    if (performance.now() - begun > millis) throw new Error("It did not come to pass.")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A client that is connected over standard input and output, and has read the list of tools as real ones do. */
export const stdio = async (words: ReadonlyArray<string>): Promise<Client> => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, "mcp", ...words],
    stderr: "pipe"
  })
  return connected(new Client({ name: "test", version: "0.0.0" }), transport)
}

/** Where a server listens that was started with `--http`. */
export const listening = async (words: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) => {
  const started = start(["--http", "--port", "0", ...words], environment)
  await until(() => /http:\S+\/mcp/.test(started.said.err))
  return { ...started, url: /http:\S+\/mcp/.exec(started.said.err)![0] }
}

/** The same over HTTP. */
export const http = async (words: ReadonlyArray<string>): Promise<Client> => {
  const { url } = await listening(words)
  return connected(new Client({ name: "test", version: "0.0.0" }), new StreamableHTTPClientTransport(new URL(url)))
}

const connected = async (client: Client, transport: Parameters<Client["connect"]>[0]): Promise<Client> => {
  await client.connect(transport)
  onTestFinished(() => client.close())
  await client.listTools()
  return client
}

export { model }
