/**
 * Packs every public package and looks at the tarball as whoever installs it would.
 *
 * Sources point at sources while we work, so only the tarball shows whether what is published holds together.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
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

/** Whether a command runs with nothing installed beside it: what it is asked, and what it has to say to that. */
const alone = (folder: string): ReadonlyArray<string> => {
  const { bin, dependencies = {}, version } = json(join(folder, "package.json"))
  const program = join(folder, targets(bin)[0]!)
  const initialize = {
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "packages", version } }
  }
  const asked = [
    { parameters: ["--version"], input: "", says: `v${version}` },
    { parameters: ["sim", "--list-faults"], input: "", says: "overloaded" },
    { parameters: ["mcp"], input: `${JSON.stringify({ jsonrpc: "2.0", id: 1, ...initialize })}\n`, says: '"result"' }
  ]
  const wrong = asked.flatMap(({ input, parameters, says }) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [program, ...parameters], {
      input,
      encoding: "utf8"
    })
    return status === 0 && stdout.includes(says) ? [] : [`${parameters.join(" ")}: ${status} ${stdout}${stderr}`]
  })
  return [...wrong, ...Object.keys(dependencies).map((name) => `${name} would be installed for nothing`)]
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
      : { title: "runs with nothing beside it", wrong: alone(content) }
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
