/** What a question becomes on its way to an OpenAI-shaped server, and what cannot be carried there. */
import { Question, SpillwayError } from "@spillway/core"
import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import { type Manner, put } from "../../src/openai/Body.ts"

const made = (question: Question.Question, manner: Manner = { maxTokens: "max_tokens" }) =>
  put(manner)({ question, target: "near/m", parts: () => 0, nowMillis: () => 0 })

const bodyOf = (question: Question.Question, manner?: Manner): object => {
  const asked = made(question, manner)
  if (asked instanceof SpillwayError) throw asked
  return { path: asked.path, ...(JSON.parse(asked.body) as object) }
}

const refusalOf = (question: Question.Question): unknown => {
  const asked = made(question)
  return asked instanceof SpillwayError ? asked.reason : asked
}

const png = "iVBORw0KGgoAAAANSUhEUg=="
const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more })

describe("a question for an OpenAI-shaped server", () => {
  it("is a stream that counts", () => {
    expect(bodyOf(Question.chat("m", "hello"))).toEqual({
      path: "/chat/completions",
      model: "m",
      messages: [{ role: "user", content: "hello" }],
      stream: true,
      stream_options: { include_usage: true }
    })
  })

  it("says nothing of how a model is kept, which is not up to whoever asks there", () => {
    const kept = { context: 2_048, loadedFor: Duration.minutes(30) }
    for (const question of [Question.chat("m", "hello"), Question.make("m", { kind: "embed", inputs: ["x"] })]) {
      expect(bodyOf({ ...question, kept })).toEqual(bodyOf(question))
    }
  })

  it("carries every setting by its name there", () => {
    const settings = { maxTokens: 9, temperature: 0.5, topP: 0.9, seed: 3, think: "high", logprobs: 2 } as const
    expect(
      bodyOf(Question.make("m", { kind: "generate", prompt: "a", format: "json", stop: ["."] }, settings))
    ).toEqual({
      path: "/chat/completions",
      model: "m",
      messages: [{ role: "user", content: "a" }],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      seed: 3,
      stop: ["."],
      reasoning_effort: "high",
      response_format: { type: "json_object" },
      logprobs: true,
      top_logprobs: 2
    })
    const effort = (think: boolean) => bodyOf(Question.chat("m", "a", { think }))
    expect(effort(true)).toMatchObject({ reasoning_effort: "medium" })
    expect(effort(false)).toMatchObject({ reasoning_effort: "none" })
    expect(bodyOf(Question.chat("m", "a", { logprobs: 0 }))).not.toHaveProperty("top_logprobs")
  })

  it("holds to a schema to the letter only where the schema names all that it may have", () => {
    const strict = (schema: object) => {
      const body = bodyOf(Question.make("m", { kind: "chat", messages: [{ role: "user", text: "a" }], format: schema }))
      return (body as { response_format: { json_schema: { strict?: boolean } } }).response_format.json_schema
    }
    const closed = { additionalProperties: false, required: ["a"] }
    const inner = object({ b: { type: "string" } })
    expect(strict(object({ a: { type: "number" } }, closed))).toEqual({
      name: "answer",
      schema: object({ a: { type: "number" } }, closed),
      strict: true
    })
    expect(strict(object({ a: { type: "number" } })).strict).toBeUndefined()
    expect(strict(object({ a: { type: "number" } }, { ...closed, required: [] })).strict).toBeUndefined()
    expect(strict(object({ a: { type: "array", items: inner } }, closed)).strict).toBeUndefined()
    expect(strict(object({ a: inner }, { ...closed, additionalProperties: undefined })).strict).toBeUndefined()
  })

  it("carries a conversation with pictures, calls and their answers, each call under a name of its own", () => {
    const messages: ReadonlyArray<Question.Message> = [
      { role: "system", text: "be brief" },
      { role: "user", text: "look", images: [{ base64: png }, { url: "https://example.com/a.png" }] },
      {
        role: "assistant",
        text: "",
        thinking: "hm",
        toolCalls: [
          { name: "f", arguments: '{"a":1}' },
          { id: "c1", name: "g", arguments: "" }
        ]
      },
      { role: "tool", text: "42", toolName: "f" },
      { role: "tool", text: "43", toolCallId: "c1" }
    ]
    const tools = [{ name: "f", description: "does it", parameters: object({}) }]
    const choice = { name: "f" }
    expect(bodyOf(Question.make("m", { kind: "chat", messages, tools, toolChoice: choice }))).toMatchObject({
      messages: [
        { role: "system", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
            { type: "image_url", image_url: { url: "https://example.com/a.png" } }
          ]
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "call_0", type: "function", function: { name: "f", arguments: '{"a":1}' } },
            { id: "c1", type: "function", function: { name: "g", arguments: "{}" } }
          ]
        },
        { role: "tool", tool_call_id: "call_0", content: "42" },
        { role: "tool", tool_call_id: "c1", content: "43" }
      ],
      tools: [{ type: "function", function: { name: "f", description: "does it", parameters: object({}) } }],
      tool_choice: { type: "function", function: { name: "f" } }
    })
  })

  it("names a call afresh whose name is longer than one may be, and mends base64 that is broken into lines", () => {
    const messages: ReadonlyArray<Question.Message> = [
      { role: "user", text: "", images: [{ base64: `${png.slice(0, 8)}\r\n${png.slice(8)}\n` }] },
      { role: "assistant", text: "", toolCalls: [{ id: "x".repeat(41), name: "f", arguments: "" }] },
      { role: "tool", text: "42", toolCallId: "x".repeat(41) }
    ]
    expect(bodyOf(Question.chat("m", messages))).toMatchObject({
      messages: [
        { content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }] },
        { tool_calls: [{ id: "call_0" }] },
        { tool_call_id: "call_0" }
      ]
    })
  })

  it("sends thoughts back only in the field that is named for them", () => {
    const messages = [
      { role: "assistant", text: "So.", thinking: [{ text: "Hm. " }, { sealed: "x" }, { text: "Ah." }] }
    ] as const
    const question = Question.chat("m", messages)
    expect(bodyOf(question)).toMatchObject({ messages: [{ role: "assistant", content: "So." }] })
    const named = bodyOf(question, { maxTokens: "max_tokens", thinking: "reasoning" })
    expect(named).toMatchObject({ messages: [{ role: "assistant", content: "So.", reasoning: "Hm. Ah." }] })
    expect(JSON.stringify(bodyOf(question))).not.toContain("Hm.")
  })

  it("asks for vectors of all its texts at once", () => {
    expect(bodyOf(Question.make("m", { kind: "embed", inputs: ["x", "y"] }))).toEqual({
      path: "/embeddings",
      model: "m",
      input: ["x", "y"]
    })
  })

  it("is refused where it cannot be carried, before anything is sent", () => {
    const image = (role: "system" | "assistant" | "tool") =>
      Question.chat("m", [
        { role: "assistant", text: "", toolCalls: [{ id: "c", name: "f", arguments: "{}" }] },
        { role, text: "a", images: [{ base64: png }], ...(role === "tool" && { toolCallId: "c" }) }
      ])
    for (const role of ["system", "assistant", "tool"] as const) {
      expect(refusalOf(image(role))).toMatchObject({ _tag: "Unsupported" })
    }
    for (const none of [{ base64: "AAAA" }, { url: "data:image/svg+xml,<svg/>" }, { url: "a.png" }]) {
      const odd = [{ role: "user" as const, text: "a", images: [none] }]
      expect(refusalOf(Question.chat("m", odd))).toMatchObject({ _tag: "BadRequest", field: "An image" })
    }
    const asking = [{ role: "user" as const, text: "a" }]
    for (const toolChoice of ["required", { name: "f" }] as const) {
      const forced = Question.make("m", { kind: "chat", messages: asking, tools: [], toolChoice })
      expect(refusalOf(forced)).toMatchObject({ _tag: "BadRequest", field: "toolChoice" })
    }
    const suffix = Question.make("m", { kind: "generate", prompt: "a", suffix: "z" })
    expect(refusalOf(suffix)).toMatchObject({ capability: "a suffix" })
    for (const format of ["xml", 7, [1]]) {
      expect(refusalOf(Question.make("m", { kind: "generate", prompt: "a", format }))).toMatchObject({
        field: "format"
      })
    }
    const answer = [{ role: "tool" as const, text: "42", toolCallId: "c" }]
    expect(refusalOf(Question.chat("m", answer))).toMatchObject({ _tag: "BadRequest", field: "A turn of a tool" })
  })
})
