/**
 * Runs the compiler over one project and says what it refuses, line by line.
 *
 * The compiler is the patched one of this workspace, started through its own entry file, because a shell may know
 * another.
 */
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { root } from "./repository.ts"

/** Something that the compiler refuses. */
export interface Refusal {
  readonly path: string
  readonly line: number
  readonly text: string
}

/** What the compiler refuses in a project, given the path of its tsconfig from the top of the repository. */
export const refusals = (project: string): ReadonlyArray<Refusal> => {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
  const run = spawnSync(process.execPath, [tsc, "--pretty", "false", "-p", project], { cwd: root, encoding: "utf8" })
  const found = [...run.stdout.matchAll(/^(.+?)\((\d+),\d+\): error (.+)$/gm)].map(
    ([, path = "", line, text = ""]) => ({
      path: path.replaceAll("\\", "/"),
      line: Number(line),
      text
    })
  )
  if (found.length === 0 && run.status !== 0) throw new Error(`tsc -p ${project}: ${run.stdout}${run.stderr}`)
  return found
}
