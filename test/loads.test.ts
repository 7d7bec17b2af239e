/**
 * Every package loads in Node as it is, without a compiler: whoever runs the command, or a file of his own, does just
 * that, and Node reads a little less of TypeScript than the test runner.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const packages = fileURLToPath(new URL("../packages", import.meta.url))

describe("in Node alone", () => {
  for (const name of readdirSync(packages).filter((each) => existsSync(`${packages}/${each}/src/index.ts`))) {
    it(`@spillway/${name} loads`, () => {
      const load = `await import(${JSON.stringify(`${packages}/${name}/src/index.ts`)})`
      const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", load])
      expect([status, stderr.toString()]).toEqual([0, ""])
    })
  }
})
