/**
 * Runs the tests of `@spillway/langchain` with the oldest versions of LangChain that it says it works with.
 *
 * The workspace itself holds the newest, so this is done in a clone of it, of what is committed, which is left as it is
 * where a test fails.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "./repository.ts"

const { peerDependencies: peers } = JSON.parse(readFileSync(join(root, "packages/langchain/package.json"), "utf8")) as {
  readonly peerDependencies: Readonly<Record<string, string>>
}
const names = ["@langchain/core", "langchain"] as const

const run = (command: string, parameters: ReadonlyArray<string>, folder: string): void => {
  const { status } = spawnSync(command, parameters, { cwd: folder, stdio: "inherit" })
  if (status !== 0) process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), "spillway-oldest-"))
run("git", ["clone", "--quiet", root, folder], root)

const workspace = join(folder, "pnpm-workspace.yaml")
const oldest = names.map((name) => `  "${name}": ${peers[name]!.replace(/^\^/, "")}\n`)
writeFileSync(
  workspace,
  readFileSync(workspace, "utf8").replace("overrides:\n", (found) => found + oldest.join(""))
)
const pnpm = ["-y", "pnpm@12"]
run("npx", [...pnpm, "install", "--no-frozen-lockfile"], folder)

for (const name of names) {
  const path = join(folder, "packages/langchain/node_modules", name, "package.json")
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }
  if (`^${version}` === peers[name]) continue
  process.stderr.write(`${name} is ${version} there, and not the oldest of ${peers[name]}.\n`)
  process.exit(1)
}
run("npx", [...pnpm, "exec", "vitest", "run", "packages/langchain/test"], folder)
rmSync(folder, { recursive: true })
