/**
 * What a rule of the house is, and how it reads a file.
 *
 * A rule is a pure function over paths and texts, so that it can be shown to go red on files that do not exist. It
 * reads lines, not syntax trees: a rule about shape that needs a parser belongs into the linter.
 */
import type { File } from "../repository.ts"

/** A rule, with files that it must refuse and files that it must accept. */
export interface Rule {
  readonly title: string
  readonly findings: (files: ReadonlyArray<File>) => ReadonlyArray<string>
  readonly refuses: ReadonlyArray<File>
  readonly accepts: ReadonlyArray<File>
}

/** A line of a file, and whether it is code, comment or blank. */
export interface Line {
  readonly number: number
  readonly text: string
  readonly kind: "code" | "comment" | "blank"
}

/** The lines of a source file. A line that begins in a comment counts as comment. */
export const linesOf = (text: string): ReadonlyArray<Line> => {
  let inComment = false
  return text.split("\n").map((line, index) => {
    const trimmed = line.trim()
    const opens = inComment || trimmed.startsWith("/*")
    inComment = opens && !trimmed.includes("*/")
    const kind = trimmed === "" ? "blank" : opens || trimmed.startsWith("//") ? "comment" : "code"
    return { number: index + 1, text: line, kind }
  })
}

/** The text without its comments, every line in its place. */
export const codeOf = (text: string): string =>
  linesOf(text)
    .map((line) => (line.kind === "code" ? line.text : ""))
    .join("\n")

/** A rule's verdict on single lines: the files it looks at, and what it says to a line that it refuses. */
export const eachLine =
  (looksAt: (path: string) => boolean, verdict: (line: Line, file: File) => string | undefined) =>
  (files: ReadonlyArray<File>): ReadonlyArray<string> =>
    files
      .filter((file) => looksAt(file.path))
      .flatMap((file) =>
        linesOf(file.text).flatMap((line) => {
          const advice = verdict(line, file)
          return advice === undefined ? [] : [`${file.path}:${line.number}: ${advice}`]
        })
      )

/** Whether a path is a module of a package, as opposed to a test or a tool. */
export const isSource = (path: string): boolean => /^packages\/[^/]+\/src\/.*\.ts$/.test(path)

/** Whether a path is a module of any kind. */
export const isModule = (path: string): boolean => /\.(ts|mts|js|mjs)$/.test(path)
