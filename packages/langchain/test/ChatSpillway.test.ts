/** One model of LangChain around others: what is told once, what is passed on, and what stands around a call. */
import { assert, describe, it } from "@effect/vitest"
import { InMemoryCache } from "@langchain/core/caches"
import { AIMessage, AIMessageChunk, HumanMessage } from "@langchain/core/messages"
import { SpillwayError } from "@spillway/core"
import { ChatGenerationChunk } from "@langchain/core/outputs"
import { RunnableLambda, RunnableSequence } from "@langchain/core/runnables"
import { fakeModel } from "@langchain/core/testing"
import { FakeListChatModel, FakeStreamingChatModel } from "@langchain/core/utils/testing"
import { ChatSpillway, type Targeted } from "@spillway/langchain"
import { ChatOpenAI } from "@langchain/openai"
import { Effect } from "effect"
import {
  answering,
  chatOllama,
  refusing,
  weather,
  chatOpenAi,
  done,
  failureOf,
  gathered,
  guarded,
  hosted,
  line,
  saying,
  usageOf,
  wordsOf
} from "./serving.ts"

const spillwayIn = (message: { readonly response_metadata: object }) =>
  (message.response_metadata as { readonly spillway?: Record<string, unknown> }).spillway

describe("what is told of an answer", () => {
  it("is told once: who answered, after how many tries, how long it waited and what it cost", async () => {
    const [bad, good] = await Promise.all([refusing(500), answering()])
    const model = guarded({
      targets: [{ name: "near", model: chatOllama(bad.url) }],
      overflow: [{ name: "far", model: chatOllama(good.url), price: { input: 1, output: 2 } }],
      retry: { attempts: 1 }
    })
    const chunks = await gathered(model.stream("Hello"))
    const told = chunks.map((chunk) => spillwayIn(chunk)).filter((each) => each !== undefined)
    assert.deepStrictEqual(told, [{ target: "far/a", attempts: 2, queueMs: 0, costUsd: 7e-6 }])
    assert.deepStrictEqual(spillwayIn(await model.invoke("Hello")), told[0])
  })

  it("has its usage in one chunk, which every handler hears of", async () => {
    const { url } = await answering()
    const heard: Array<unknown> = []
    const handler = {
      handleLLMNewToken: (_: string, _at: unknown, _run: string, _of?: string, _tags?: unknown, fields?: unknown) => {
        const { chunk } = fields as { chunk: { message: AIMessageChunk } }
        heard.push(chunk.message.usage_metadata)
      }
    }
    await gathered(guarded({ targets: [chatOllama(url)] }).stream("Hello", { callbacks: [handler] }))
    assert.deepInclude(heard.filter((usage) => usage !== undefined)[0] as object, { input_tokens: 3, output_tokens: 2 })
    assert.lengthOf(heard, 2)
  })

  it("has one start and one end, however many were asked", async () => {
    const [bad, good] = await Promise.all([refusing(500), answering()])
    const model = guarded({ targets: [chatOllama(bad.url), chatOllama(good.url)] })
    const kinds: Record<string, number> = {}
    for await (const { event } of model.streamEvents("Hello", { version: "v2" })) kinds[event] = (kinds[event] ?? 0) + 1
    assert.deepStrictEqual([kinds["on_chat_model_start"], kinds["on_chat_model_end"]], [1, 1])
  })

  it("has one id from its first chunk to its last, though another target has ended it", async () => {
    const speaking = (id: string, words: ReadonlyArray<string>, dies = false) => {
      const fake = new FakeListChatModel({ responses: [""] })
      fake._streamResponseChunks = async function* () {
        for (const text of words) {
          yield new ChatGenerationChunk({ text, message: new AIMessageChunk({ id, content: text }) })
        }
        if (dies) throw new TypeError("terminated")
      }
      return fake
    }
    const breaking = speaking("one", ["The dam ", "is "], true)
    const going = speaking("two", ["The dam is", " high."])
    const model = guarded({ targets: [breaking], overflow: [going], retry: { attempts: 1 } })
    const chunks = await gathered(model.stream("Hello"))
    assert.strictEqual(wordsOf(chunks), "The dam is high.")
    assert.deepStrictEqual(new Set(chunks.map(({ id }) => id)), new Set(["one"]))
  })

  it("begins anew where it breaks before anybody has heard of it: by invoke, unless somebody listens", async () => {
    const half = () =>
      saying((response) => {
        response.writeHead(200)
        response.write(line("The first ") + line("half"), () => void setTimeout(() => response.destroy(), 150))
      })
    const [bad, good] = await Promise.all([half(), answering()])
    const model = guarded({ targets: [chatOllama(bad.url)], overflow: [chatOllama(good.url)] })
    assert.strictEqual((await model.invoke("Hello")).content, "yes")
    let words = ""
    const listening = { callbacks: [{ handleLLMNewToken: (token: string) => void (words += token) }] }
    const failure = await failureOf(model.invoke("Hello", listening))
    assert.deepStrictEqual([words, failure instanceof SpillwayError], ["The first half", true])
    assert.instanceOf(await failureOf(gathered(model.stream("Hello"))), SpillwayError)
  })

  it("waits for a first word: a target that dies after its first empty chunk is replaced", async () => {
    const silent = new FakeStreamingChatModel({ chunks: [new AIMessageChunk({ content: "" })] })
    const own = silent._streamResponseChunks.bind(silent)
    silent._streamResponseChunks = async function* (...asked) {
      yield* own(...asked)
      throw new TypeError("terminated")
    }
    const model = guarded({ targets: [silent], overflow: [new FakeListChatModel({ responses: ["yes"] })] })
    assert.strictEqual((await model.invoke("Hello")).content, "yes")
  })
})

describe("a target", () => {
  it("may be any chat model: one that does not stream, one that is bound, one that is none at all", async () => {
    const fake = fakeModel().respond(new AIMessage({ content: "whole", id: "7" }))
    assert.strictEqual((await guarded({ targets: [fake] }).invoke("Hello")).content, "whole")
    const { url } = await answering()
    const bound = chatOllama(url).withConfig({ tags: ["bound"] })
    assert.strictEqual((await guarded({ targets: [bound] }).invoke("Hello")).content, "yes")
    const either = chatOllama("http://127.0.0.1:1").withFallbacks([chatOllama(url)])
    assert.strictEqual((await guarded({ targets: [{ name: "either", model: either }] }).invoke("Hello")).content, "yes")
  })

  it("that answers with neither a word nor a token is replaced, as is one whose own timeout is over", async () => {
    const [empty, silent, good] = await Promise.all([
      saying((response) => void response.end(done(3, 0))),
      saying(() => undefined),
      answering()
    ])
    const bad = [chatOllama(empty.url), chatOllama(silent.url).withConfig({ timeout: 100 })]
    for (const target of bad) {
      const model = guarded({ targets: [target], overflow: [chatOllama(good.url)], retry: { attempts: 1 } })
      const from = performance.now()
      assert.strictEqual((await model.invoke("Hello")).content, "yes")
      assert.isBelow(performance.now() - from, 5_000)
    }
  })

  it("keeps what is its own: nothing of what it hands out is changed", async () => {
    const kept = new AIMessage("same")
    Object.assign(kept, { usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } })
    const model = guarded({ targets: [fakeModel().respond(kept).respond(kept)] })
    const answers = [await model.invoke("one"), await model.invoke("two")]
    assert.deepStrictEqual([kept.id, usageOf(kept)?.["total_tokens"]], [undefined, 3])
    for (const answer of answers) assert.deepInclude(usageOf(answer), { total_tokens: 3 })
  })

  it("hears that nobody in it is to try again", async () => {
    const server = await saying((response) => void response.writeHead(500).end("{}"))
    const model = guarded({ targets: [chatOpenAi(server.url)], retry: { attempts: 2, base: "1ms", max: "1ms" } })
    await failureOf(model.invoke("Hello"))
    assert.strictEqual(server.asked(), 2)
  })

  it("is asked once by a call that says maxRetries: 0, and another one after it", async () => {
    const [bad, other] = await Promise.all([refusing(500), refusing(500)])
    const model = guarded({ targets: [chatOllama(bad.url), chatOllama(other.url)] })
    await failureOf(model.invoke("Hello", { maxRetries: 0 }))
    assert.deepStrictEqual([bad.asked(), other.asked()], [1, 1])
  })

  it("has the messages and options that were said, and the bound of its route", async () => {
    const bodies: Array<Record<string, unknown>> = []
    const { url } = await saying((response, _asked, _request, body) => {
      bodies.push(JSON.parse(body))
      response.writeHead(200).end(line("yes") + done())
    })
    const model = guarded({ targets: [chatOllama(url, { temperature: 0 })], maxTokens: 50, context: 2_048 })
    await model.invoke([new HumanMessage("Hello")], { stop: ["\n"] })
    await model.invoke("Hello", { maxTokens: 20 })
    const options = { temperature: 0, num_ctx: 2_048 }
    assert.deepStrictEqual(bodies[0]!["messages"], [{ role: "user", content: "Hello" }])
    assert.deepStrictEqual(bodies[0]!["options"], { ...options, num_predict: 50, stop: ["\n"] })
    assert.deepStrictEqual(bodies[1]!["options"], { ...options, num_predict: 20 })
  })

  it("of OpenAI is bounded too", async () => {
    const bodies: Array<Record<string, unknown>> = []
    const { url } = await saying((response, _asked, _request, body) => {
      bodies.push(JSON.parse(body))
      response.writeHead(500).end("{}")
    })
    const model = guarded({ targets: [chatOpenAi(url)], maxTokens: 50, retry: { attempts: 1 } })
    await failureOf(model.bindTools([weather]).invoke("Hello"))
    assert.deepInclude(bodies[0]!, { max_tokens: 50, model: "gpt-4o-mini" })
    assert.lengthOf(bodies[0]!["tools"] as ReadonlyArray<unknown>, 1)
  })

  it("without bindTools is named when tools are bound", () => {
    const mute = new FakeListChatModel({ responses: ["yes"] })
    Object.assign(mute, { bindTools: undefined })
    const model = guarded({ targets: [{ name: "mute", model: mute }] })
    assert.throws(() => model.bindTools([weather]), /mute\/model cannot carry tools/)
  })

  it("has slots that are learned where it is near, and many at a provider, unless somebody says", async () => {
    const slotsOf = async (target: Targeted): Promise<number> => {
      const { tiers } = await Effect.runPromise(guarded({ targets: [target] }).spillway.explain("chat"))
      return tiers[0]!.targets[0]!.slots
    }
    const [near, far] = ["http://192.168.1.7:11434", "https://ollama.com"].map((url) => chatOllama(url))
    const openai = new ChatOpenAI({ model: "gpt-4o-mini", apiKey: "sesame" })
    const all = [near!, far!, openai, fakeModel(), { model: near!, slots: 3 }]
    assert.deepStrictEqual(await Promise.all(all.map(slotsOf)), [1, 64, 64, 1, 3])
  })

  it("is called by its provider, by a number where there are several, or as it is named", () => {
    const model = guarded({
      targets: [chatOllama("http://127.0.0.1:1"), chatOllama("http://127.0.0.1:2")],
      overflow: [chatOpenAi("http://127.0.0.1:3"), { name: "mine", model: chatOllama("http://127.0.0.1:4") }]
    })
    const ids = (model._identifyingParams()["targets"] as ReadonlyArray<{ id: string }>).map(({ id }) => id)
    assert.deepStrictEqual(ids, ["ollama/a", "ollama2/a", "openai/gpt-4o-mini", "mine/a"])
    assert.notInclude(JSON.stringify(model._identifyingParams()), "sesame")
  })
})

describe("an answer in a shape", () => {
  const person = { title: "Person", type: "object", properties: { name: { type: "string" } }, required: ["name"] }

  it("is read by who answered, as he reads it", async () => {
    const calling = (name: string) => {
      const fake = new FakeListChatModel({ responses: [`{"name":"${name}"}`] })
      const shout = RunnableLambda.from((message: AIMessage) => ({ name: message.text.toUpperCase() }))
      return Object.assign(fake, { withStructuredOutput: () => RunnableSequence.from([fake, shout]) })
    }
    const bad = chatOllama((await refusing(500)).url)
    const model = guarded({ targets: [bad], overflow: [{ name: "loud", model: calling("ada") }] })
    assert.deepStrictEqual(await model.withStructuredOutput(person).invoke("Who?"), { name: '{"NAME":"ADA"}' })
    assert.deepStrictEqual(await gathered(model.withStructuredOutput(person).stream("Who?")), [
      { name: '{"NAME":"ADA"}' }
    ])
  })

  it("grows as it comes, as that of a bare model does", async () => {
    const { url } = await saying((response) => {
      response.end(line('{"name":') + line('"Ada') + line(' Lovelace"}') + done())
    })
    const model = guarded({ targets: [chatOllama(url)] })
    const [mine, his] = [
      await gathered(model.withStructuredOutput(person).stream("Who?")),
      await gathered(chatOllama(url).withStructuredOutput(person).stream("Who?"))
    ]
    assert.deepStrictEqual(mine, his)
    assert.isAbove(mine.length, 1)
  })

  it("may be made by one that says nothing of how", async () => {
    const model = guarded({ targets: [fakeModel().structuredResponse({ name: "Ada" })] })
    assert.deepStrictEqual(await model.withStructuredOutput(person).invoke("Who?"), { name: "Ada" })
  })
})

describe("a cache", () => {
  it("does not give one model's answers as another's", async () => {
    const cache = new InMemoryCache()
    const models = ["one", "two"].map((said) => {
      const target = new FakeListChatModel({ responses: [said] })
      return guarded({ targets: [{ name: said, model: target }], ...({ cache } as object) })
    })
    assert.strictEqual((await models[0]!.invoke("Hello")).content, "one")
    assert.strictEqual((await models[1]!.invoke("Hello")).content, "two")
  })
})

describe("what all targets can", () => {
  it("is what each of them can, and no more than the least", () => {
    const can = (profile: object) =>
      Object.defineProperty(new FakeListChatModel({ responses: [""] }), "profile", { value: profile })
    const model = guarded({
      targets: [can({ maxInputTokens: 8_000, toolCalling: true, imageInputs: true, structuredOutput: true })],
      overflow: [can({ maxInputTokens: 4_000, toolCalling: true, imageInputs: false })]
    })
    assert.deepStrictEqual(model.profile, { maxInputTokens: 4_000, toolCalling: true, imageInputs: false })
  })
})

describe("options", () => {
  it("are refused where they are wrong, with what would be right", async () => {
    const { url } = await hosted()
    const target = chatOpenAi(url)
    const told = (options: object): string => {
      try {
        guarded({ targets: [target], ...options })
      } catch (error) {
        return (error as Error).message
      }
      return "taken"
    }
    assert.include(told({ deadlin: "2s" }), "did you mean deadline")
    assert.include(told({ deadline: "2 parsecs" }), "deadline")
    assert.include(told({ targets: [] }), "write a list of one chat model or more")
    assert.include(told({ targets: [{ modell: target }] }), "targets.0: read object, write a chat model")
    const twice = [
      { name: "x", model: target },
      { name: "x", model: target }
    ]
    assert.include(told({ targets: twice }), "each of them is one server")
    assert.strictEqual(told({ tags: ["a"], verbose: false, maxConcurrency: 3 }), "taken")
    assert.include(told({ zzz: 1 }), "targets, overflow, balance, deadline, timeouts")
    assert.include(told({ zzz: 1 }), "callers, anonymous, budgets, prices, record, caller, priority")
    assert.include(told({ caller: 5 }), "caller: write the name of who asks")
    assert.include(told({ priority: "urgent" }), "priority: write low or normal or high")
    assert.throws(() => new ChatSpillway(undefined as never), /write \{ targets: \[a chat model\] \}/)
  })
})
