/** One model of LangChain around others: what is told once, what is passed on, and what stands around a call. */
import { assert, describe, it } from "@effect/vitest"
import { InMemoryCache } from "@langchain/core/caches"
import { getRetryable } from "@langchain/core/errors"
import { AIMessage, AIMessageChunk, HumanMessage } from "@langchain/core/messages"
import { fakeModel } from "@langchain/core/testing"
import { tool } from "@langchain/core/tools"
import { FakeListChatModel, FakeStreamingChatModel } from "@langchain/core/utils/testing"
import { createSpillway, type Record as Records, SpillwayError } from "@spillway/core"
import { Ollama } from "@spillway/upstream"
import { ChatSpillway, upstreamOf } from "@spillway/langchain"
import { Effect } from "effect"
import { z } from "zod"
import {
  chatOllama,
  chatOpenAi,
  done,
  failureOf,
  gathered,
  guarded,
  hosted,
  line,
  name,
  ollama,
  pass,
  saying
} from "./serving.ts"

const spillwayIn = (message: { readonly response_metadata: object }) =>
  (message.response_metadata as { readonly spillway?: Record<string, unknown> }).spillway

const weather = tool(() => "rain", {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})

const refusing = (status: number, headers: Record<string, string> = {}) =>
  saying((response) => void response.writeHead(status, headers).end(JSON.stringify({ error: "no" })))

const answering = () => saying((response) => void response.writeHead(200).end(line("yes") + done()))

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
    const parts = (id: string, words: ReadonlyArray<string>) =>
      words.map((content) => new AIMessageChunk({ id, content }) as never)
    const breaking = new FakeStreamingChatModel({ chunks: parts("one", ["The dam ", "is "]) })
    const { _streamResponseChunks: own } = breaking
    breaking._streamResponseChunks = async function* (...asked) {
      yield* own.apply(breaking, asked)
      throw new TypeError("terminated")
    }
    const going = new FakeStreamingChatModel({ chunks: parts("two", ["The dam is", " high."]) })
    const model = guarded({ targets: [breaking], overflow: [going], retry: { attempts: 1 } })
    const chunks = await gathered(model.stream("Hello"))
    assert.strictEqual(chunks.map(({ content }) => content).join(""), "The dam is high.")
    assert.lengthOf(new Set(chunks.map(({ id }) => id)), 1)
  })

  it("waits for a first word: a target that dies after its first empty chunk is replaced", async () => {
    const silent = new FakeStreamingChatModel({ chunks: [new AIMessageChunk({ content: "" }) as never] })
    const { _streamResponseChunks: own } = silent
    silent._streamResponseChunks = async function* (...asked) {
      yield* own.apply(silent, asked)
      throw new TypeError("terminated")
    }
    const model = guarded({ targets: [silent], overflow: [new FakeListChatModel({ responses: ["yes"] })] })
    assert.strictEqual((await model.invoke("Hello")).content, "yes")
  })
})

describe("a target", () => {
  it("may be any chat model: one that does not stream, one that is bound, one that is no chat model at all", async () => {
    const fake = fakeModel().respond(new AIMessage({ content: "whole", id: "7" }))
    assert.strictEqual((await guarded({ targets: [fake] }).invoke("Hello")).content, "whole")
    const { url } = await answering()
    const bound = chatOllama(url).withConfig({ tags: ["bound"] })
    assert.strictEqual((await guarded({ targets: [bound] }).invoke("Hello")).content, "yes")
    const either = chatOllama("http://127.0.0.1:1").withFallbacks([chatOllama(url)])
    assert.strictEqual((await guarded({ targets: [{ name: "either", model: either }] }).invoke("Hello")).content, "yes")
  })

  it("keeps what is its own: nothing of what it hands out is changed", async () => {
    const kept = new AIMessage({
      content: "same",
      usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 }
    })
    const model = guarded({ targets: [fakeModel().respond(kept).respond(kept)] })
    const answers = [await model.invoke("one"), await model.invoke("two")]
    assert.deepStrictEqual([kept.id, kept.usage_metadata?.total_tokens], [undefined, 3])
    for (const { usage_metadata: usage } of answers) assert.deepInclude(usage as object, { total_tokens: 3 })
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

describe("a failure", () => {
  it("is one of ours, says whether to come back, and when", async () => {
    const { url } = await refusing(429, { "retry-after": "7" })
    const failure = await failureOf(guarded({ targets: [chatOllama(url)], retry: { attempts: 1 } }).invoke("Hello"))
    assert.instanceOf(failure, SpillwayError)
    assert.deepStrictEqual(
      [(failure as unknown as SpillwayError).reason._tag, getRetryable(failure), failure["retryAfterMs"]],
      ["UpstreamRateLimited", true, 7_000]
    )
  })

  it("that is a caller's mistake is not to be tried again", async () => {
    const { url } = await refusing(400)
    const failure = await failureOf(guarded({ targets: [chatOllama(url)] }).invoke("Hello"))
    assert.deepStrictEqual(
      [getRetryable(failure), (failure as unknown as SpillwayError).reason._tag],
      [false, "BadRequest"]
    )
  })

  it("shows no word of what was asked", async () => {
    const { url } = await saying((response, _asked, _request, body) => void response.writeHead(400).end(body))
    const failure = await failureOf(guarded({ targets: [chatOllama(url)] }).invoke("swordfish"))
    assert.notInclude(`${String(failure)} ${JSON.stringify(failure)} ${failure.stack}`, "swordfish")
  })

  it("of a router that was closed is that nobody is there", async () => {
    const { url } = await answering()
    const model = new ChatSpillway({ targets: [chatOllama(url)] })
    await model.close()
    const failure = await failureOf(model.invoke("Hello"))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "Unavailable")
  })
})

describe("a caller", () => {
  it("is read from the call, from its configuration, and from the model", async () => {
    const { url } = await answering()
    const callers: Array<string> = []
    const record: Records.Sink = ({ caller }) => void callers.push(caller)
    const model = guarded({ targets: [chatOllama(url)], caller: "model", record })
    await model.invoke("Hello")
    await model.invoke("Hello", { caller: "call" })
    await model.invoke("Hello", { configurable: { caller: "configuration" } })
    await gathered(model.stream("Hello", { configurable: { caller: "streamed" } }))
    await pass(20)
    assert.deepStrictEqual(callers, ["model", "call", "configuration", "streamed"])
  })

  it("has his own limits", async () => {
    const { url } = await answering()
    const model = guarded({ targets: [chatOllama(url)], callers: { ann: { rate: "1/min", burst: 1 } } })
    await model.invoke("Hello", { caller: "ann" })
    const failure = await failureOf(model.invoke("Hello", { caller: "ann" }))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "RateLimited")
    await model.invoke("Hello", { caller: "bob" })
  })
})

describe("a budget", () => {
  it("is never overspent by many at once, and the bound that was reserved is sent along", async () => {
    const bounds: Array<unknown> = []
    const { url } = await saying((response, _asked, _request, body) => {
      bounds.push(JSON.parse(body).options.num_predict)
      response.writeHead(200).end(line("yes") + done(0, 100))
    })
    const model = guarded({
      targets: [{ model: chatOllama(url), price: { input: 0, output: 10_000 }, slots: 64 }],
      budgets: { total: "$5/day" },
      maxTokens: 100
    })
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => model.invoke("Hello")))
    // Each answer costs a dollar.
    assert.lengthOf(
      answers.filter(({ status }) => status === "fulfilled"),
      5
    )
    assert.deepStrictEqual(new Set(bounds), new Set([100]))
    const { total } = await Effect.runPromise(model.spillway.budget())
    assert.deepInclude(total as object, { spent: 5_000_000, reserved: 0, unsettled: 0 })
  })
})

describe("one router", () => {
  it("is shared by two models: who has spent a limit by one has spent it by the other", async () => {
    const { url } = await answering()
    await using spillway = createSpillway({
      upstreams: { gpu: upstreamOf(chatOllama(url)) },
      routes: { chat: { targets: ["gpu/a"] }, other: { targets: ["gpu/a"] } },
      callers: { ann: { rate: "1/min", burst: 1 } }
    })
    const [one, other] = ["chat", "other"].map((model) => new ChatSpillway({ spillway, model, caller: "ann" }))
    assert.strictEqual((await one!.invoke("Hello")).content, "yes")
    const failure = await failureOf(other!.invoke("Hello"))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "RateLimited")
  })

  it("may reach servers by its own wires: tools, thoughts, shapes and usage come out the same", async () => {
    const server = await ollama({}, { can: ["tools", "thinking"] })
    const bare = chatOllama(server.url)
    await using spillway = createSpillway({
      upstreams: { gpu: Ollama.make("gpu", { url: server.url }) },
      routes: { chat: { targets: [`gpu/${name}`] } }
    })
    const model = new ChatSpillway({ spillway, model: "chat" })
    const plain = "Hello [[sim tokens=9 thinking=3]]"
    const [mine, his] = [await model.invoke(plain), await bare.invoke(plain)]
    assert.strictEqual(mine.content, his.content)
    assert.strictEqual(mine.additional_kwargs["reasoning_content"], his.additional_kwargs["reasoning_content"])
    const usage = his.usage_metadata as unknown as Record<string, unknown>
    assert.deepInclude(mine.usage_metadata as object, { input_tokens: usage["input_tokens"], output_tokens: 9 })
    const asks = 'hi [[sim thinking=0 tool=weather arguments={"city":"Oslo"}]]'
    const { tool_calls: calls } = await model.bindTools([weather]).invoke(asks)
    assert.deepInclude(calls![0]!, { name: "weather", args: { city: "Oslo" } })
    const person = z.object({ name: z.string(), isTall: z.boolean() })
    const answer = await model.withStructuredOutput(person).invoke("Who? [[sim thinking=0]]")
    assert.deepStrictEqual([typeof answer.name, typeof answer.isTall], ["string", "boolean"])
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
    assert.deepStrictEqual(model.profile as object, { maxInputTokens: 4_000, toolCalling: true, imageInputs: false })
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
    assert.include(told({ targets: [] }), "write a list of one or more")
    assert.include(told({ targets: [{ modell: target }] }), "targets.0: read object, write a chat model")
    const twice = [
      { name: "x", model: target },
      { name: "x", model: target }
    ]
    assert.include(told({ targets: twice }), "each of them is one server")
    assert.strictEqual(told({ tags: ["a"], verbose: false, maxConcurrency: 3 }), "taken")
  })
})
