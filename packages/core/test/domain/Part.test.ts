/**
 * Parts: their text is what the model said, and only that.
 *
 * Thinking is told apart from speech everywhere, so an answer's text never holds it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Part } from "@spillway/core"

describe("the text of parts", () => {
  it("is what was said, in order, without thinking, tool calls and vectors", () => {
    const parts: ReadonlyArray<Part.Part> = [
      Part.thinking("Hm. "),
      Part.text("for"),
      { _tag: "ToolCall", index: 0, name: "count", arguments: "{}" },
      { _tag: "Embedding", index: 0, vector: [1, 2] },
      Part.text("ty-two")
    ]
    assert.strictEqual(Part.textOf(parts), "forty-two")
    assert.strictEqual(Part.textOf([]), "")
  })
})
