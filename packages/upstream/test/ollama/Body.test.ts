/** What a question becomes on its way to an Ollama, and what cannot be carried there. */
import { describe, expect, it } from "vitest"
import { Question, SpillwayError } from "@spillway/core"
import { Duration } from "effect"
import { put } from "../../src/ollama/Body.ts"

const asked = (question: Question.Question) => ({
  question,
  target: "gpu/a",
  parts: () => 0,
  nowMillis: () => 0
})

const bodyOf = (question: Question.Question): unknown => {
  const made = put(asked(question))
  if (made instanceof SpillwayError) throw made
  return { path: made.path, ...(JSON.parse(made.body) as object) }
}

const refusalOf = (question: Question.Question): unknown => {
  const made = put(asked(question))
  return made instanceof SpillwayError ? made.reason : made
}

const schema = { type: "object", properties: { a: { type: "number" } } }

describe("a question for an Ollama", () => {
  it("is a stream whose prompt must not be cut", () => {
    expect(bodyOf(Question.chat("a", "hello"))).toEqual({
      path: "/api/chat",
      model: "a",
      stream: true,
      truncate: false,
      messages: [{ role: "user", content: "hello" }]
    })
  })

  it("carries every setting by Ollama's name for it", () => {
    const settings = { maxTokens: 9, temperature: 0.5, topP: 0.9, seed: 3, think: "high" } as const
    const content = { kind: "generate", prompt: "a", suffix: "z", format: schema, stop: ["."] } as const
    expect(bodyOf(Question.make("a", content, settings))).toEqual({
      path: "/api/generate",
      model: "a",
      stream: true,
      truncate: false,
      think: "high",
      format: schema,
      prompt: "a",
      suffix: "z",
      options: { num_predict: 9, temperature: 0.5, top_p: 0.9, seed: 3, stop: ["."] }
    })
  })

  it("carries tools, calls of them, their answers, what was thought, and images in each of their forms", () => {
    const bytes = new Uint8Array([1, 2, 3])
    const messages = [
      { role: "system", text: "be kind" },
      {
        role: "user",
        text: "look",
        images: [{ bytes }, { base64: "AQID" }, { url: "data:image/png;base64,AQID" }]
      },
      {
        role: "assistant",
        text: "",
        thinking: "hm",
        toolCalls: [
          { id: "c1", name: "f", arguments: '{"a":[1,{"b":null}]}' },
          { name: "g", arguments: "" }
        ]
      },
      { role: "tool", text: "42", toolCallId: "c1", toolName: "f" }
    ] as const
    const tools = [{ name: "f", description: "does it", parameters: schema }]
    expect(bodyOf(Question.make("a", { kind: "chat", messages, tools }))).toMatchObject({
      messages: [
        { role: "system", content: "be kind" },
        { role: "user", content: "look", images: ["AQID", "AQID", "AQID"] },
        {
          role: "assistant",
          content: "",
          thinking: "hm",
          tool_calls: [
            { id: "c1", function: { index: 0, name: "f", arguments: { a: [1, { b: null }] } } },
            { function: { index: 1, name: "g", arguments: {} } }
          ]
        },
        { role: "tool", content: "42", tool_call_id: "c1", tool_name: "f" }
      ],
      tools: [{ type: "function", function: { name: "f", description: "does it", parameters: schema } }]
    })
  })

  it("keeps the digits of numbers that no number of ours holds, and tells an answer by the name of its tool", () => {
    const toolCalls = [{ id: "a", name: "f", arguments: '{"id":12345678901234567890,"n":1e400,"m":0.1}' }]
    const made = put(
      asked(
        Question.chat("a", [
          { role: "assistant", text: "", toolCalls },
          { role: "tool", text: "42", toolCallId: "a" }
        ])
      )
    )
    const { body } = made as { readonly body: string }
    expect(body).toContain('"arguments":{"id":12345678901234567890,"n":1e400,"m":0.1}')
    expect(body).toContain('"tool_call_id":"a","tool_name":"f"')
  })

  it("may forbid tools, which are not told of then, but cannot force one", () => {
    const messages = [{ role: "user", text: "hi" }] as const
    const tools = [{ name: "f", parameters: schema }]
    expect(bodyOf(Question.make("a", { kind: "chat", messages, tools, toolChoice: "none" }))).not.toHaveProperty(
      "tools"
    )
    expect(bodyOf(Question.make("a", { kind: "chat", messages, tools, toolChoice: "auto" }))).toHaveProperty("tools")
    for (const toolChoice of ["required", { name: "f" }] as const) {
      const forced = Question.make("a", { kind: "chat", messages, tools, toolChoice })
      expect(refusalOf(forced)).toMatchObject({ _tag: "Unsupported", capability: "that a tool must be called" })
    }
  })

  it("asks how likely tokens are", () => {
    expect(bodyOf(Question.chat("a", "hi", { logprobs: 2 }))).toMatchObject({ logprobs: true, top_logprobs: 2 })
    expect(bodyOf(Question.chat("a", "hi", { logprobs: 0 }))).toMatchObject({ logprobs: true })
    expect(bodyOf(Question.chat("a", "hi"))).not.toHaveProperty("logprobs")
  })

  it("asks for vectors of all its texts at once", () => {
    expect(bodyOf(Question.make("a", { kind: "embed", inputs: ["x", "y"] }))).toEqual({
      path: "/api/embed",
      model: "a",
      input: ["x", "y"],
      truncate: false
    })
  })

  it("says how its model is kept, whatever is asked of it", () => {
    const kept = { context: 2_048, loadedFor: Duration.minutes(30) }
    const said = { options: { num_ctx: 2_048 }, keep_alive: "1800s" }
    const contents: ReadonlyArray<Question.Content> = [
      { kind: "chat", messages: [{ role: "user", text: "hi" }] },
      { kind: "generate", prompt: "a" },
      { kind: "embed", inputs: ["x"] }
    ]
    for (const content of contents) {
      const question = Question.make("a", content)
      const bare = bodyOf(question)
      expect(bodyOf({ ...question, kept })).toEqual({ ...(bare as object), ...said })
      expect(bodyOf({ ...question, kept: {} })).toEqual(bare)
    }
    const bounded = { ...Question.chat("a", "hi", { maxTokens: 9 }), kept }
    expect(bodyOf(bounded)).toMatchObject({ options: { num_ctx: 2_048, num_predict: 9 } })
    expect(bodyOf({ ...bounded, kept: { context: 512 } })).not.toHaveProperty("keep_alive")
  })

  it("has a model stay for a span that Go can read, and for ever where that is too long for it", () => {
    const spanOf = (loadedFor: Duration.Duration) =>
      (bodyOf({ ...Question.chat("a", "hi"), kept: { loadedFor } }) as { readonly keep_alive: string }).keep_alive
    expect(spanOf(Duration.millis(1_500))).toBe("1.5s")
    expect(spanOf(Duration.hours(24))).toBe("86400s")
    // What is next to nothing is still not an order to unload, and what is nothing is one.
    expect(spanOf(Duration.nanos(1n))).toBe("0.001s")
    expect(spanOf(Duration.zero)).toBe("0s")
    expect(spanOf(Duration.infinity)).toBe("-1s")
    expect(spanOf(Duration.days(365 * 1_000))).toBe("-1s")
  })

  it("is refused where it cannot be carried, before anything is sent", () => {
    const image = { role: "user", text: "", images: [{ url: "https://example.com/a.png" }] } as const
    expect(refusalOf(Question.chat("a", [image]))).toMatchObject({
      _tag: "Unsupported",
      capability: "an image by its address"
    })
    const drawing = { role: "user", text: "", images: [{ url: "data:image/svg+xml,<svg/>" }] } as const
    expect(refusalOf(Question.chat("a", [drawing]))).toMatchObject({ _tag: "BadRequest", field: "An image" })
    const call = (written: string) =>
      ({ role: "assistant", text: "", toolCalls: [{ name: "f", arguments: written }] }) as const
    for (const written of ["{", "[1]", "null", "7"]) {
      expect(refusalOf(Question.chat("a", [call(written)]))).toMatchObject({ _tag: "BadRequest" })
    }
  })
})
