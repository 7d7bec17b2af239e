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

describe("the length of a part", () => {
  it("is how many characters the model wrote for it: a vector has none", () => {
    const lengths: ReadonlyArray<readonly [Part.Part, number]> = [
      [Part.text(""), 0],
      [Part.text("forty-two"), 9],
      [Part.thinking("Hm. "), 4],
      [{ _tag: "ToolCall", index: 0, id: "call-1", name: "count", arguments: '{"to":42}' }, 9],
      [{ _tag: "ToolCall", index: 0, name: "count", arguments: "" }, 0],
      [{ _tag: "Embedding", index: 0, vector: [1, 2, 3] }, 0]
    ]
    for (const [part, length] of lengths) assert.strictEqual(Part.lengthOf(part), length, part._tag)
  })
})
