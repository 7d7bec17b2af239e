/**
 * Builds the Ollama that the simulator is compared with, from the sources that its makers publish, and keeps it.
 *
 * It takes Go and a C compiler and about two minutes once; what was built lies in the user's cache, outside the clone.
 * Where it cannot be built this says why in a sentence, since nobody needs it to work on the rest.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** The version that all is measured against. */
const version = "0.34.0"

/** The path of the server's program, or why there is none. */
export type Built = { readonly program: string } | { readonly why: string }

/** Finds it, or builds it first. */
export const build = async (): Promise<Built> => {
  if (process.platform === "win32")
    return { why: "what stands for its runner is a shell script, which Windows has not" }
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "spillway")
  const go = run("go", ["env", "GOVERSION"])
  const named = (release: string): string => `ollama-${version}-${release}-${process.platform}-${process.arch}`
  if (go === undefined)
    return foundIn(cache, named(".*")) ?? { why: `it is built with Go ${goNeeded}, and there is none` }
  const release = go.trim()
  const folder = join(cache, named(release))
  const program = join(folder, "ollama")
  if (existsSync(program)) return { program }
  return reasonNot(release) ?? (await install(cache, folder))
}

const goNeeded = "1.26"

/** One that an earlier Go has built. */
const foundIn = (cache: string, pattern: string): Built | undefined => {
  const names = existsSync(cache) ? readdirSync(cache) : []
  const programs = names
    .filter((name) => new RegExp(`^${pattern}$`).test(name))
    .map((name) => join(cache, name, "ollama"))
  const program = programs.find((path) => existsSync(path))
  return program === undefined ? undefined : { program }
}

const reasonNot = (release: string): Built | undefined => {
  const [, major = 0, minor = 0] = /^go(\d+)\.(\d+)/.exec(release)?.map(Number) ?? []
  const [majorNeeded = 0, minorNeeded = 0] = goNeeded.split(".").map(Number)
  if (major < majorNeeded || (major === majorNeeded && minor < minorNeeded)) {
    return { why: `it is built with Go ${goNeeded}, and this is ${release}` }
  }
  const compiler = run("go", ["env", "CC"])?.trim().split(/\s+/)[0] ?? "cc"
  if (run(compiler, ["--version"]) === undefined)
    return { why: `it is built with a C compiler, and ${compiler} is none` }
  return undefined
}

/** Builds beside where it belongs and then renames it, so that two who build at once do no harm. */
const install = async (cache: string, folder: string): Promise<Built> => {
  mkdirSync(cache, { recursive: true })
  const place = mkdtempSync(join(cache, "building-"))
  try {
    const flags = `-s -w -X github.com/ollama/ollama/version.Version=${version}`
    const source = `github.com/ollama/ollama@v${version}`
    const environment = { ...process.env, GOBIN: place, GOFLAGS: "", CGO_ENABLED: "1", GOOS: "", GOARCH: "" }
    process.stderr.write(`Building Ollama ${version}, once: it takes about two minutes.\n`)
    const log = await installed(["install", "-ldflags", flags, source], environment)
    if (log !== undefined) return { why: whyNot(log) }
    mkdirSync(folder, { recursive: true })
    renameSync(join(place, "ollama"), join(folder, "ollama"))
    return { program: join(folder, "ollama") }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Runs Go, and gives back what it said if it failed. */
const installed = (given: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Promise<string | undefined> =>
  new Promise((resolve) => {
    const go = spawn("go", given, { env, stdio: ["ignore", "ignore", "pipe"] })
    let log = ""
    go.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()))
    go.once("error", (error) => resolve(error.message))
    go.once("close", (status) => resolve(status === 0 ? undefined : log))
  })

const whyNot = (log: string): string => {
  const isOffline = /dial tcp|no such host|connection refused|i\/o timeout|module lookup disabled/.test(log)
  if (isOffline) return "its sources cannot be reached from here"
  const line = log.split("\n").findLast((each) => each.trim() !== "") ?? "go install said nothing"
  return `it cannot be built: ${line.trim()}`
}

const run = (program: string, given: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync(program, given, { encoding: "utf8" })
  return status === 0 ? stdout : undefined
}
