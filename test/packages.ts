/**
 * Packs every public package and looks at the tarball as whoever installs it would.
 *
 * Sources point at sources while we work, so only the tarball shows whether what is published holds together.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { root } from "./repository.ts"

/** One thing looked at, and what is wrong with it. */
interface Check {
  readonly title: string
  readonly wrong: ReadonlyArray<string>
}

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"))

const run = (command: string, parameters: ReadonlyArray<string>, folder: string): ReadonlyArray<string> => {
  const { error, status, stderr, stdout } = spawnSync(command, parameters, {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32"
  })
  return status === 0 ? [] : [error?.message ?? `${stdout}${stderr}`]
}

const targets = (exported: unknown): ReadonlyArray<string> =>
  typeof exported === "string" ? [exported] : Object.values(exported ?? {}).flatMap(targets)

/** What a package offers: what it exports, or the command that it is. */
const offered = (folder: string): ReadonlyArray<string> => {
  const { bin, exports } = json(join(folder, "package.json"))
  return targets(exports ?? bin)
}

const astray = (folder: string): ReadonlyArray<string> => {
  const found = offered(folder)
  if (found.length === 0) return ["package.json exports nothing"]
  return found.flatMap((target) => {
    if (globSync(target, { cwd: folder }).length === 0) return [`${target} is not in the tarball`]
    return /(?<!\.d)\.ts$/.test(target) ? [`${target} is a source: add it to publishConfig.exports`] : []
  })
}

/** A library comes with its types; a command is whole by itself, with the licences of what is in it. */
const missing = (folder: string): ReadonlyArray<string> =>
  [
    ...(isLibrary(folder) ? ["dist/**/*.js", "dist/**/*.d.ts"] : ["bundle/LICENSES.txt"]),
    "README.md",
    "LICENSE"
  ].filter((pattern) => globSync(pattern, { cwd: folder }).length === 0)

const isLibrary = (folder: string): boolean => "exports" in json(join(folder, "package.json"))

/**
 * Whether a command runs with nothing installed beside it: it says who it is, and a model of its own simulator answers
 * through both of its doors.
 */
const alone = async (folder: string): Promise<ReadonlyArray<string>> => {
  const { bin, dependencies = {}, version } = json(join(folder, "package.json"))
  const program = join(folder, targets(bin)[0]!)
  const children: Array<ChildProcess> = []
  const started = (...parameters: ReadonlyArray<string>): ChildProcess => {
    const child = spawn(process.execPath, [program, ...parameters])
    children.push(child)
    return child
  }
  /** The address that it says it listens on. */
  const listening = async (child: ChildProcess): Promise<string> => {
    let said = ""
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text) => (said += text))
    for (let waited = 0; waited < 20_000 && child.exitCode === null; waited += 50) {
      const [url] = /http:\/\/[\w.:]+\d(\/\w+)?/.exec(said) ?? []
      if (url !== undefined) return url
      await setTimeout(50)
    }
    throw new Error(`It listens nowhere: ${said}`)
  }
  const answered = async (transport: Transport): Promise<string> => {
    const client = new Client({ name: "packages", version })
    await client.connect(transport)
    const answer = await client.callTool({ name: "generate", arguments: { prompt: "Why?" } })
    await client.close()
    return answer.isError === true ? JSON.stringify(answer.content) : "answered"
  }
  try {
    const { stdout } = spawnSync(process.execPath, [program, "--version"], { encoding: "utf8" })
    const ollama = await listening(started("sim", "--port", "0"))
    const url = new URL(await listening(started("mcp", "--http", "--port", "0", "--ollama", ollama)))
    const asked = [
      await answered(
        new StdioClientTransport({ command: process.execPath, args: [program, "mcp", "--ollama", ollama] })
      ),
      await answered(new StreamableHTTPClientTransport(url))
    ]
    return [
      ...(stdout.includes(version) ? [] : [`--version says ${stdout}, and package.json ${version}`]),
      ...asked.filter((each) => each !== "answered"),
      ...Object.keys(dependencies).map((name) => `${name} would be installed for nothing`)
    ]
  } catch (thrown) {
    return [String(thrown)]
  } finally {
    for (const child of children) child.kill()
  }
}

const linted = async (pkgDir: string): Promise<ReadonlyArray<string>> => {
  const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

const attw = (tarball: string): ReadonlyArray<string> => {
  const manifest = fileURLToPath(import.meta.resolve("@arethetypeswrong/cli/package.json"))
  const program = join(dirname(manifest), json(manifest).bin.attw)
  return run(process.execPath, [program, tarball, "--profile", "esm-only", "--no-emoji", "--no-color"], root)
}

/** Builds from nothing, since what an earlier build left behind would be packed too. */
const pack = (folder: string, destination: string): ReadonlyArray<string> => {
  rmSync(join(folder, "dist"), { recursive: true, force: true })
  rmSync(join(folder, "tsconfig.tsbuildinfo"), { force: true })
  return run("npx", ["-y", "pnpm@12", "pack", "--pack-destination", destination], folder)
}

const checks = async (folder: string, destination: string): Promise<ReadonlyArray<Check>> => {
  const packed = pack(folder, destination)
  const [tarball] = globSync(join(destination, "*.tgz"))
  if (tarball === undefined) return [{ title: "packs", wrong: packed }]
  const unpacked = run("tar", ["-xzf", tarball], destination)
  const content = join(destination, "package")
  return [
    { title: "packs", wrong: [...packed, ...unpacked] },
    { title: "holds its code, README and licence", wrong: missing(content) },
    { title: "exports files that it holds", wrong: astray(content) },
    { title: "pleases publint", wrong: await linted(content) },
    isLibrary(content)
      ? { title: "has types that resolve (attw)", wrong: attw(tarball) }
      : { title: "runs with nothing beside it", wrong: await alone(content) }
  ]
}

let failed = 0
for (const manifest of globSync("packages/*/package.json", { cwd: root }).toSorted()) {
  const { name, private: hidden } = json(join(root, manifest))
  if (hidden === true) continue
  const destination = mkdtempSync(join(tmpdir(), "spillway-pack-"))
  try {
    for (const { title, wrong } of await checks(join(root, dirname(manifest)), destination)) {
      console.log(`${wrong.length === 0 ? "passed" : "FAILED"}  ${name} ${title}`)
      for (const line of wrong) console.log(`        ${line}`)
      failed += wrong.length === 0 ? 0 : 1
    }
  } finally {
    rmSync(destination, { recursive: true, force: true })
  }
}
process.exitCode = failed === 0 ? 0 : 1
