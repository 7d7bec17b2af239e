/**
 * Shows that the compiler refuses policies in a wrong order, with a sentence that says what to do, and unknown options.
 *
 * The same order is checked when a list is made; that is tested with `Policy`.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { refusals } from "./compile.ts"
import { root } from "./repository.ts"

const project = "test/types/order"

const lines = readFileSync(join(root, project, "Order.ts"), "utf8")
  .split("\n")
  .map((text, index) => ({ number: index + 1, text: text.trim(), words: /\S.* \/\/ (.+)$/.exec(text)?.[1] }))

describe("the compiler", () => {
  const refused = refusals(project)

  for (const { number, text, words } of lines) {
    if (words === undefined) continue
    it(`refuses ${text.replace(/ \/\/ .*$/, "").replace(/,$/, "")}`, () => {
      const said = refused.filter(({ line }) => line === number).map((refusal) => refusal.text)
      assert.isTrue(
        said.some((each) => each.includes(words)),
        `it said: ${said.join("; ") || "nothing"}`
      )
    })
  }

  it("accepts every right order and every right option", () => {
    const expected = new Set(lines.filter((line) => line.words !== undefined).map((line) => line.number))
    assert.deepStrictEqual(
      refused.filter(({ line }) => !expected.has(line)),
      []
    )
  })
})
