/**
 * What a code fence must be before it can be run.
 *
 * Whether it runs is for test/fences.test.ts; here is only that nobody can write one that would silently not run.
 */
import { fencesOf, reasonNotToRun } from "../fences/collect.ts"
import type { File } from "../repository.ts"
import { isSource, type Rule } from "./rule.ts"

const languagesRun = ["ts", "js", "sh", "yaml"]

const languagesShown = ["text", "mermaid"]

const notRunMax = 3

/** The fences of all files that may hold some. */
export const allFences = (files: ReadonlyArray<File>) =>
  files.filter(({ path }) => path.endsWith(".md") || isSource(path)).flatMap(fencesOf)

const ticks = "```"

/** The rules about fences. */
export const fenceRules: ReadonlyArray<Rule> = [
  {
    title: "every fence names a language that is run, or one that is only shown",
    findings: (files) =>
      allFences(files)
        .filter(({ language }) => ![...languagesRun, ...languagesShown].includes(language))
        .map(
          ({ language, line, path }) =>
            `${path}:${line}: write ${[...languagesRun, ...languagesShown].join(", ")} instead of "${language}"`
        ),
    refuses: [
      { path: "README.md", text: `${ticks}\nplain\n${ticks}` },
      { path: "README.md", text: `1. First\n\n   ${ticks}bash\n   ls\n   ${ticks}` },
      { path: "packages/core/src/domain/Call.ts", text: `/**\n * ${ticks}typescript\n * 1\n * ${ticks}\n */` }
    ],
    accepts: [{ path: "README.md", text: `${ticks}mermaid\n${ticks}\n\n${ticks}ts\n1\n${ticks}` }]
  },
  {
    title: `at most ${notRunMax} fences are not run, each with its reason`,
    findings: (files) => {
      const notRun = allFences(files).filter((fence) => reasonNotToRun(fence) !== undefined)
      const at = (all: typeof notRun): string => all.map(({ line, path }) => `${path}:${line}`).join(", ")
      const silent = notRun.filter((fence) => fence.language !== "sh" || reasonNotToRun(fence) === "")
      return [
        ...(notRun.length > notRunMax ? [`${at(notRun)}: make all but ${notRunMax} of them run`] : []),
        ...(silent.length > 0
          ? [`${at(silent)}: only sh may stay unrun, and says why: sh no-run needs the network`]
          : [])
      ]
    },
    refuses: [
      { path: "README.md", text: `${ticks}sh no-run needs the network\n${ticks}\n`.repeat(4) },
      { path: "README.md", text: `${ticks}sh no-run\n${ticks}` },
      { path: "README.md", text: `${ticks}ts no-run too slow\n${ticks}` }
    ],
    accepts: [{ path: "README.md", text: `${ticks}sh no-run needs the network\ngit clone\n${ticks}\n`.repeat(3) }]
  }
]
