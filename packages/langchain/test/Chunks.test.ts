/** Chunks of LangChain as parts, and back. */
import { assert, describe, it } from "@effect/vitest"
import { AIMessageChunk } from "@langchain/core/messages"
import { ChatGenerationChunk } from "@langchain/core/outputs"
import { Part, Summary } from "@spillway/core"
import { usageOf } from "./serving.ts"
import { chunksOf, endingOf, Reading } from "../src/Chunks.ts"

const chunk = (fields: object): ChatGenerationChunk => {
  const message = new AIMessageChunk({ content: "", ...fields })
  return new ChatGenerationChunk({ text: message.text, message })
}

const plain = (part: Part.Part): Part.Part => Object.fromEntries(Object.entries(part)) as never

const call = (index: number, id: string, args: string) => ({
  type: "tool_call_chunk" as const,
  name: "add",
  index,
  id,
  args
})

describe("a chunk", () => {
  it("that says one thing is one part, and comes out as the very chunk", () => {
    const said = chunk({ content: "words", id: "1" })
    const parts = new Reading().take(said)
    assert.deepStrictEqual(parts.map(plain), [Part.text("words")])
    assert.deepStrictEqual(chunksOf(parts[0]!), [said])
    assert.strictEqual(chunksOf(parts[0]!)[0], said)
  })

  it("that says nothing comes out before the next that does", () => {
    const reading = new Reading()
    const [role, said] = [chunk({ id: "1" }), chunk({ content: "words" })]
    assert.deepStrictEqual(reading.take(role), [])
    const [part] = reading.take(said)
    assert.deepStrictEqual(chunksOf(part!), [role, said])
  })

  it("that says several things is a chunk for each, and all together say the same", () => {
    const said = chunk({
      content: "words",
      additional_kwargs: { reasoning_content: "hm" },
      response_metadata: { count: 1 },
      tool_call_chunks: [call(0, "x", "{}"), call(1, "y", "{}")]
    })
    const parts = new Reading().take(said)
    assert.deepStrictEqual(
      parts.map(({ _tag }) => _tag),
      ["Thinking", "Text", "ToolCall", "ToolCall"]
    )
    const whole = parts.flatMap(chunksOf).reduce((one, other) => one.concat(other))
    const [mine, his] = [whole.message, said.message] as [AIMessageChunk, AIMessageChunk]
    assert.deepStrictEqual(
      [mine.content, mine.additional_kwargs, mine.response_metadata, mine.tool_calls],
      [his.content, his.additional_kwargs, his.response_metadata, his.tool_calls]
    )
  })

  it("names its calls as it likes: those with other ids are others", () => {
    const reading = new Reading()
    const parts = [
      ...reading.take(chunk({ tool_call_chunks: [call(0, "x", "{}")] })),
      ...reading.take(chunk({ tool_call_chunks: [call(0, "y", '{"a"')] })),
      ...reading.take(chunk({ tool_call_chunks: [{ ...call(0, "y", ":1}"), id: undefined, name: undefined }] }))
    ]
    assert.deepStrictEqual(Part.toolCallsOf(parts), [
      { id: "x", name: "add", arguments: "{}" },
      { id: "y", name: "add", arguments: '{"a":1}' }
    ])
  })

  it("with calls that are whole is one of them in pieces", () => {
    const parts = new Reading().take(chunk({ tool_calls: [{ name: "add", args: { a: 1 }, id: "x" }] }))
    assert.deepStrictEqual(Part.toolCallsOf(parts), [{ id: "x", name: "add", arguments: '{"a":1}' }])
  })

  it("of another kind, a picture or a citation, can be said by nobody in its place", () => {
    const [part] = new Reading().take(chunk({ content: [{ type: "image", url: "x" }] }))
    assert.deepInclude(plain(part!), { _tag: "Thinking", sealed: "content" })
  })
})

describe("what was used", () => {
  it("is taken off every chunk, added up, and told by the last; no chunk is changed by it", () => {
    const reading = new Reading()
    const usage = (input: number, output: number) => ({
      usage_metadata: { input_tokens: input, output_tokens: output, total_tokens: input + output }
    })
    const [first, last] = [chunk({ content: "words", ...usage(7, 0) }), chunk(usage(0, 3))]
    const [part] = reading.take(first)
    assert.isUndefined((chunksOf(part!)[0]!.message as AIMessageChunk).usage_metadata)
    assert.deepStrictEqual(reading.usage, { input: 7, output: 0 })
    reading.take(last)
    const ending = endingOf(reading.end(), { spillway: { attempts: 1 } }).message as AIMessageChunk
    assert.deepInclude(usageOf(ending), { input_tokens: 7, output_tokens: 3, total_tokens: 10 })
    assert.deepStrictEqual(ending.response_metadata, { spillway: { attempts: 1 } })
    assert.deepInclude(usageOf(first.message), { total_tokens: 7 })
  })
})

describe("the end of an answer", () => {
  const endOf = (response_metadata: object, calls: ReadonlyArray<unknown> = []) => {
    const reading = new Reading()
    reading.take(chunk({ content: "", tool_call_chunks: calls }))
    reading.take(chunk({ response_metadata }))
    return reading.end()
  }

  it("says why, in the words of whoever it was", () => {
    const ends = [
      [{ finish_reason: "length" }, "length"],
      [{ done_reason: "stop" }, "stop"],
      [{ stop_reason: "tool_use" }, "tool-calls"],
      [{ finishReason: "SAFETY" }, "refused"],
      [{ finish_reason: "whatever" }, "unknown"],
      [{}, "stop"]
    ] as const
    for (const [metadata, finish] of ends) assert.strictEqual(endOf(metadata).finish, finish)
    assert.strictEqual(endOf({ done_reason: "stop" }, [call(0, "x", "{}")]).finish, "tool-calls")
  })

  it("says where the time of an Ollama went, so that a forecast learns from it", () => {
    const told = { total_duration: 10, load_duration: 1, prompt_eval_duration: 4, eval_duration: 5, model: "a" }
    const { model, timings } = endOf(told)
    assert.deepStrictEqual([model, timings], ["a", { total: 10, load: 1, prompt: 4, output: 5 }])
  })
})

describe("a part that no chunk has said", () => {
  it("is made into one: words, thoughts and calls", () => {
    const parts: ReadonlyArray<Part.Part> = [
      Part.thinking("hm"),
      { _tag: "Thinking", text: "", signature: "signed" },
      Part.text("words"),
      { _tag: "ToolCall", index: 0, id: "x", name: "add", arguments: "{}" }
    ]
    const whole = parts.flatMap(chunksOf).reduce((one, other) => one.concat(other)).message as AIMessageChunk
    assert.deepStrictEqual([whole.content, whole.additional_kwargs["reasoning_content"]], ["words", "hm"])
    assert.deepStrictEqual(whole.additional_kwargs["spillway_thoughts"], [{ text: "", signature: "signed" }])
    assert.deepInclude(whole.tool_calls![0]!, { id: "x", name: "add", args: {} })
  })

  it("ends with the usage of its summary", () => {
    const summary = Summary.make({ model: "a", usage: { input: 3, output: 2, cached: 1 } })
    const ending = endingOf(summary, {}).message
    assert.deepStrictEqual(ending.response_metadata, { model: "a", finish_reason: "stop" })
    assert.deepInclude(usageOf(ending), { input_tokens: 3, input_token_details: { cache_read: 1 } })
  })
})
