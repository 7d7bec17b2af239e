/**
 * Holds the whole repository to what a machine can check of the house style, and each rule to its own planted faults.
 *
 * The rules are data in test/tidy, each with files it must refuse: a rule that cannot go red is no rule.
 */
import { assert, describe, it } from "@effect/vitest"
import { files } from "./repository.ts"
import { fenceRules } from "./tidy/fences.ts"
import { layers } from "./tidy/layers.ts"
import { leftovers, limits, wording } from "./tidy/words.ts"

const rules = [...layers, ...wording, ...leftovers, ...limits, ...fenceRules]

describe("in this repository", () => {
  const all = files()
  for (const rule of rules) {
    it(rule.title, () => {
      const findings = rule.findings(all)
      assert.ok(findings.length === 0, `${rule.title}, but:\n${findings.join("\n")}`)
    })
  }
})

describe("a rule", () => {
  for (const rule of rules) {
    it(`goes red unless ${rule.title}`, () => {
      for (const file of rule.refuses) {
        assert.lengthOf(rule.findings([file]), 1, `${file.path} was planted to be refused:\n${file.text}`)
      }
      assert.deepStrictEqual(rule.findings(rule.accepts), [])
    })
  }
})
