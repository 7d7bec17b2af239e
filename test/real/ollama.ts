/**
 * A real Ollama over a scripted runner: its scheduler, its queue, its surfaces and its words, without a model.
 *
 * Each instance has a folder of its own in the system's folder for such, with a home, the models and what stands for
 * llama-server. A shell keeps it: it ends the server, its runners and the folder with whoever has started them, however
 * that one ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import * as files from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type Built } from "./build.ts"
import type { Environment, Started } from "./environment.ts"
import { file, type Model, models } from "./models.ts"

let found: Promise<Built> | undefined

/** The program, built if need be, or why there is none. */
export const program = (): Promise<Built> => (found ??= build())

/** Starts one. */
export const start = async (environment: Environment): Promise<Started> => startIn(environment, await store())

/** A file below the folder of the models. */
interface Stored {
  readonly path: string
  readonly bytes: Buffer
}

let made: Promise<ReadonlyArray<Stored>> | undefined

/** What a server makes of the models: it is asked once, and others begin with what came of it. */
const store = (): Promise<ReadonlyArray<Stored>> =>
  (made ??= (async () => {
    const folder = temporary()
    const { stop, url } = await startIn({}, [], folder)
    for (const model of models) await create(url, model)
    const top = join(folder, "models")
    const stored = files
      .readdirSync(top, { recursive: true, encoding: "utf8" })
      .filter((path) => files.statSync(join(top, path)).isFile())
      .map((path) => ({ path, bytes: files.readFileSync(join(top, path)) }))
    await stop()
    return stored
  })())

const temporary = (): string => files.mkdtempSync(join(tmpdir(), "spillway-ollama-"))

const manifestOf = (folder: string, name: string): string =>
  join(folder, "models/manifests/registry.ollama.ai/library", name, "latest")

const startIn = async (
  environment: Environment,
  stored: ReadonlyArray<Stored>,
  folder: string = temporary()
): Promise<Started> => {
  const known = await program()
  if ("why" in known) throw new Error(`There is no real Ollama here: ${known.why}.`)
  equip(folder, known.program)
  furnish(folder, stored)
  files.writeFileSync(join(folder, "script.json"), JSON.stringify(loadsOf(environment, folder)))
  // A port that was free may be taken before the server has it.
  for (let tries = 3; ; tries--) {
    const started = await serve(environment, folder)
    if (typeof started !== "string") return started
    if (tries === 0) throw new Error(`Ollama did not start:\n${started}`)
  }
}

const furnish = (folder: string, stored: ReadonlyArray<Stored>): void => {
  for (const { bytes, path } of stored) {
    const whole = join(folder, "models", path)
    files.mkdirSync(dirname(whole), { recursive: true })
    files.writeFileSync(whole, bytes)
  }
  if (stored.length === 0) return
  // A server lists what is newest first, and tells no two of one second apart.
  for (const [place, { name }] of models.entries()) {
    const time = Math.floor(Date.now() / 1_000) - place
    files.utimesSync(manifestOf(folder, name), time, time)
  }
}

/** A program and what it looks for beside itself. */
const equip = (folder: string, built: string): void => {
  const beside = join(folder, "lib", "ollama")
  for (const each of [join(folder, "bin"), join(folder, "home"), beside]) files.mkdirSync(each, { recursive: true })
  const own = join(folder, "bin", "ollama")
  try {
    files.linkSync(built, own)
  } catch {
    // A cache on another disk.
    files.copyFileSync(built, own, files.constants.COPYFILE_FICLONE)
  }
  const runner = fileURLToPath(new URL("runner.ts", import.meta.url))
  files.writeFileSync(join(beside, "llama-server"), llamaServer(process.execPath, runner), { mode: 0o755 })
  files.writeFileSync(join(beside, "llama-quantize"), llamaQuantize, { mode: 0o755 })
}

/** Asked for devices it knows none, and asked without a model it says the line that Ollama waits for. */
const llamaServer = (node: string, runner: string): string => `#!/bin/sh
case " $* " in
*" --list-devices "*) echo "Available devices:" ;;
*" --model "*) exec "${node}" --no-warnings "${runner}" "$@" ;;
*) echo "system_info: n_threads = 1" >&2; exec sleep 5 ;;
esac
`

/** Ollama has it copy every file that a model is made of: options, the file, the copy, a type. */
const llamaQuantize = `#!/bin/sh
while [ $# -gt 3 ] && [ "\${1#--}" != "$1" ]; do shift; done
exec cp "$1" "$2"
`

/** Serves until its standard input ends, as it does with whoever has started it, and leaves nothing behind. */
const keeper = `
"$0/bin/ollama" serve > "$0/serve.log" 2>&1 &
read -r nothing
kill $!
wait $!
rm -rf "$0"
kill -KILL 0
`

const serve = async (environment: Environment, folder: string): Promise<Started | string> => {
  const port = await freePort()
  const server = spawn("/bin/sh", ["-c", keeper, folder], {
    cwd: folder,
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: {
      PATH: process.env.PATH,
      HOME: join(folder, "home"),
      SIM_LLAMA: join(folder, "script.json"),
      OLLAMA_HOST: `127.0.0.1:${port}`,
      OLLAMA_MODELS: join(folder, "models"),
      OLLAMA_NO_CLOUD: "1",
      ...variablesOf(environment)
    }
  })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 400; tries > 0; tries--) {
    if (await answers(url)) return { url, stop: () => end(server) }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  killGroup(server)
  return files.readFileSync(join(folder, "serve.log"), "utf8")
}

const variablesOf = (environment: Environment): Record<string, string> => {
  const { keepAlive, loadTimeout, modelsMax, parallel, queueMax } = environment
  const all = {
    OLLAMA_NUM_PARALLEL: parallel,
    OLLAMA_MAX_QUEUE: queueMax,
    OLLAMA_MAX_LOADED_MODELS: modelsMax,
    OLLAMA_KEEP_ALIVE: keepAlive,
    OLLAMA_LOAD_TIMEOUT: loadTimeout
  }
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value ? [[name, String(value)]] : [])))
}

/** What becomes of loads, by the name of the model's file, which is all that a runner is told. */
const loadsOf = ({ loads = {} }: Environment, folder: string): Record<string, object> =>
  Object.fromEntries(
    Object.entries(loads).map(([name, { exit, hangs, log, millis }]) => {
      const manifest = manifestOf(folder, name)
      const { layers } = JSON.parse(files.readFileSync(manifest, "utf8")) as { readonly layers: ReadonlyArray<Layer> }
      const { digest = "" } = layers.find(({ mediaType }) => mediaType.endsWith(".model")) ?? {}
      return [digest.replace(":", "-"), { load_ms: millis, load_exit: exit, load_log: log, load_hang: hangs }]
    })
  )

interface Layer {
  readonly mediaType: string
  readonly digest: string
}

const create = async (url: string, model: Model): Promise<void> => {
  const bytes = file(model)
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`
  await sent(`${url}/api/blobs/${digest}`, bytes)
  const { name, template } = model
  const body = JSON.stringify({ model: name, files: { [`${name}.gguf`]: digest }, template, stream: false })
  await sent(`${url}/api/create`, body)
}

const sent = async (url: string, body: string | Buffer): Promise<void> => {
  const response = await fetch(url, { method: "POST", body })
  if (!response.ok) throw new Error(`${url} said ${response.status}: ${await response.text()}`)
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const answers = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

const end = async (server: ChildProcess): Promise<void> => {
  const ended = new Promise((resolve) => server.once("exit", resolve))
  const timer = setTimeout(() => killGroup(server), 5_000)
  server.stdin?.end()
  await ended
  clearTimeout(timer)
}

/** It is the leader of its group, in which its runners are too. */
const killGroup = (server: ChildProcess): void => {
  try {
    process.kill(-server.pid!, "SIGKILL")
  } catch {
    // All of them have ended.
  }
}
