/**
 * Shows that the compiler keeps the ambient world out of the core, on a project of things the core must not do.
 *
 * The rules live in a patched compiler, and an unpatched one ignores them without a word: then every line here goes
 * red.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { refusals } from "./compile.ts"
import { root } from "./repository.ts"

const project = "test/types/determinism"

const lines = readFileSync(join(root, project, "Ambient.ts"), "utf8")
  .split("\n")
  .map((text, index) => ({ number: index + 1, text, rule: /\S.* \/\/ (\w+)$/.exec(text)?.[1] }))

describe("the compiler", () => {
  const refused = refusals(project)

  for (const { number, rule, text } of lines.filter((line) => line.rule !== undefined)) {
    it(`refuses ${text.replace(/\/\/ \w+$/, "").trim()}`, () => {
      const said = refused.filter(({ line }) => line === number).map((refusal) => refusal.text)
      assert.ok(
        said.some((each) => each.endsWith(`effect(${rule})`)),
        `${rule} did not speak: is tsc patched? It said: ${said.join("; ") || "nothing"}`
      )
    })
  }

  it("refuses nothing else there", () => {
    const expected = new Set(lines.filter((line) => line.rule !== undefined).map((line) => line.number))
    assert.deepStrictEqual(
      refused.filter(({ line }) => !expected.has(line)),
      []
    )
  })
})
