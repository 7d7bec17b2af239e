/** A question whose answer has begun: for whom it can be put, and what is left of its bound. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import { Question, Tokens } from "@spillway/core"

const messagesOf = (question: Question.Question | undefined) => {
  const content = question && Redacted.value(question.content)
  return content?.kind === "chat" ? content.messages : undefined
}

describe("a question whose answer has begun", () => {
  it("has the beginning as its last turn, and counts it", () => {
    const asked = Question.chat("m", "How high?", { temperature: 0 })
    const begun = Question.begunWith(asked, "The dam is")
    assert.deepStrictEqual(messagesOf(begun), [
      { role: "user", text: "How high?" },
      { role: "assistant", text: "The dam is" }
    ])
    assert.deepStrictEqual(begun!.settings, { temperature: 0 })
    assert.isAbove(begun!.prompt.likely, asked.prompt.likely)
    assert.lengthOf(messagesOf(asked)!, 1)
  })

  it("is for a model that is kept as it was", () => {
    const kept = { context: 2_048, loadedFor: Duration.minutes(30) }
    const begun = Question.begunWith({ ...Question.chat("m", "How high?"), kept }, "The dam is")
    assert.deepStrictEqual(begun!.kept, kept)
    assert.lengthOf(messagesOf(begun)!, 2)
    assert.notProperty(Question.begunWith(Question.chat("m", "How high?"), "The dam is"), "kept")
  })

  it("has one turn of the assistant where its caller began the answer himself", () => {
    const asked = Question.chat("m", [
      { role: "user", text: "How high?" },
      { role: "assistant", text: "The" }
    ])
    assert.deepStrictEqual(messagesOf(Question.begunWith(asked, " dam"))!.slice(1), [
      { role: "assistant", text: "The dam" }
    ])
  })

  it("may be as long as is left of its bound", () => {
    const beginning = "The dam is 243 metres high"
    const length = Tokens.ofText(beginning).most
    const asked = (maxTokens: number) => Question.begunWith(Question.chat("m", "How?", { maxTokens }), beginning)
    assert.deepStrictEqual(asked(length + 5)!.settings, { maxTokens: 5 })
    assert.isUndefined(asked(length))
    // Each part has a token or more.
    const inParts = Question.begunWith(Question.chat("m", "How?", { maxTokens: 100 }), beginning, 90)
    assert.deepStrictEqual(inParts!.settings, { maxTokens: 10 })
  })

  it("keeps its tools and what stops it", () => {
    const tools = [{ name: "look", parameters: {} }]
    const messages = [{ role: "user" as const, text: "How high?" }]
    const asked = Question.make("m", { kind: "chat", messages, tools, stop: ["END"] })
    assert.deepInclude(Redacted.value(Question.begunWith(asked, "The")!.content), { tools, stop: ["END"] })
  })

  it("is none where that would be another answer", () => {
    const messages = [{ role: "user" as const, text: "How high?" }]
    const calls = [{ name: "look", arguments: "{}" }]
    const none = [
      [Question.make("m", { kind: "generate", prompt: "How high?" }), "The"],
      [Question.make("m", { kind: "embed", inputs: ["x"] }), "The"],
      [Question.make("m", { kind: "chat", messages, format: "json" }), '{"a'],
      [Question.chat("m", "How high?", { think: "low" }), "The"],
      [Question.chat("m", [...messages, { role: "assistant", text: "", toolCalls: calls }]), "The"],
      [Question.chat("m", "How high?"), ""]
    ] as const
    for (const [asked, beginning] of none) assert.isUndefined(Question.begunWith(asked, beginning))
    assert.isDefined(Question.begunWith(Question.chat("m", "How high?", { think: false }), "The"))
  })
})
