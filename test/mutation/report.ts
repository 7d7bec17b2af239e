/**
 * Says what became of the mutants: as a table for a terminal, and in RESULTS.md.
 *
 * A row of RESULTS.md stays until its module is measured again, so each has a date of its own.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import type { MutantResult } from "@stryker-mutator/api/core"
import type { Mutants } from "./break.ts"

/** One module: its path, and a cell for each title in `titles`. */
export type Row = readonly [path: string, ...cells: ReadonlyArray<string>]

const titles: Row = ["module", "score", "killed", "timed out", "survived", "not covered", "tests", "date"]

/** Counts what became of a module's mutants. */
export const rowOf = (path: string, mutants: Mutants, everywhere: boolean): Row => {
  const count = (status: MutantResult["status"]) => mutants.filter((mutant) => mutant.status === status).length
  const counts = [count("Killed"), count("Timeout"), count("Survived"), count("NoCoverage")] as const
  const [killed, timedOut, survived, notCovered] = counts
  const all = killed + timedOut + survived + notCovered
  const score = all === 0 ? "" : `${((100 * (killed + timedOut)) / all).toFixed(0)}%`
  return [path, score, ...counts.map(String), everywhere ? "all" : "own", new Date().toISOString().slice(0, 10)]
}

const lineOf = (row: Row): string => `| ${row.join(" | ")} |`

const padded = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  const widths = titles.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map(([path, ...cells]): Row => [
    path.padEnd(widths[0]!),
    ...cells.map((cell, index) => cell.padStart(widths[index + 1]!))
  ])
}

/** For a terminal. */
export const asText = (rows: ReadonlyArray<Row>): string => {
  const [head = titles, ...rest] = padded([titles, ...rows]).map((row) => row.join("  "))
  return ["", head, "-".repeat(head.length), ...rest, ""].join("\n")
}

const file = new URL("RESULTS.md", import.meta.url)

/** The rows that RESULTS.md has already. */
const written = (): ReadonlyArray<Row> =>
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line.startsWith("| packages/"))
    .map(
      (line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()) as unknown as Row
    )

/** Puts the rows into RESULTS.md beside those of other modules that still exist. */
export const write = (rows: ReadonlyArray<Row>, modules: ReadonlyArray<string>): void => {
  const byPath = new Map([...written(), ...rows].map((row) => [row[0], row]))
  const kept = modules.map((path) => byPath.get(path)).filter((row) => row !== undefined)
  const [head = titles, ...rest] = padded([titles, ...kept])
  const rule: Row = [head[0].replaceAll(/./g, "-"), ...head.slice(1).map((cell) => `${"-".repeat(cell.length - 1)}:`)]
  writeFileSync(
    file,
    `# What the tests notice

How many small faults, planted one at a time, the tests of each module find. \`pnpm mutate --write\` writes this file,
\`pnpm mutate Alarm.ts --write\` one row of it. A fault that hangs is found by its time. "own" are the tests at the
module's path, "all" those of every package. Not every survivor is a gap: some change nothing that can be seen.

${[head, rule, ...rest].map(lineOf).join("\n")}
`
  )
}
