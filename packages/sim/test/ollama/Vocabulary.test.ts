/** The tokens that a model knows by number: what was given is read again, and no more is kept than has room. */
import { assert, describe, it } from "@effect/vitest"
import { Vocabulary } from "../../src/ollama/Vocabulary.ts"

describe("Vocabulary", () => {
  it("reads the numbers again that it gave", () => {
    const vocabulary = new Vocabulary()
    const text = "one two one three"
    assert.deepStrictEqual(vocabulary.numbersOf(text), [0, 1, 2, 3])
    assert.strictEqual(vocabulary.textOf(vocabulary.numbersOf(text)), text)
  })

  it("forgets what there is no room for, in characters as in tokens", () => {
    const vocabulary = new Vocabulary()
    const first = vocabulary.numbersOf(`first ${"a".repeat(3_000_000)}`)
    assert.strictEqual(vocabulary.textOf(first.slice(0, 1)), "first")
    const next = vocabulary.numbersOf("b".repeat(3_000_000))
    assert.strictEqual(vocabulary.textOf(next)[0], "b")
    assert.isAtMost(vocabulary.textOf([...Array(10).keys()]).length, 4_000_000)
  })

  it("keeps no more of one text than there is room for, and reads the rest as nothing", () => {
    const vocabulary = new Vocabulary()
    const numbers = vocabulary.numbersOf(`first ${"a".repeat(5_000_000)}`)
    assert.strictEqual(vocabulary.textOf(numbers), "first")
    const many = vocabulary.numbersOf(Array.from({ length: 250_000 }, (_, each) => `w${each}`).join(" "))
    assert.strictEqual(vocabulary.textOf(many.slice(0, 2)), "w0 w1")
    assert.strictEqual(vocabulary.textOf(many.slice(-1)), "")
  })
})
