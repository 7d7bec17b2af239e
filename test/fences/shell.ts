/**
 * Runs the shell fences as a reader would: in bash, at the top of the repository, in a plain environment.
 *
 * The one exception is the command that is already running us. Starting it again inside itself would never end, so
 * there we only look whether the script it names exists.
 */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { root } from "../repository.ts"
import type { Fence } from "./collect.ts"

/** What a shell fence asks for: what is run, and which scripts of package.json are only looked up. */
export interface Commands {
  readonly script: string
  readonly lookedUp: ReadonlyArray<string>
}

/** Splits a fence, given the names of the scripts that are running us. */
export const commandsOf = (fence: Fence, running: ReadonlyArray<string>): Commands => {
  const lookedUp: Array<string> = []
  const run = fence.text.split("\n").filter((line) => {
    const name = /^\s*(?:npx -y pnpm@\d+|pnpm) (?:run )?([\w:]+)\s*(?:#.*)?$/.exec(line)?.[1]
    const isUs = name !== undefined && running.includes(name)
    if (isUs) lookedUp.push(name)
    return !isUs
  })
  return { script: run.join("\n"), lookedUp }
}

/** The scripts that are running us, under whatever name we were started. */
export const running: ReadonlyArray<string> = ["test", process.env["npm_lifecycle_event"] ?? "test"]

/** The scripts of the workspace's package.json. */
export const scripts = (): Record<string, string> =>
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts

/** Runs a script and resolves with its exit code and what it printed; past the limit, all it started is killed. */
export const bash = (
  script: string,
  limit: number
): Promise<{ readonly code: number | null; readonly printed: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
      cwd: root,
      env: plainEnvironment(),
      detached: true
    })
    let printed = ""
    child.stdin.end()
    child.stdout.on("data", (chunk) => (printed += chunk))
    child.stderr.on("data", (chunk) => (printed += chunk))
    const alarm = setTimeout(() => {
      printed += `\nkilled after ${limit} ms`
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, limit)
    child.on("error", reject)
    child.on("close", (code) => {
      clearTimeout(alarm)
      resolve({ code, printed })
    })
  })

/** Without what pnpm and Vitest put there, as in a shell that somebody has just opened. */
const plainEnvironment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(npm_(lifecycle|package|command|execpath|node)|pnpm_|VITEST|NODE_ENV$|NODE_PATH$|INIT_CWD$)/i.test(name)
    )
  ),
  PATH: (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules"))
    .join(delimiter)
})
