/**
 * LangChain's Ollama, unchanged, against a simulated server.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { tool } from "@langchain/core/tools"
import { ChatOllama, OllamaEmbeddings } from "@langchain/ollama"
import { answer, bothServed, content, died, busy, during, embedder, gathered, model } from "./asking.ts"
import { failureOf } from "./running.ts"
import { tokensOf } from "./said.ts"

describe("ChatOllama", () => {
  const served = bothServed()
  let chat: ChatOllama
  beforeAll(() => {
    chat = new ChatOllama({ baseUrl: served.answering.url, model, maxRetries: 0 })
  })

  it("invokes", async () => {
    const message = await chat.invoke(content)
    assert.strictEqual(message.content, answer)
    assert.deepInclude(message.usage_metadata ?? {}, { input_tokens: 3, output_tokens: 6, total_tokens: 9 })
    assert.deepInclude(message.response_metadata, { model: "mini", done: true, done_reason: "stop" })
  })

  it("streams", async () => {
    const chunks = await gathered(chat.stream(content))
    assert.deepStrictEqual(
      chunks.map((chunk) => chunk.content).filter((each) => each !== ""),
      [...tokensOf(content, 6)]
    )
    assert.deepInclude(chunks.at(-1)?.usage_metadata ?? {}, { input_tokens: 3, output_tokens: 6, total_tokens: 9 })
  })

  it("calls the tools that were bound to it", async () => {
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const
    const weather = tool(() => "rain", { name: "weather", description: "The weather of a city", schema })
    const message = await chat.bindTools([weather]).invoke('hi [[sim tool=weather arguments={"city":"Oslo"}]]')
    assert.deepStrictEqual(
      message.tool_calls?.map(({ args, name }) => ({ args, name })),
      [{ name: "weather", args: { city: "Oslo" } }]
    )
  })

  it("answers in a structure", async () => {
    const properties = { name: { type: "string" }, isTall: { type: "boolean" } }
    const person = { title: "Person", type: "object", properties, required: ["name", "isTall"] }
    const { isTall, name } = (await chat.withStructuredOutput(person).invoke("hi")) as Record<string, unknown>
    assert.deepStrictEqual([typeof name, typeof isTall], ["string", "boolean"])
  })

  it("embeds", async () => {
    const embeddings = new OllamaEmbeddings({ baseUrl: served.answering.url, model: embedder, maxRetries: 0 })
    const [one, other] = await embeddings.embedDocuments(["one two", "three"])
    assert.strictEqual(one?.length, other?.length)
    assert.deepStrictEqual(await embeddings.embedQuery("one two"), one)
  })

  it("fails with what its client fails with", async () => {
    const absent = new ChatOllama({ baseUrl: served.answering.url, model: "absent", maxRetries: 0 })
    const unknown = await failureOf(absent.invoke("hi"))
    assert.deepStrictEqual([unknown.name, unknown.status_code], ["ResponseError", 404])
    const told: Array<string> = []
    for (const fault of ["busy", "die at=2", "end at=2", "cut at=2"]) {
      const { message } = await during(served.answering, fault, () => failureOf(chat.invoke(content)))
      told.push(message)
    }
    assert.deepStrictEqual(told, [busy, died, "Did not receive done or success response in stream.", "terminated"])
  })
})
