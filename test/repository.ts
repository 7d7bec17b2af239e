/**
 * Lists the text files of the repository, for the tests that look at all of them.
 *
 * Git knows best which files are ours, new ones included. A copy without its history (an archive, an image) is walked
 * instead, so that the tests also pass there.
 */
import { spawnSync } from "node:child_process"
import { globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** One file of ours: its path from the top of the repository, always with slashes, and what it says. */
export interface File {
  readonly path: string
  readonly text: string
}

/** The top of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url))

/** Every text file that is ours, in the order of their paths. */
export const files = (): ReadonlyArray<File> =>
  paths()
    .filter((path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter((file) => !file.text.includes("\0"))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))

const paths = (): ReadonlyArray<string> => {
  const git = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8"
  })
  const listed = git.status === 0 ? git.stdout.split("\0") : []
  return listed.includes("package.json") ? listed : walked()
}

const notOurs = new Set(["node_modules", "dist", "bundle", "coverage", ".fences", ".stryker-tmp", ".git"])

const walked = (): ReadonlyArray<string> =>
  globSync(["**/*", "**/.*", "**/.*/**/*"], { cwd: root, exclude: (path) => notOurs.has(path.split(/[\\/]/).at(-1)!) })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !/\.(tsbuildinfo|tgz)$/.test(path))
