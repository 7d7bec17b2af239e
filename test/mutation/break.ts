/**
 * Breaks one module in one small way after another, and has Stryker say which of them its tests noticed.
 *
 * A module at a time, against the tests at its own path: that takes a second a mutant, where all tests take thirty,
 * and what only a far test notices is found late and explained badly. `everywhere` has the rest of the tests look at
 * what survived. One module at a time also keeps the tests quick, since every mutant in reach slows them down.
 */
import { globSync } from "node:fs"
import { posix } from "node:path"
import { isatty } from "node:tty"
import type { LogLevel, MutantResult, PartialStrykerOptions } from "@stryker-mutator/api/core"
import { Stryker } from "@stryker-mutator/core"

/** What became of the mutants of one module. */
export type Mutants = ReadonlyArray<MutantResult>

/** How to look: with how many processes, and whether with all tests or only those at the module's path. */
export interface Look {
  readonly concurrency: number
  readonly everywhere: boolean
}

/** The modules that are broken: where behaviour is decided. */
export const modules = (): ReadonlyArray<string> =>
  globSync("packages/core/src/{domain,policies}/**/*.ts")
    .map((path) => path.replaceAll("\\", "/"))
    .toSorted()

/** Breaks a module; fails if its tests are red before anything is broken. */
export const breakModule = async (path: string, { concurrency, everywhere }: Look): Promise<Mutants> => {
  const own = testsOf(path)
  const mutants = await run({ ...options(concurrency), mutate: [path] }, own, [])
  const left = mutants.filter(wasMissed)
  if (!everywhere || left.length === 0) return mutants
  const again = await run({ ...options(concurrency), mutate: left.map(placeOf) }, ["packages/*/test/**/*.test.ts"], own)
  const later = new Map(again.map((mutant) => [nameOf(mutant), mutant]))
  return mutants.map((mutant) => (wasMissed(mutant) ? (later.get(nameOf(mutant)) ?? mutant) : mutant))
}

const wasMissed = ({ status }: MutantResult): boolean => status === "Survived" || status === "NoCoverage"

/** A module's tests mirror its path; what is too long for one file goes on in `Name.aspect.test.ts`. */
const testsOf = (path: string): ReadonlyArray<string> => {
  const mirrored = path.replace("/src/", "/test/").replace(/\.ts$/, "")
  return [`${mirrored}.test.ts`, `${mirrored}.*.test.ts`]
}

const isTerminal = isatty(1)

const options = (concurrency: number): PartialStrykerOptions => ({
  concurrency,
  testRunner: "vitest",
  // Without `related`: which tests run is said by their paths, and through index.ts everything is related.
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  coverageAnalysis: "perTest",
  plugins: [import.meta.resolve("@stryker-mutator/vitest-runner"), new URL("sentences.ts", import.meta.url).href],
  ignorers: ["sentences"],
  // What the tests of packages read. Not tsconfig.json: Stryker rewrites it with an interface that TypeScript 7 lacks.
  ignorePatterns: ["**", "!package.json", "!packages/*/package.json", "!packages/*/{src,test}/**", "!test/mutation/**"],
  disableTypeChecks: false,
  cleanTempDir: "always",
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a const enum, which only a compiler can read.
  logLevel: "warn" as LogLevel,
  // It would advise to leave out what runs while a module loads: dear with all tests, not with one module's own.
  warnings: false,
  reporters: ["clear-text", isTerminal ? "progress" : "progress-append-only"],
  clearTextReporter: { allowEmojis: false, reportTests: false, reportScoreTable: false },
  allowConsoleColors: isTerminal
})

const run = (
  given: PartialStrykerOptions,
  tests: ReadonlyArray<string>,
  but: ReadonlyArray<string>
): Promise<Mutants> => {
  process.env["MUTANT_TESTS"] = tests.join(",")
  process.env["MUTANT_TESTS_NOT"] = but.join(",")
  return new Stryker(given).runMutationTest()
}

const placeOf = ({ fileName, location: { end, start } }: MutantResult): string =>
  `${posix.relative(process.cwd(), fileName)}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`

const nameOf = ({ location, mutatorName, replacement }: MutantResult): string =>
  JSON.stringify([mutatorName, replacement, location.start, location.end])
