/**
 * Shows that an old Node is told in one sentence what is needed, and a new one nothing.
 *
 * The script reads the version from the process, so a process that claims another version stands for that Node.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { root } from "./repository.ts"

const runAs = (version: string) => {
  const claim = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`
  const script = join(root, "test/node-version.mjs")
  return spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(claim)}`, script], {
    encoding: "utf8"
  })
}

describe("the scripts", () => {
  for (const version of ["18.20.8", "20.20.2", "22.18.0"]) {
    it(`say in one sentence what to do under Node ${version}`, () => {
      const { status, stderr } = runAs(version)
      assert.strictEqual(status, 1)
      assert.match(stderr, /^Spillway needs Node 22\.19 or newer and this is [\d.]+: install a newer one[^\n]*\n$/)
      assert.include(stderr, version)
    })
  }

  for (const version of ["22.19.0", "24.21.0", "26.0.0"]) {
    it(`go on without a word under Node ${version}`, () => {
      const { status, stderr, stdout } = runAs(version)
      assert.deepStrictEqual([status, stdout, stderr], [0, "", ""])
    })
  }
})
