/** What a question becomes on its way to Anthropic, and what cannot be carried there. */
import { Question, SpillwayError } from "@spillway/core"
import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import { type Manner, put } from "../../src/anthropic/Body.ts"

const usual: Manner = { maxTokens: 4_096, thinking: "auto" }

const made = (question: Question.Question, manner = usual) =>
  put(manner)({ question, target: "claude/m", parts: () => 0, nowMillis: () => 0 })

const bodyOf = (question: Question.Question, manner?: Manner): object => {
  const asked = made(question, manner)
  if (asked instanceof SpillwayError) throw asked
  return { path: asked.path, ...(JSON.parse(asked.body) as object) }
}

const refusalOf = (question: Question.Question, manner?: Manner): unknown => {
  const asked = made(question, manner)
  return asked instanceof SpillwayError ? asked.reason : asked
}

const png = "iVBORw0KGgoAAAANSUhEUg=="
const user = (text: string): Question.Message => ({ role: "user", text })
const words = (text: string) => ({ type: "text", text })

describe("a question for Anthropic", () => {
  it("is a stream with a bound", () => {
    expect(bodyOf(Question.chat("m", "hello"))).toEqual({
      path: "/v1/messages",
      model: "m",
      max_tokens: 4_096,
      messages: [{ role: "user", content: [words("hello")] }],
      stream: true
    })
  })

  it("says nothing of how a model is kept, which is not up to whoever asks there", () => {
    const question = Question.chat("m", "hello")
    const kept = { context: 2_048, loadedFor: Duration.minutes(30) }
    expect(bodyOf({ ...question, kept })).toEqual(bodyOf(question))
  })

  it("carries every setting by its name there", () => {
    const schema = { type: "object" }
    const settings = { maxTokens: 9, temperature: 0.5, topP: 0.9 }
    const question = Question.make("m", { kind: "generate", prompt: "a", format: schema, stop: ["."] }, settings)
    expect(bodyOf(question)).toMatchObject({
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      stop_sequences: ["."],
      output_config: { format: { type: "json_schema", schema } }
    })
  })

  it("has what the system says first apart, and the turns of one speaker as one", () => {
    const messages: ReadonlyArray<Question.Message> = [
      { role: "system", text: "be brief" },
      { role: "system", text: "be kind" },
      user("one"),
      user("two"),
      { role: "assistant", text: "" },
      user(""),
      { role: "system", text: "be quick" },
      { role: "assistant", text: "three" },
      user("four"),
      { role: "system", text: "be good" }
    ]
    expect(bodyOf(Question.chat("m", messages))).toMatchObject({
      system: [words("be brief"), words("be kind")],
      messages: [
        { role: "user", content: [words("one"), words("two")] },
        { role: "system", content: [words("be quick")] },
        { role: "assistant", content: [words("three")] },
        { role: "user", content: [words("four")] },
        { role: "system", content: [words("be good")] }
      ]
    })
  })

  it("carries pictures, calls, their answers, and the thoughts that it has signed or sealed itself", () => {
    const messages: ReadonlyArray<Question.Message> = [
      { role: "user", text: "look", images: [{ base64: png }, { url: "https://example.com/a.png" }] },
      {
        role: "assistant",
        text: "So.",
        thinking: [{ text: "Hm.", signature: "c2ln" }, { sealed: "c2VhbA==" }, { text: "unsigned" }],
        toolCalls: [
          { name: "f", arguments: '{"a":1}' },
          { id: "functions.g:0", name: "g", arguments: "" }
        ]
      },
      { role: "tool", text: "42", toolName: "f" },
      { role: "tool", text: "", toolCallId: "functions.g:0", images: [{ base64: png }] },
      user("well?")
    ]
    const tools = [{ name: "f", description: "does it", parameters: { type: "object" } }]
    const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: png } }
    expect(bodyOf(Question.make("m", { kind: "chat", messages, tools, toolChoice: "required" }))).toMatchObject({
      messages: [
        {
          role: "user",
          content: [
            words("look"),
            picture,
            { type: "image", source: { type: "url", url: "https://example.com/a.png" } }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "c2ln" },
            { type: "redacted_thinking", data: "c2VhbA==" },
            words("So."),
            { type: "tool_use", id: "call_0", name: "f", input: { a: 1 } },
            { type: "tool_use", id: "call_1", name: "g", input: {} }
          ]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "call_0", content: [words("42")] },
            { type: "tool_result", tool_use_id: "call_1", content: [picture] },
            words("well?")
          ]
        }
      ],
      tools: [{ name: "f", description: "does it", input_schema: { type: "object" } }],
      tool_choice: { type: "any" }
    })
  })

  it("keeps the digits of numbers that no number of ours holds, and calls what a tool takes an object", () => {
    const toolCalls = [{ id: "a", name: "f", arguments: '{"id":12345678901234567890,"n":1}' }]
    const tools = [
      { name: "f", parameters: {} },
      { name: "g", parameters: undefined }
    ]
    const asked = made(
      Question.make("m", { kind: "chat", messages: [{ role: "assistant", text: " \n", toolCalls }], tools })
    )
    const { body } = asked as { readonly body: string }
    expect(body).toContain(
      '"content":[{"type":"tool_use","id":"a","name":"f","input":{"id":12345678901234567890,"n":1}}]'
    )
    expect(body).toContain(
      '"tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"g","input_schema":{"type":"object"}}]'
    )
  })

  it("is thought about within a budget by the models that take one, and as hard as it is wished by all others", () => {
    const thinking = (model: string, think: Question.Settings["think"], maxTokens = 40_000, style = usual.thinking) => {
      const question = Question.chat(model, "hello", { maxTokens, ...(think !== undefined && { think }) })
      const { output_config: output, thinking: asked } = bodyOf(question, { ...usual, thinking: style }) as {
        readonly output_config?: unknown
        readonly thinking?: unknown
      }
      return output === undefined ? asked : [asked, output]
    }
    const budget = (tokens: number) => ({ type: "enabled", budget_tokens: tokens })
    for (const old of [
      "claude-haiku-4-5",
      "claude-sonnet-4-20250514",
      "claude-opus-4-1",
      "claude-3-7-sonnet-latest",
      "anthropic/claude-sonnet-4.5",
      "anthropic.claude-opus-4-1-20250805-v1:0"
    ]) {
      expect([old, thinking(old, true)]).toEqual([old, budget(8_192)])
      expect([old, thinking(old, false)]).toEqual([old, undefined])
    }
    expect(thinking("claude-haiku-4-5", "low")).toEqual(budget(2_048))
    expect(thinking("claude-haiku-4-5", "high")).toEqual(budget(16_384))
    expect(thinking("claude-haiku-4-5", "high", 6_000)).toEqual(budget(3_000))
    expect(thinking("claude-haiku-4-5", "high", 1_025)).toEqual(budget(1_024))
    for (const name of ["claude-opus-4-6", "claude-sonnet-4-7", "claude-opus-5", "claude-haiku-4-50", "qwen3"]) {
      expect([name, thinking(name, true)]).toEqual([name, { type: "adaptive" }])
      expect([name, thinking(name, false)]).toEqual([name, { type: "disabled" }])
      expect([name, thinking(name, "low")]).toEqual([name, [{ type: "adaptive" }, { effort: "low" }]])
    }
    expect(thinking("mine", true, 40_000, "budget")).toEqual(budget(8_192))
    expect(thinking("claude-haiku-4-5", true, 40_000, "adaptive")).toEqual({ type: "adaptive" })
    expect(thinking("claude-haiku-4-5", undefined)).toBeUndefined()
  })

  it("is refused where it cannot be carried, before anything is sent", () => {
    const chat = (message: Question.Message) => Question.chat("m", [message])
    const image = [{ base64: png }]
    for (const [question, capability] of [
      [Question.make("m", { kind: "embed", inputs: ["x"] }), "vectors"],
      [Question.make("m", { kind: "generate", prompt: "a", suffix: "z" }), "a suffix"],
      [Question.chat("m", "a", { seed: 1 }), "a seed"],
      [Question.chat("m", "a", { logprobs: 1 }), "how likely its tokens are"],
      [Question.make("m", { kind: "generate", prompt: "a", format: "json" }), "JSON without a schema"],
      [Question.chat("m", "a", { temperature: 1.1 }), "a temperature above 1"],
      [Question.chat("m", [user("a"), { role: "system", text: "b" }, user("c")]), "a turn of the system in that place"],
      [
        Question.chat("m", [user("a"), { role: "assistant", text: "b" }, { role: "system", text: "c" }]),
        "a turn of the system in that place"
      ],
      [chat({ role: "system", text: "a", images: image }), "an image in a turn of the system or the assistant"],
      [chat({ role: "assistant", text: "a", images: image }), "an image in a turn of the system or the assistant"]
    ] as const) {
      expect(refusalOf(question)).toMatchObject({ _tag: "Unsupported", capability, target: "claude/m" })
    }
    for (const [question, field] of [
      [Question.make("m", { kind: "generate", prompt: "a", format: 7 }), "format"],
      [chat({ role: "user", text: "a", images: [{ base64: "AAAA" }] }), "An image"],
      [chat({ role: "user", text: "a", images: [{ url: "data:image/svg+xml,<svg/>" }] }), "An image"],
      [chat({ role: "user", text: "a", images: [{ url: "file:///a.png" }] }), "An image"],
      [Question.make("m", { kind: "chat", messages: [user("a")], toolChoice: "required" }), "toolChoice"],
      [Question.make("m", { kind: "chat", messages: [user("a")], tools: [], toolChoice: { name: "f" } }), "toolChoice"],
      [chat({ role: "tool", text: "42" }), "A turn of a tool"],
      [chat({ role: "assistant", text: "", toolCalls: [{ name: "f", arguments: "[" }] }), "A tool call"],
      [Question.chat("claude-haiku-4-5", "a", { think: true, maxTokens: 1_024 }), "maxTokens"]
    ] as const) {
      expect(refusalOf(question)).toMatchObject({ _tag: "BadRequest", field })
    }
  })
})
