/**
 * Parts: their text is what the model said, and only that.
 *
 * Thinking is told apart from speech everywhere, so an answer's text never holds it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Part, Question } from "@spillway/core"

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

describe("what parts come to", () => {
  it("is each call of a tool whole, whatever fragments it came in", () => {
    const parts: ReadonlyArray<Part.Part> = [
      { _tag: "ToolCall", index: 0, id: "a", name: "f", arguments: "" },
      Part.text("x"),
      { _tag: "ToolCall", index: 1, name: "g", arguments: "{}" },
      { _tag: "ToolCall", index: 0, arguments: '{"n"' },
      { _tag: "ToolCall", index: 0, arguments: ":1}" }
    ]
    assert.deepStrictEqual(Part.toolCallsOf(parts), [
      { id: "a", name: "f", arguments: '{"n":1}' },
      { name: "g", arguments: "{}" }
    ])
  })

  it("is each thought whole, up to its signature, and each seal by itself", () => {
    const parts: ReadonlyArray<Part.Part> = [
      Part.thinking("Hm"),
      Part.thinking("."),
      { ...Part.thinking(""), signature: "s" },
      { ...Part.thinking(""), sealed: "x" },
      Part.thinking("So.")
    ]
    assert.deepStrictEqual(Part.thoughtsOf(parts), [{ text: "Hm.", signature: "s" }, { sealed: "x" }, { text: "So." }])
    assert.deepStrictEqual(Part.thoughtsOf([Part.text("a")]), [])
  })

  it("is the vectors in the order of what was asked", () => {
    const vector = (index: number): Part.Part => ({ _tag: "Embedding", index, vector: [index] })
    assert.deepStrictEqual(Part.vectorsOf([vector(1), vector(0)]), [[0], [1]])
  })

  it("is the next turn of a conversation", () => {
    const parts: ReadonlyArray<Part.Part> = [
      { ...Part.thinking("Hm."), signature: "s" },
      Part.text("So."),
      { _tag: "ToolCall", index: 0, id: "a", name: "f", arguments: "{}" }
    ]
    assert.deepStrictEqual(Question.turnOf(parts), {
      role: "assistant",
      text: "So.",
      thinking: [{ text: "Hm.", signature: "s" }],
      toolCalls: [{ id: "a", name: "f", arguments: "{}" }]
    })
    assert.deepStrictEqual(Question.turnOf([Part.text("So.")]), { role: "assistant", text: "So." })
  })
})

describe("the size of a part", () => {
  it("counts all that it keeps", () => {
    const long = "x".repeat(1_000)
    const parts: ReadonlyArray<Part.Part> = [
      Part.text(long),
      { _tag: "Text", text: "", logprobs: Array.from({ length: 40 }, () => ({ token: "a", logprob: -1, top: [] })) },
      { _tag: "Thinking", text: "", signature: long },
      { _tag: "Thinking", text: "", sealed: long },
      { _tag: "ToolCall", index: 0, name: long, arguments: "" },
      { _tag: "ToolCall", index: 0, id: long, arguments: "" },
      { _tag: "ToolCall", index: 0, arguments: long },
      { _tag: "Embedding", index: 0, vector: Array.from({ length: 200 }, () => 0) }
    ]
    for (const part of parts) assert.isAtLeast(Part.sizeOf(part), 1_000)
    assert.isAbove(Part.sizeOf(Part.text("")), 0)
  })
})
