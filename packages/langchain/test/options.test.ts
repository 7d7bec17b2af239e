/** What is said to a model and to a call: what of it is refused, and what of it tells answers apart in a cache. */
import { assert, describe, it } from "@effect/vitest"
import { InMemoryCache } from "@langchain/core/caches"
import type { BaseChatModel } from "@langchain/core/language_models/chat_models"
import { createContentParser } from "@langchain/core/language_models/structured_output"
import { createSpillway } from "@spillway/core"
import { ChatSpillway, upstreamOf } from "@spillway/langchain"
import { z } from "zod"
import { chunk, says, Scripted } from "./scripted.ts"
import { fieldsOf } from "../src/Fields.ts"
import { chatOllama, done, failureOf, gathered, guarded, line, saying } from "./serving.ts"

describe("options", () => {
  it("of a call are refused too, before anybody is asked, and those of a target go to it", async () => {
    const model = says("yes")
    const chat = guarded({ targets: [model] })
    const wrong = { caller: 5, deadline: "soon", priority: "urgent", maxTokens: -3 }
    for (const [field, value] of Object.entries(wrong)) {
      const failure = await failureOf(chat.invoke("q", { [field]: value }))
      assert.deepInclude(failure["reason"] as object, { _tag: "BadRequest", field })
    }
    assert.match((await failureOf(chat.invoke("q", { configurable: { caller: 5 } }))).message, /who asks/)
    assert.lengthOf(model.options, 0)
    await chat.invoke("q", { format: "json", temperature: 0, maxTokens: 5, deadline: "3s", priority: "high" })
    assert.deepInclude(model.options[0]!, { format: "json", temperature: 0 })
    assert.notProperty(model.options[0], "deadline")
  })

  it("over a router that is shared are few: all else is said where that is made", async () => {
    const spillway = createSpillway({
      upstreams: { one: upstreamOf(says("one")) },
      routes: { chat: { targets: ["one/m"] } }
    })
    const told = (options: object) => () => new ChatSpillway({ spillway, model: "chat", ...options })
    assert.throws(told({ deadline: "1ms" }), /deadline: unknown: write one of spillway, model, caller, priority/)
    assert.throws(told({ targets: [says("two")] }), /targets: unknown/)
    assert.throws(told({ calller: "ann" }), /did you mean caller\?/)
    assert.throws(told({ model: "chatt" }), /model: read "chatt", did you mean chat\?/)
    assert.strictEqual((await told({ tags: ["a"], caller: "ann" })().invoke("q")).text, "one")
    assert.strictEqual((await told({ model: "one/other" })().invoke("q")).text, "one")
    await spillway.close()
  })
})

describe("types", () => {
  it("take either targets, or a router that is shared with nothing beside it", async () => {
    await using spillway = createSpillway({ upstreams: { f: upstreamOf(says("yes")) } })
    // @ts-expect-error -- a deadline is said where the router is made.
    assert.throws(() => new ChatSpillway({ spillway, model: "f/m", deadline: "1s" }), /deadline: unknown/)
    // @ts-expect-error -- it has its own targets.
    assert.throws(() => new ChatSpillway({ spillway, model: "f/m", targets: [says("yes")] }), /targets: unknown/)
  })
})

describe("a model that is bound", () => {
  it("is asked with what was bound to it for models, and with nothing that is a runnable's", async () => {
    const model = says("yes")
    const bound = model.withConfig({ stop: ["z"], tags: ["t"], metadata: { a: 1 }, runName: "r", callbacks: [] })
    await guarded({ targets: [bound] }).invoke("q")
    const [options] = model.options
    assert.deepStrictEqual(options!["stop"], ["z"])
    for (const name of ["tags", "metadata", "runName", "callbacks"]) assert.notProperty(options, name)
  })

  it("to a shape tells traces of it, as its first target would", async () => {
    const told = async (model: BaseChatModel) => {
      const extras: Array<unknown> = []
      const handler = {
        handleChatModelStart: (...started: ReadonlyArray<unknown>) =>
          void extras.push(started[6], fieldsOf(started[4])?.["options"])
      }
      await model.withStructuredOutput(z.object({ a: z.string() })).invoke("q", { callbacks: [handler] })
      return extras.flatMap((extra) => fieldsOf(extra)?.["ls_structured_output_format"] ?? [])
    }
    const { url } = await saying((response) => void response.end(line('{"a":"a"}') + done()))
    const bare = await told(chatOllama(url))
    assert.lengthOf(bare, 1)
    assert.deepStrictEqual(await told(guarded({ targets: [chatOllama(url)] })), bare)
  })
})

describe("a cache", () => {
  const counting = () =>
    new Scripted(async function* (asked, { maxTokens }) {
      yield chunk(JSON.stringify({ a: `${asked}`, b: `${asked}`, maxTokens }))
    })

  it("tells two routers apart whose routes have one name", async () => {
    const cache = new InMemoryCache()
    const said: Array<string> = []
    for (const word of ["one", "two"]) {
      const spillway = createSpillway({
        upstreams: { f: upstreamOf(says(word)) },
        routes: { chat: { targets: ["f/m"] } }
      })
      const ask = () => new ChatSpillway({ spillway, model: "chat", cache }).invoke("q")
      said.push((await ask()).text, (await ask()).text)
      await spillway.close()
    }
    assert.deepStrictEqual(said, ["one", "one", "two", "two"])
  })

  it("tells two shapes apart, and an answer in one from a plain one", async () => {
    const model = new Scripted(async function* (asked) {
      yield chunk(['{"a":"a"}', '{"b":"b"}', "plain"][asked]!)
    })
    Object.assign(model, { withStructuredOutput: (schema: z.ZodType) => model.pipe(createContentParser(schema)) })
    const spillway = createSpillway({ upstreams: { f: upstreamOf(model) }, routes: { chat: { targets: ["f/m"] } } })
    const chat = new ChatSpillway({ spillway, model: "chat", cache: new InMemoryCache() })
    const [a, b] = [z.object({ a: z.string() }), z.object({ b: z.string() })]
    assert.deepStrictEqual(await chat.withStructuredOutput(a).invoke("q"), { a: "a" })
    assert.deepStrictEqual(await chat.withStructuredOutput(b).invoke("q"), { b: "b" })
    assert.strictEqual((await chat.invoke("q")).text, "plain")
    await spillway.close()
  })

  it("tells apart how an answer is bounded, by the model or by a call", async () => {
    const cache = new InMemoryCache()
    const model = counting()
    for (const maxTokens of [5, 500, 500]) await guarded({ targets: [model], maxTokens, cache }).invoke("q")
    assert.lengthOf(model.options, 2)
    const chat = guarded({ targets: [model], cache })
    for (const maxTokens of [5, 50, 50]) await chat.invoke("q", { maxTokens })
    assert.lengthOf(model.options, 4)
  })
})

describe("an answer", () => {
  const logprobs = { content: [{ token: "a", logprob: -1 }] }
  const usage_metadata = { input_tokens: 5, output_tokens: 2, total_tokens: 7 }

  it("keeps what its model told beside its words, whole or in pieces, and what was used for handlers", async () => {
    const model = new Scripted(async function* () {
      yield Object.assign(chunk("a"), { generationInfo: { logprobs } })
      yield chunk("", { usage_metadata, response_metadata: { model_provider: "openai" } })
    })
    const chat = guarded({ targets: [model] })
    const used: Array<unknown> = []
    const { response_metadata: whole } = await chat.invoke("q", {
      callbacks: [{ handleLLMEnd: ({ llmOutput }) => void used.push(llmOutput) }]
    })
    const tokenUsage = { promptTokens: 5, completionTokens: 2, totalTokens: 7 }
    assert.deepInclude(whole, { logprobs, tokenUsage })
    assert.deepStrictEqual(used, [{ tokenUsage }])
    const pieces = (await gathered(chat.stream("q"))).reduce((all, each) => all.concat(each))
    assert.deepInclude(pieces.response_metadata, { logprobs })
  })

  it("of a guarded model behind another says once who gave it: who was asked says it", async () => {
    const inner = guarded({ targets: [{ name: "inner", model: says("yes"), price: { input: 1, output: 1 } }] })
    const outer = guarded({ targets: [{ name: "outer", model: inner }] })
    const { response_metadata: told } = await outer.invoke("q")
    assert.deepInclude(told["spillway"] as object, { target: "outer/chat", attempts: 1 })
  })
})
