/**
 * Writes fences out as modules, asks the compiler about all of them in one run, and runs each.
 *
 * They lie below test/.fences, which Git does not see and from where they find the same packages as any other test.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { refusals } from "../compile.ts"
import { root } from "../repository.ts"
import type { Fence } from "./collect.ts"
import { moduleOf, nameOf } from "./module.ts"

/** Modules that have been written, in a folder of their own. */
export interface Modules {
  /** Asks the compiler about all of them, once; then says what it refuses in each. */
  readonly refused: () => (fence: Fence) => ReadonlyArray<string>
  /** Runs a fence's module; rejects with what it throws. */
  readonly run: (fence: Fence) => Promise<unknown>
}

/** Writes the fences into a folder below test/.fences, which is emptied first. */
export const write = (folder: string, fences: ReadonlyArray<Fence>): Modules => {
  const place = `test/.fences/${folder}`
  const within = (name: string): string => join(root, place, name)
  rmSync(within(""), { recursive: true, force: true })
  mkdirSync(within(""), { recursive: true })
  for (const fence of fences) writeFileSync(within(nameOf(fence)), moduleOf(fence))
  writeFileSync(within("tsconfig.json"), JSON.stringify(tsconfig))
  return {
    refused: () => {
      const found = fences.some(({ language }) => language === "ts") ? refusals(place) : []
      return (fence) =>
        found
          .filter(({ path }) => path === `${place}/${nameOf(fence)}`)
          .map(({ line, text }) => `${fence.path}:${line}: ${text}`)
    },
    run: (fence) => import(/* @vite-ignore */ pathToFileURL(within(nameOf(fence))).href)
  }
}

/** An example may name what it does not use. The packages' sources are read, since nothing may be built yet. */
const tsconfig = {
  extends: "../../tsconfig.json",
  include: ["*.ts"],
  exclude: [],
  references: [],
  compilerOptions: { noUnusedLocals: false }
}
