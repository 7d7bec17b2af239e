/**
 * Finds the code fences in Markdown and in doc comments.
 *
 * A doc comment is Markdown behind stars, so that one reader serves both. Lines keep their numbers: whatever goes
 * wrong in a fence is reported where its author can see it.
 */
import type { File } from "../repository.ts"
import { linesOf } from "../tidy/rule.ts"

/** One fence: where it opens, what it says it is, and what stands in it. */
export interface Fence {
  readonly path: string
  readonly line: number
  readonly language: string
  readonly info: string
  readonly text: string
}

/** The fences of a file: all in Markdown, those in comments elsewhere. */
export const fencesOf = (file: File): ReadonlyArray<Fence> => {
  const fences: Array<Fence> = []
  let open:
    | { readonly mark: string; readonly line: number; readonly info: string; readonly lines: Array<string> }
    | undefined
  for (const { line, text } of proseOf(file)) {
    const [, indent = "", mark = "", info = ""] = /^(\s*)(`{3,}|~{3,})\s*(.*?)\s*$/.exec(text) ?? []
    if (open === undefined) {
      if (mark !== "") open = { mark: indent + mark, line, info, lines: [] }
    } else if (info === "" && mark !== "" && mark.startsWith(open.mark.trim())) {
      const [language = "", ...rest] = open.info.split(/\s+/)
      fences.push({ path: file.path, line: open.line, language, info: rest.join(" "), text: open.lines.join("\n") })
      open = undefined
    } else {
      open.lines.push(text.replace(open.mark.replace(/[`~]+/, ""), ""))
    }
  }
  return fences
}

/** Why a fence is not run, when it says so: `sh no-run` and the reason. */
export const reasonNotToRun = (fence: Fence): string | undefined => /^no-run\b\s*(.*)$/.exec(fence.info)?.[1]

const proseOf = (file: File): ReadonlyArray<{ readonly line: number; readonly text: string }> =>
  file.path.endsWith(".md")
    ? file.text.split("\n").map((text, index) => ({ line: index + 1, text }))
    : linesOf(file.text)
        .filter(({ kind }) => kind === "comment")
        .map(({ number, text }) => ({ line: number, text: text.replace(/^\s*\* ?/, "") }))
